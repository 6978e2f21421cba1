//! One recovery of one job, as it is pieced together: faults, marks on the way, phases.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Time};
use crate::policy::RecoveryScope;

use super::causes::Causes;
use super::explain::Leg;
use super::phase::Intervals;

/// A fault that was injected.
#[derive(Clone, Debug)]
pub struct Injected {
    pub at: Time,
    pub target: ActorId,
    pub what: &'static str,
    pub healed: Option<Time>,
    /// Jobs that ran, and had no task on the TaskManager that it hit.
    pub spared: Vec<JobId>,
    /// Who first gave the TaskManager up that it hit, and when.
    pub missed: Option<(&'static str, Time)>,
}

/// A restart of a job that no fault explains.
#[derive(Clone, Debug)]
pub struct Unprovoked {
    pub job: JobId,
    pub at: Time,
    pub detector: &'static str,
}

/// One recovery of one job.
#[derive(Clone, Debug)]
pub struct Episode {
    pub job: JobId,
    /// Indexes of faults, in order.
    pub faults: Vec<usize>,
    pub at: Time,
    pub detector: Option<&'static str>,
    pub detected: Option<Time>,
    pub scope: Option<RecoveryScope>,
    pub checkpoint: Option<CheckpointId>,
    /// Restarts that it took: each may be of the same tasks.
    pub restarts: u32,
    /// Every task that restarted, once.
    pub failed: BTreeSet<SubtaskId>,
    pub placement: Vec<(SubtaskId, Option<ActorId>, ActorId)>,
    /// Splits of the sources that have restored any.
    pub splits: BTreeMap<SubtaskId, Vec<SplitId>>,
    pub replayed: u64,
    /// Records that sources read for another time, since they were restored to before them.
    pub reprocessed: u64,
    pub deduplicated: u64,
    pub intervals: Intervals,
    /// What the end of each interval waited for, as far as causes are remembered; the last one has no end yet.
    pub paths: Vec<Vec<Leg>>,
    /// None: the run ended first.
    pub end: Option<Time>,
    /// The job failed for good in the middle of it.
    pub given_up: Option<Time>,
    pub marks: Marks,
}

/// The checkpoint that is gone back to.
#[derive(Clone, Debug)]
pub struct Retrieval {
    pub from: Time,
    pub to: Option<Time>,
    pub checkpoint: CheckpointId,
    pub partitions: Vec<u32>,
    pub bytes: u64,
}

/// Instants of the seven steps.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub last_heard: Option<(ActorId, Time)>,
    pub leader: Option<ActorId>,
    pub reassigned: Option<(Time, usize, Vec<ActorId>)>,
    pub retrieval: Option<Retrieval>,
    pub deployed: Option<Time>,
    pub running: Option<Time>,
    pub notified: Option<(Time, Time, u32)>,
}

impl Episode {
    /// Where it ended in one way or another; `now`: the end of the run.
    pub fn until(&self, now: Time) -> Time {
        self.end.or(self.given_up).unwrap_or(now)
    }

    /// An event has just ended some phases: what led to it is what they waited for.
    pub fn explain(&mut self, event: u64, causes: &Causes) {
        while self.paths.len() + 1 < self.intervals.turns().len() {
            let (_, from) = self.intervals.turns()[self.paths.len()];
            self.paths.push(Leg::path(event, from, causes));
        }
    }

    /// A session has expired. What comes later than somebody has noticed did not tell them.
    pub fn heard(&mut self, owner: ActorId, last: Time) {
        if self.detected.is_none() {
            self.marks.last_heard = Some((owner, last));
        }
    }

    /// Somebody acted, or there is nothing left to act on.
    pub fn is_answered(&self, faults: &[Injected]) -> bool {
        self.detected.is_some()
            || self
                .faults
                .iter()
                .all(|fault| faults[*fault].healed.is_some())
    }
}
