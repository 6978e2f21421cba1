//! Leader election (Curator's `LeaderLatch`): a sequential ephemeral each; the lowest leads, the others watch the next lower.

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::task_manager::LEADER_PATH;
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};

use super::JobManager;
use super::leader::Leader;
use super::office::Ask;

const LATCH_PATH: &str = "/leader/latch";

#[derive(Clone, Debug, Default)]
pub struct Election {
    /// Our latch node.
    node: Option<String>,
    /// The latch node that we wait for.
    predecessor: Option<String>,
    has_leadership: bool,
}

#[derive(Clone, Debug)]
pub enum ElectionAsk {
    CreateLatch,
    ListLatch,
    WatchPredecessor,
    Publish,
    /// A node of an earlier leadership of ours is in the way.
    Unpublish,
}

impl JobManager {
    /// Connected, for the first time or again.
    pub(super) fn take_part(&mut self, ctx: &mut Context<'_>) {
        if self.election.node.is_some() {
            return self.list_latch(ctx);
        }
        let op = Op::Create {
            path: format!("{LATCH_PATH}/latch-"),
            data: [u64::from(self.me.0), 0],
            mode: CreateMode::EphemeralSequential,
        };
        self.ask(op, ElectionAsk::CreateLatch, ctx);
    }

    fn ask(&mut self, op: Op, what: ElectionAsk, ctx: &mut Context<'_>) {
        self.desk.ask(op, Ask::Election(what), ctx);
    }

    fn list_latch(&mut self, ctx: &mut Context<'_>) {
        let op = Op::GetChildren {
            path: LATCH_PATH.to_owned(),
            watch: false,
        };
        self.ask(op, ElectionAsk::ListLatch, ctx);
    }

    pub(super) fn on_election_answer(
        &mut self,
        ask: ElectionAsk,
        result: Result<Answer, ZkError>,
        ctx: &mut Context<'_>,
    ) {
        match (ask, result) {
            (ElectionAsk::CreateLatch, Ok(Answer::Created { path, .. })) => {
                self.election.node = path.rsplit_once('/').map(|(_, name)| name.to_owned());
                self.list_latch(ctx);
            }
            (ElectionAsk::ListLatch, Ok(Answer::Children { names })) => self.on_latch(&names, ctx),
            (ElectionAsk::WatchPredecessor, Err(ZkError::NoNode)) => self.list_latch(ctx),
            (ElectionAsk::Publish, Ok(Answer::Created { zxid, .. })) => {
                self.on_published(zxid, ctx)
            }
            (ElectionAsk::Publish, Err(ZkError::NodeExists)) => {
                self.ask(
                    Op::Delete {
                        path: LEADER_PATH.to_owned(),
                    },
                    ElectionAsk::Unpublish,
                    ctx,
                );
            }
            (ElectionAsk::Unpublish, _) => self.publish(ctx),
            // An expired session ends everything by its own event.
            _ => {}
        }
    }

    fn on_latch(&mut self, names: &[String], ctx: &mut Context<'_>) {
        let Some(ours) = self.election.node.clone() else {
            return;
        };
        let Some(place) = names.iter().position(|name| *name == ours) else {
            // Our node has vanished: to the end of the queue.
            self.election.node = None;
            return self.take_part(ctx);
        };
        match place.checked_sub(1) {
            None if !self.election.has_leadership => {
                self.election.has_leadership = true;
                ctx.state(Fact::LeadershipGranted);
                self.publish(ctx);
            }
            None => {}
            Some(before) => {
                let path = format!("{LATCH_PATH}/{}", names[before]);
                self.election.predecessor = Some(path.clone());
                self.ask(
                    Op::GetData { path, watch: true },
                    ElectionAsk::WatchPredecessor,
                    ctx,
                );
            }
        }
    }

    fn publish(&mut self, ctx: &mut Context<'_>) {
        if self.election.has_leadership {
            let op = Op::Create {
                path: LEADER_PATH.to_owned(),
                data: [u64::from(self.me.0), 0],
                mode: CreateMode::Ephemeral,
            };
            self.ask(op, ElectionAsk::Publish, ctx);
        }
    }

    /// The address is out, and the transaction that published it is the fencing token.
    fn on_published(&mut self, token: u64, ctx: &mut Context<'_>) {
        if !self.election.has_leadership {
            return;
        }
        ctx.state(Fact::LeaderPublished { token });
        let mut leader = Leader::new(token, &self.blueprint);
        leader.start(&mut self.desk, &self.blueprint, ctx);
        self.leader = Some(Box::new(leader));
    }

    pub(super) fn step_down(&mut self, ctx: &mut Context<'_>) {
        self.election.has_leadership = false;
        self.election.predecessor = None;
        if let Some(mut leader) = self.leader.take() {
            leader.suspend(ctx);
            self.desk.keep_asks(|ask| matches!(ask, Ask::Election(_)));
        }
    }

    pub(super) fn on_election_watch(&mut self, path: &str, ctx: &mut Context<'_>) -> bool {
        let ours = self.election.predecessor.as_deref() == Some(path);
        if ours {
            self.election.predecessor = None;
            self.list_latch(ctx);
        }
        ours
    }
}
