//! Where a recovery stands at each instant, and for how long it stood there.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::ExecutionState;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Span, Time};

use super::outcome::Phases;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Detection,
    Leadership,
    Cancellation,
    Backoff,
    Resources,
    Deployment,
    Restore,
    FirstOutput,
    CatchUp,
}

impl Phase {
    /// The field of [`Phases`].
    pub fn name(self) -> &'static str {
        match self {
            Phase::Detection => "detection",
            Phase::Leadership => "leadership",
            Phase::Cancellation => "cancellation",
            Phase::Backoff => "backoff",
            Phase::Resources => "resources",
            Phase::Deployment => "deployment",
            Phase::Restore => "restore",
            Phase::FirstOutput => "first_output",
            Phase::CatchUp => "catch_up",
        }
    }
}

/// How far the restart of a job has come, as far as facts tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No restart is under way.
    None,
    /// Old tasks end, then the delay runs.
    Ending,
    /// Metadata, plan, placement.
    Placing,
    /// Orders are out.
    ComingUp,
}

/// What decides the phase of a job.
#[derive(Clone, Debug)]
pub struct JobState {
    pub stage: Stage,
    /// Somebody leads and has read the job back.
    pub led: bool,
    /// Tasks of the restart with their state, and whether they have put something out since.
    pub tasks: BTreeMap<SubtaskId, (ExecutionState, bool)>,
    /// Tasks that have ever put something out: of a source without a partition, say, no output is awaited.
    pub fruitful: BTreeSet<SubtaskId>,
}

impl JobState {
    pub fn new() -> JobState {
        JobState {
            stage: Stage::None,
            led: true,
            tasks: BTreeMap::new(),
            fruitful: BTreeSet::new(),
        }
    }

    /// The task furthest behind decides.
    pub fn phase(&self) -> Phase {
        if !self.led {
            return Phase::Leadership;
        }
        let any = |wanted: fn(&ExecutionState) -> bool| {
            self.tasks.values().any(|(state, _)| wanted(state))
        };
        match self.stage {
            Stage::Ending if any(|state| !state.is_terminal()) => Phase::Cancellation,
            Stage::Ending => Phase::Backoff,
            Stage::Placing => Phase::Resources,
            Stage::ComingUp | Stage::None => {
                // A later restart has taken some of them over.
                if any(|state| *state == ExecutionState::Canceling) {
                    Phase::Cancellation
                } else if any(|state| state.is_terminal()) {
                    Phase::Backoff
                } else if any(|state| *state <= ExecutionState::Scheduled) {
                    Phase::Resources
                } else if any(|state| *state < ExecutionState::Initializing) {
                    Phase::Deployment
                } else if any(|state| *state == ExecutionState::Initializing) {
                    Phase::Restore
                } else if self.awaits_output() {
                    Phase::FirstOutput
                } else {
                    Phase::CatchUp
                }
            }
        }
    }

    fn awaits_output(&self) -> bool {
        let mut tasks = self.tasks.iter();
        tasks.any(|(task, (_, put_out))| !put_out && self.fruitful.contains(task))
    }

    /// All tasks run, and all that restarted have put something out.
    pub fn is_done(&self) -> bool {
        self.led && self.stage == Stage::None && self.phase() == Phase::CatchUp
    }
}

/// Intervals of phases, without gaps.
#[derive(Clone, Debug, Default)]
pub struct Intervals(Vec<(Phase, Time)>);

impl Intervals {
    pub fn turn(&mut self, phase: Phase, now: Time) {
        if self.0.last().is_none_or(|(last, _)| *last != phase) {
            self.0.push((phase, now));
        }
    }

    /// Back to the first: what came after it was no phase of its own.
    pub fn rewind(&mut self) {
        self.0.truncate(1);
    }

    pub fn start(&self) -> Option<Time> {
        self.0.first().map(|(_, from)| *from)
    }

    /// Every phase that was entered, and when; zero-length ones too.
    pub fn turns(&self) -> &[(Phase, Time)] {
        &self.0
    }

    /// Phase, from, to; up to `end`.
    pub fn until(&self, end: Time) -> Vec<(Phase, Time, Time)> {
        let ends = self.0.iter().skip(1).map(|(_, from)| *from).chain([end]);
        let spans = self
            .0
            .iter()
            .zip(ends)
            .map(|((phase, from), to)| (*phase, *from, to.min(end)));
        spans.filter(|(_, from, to)| from < to).collect()
    }

    pub fn sums(&self, end: Time) -> Phases {
        let mut sums: BTreeMap<&'static str, Span> = BTreeMap::new();
        for (phase, from, to) in self.until(end) {
            *sums.entry(phase.name()).or_default() += to - from;
        }
        let of = |phase: Phase| sums.get(phase.name()).map_or(0.0, |span| span.as_ms());
        Phases {
            detection: of(Phase::Detection),
            leadership: of(Phase::Leadership),
            cancellation: of(Phase::Cancellation),
            backoff: of(Phase::Backoff),
            resources: of(Phase::Resources),
            deployment: of(Phase::Deployment),
            restore: of(Phase::Restore),
            first_output: of(Phase::FirstOutput),
            catch_up: of(Phase::CatchUp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_furthest_behind_decides() {
        let mut job = JobState::new();
        assert_eq!(job.phase(), Phase::CatchUp);
        job.stage = Stage::Ending;
        job.tasks = BTreeMap::from([
            (1, (ExecutionState::Failed, false)),
            (2, (ExecutionState::Canceling, false)),
        ]);
        assert_eq!(job.phase(), Phase::Cancellation);
        job.tasks.insert(2, (ExecutionState::Canceled, false));
        assert_eq!(job.phase(), Phase::Backoff);
        job.stage = Stage::ComingUp;
        job.tasks = BTreeMap::from([
            (1, (ExecutionState::Running, true)),
            (2, (ExecutionState::Initializing, false)),
        ]);
        assert_eq!(job.phase(), Phase::Restore);
        job.tasks.insert(2, (ExecutionState::Running, false));
        assert_eq!(job.phase(), Phase::CatchUp);
        job.fruitful.insert(2);
        assert_eq!(job.phase(), Phase::FirstOutput);
    }

    #[test]
    fn phases_add_up_to_the_whole() {
        let mut intervals = Intervals::default();
        let ms = |ms: u64| Time(ms * 1_000_000);
        intervals.turn(Phase::Detection, ms(100));
        intervals.turn(Phase::Detection, ms(150));
        intervals.turn(Phase::Restore, ms(300));
        intervals.turn(Phase::CatchUp, ms(400));
        intervals.turn(Phase::Restore, ms(450));
        intervals.turn(Phase::CatchUp, ms(500));
        let sums = intervals.sums(ms(700));
        assert_eq!(
            (sums.detection, sums.restore, sums.catch_up),
            (200.0, 150.0, 250.0)
        );
    }
}
