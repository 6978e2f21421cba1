//! A job is stopped with a savepoint: a last snapshot, with which sources stand still and which sinks commit, and then every
//! task ends (`StopWithSavepointTerminationManager`). It is not drained: no watermark goes ahead of it, nothing is flushed early.

use std::sync::Arc;

use crate::actor::checkpoint::CompletedCheckpoint;
use crate::actor::context::Context;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::AskId;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::layout::Layout;
use crate::policy::RecoveryScope;

use super::JobMaster;

/// How far a job is with being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// The savepoint's id is being taken.
    Counting,
    Taking(CheckpointId),
    /// The savepoint is complete, tasks finish.
    Finishing(CheckpointId),
}

/// What a JobMaster of the same job, made later under the same leader session, must not use again, and the execution
/// graph that it is known by.
#[derive(Clone, Debug)]
pub struct Used {
    attempts: u32,
    recoveries: u32,
    asks: AskId,
    layout: Arc<Layout>,
}

impl JobMaster {
    /// A client that asks for it now is not refused ("Not all required tasks are currently running").
    pub fn can_be_stopped(&self) -> bool {
        self.status == JobStatus::Running
            && self.stopping.is_none()
            && self.waiting_for_restart.is_empty()
            && !self.coordinator.counting
            && self.all_run()
    }

    /// `stopWithSavepoint`: no more checkpoints, and a savepoint under the next id.
    pub fn stop_with_savepoint(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if !self.can_be_stopped() {
            return;
        }
        self.stop_checkpoints(office, ctx);
        self.stopping = Some(Stopping::Counting);
        self.coordinator.counting = true;
        self.count_up(self.coordinator.next_id, office, ctx);
    }

    /// The id is taken, or could not be.
    pub(super) fn on_savepoint_counted(
        &mut self,
        id: Option<CheckpointId>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match id.filter(|_| self.all_run()) {
            Some(id) => {
                self.stopping = Some(Stopping::Taking(id));
                ctx.state(Fact::SavepointTriggered(self.job, id));
                self.begin_checkpoint(id, office, ctx);
            }
            None => self.resume_checkpoints(office, ctx),
        }
    }

    pub(super) fn takes_savepoint(&self, checkpoint: CheckpointId) -> bool {
        self.stopping == Some(Stopping::Taking(checkpoint))
    }

    /// The savepoint has come to nothing: the job goes on as before. The client hears of it.
    pub(super) fn on_checkpoint_over(
        &mut self,
        checkpoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.takes_savepoint(checkpoint) {
            self.resume_checkpoints(office, ctx);
        }
    }

    fn resume_checkpoints(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.stopping = None;
        self.start_trigger(office, ctx);
    }

    /// Every task hears of it, commits what it has to, and finishes.
    pub(super) fn on_savepoint_completed(
        &mut self,
        metadata: &Arc<CompletedCheckpoint>,
        ctx: &mut Context<'_>,
    ) {
        self.stopping = Some(Stopping::Finishing(metadata.id));
        let recovery = self.next_failover;
        self.next_failover += 1;
        ctx.state(Fact::RecoveryStarted {
            job: self.job,
            recovery,
            detector: Detector::StopWithSavepoint,
            scope: RecoveryScope::Full,
            lost: Vec::new(),
            tasks: self.layout.subtasks.clone(),
        });
    }

    /// Something fails while others may have finished: they cannot be left out of the restart
    /// (`StopWithSavepointStoppingException`). True: the whole job has to restart.
    pub(super) fn give_stopping_up(&mut self) -> bool {
        matches!(self.stopping.take(), Some(Stopping::Finishing(_)))
    }

    /// The last task has finished: the job is over, and its slots are nobody's.
    pub(super) fn finish_when_all_have(&mut self, ctx: &mut Context<'_>) {
        let finished = |subtask: &u32| self.peek(*subtask).state == ExecutionState::Finished;
        if self.savepoint() == 0 || !self.layout.subtasks.iter().all(finished) {
            return;
        }
        self.turn(
            JobStatus::Finished,
            "stopped with a savepoint".to_owned(),
            ctx,
        );
        self.end("the job has finished", ctx);
    }

    /// The savepoint with which it was stopped; 0: none.
    pub fn savepoint(&self) -> CheckpointId {
        match self.stopping {
            Some(Stopping::Finishing(savepoint)) => savepoint,
            _ => 0,
        }
    }

    pub fn used(&self) -> Used {
        let attempts = self.executions.iter().map(|execution| execution.number());
        Used {
            attempts: attempts.max().unwrap_or(0) + 1,
            recoveries: self.next_failover,
            asks: self.asks.last(),
            layout: Arc::clone(&self.layout),
        }
    }

    /// Starts with a savepoint, if its store is empty; `used`: by a JobMaster before it.
    pub fn starts_from(&mut self, savepoint: CheckpointId, used: Option<Used>) {
        self.starts_from = savepoint;
        if let Some(used) = used {
            self.asks.go_on_after(used.asks);
            self.next_failover = used.recoveries;
            self.layout = used.layout;
            let token = self.token;
            for execution in &mut self.executions {
                execution.renew(token, used.attempts);
            }
        }
    }
}
