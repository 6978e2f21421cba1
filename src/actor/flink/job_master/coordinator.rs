//! What the checkpoint coordinator knows: the next id, and the checkpoints that are on their way (`PendingCheckpoint`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::checkpoint::{Attempt, CompletedCheckpoint, StateHandle};
use crate::actor::context::{Alarm, Context};
use crate::actor::enumerator::EnumeratorState;
use crate::actor::message::Timer;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{Span, Time};

use super::JobMasterTimer;

#[derive(Clone, Debug)]
pub(super) struct Coordinator {
    pub(super) next_id: CheckpointId,
    pub(super) pending: BTreeMap<CheckpointId, Pending>,
    /// The periodic trigger runs.
    pub(super) active: bool,
    /// `ExecutionTrackingCheckpointCoordinatorDeActivator.started`: it has started the trigger, and will stop it.
    pub(super) tracked: bool,
    /// An attempt has ended before it finished. The tracker expects it to run for ever after, and starts nothing any more.
    pub(super) untrackable: bool,
    /// An id is being taken.
    pub(super) counting: bool,
    /// Triggers that came while as many checkpoints as may be were on their way.
    pub(super) queued: u32,
    pub(super) trigger: Alarm,
    /// So late is the timer that is set.
    pub(super) late: Span,
    pub(super) completed_at: Option<Time>,
    /// Failures in a row that count towards `tolerable-failed-checkpoints`.
    pub(super) failures: u32,
    pub(super) counted: BTreeSet<CheckpointId>,
}

/// `PendingCheckpoint`
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) triggered_at: Time,
    /// The attempts that have to acknowledge it.
    pub(super) plan: Vec<(SubtaskId, Attempt)>,
    pub(super) handles: BTreeMap<SubtaskId, StateHandle>,
    pub(super) enumerators: Vec<EnumeratorState>,
    pub(super) expiry: Alarm,
    /// Set once everything has been acknowledged: from here on nothing aborts it.
    pub(super) finalizing: Option<(Arc<CompletedCheckpoint>, Alarm)>,
}

impl Coordinator {
    pub(super) fn new(job: JobId) -> Coordinator {
        let timer = JobMasterTimer::CheckpointTrigger;
        Coordinator {
            next_id: 1,
            pending: BTreeMap::new(),
            active: false,
            tracked: false,
            untrackable: false,
            counting: false,
            queued: 0,
            trigger: Alarm::new(Timer::JobMaster { job, timer }),
            late: Span::ZERO,
            completed_at: None,
            failures: 0,
            counted: BTreeSet::new(),
        }
    }

    pub(super) fn next_id(&self) -> CheckpointId {
        self.next_id
    }

    pub(super) fn continue_from(&mut self, next_id: CheckpointId) {
        self.next_id = next_id;
    }

    /// Barriers up to this id may still be about.
    pub(super) fn issued_max(&self) -> CheckpointId {
        self.next_id - 1
    }

    /// A new execution graph has a coordinator of its own, which counts on.
    pub(super) fn renew(&mut self) {
        self.tracked = false;
        self.untrackable = false;
        self.completed_at = None;
        self.failures = 0;
        self.counted.clear();
    }

    /// A checkpoint is being written and stored: a restart waits for it, since it may be the one to go back to.
    pub(super) fn is_finalizing(&self) -> bool {
        self.pending
            .values()
            .any(|pending| pending.finalizing.is_some())
    }

    pub(super) fn release(&mut self, ctx: &mut Context<'_>) {
        self.active = false;
        self.trigger.release(ctx);
        for mut pending in std::mem::take(&mut self.pending).into_values() {
            pending.release(ctx);
        }
    }
}

impl Pending {
    pub(super) fn release(&mut self, ctx: &mut Context<'_>) {
        self.expiry.release(ctx);
        if let Some((_, alarm)) = &mut self.finalizing {
            alarm.release(ctx);
        }
    }
}
