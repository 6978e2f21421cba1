//! Checkpoints that fail: declined, expired, given up (`CheckpointFailureManager`).

use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::fact::Detector;
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::flink::rpc::{Answer, RpcError};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::SubtaskId;

use super::JobMaster;

impl JobMaster {
    /// The metadata could not be written (`CheckpointFailureReason.FINALIZE_CHECKPOINT_FAILURE`).
    pub fn on_metadata_lost(
        &mut self,
        checkpoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if let Some(mut pending) = self.coordinator.pending.remove(&checkpoint) {
            pending.release(ctx);
            let reason = "its metadata could not be written";
            self.lose_checkpoint(checkpoint, reason, office, ctx);
        }
    }

    /// One source could not be told of it: nobody waits for what the others do, and it counts for nothing
    /// (`TRIGGER_CHECKPOINT_FAILURE`, `TASK_CHECKPOINT_FAILURE`).
    pub(super) fn on_trigger_answered(
        &mut self,
        checkpoint: CheckpointId,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let reason = "a source could not be told of it";
        if result.is_err() && self.abort_checkpoint(checkpoint, reason, office, ctx) {
            self.on_checkpoint_failed(office, ctx);
        }
    }

    pub(super) fn on_decline(
        &mut self,
        checkpoint: CheckpointId,
        subtask: SubtaskId,
        attempt: Attempt,
        reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let expected = self
            .coordinator
            .pending
            .get(&checkpoint)
            .is_some_and(|pending| pending.plan.contains(&(subtask, attempt)));
        if !expected {
            return;
        }
        // Others have stopped for it already (`handleTaskLevelCheckpointException`).
        let stops = self.takes_savepoint(checkpoint);
        self.abort_and_count(checkpoint, reason, office, ctx);
        if stops && self.stopping.is_none() {
            let why = TaskFailure::Other("Stop-with-savepoint failed.");
            self.fail_globally(Detector::CheckpointFailures, &why, office, ctx);
        }
    }

    pub(super) fn on_checkpoint_expired(
        &mut self,
        checkpoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.abort_and_count(checkpoint, "expired", office, ctx);
    }

    /// A savepoint that fails does not count. Asked before it is given up: then nobody knows what it was.
    fn abort_and_count(
        &mut self,
        checkpoint: CheckpointId,
        reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let counts = !self.takes_savepoint(checkpoint);
        if self.abort_checkpoint(checkpoint, reason, office, ctx) && counts {
            self.count_failure(checkpoint, office, ctx);
        }
    }

    /// Gives a checkpoint up, unless it is being finalized. True: it was given up.
    pub(super) fn abort_checkpoint(
        &mut self,
        checkpoint: CheckpointId,
        reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> bool {
        let abortable = self
            .coordinator
            .pending
            .get(&checkpoint)
            .is_some_and(|pending| pending.finalizing.is_none());
        if !abortable {
            return false;
        }
        if let Some(mut pending) = self.coordinator.pending.remove(&checkpoint) {
            pending.release(ctx);
        }
        self.say_aborted(checkpoint, reason, ctx);
        self.on_checkpoint_over(checkpoint, office, ctx);
        self.trigger_queued(office, ctx);
        true
    }

    /// Expired, declined, not stored: in a row, once for each checkpoint, and beyond the tolerable the job fails as a whole.
    pub(super) fn count_failure(
        &mut self,
        checkpoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if !self.coordinator.counted.insert(checkpoint) {
            return;
        }
        self.on_checkpoint_failed(office, ctx);
        self.coordinator.failures += 1;
        let tolerable = office.blueprint.config.checkpointing.tolerable_failures;
        if self.coordinator.failures > tolerable {
            self.coordinator.failures = 0;
            self.coordinator.counted.clear();
            let why = TaskFailure::Other("Exceeded checkpoint tolerable failure threshold.");
            self.fail_globally(Detector::CheckpointFailures, &why, office, ctx);
        }
    }
}
