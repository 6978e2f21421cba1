//! One recovery of one job, as it is pieced together: faults, marks on the way, phases.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::Detector;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Span, Time};
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

impl Injected {
    /// When all was as before, as far as the fault is concerned.
    pub fn over(&self) -> Option<Time> {
        self.healed.or(is_moment(self.what).then_some(self.at))
    }
}

/// Faults that are over as soon as they have come.
pub fn is_moment(what: &str) -> bool {
    matches!(what, "throw" | "expire-session" | "reset-connections")
}

/// A restart of a job that no fault explains.
#[derive(Clone, Debug)]
pub struct Unprovoked {
    pub job: JobId,
    pub at: Time,
    pub detector: &'static str,
    /// It did not restart, it failed for good.
    pub failed: bool,
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
    /// That the last restart went back to.
    pub checkpoint: Option<CheckpointId>,
    /// Restarts that it took, in order: each may be of the same tasks.
    pub restarts: Vec<Restart>,
    /// Who came to lead, or gave it up, meanwhile.
    pub elections: Vec<(Time, ActorId, Election)>,
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
    /// The leader lets the job fail for good: why, and where what failed ran.
    pub giving_up: Option<(Time, Detector, Vec<ActorId>)>,
    /// The job failed for good in the middle of it.
    pub given_up: Option<Time>,
    pub marks: Marks,
}

/// One restart: from a failure until its tasks run, or another restart takes them over.
#[derive(Clone, Debug)]
pub struct Restart {
    /// The leader's number for it.
    pub recovery: u32,
    pub at: Time,
    pub detector: Detector,
    pub leader: ActorId,
    pub scope: RecoveryScope,
    /// Where what failed ran.
    pub lost: Vec<ActorId>,
    /// Why the ResourceManager gave that up, where it did.
    pub verdict: Option<&'static str>,
    pub tasks: BTreeSet<SubtaskId>,
    /// What the restart strategy makes it wait.
    pub delay: Option<Span>,
    pub retrieval: Option<Retrieval>,
    /// When the delay was over: slots in the pool, and slots needed. Those of a TaskManager that nobody knows to be dead
    /// are in the pool.
    pub slots: Option<(u32, u32)>,
    /// When there was no room first, and for how many slots where they are counted.
    pub missing: Option<(Time, Option<u32>)>,
    pub deployed: Option<Time>,
    pub running: Option<Time>,
    /// The restart that took its tasks over before they ran: this one was wasted.
    pub overtaken: Option<usize>,
}

impl Restart {
    /// Its tasks do not run yet, and nobody else has taken them over.
    pub fn is_open(&self) -> bool {
        self.running.is_none() && self.overtaken.is_none()
    }

    /// A client stops the job: nothing of it is to run again before it is handed in.
    pub fn is_stop(&self) -> bool {
        self.detector == Detector::StopWithSavepoint
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    Lost,
    Won,
    /// The new leader has read the jobs back.
    ReadBack,
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

/// Other instants that are told.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub last_heard: Option<(ActorId, Time)>,
    pub notified: Option<(Time, Time, u32)>,
}

impl Episode {
    /// The number of the restart that was the latest at an instant.
    pub fn restart_at(&self, at: Time) -> Option<usize> {
        self.restarts
            .partition_point(|restart| restart.at <= at)
            .checked_sub(1)
    }

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
