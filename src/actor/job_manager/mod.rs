//! The JobManager: takes part in the election, and runs the jobs while it leads.

pub mod coordinator;
pub mod election;
pub mod execution;
pub mod job_master;
pub mod leader;
pub mod members;
pub mod notifier;
pub mod office;
pub mod recovery;

mod loading;
mod monitoring;
mod placing;
mod sources;

use std::sync::Arc;

use crate::kernel::ActorId;

use super::blueprint::Blueprint;
use super::context::Context;
use super::flink::rpc::Address;
use super::message::{Body, Envelope, Timer};
use super::zookeeper::client::{Client, ClientEvent};
use super::zookeeper::latch::Latch;
use super::zookeeper::protocol::{Answer, ZkError};
use election::LATCH_PATH;
use leader::Leader;
use office::{Ask, Desk};

#[derive(Clone, Debug)]
pub struct JobManager {
    me: ActorId,
    blueprint: Arc<Blueprint>,
    desk: Desk,
    latch: Latch,
    /// While this process leads.
    leader: Option<Box<Leader>>,
}

impl JobManager {
    pub fn new(me: ActorId, blueprint: Arc<Blueprint>) -> JobManager {
        let config = &blueprint.config;
        let client = Client::new(
            blueprint.directory.name(me),
            &blueprint.directory.zookeeper,
            config.ha.session_timeout,
            config.ha.connection_timeout,
            &blueprint.streams,
        );
        let mut latch = Latch::new(LATCH_PATH, [u64::from(me.0), 0], false);
        latch.defects = blueprint.defects;
        JobManager {
            me,
            desk: Desk::new(client),
            latch,
            leader: None,
            blueprint,
        }
    }

    pub fn is_leading(&self) -> bool {
        self.leader.is_some()
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        match envelope.body {
            Body::Shutdown => {
                self.step_down(ctx);
                self.desk.client.close(ctx);
                ctx.exit(self.blueprint.directory.faults);
            }
            Body::Start => self.desk.client.open(ctx),
            Body::Zk(message) => {
                let event = self.desk.client.on_message(envelope.from, *message, ctx);
                self.on_zookeeper(event, ctx);
            }
            Body::ConnectionReset { peer } | Body::ConnectionRefused { peer } => {
                let event = self.desk.client.on_reset(peer, ctx);
                self.on_zookeeper(event, ctx);
                if let Some(leader) = &mut self.leader {
                    let peer = Address {
                        actor: peer,
                        incarnation: envelope.from_incarnation,
                    };
                    leader.on_reset(peer, &mut self.desk, &self.blueprint, ctx);
                }
            }
            body => {
                if let Some(leader) = &mut self.leader {
                    leader.on_message(envelope.from, body, &mut self.desk, &self.blueprint, ctx);
                }
            }
        }
    }

    pub fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        if let Timer::Zk(timer) = timer {
            let event = self.desk.client.on_timer(timer, ctx);
            self.on_zookeeper(event, ctx);
        } else if let Some(leader) = &mut self.leader {
            leader.on_timer(timer, &mut self.desk, &self.blueprint, ctx);
        }
    }

    fn on_zookeeper(&mut self, event: Option<ClientEvent>, ctx: &mut Context<'_>) {
        match event {
            Some(ClientEvent::Connected { .. }) => self.take_part(ctx),
            // Curator's standard policy: a leader that cannot be sure of its session is no leader.
            Some(ClientEvent::Suspended) => self.step_down(ctx),
            Some(ClientEvent::Lost) => {
                self.step_down(ctx);
                self.latch.on_session_lost();
                self.desk.forget_asks();
            }
            Some(ClientEvent::Reply { xid, result }) => {
                if let Some(ask) = self.desk.take_ask(xid) {
                    self.on_answer(ask, result, ctx);
                }
            }
            Some(ClientEvent::WatchFired { path }) => {
                if !self.on_election_watch(&path, ctx)
                    && let Some(leader) = &mut self.leader
                {
                    leader.on_watch(&path, &mut self.desk, &self.blueprint, ctx);
                }
            }
            // The story's clients go on trying.
            Some(ClientEvent::GaveUp | ClientEvent::NotConnected) | None => {}
        }
    }

    fn on_answer(&mut self, ask: Ask, result: Result<Answer, ZkError>, ctx: &mut Context<'_>) {
        match ask {
            Ask::Election(ask) => self.on_election_answer(ask, result, ctx),
            ask => {
                if let Some(leader) = &mut self.leader {
                    leader.on_answer(ask, result, &mut self.desk, &self.blueprint, ctx);
                }
            }
        }
    }
}
