//! How the JobManager comes to lead, by the latch, and to be known as the leader, and how it ceases to.

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::task_manager::LEADER_PATH;
use crate::actor::zookeeper::latch::{LatchAsk, Turn};
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};

use super::JobManager;
use super::leader::Leader;
use super::office::Ask;

pub(super) const LATCH_PATH: &str = "/leader/latch";

#[derive(Clone, Debug)]
pub enum ElectionAsk {
    Latch(LatchAsk),
    Publish,
    /// A node of an earlier leadership of ours is in the way.
    Unpublish,
}

impl JobManager {
    /// Connected, for the first time or again.
    pub(super) fn take_part(&mut self, ctx: &mut Context<'_>) {
        let (op, ask) = self.latch.take_part();
        self.ask(op, ElectionAsk::Latch(ask), ctx);
    }

    fn ask(&mut self, op: Op, what: ElectionAsk, ctx: &mut Context<'_>) {
        self.desk.ask(op, Ask::Election(what), ctx);
    }

    pub(super) fn on_election_answer(
        &mut self,
        ask: ElectionAsk,
        result: Result<Answer, ZkError>,
        ctx: &mut Context<'_>,
    ) {
        match (ask, result) {
            (ElectionAsk::Latch(ask), result) => {
                let session = self.desk.client.session();
                match self.latch.on_answer(ask, result, session) {
                    Some(Turn::Ask(op, ask)) => self.ask(op, ElectionAsk::Latch(ask), ctx),
                    Some(Turn::Replace { .. }) => {
                        unreachable!("whoever does not verify replaces no node")
                    }
                    Some(Turn::Leads) => {
                        ctx.state(Fact::LeadershipGranted);
                        self.publish(ctx);
                    }
                    None => {}
                }
            }
            // What was asked twice, since an answer was lost on the way, is answered twice: this leadership is known already.
            (ElectionAsk::Publish | ElectionAsk::Unpublish, _) if self.leader.is_some() => {}
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

    fn publish(&mut self, ctx: &mut Context<'_>) {
        if self.latch.has_leadership() {
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
        if !self.latch.has_leadership() {
            return;
        }
        ctx.state(Fact::LeaderPublished { token });
        let mut leader = Leader::new(token, &self.blueprint);
        leader.start(&mut self.desk, &self.blueprint, ctx);
        self.leader = Some(Box::new(leader));
    }

    pub(super) fn step_down(&mut self, ctx: &mut Context<'_>) {
        self.latch.step_down();
        if let Some(mut leader) = self.leader.take() {
            leader.suspend(ctx);
            self.desk.keep_asks(|ask| matches!(ask, Ask::Election(_)));
        }
    }

    pub(super) fn on_election_watch(&mut self, path: &str, ctx: &mut Context<'_>) -> bool {
        let Some((op, ask)) = self.latch.on_watch(path) else {
            return false;
        };
        self.ask(op, ElectionAsk::Latch(ask), ctx);
        true
    }
}
