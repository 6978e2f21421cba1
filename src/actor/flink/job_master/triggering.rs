//! When a checkpoint is triggered (`ScheduledTrigger`, `CheckpointRequestDecider`,
//! `ExecutionTrackingCheckpointCoordinatorDeActivator`).

use crate::actor::context::Context;
use crate::actor::flink::office::Office;
use crate::actor::zookeeper::protocol::{Answer, ZkError};
use crate::dataflow::batch::CheckpointId;
use crate::kernel::Span;
use crate::policy::defect::Defect;

use super::JobMaster;
use super::savepoint::Stopping;

/// `CheckpointRequestDecider.DEFAULT_MAX_QUEUED_REQUESTS`
const QUEUED_MAX: u32 = 1_000;

impl JobMaster {
    /// A task reports that it runs: `DefaultExecutionGraph.updateStateInternal` starts the periodic trigger if it stands
    /// still. The first tick comes too early, so that the first checkpoint is one interval later.
    ///
    /// The random delay of a new coordinator decides nothing, for it is used up before all tasks run: by the job's status that
    /// turns to RUNNING with no task scheduled yet, or, under the adaptive scheduler, by the first task that runs.
    pub(super) fn on_running_reported(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if !self.coordinator.active {
            self.start_trigger(office, ctx);
        }
    }

    /// All tasks run. In an execution graph in which none has ended yet (a new job, a new leader, a new parallelism), the
    /// tracker starts the trigger anew: the first checkpoint comes as soon as `min-pause` allows.
    pub(super) fn start_checkpoints(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if !self.coordinator.untrackable {
            self.coordinator.tracked = true;
            self.start_trigger(office, ctx);
        }
    }

    pub(super) fn start_trigger(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let checkpointing = &office.blueprint.config.checkpointing;
        if checkpointing.interval.is_some() {
            self.coordinator.active = true;
            self.coordinator.late = Span::ZERO;
            self.coordinator.trigger.set(checkpointing.min_pause, ctx);
        }
    }

    /// Tasks fail or are cancelled: what is on its way is aborted. The periodic trigger stops if the tracker has started
    /// it; else it goes on at its pace, and comes to nothing until all tasks run again.
    pub(super) fn interrupt_checkpoints(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.coordinator.untrackable = true;
        if self.coordinator.tracked {
            return self.stop_checkpoints(office, ctx);
        }
        self.coordinator.queued = 0;
        self.abort_checkpoints(office, ctx);
    }

    /// The periodic trigger stops, and what is on its way is aborted.
    pub(super) fn stop_checkpoints(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.coordinator.active = false;
        self.coordinator.tracked = false;
        self.coordinator.queued = 0;
        self.coordinator.trigger.cancel(ctx);
        self.abort_checkpoints(office, ctx);
    }

    fn abort_checkpoints(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let pending: Vec<_> = self.coordinator.pending.keys().copied().collect();
        for checkpoint in pending {
            self.abort_checkpoint(checkpoint, "the job restarts or ends", office, ctx);
        }
    }

    /// The periodic trigger asks for a checkpoint, at a fixed rate, however late it fires each time and whatever becomes of
    /// what it asks for (`ScheduledTrigger`).
    pub(super) fn on_trigger_due(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let coordinator = &mut self.coordinator;
        let period = office.blueprint.config.checkpointing.period();
        let Some(period) = period.filter(|_| coordinator.active) else {
            return;
        };
        let late = office.blueprint.profile.checkpoint_trigger;
        let late = late.draw(&mut self.trigger_random);
        let until = Span((period + late).0.saturating_sub(coordinator.late.0));
        coordinator.late = late;
        coordinator.trigger.set(until, ctx);
        coordinator.queued = (coordinator.queued + 1).min(QUEUED_MAX);
        self.trigger_queued(office, ctx);
    }

    /// The oldest request, where it may be executed now (`CheckpointRequestDecider`). None is forgotten while checkpoints are
    /// slow: then one follows the other without a pause.
    pub(super) fn trigger_queued(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let checkpointing = &office.blueprint.config.checkpointing;
        let coordinator = &mut self.coordinator;
        let overlaps = office.blueprint.defects.has(Defect::CheckpointsOverlap);
        let is_full = coordinator.pending.len() >= checkpointing.max_concurrent as usize;
        if coordinator.queued == 0 || coordinator.counting || (is_full && !overlaps) {
            return;
        }
        coordinator.queued -= 1;
        let pause_ends = coordinator
            .completed_at
            .map(|completed| completed + checkpointing.min_pause);
        if let Some(pause_ends) = pause_ends.filter(|end| *end > ctx.now()) {
            coordinator.late = Span::ZERO;
            return coordinator.trigger.set_at(pause_ends, ctx);
        }
        // Not all tasks run: no id is taken, and nothing counts as failed.
        if !self.all_run() {
            self.coordinator.queued = 0;
            return;
        }
        self.coordinator.counting = true;
        self.count_up(self.coordinator.next_id, office, ctx);
    }

    /// The id is taken: a pending checkpoint begins, and the sources are told.
    pub(super) fn on_counted(
        &mut self,
        id: CheckpointId,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.coordinator.counting = false;
        let counted = result.ok().map(|_| id);
        if counted.is_some() {
            self.coordinator.next_id = id + 1;
        }
        if self.stopping == Some(Stopping::Counting) {
            return self.on_savepoint_counted(counted, office, ctx);
        }
        // A failure to trigger does not count.
        if counted.is_some() && self.coordinator.active && self.all_run() {
            self.begin_checkpoint(id, office, ctx);
        }
        self.trigger_queued(office, ctx);
    }
}
