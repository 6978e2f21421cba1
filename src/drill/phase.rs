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
    /// Tasks of the restart.
    pub tasks: RestartTasks,
    /// Tasks that have ever put something out: of a source without a partition, say, no output is awaited.
    pub fruitful: BTreeSet<SubtaskId>,
}

impl JobState {
    pub fn new() -> JobState {
        JobState {
            stage: Stage::None,
            led: true,
            tasks: RestartTasks::default(),
            fruitful: BTreeSet::new(),
        }
    }

    /// The task furthest behind decides.
    pub fn phase(&self) -> Phase {
        if !self.led {
            return Phase::Leadership;
        }
        let any = |wanted: fn(ExecutionState) -> bool| self.tasks.any(wanted);
        match self.stage {
            Stage::Ending if any(|state| !state.is_terminal()) => Phase::Cancellation,
            Stage::Ending => Phase::Backoff,
            Stage::Placing => Phase::Resources,
            Stage::ComingUp | Stage::None => {
                // A later restart has taken some of them over.
                if any(|state| state == ExecutionState::Canceling) {
                    Phase::Cancellation
                } else if any(|state| state.is_terminal()) {
                    Phase::Backoff
                } else if any(|state| state <= ExecutionState::Scheduled) {
                    Phase::Resources
                } else if any(|state| state < ExecutionState::Initializing) {
                    Phase::Deployment
                } else if any(|state| state == ExecutionState::Initializing) {
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
        let mut silent = self.tasks.silent();
        silent.any(|task| self.fruitful.contains(&task))
    }

    /// All tasks run, and all that restarted have put something out.
    pub fn is_done(&self) -> bool {
        self.led && self.stage == Stage::None && self.phase() == Phase::CatchUp
    }
}

/// Tasks with their state, and whether they have put something out since they were deployed.
#[derive(Clone, Debug, Default)]
pub struct RestartTasks {
    tasks: BTreeMap<SubtaskId, (ExecutionState, bool)>,
    /// How many are in each state: it is asked at every step of every task.
    in_state: BTreeMap<ExecutionState, u32>,
}

impl RestartTasks {
    pub fn clear(&mut self) {
        *self = RestartTasks::default();
    }

    /// These restart, or are to finish.
    pub fn restart(&mut self, tasks: &[SubtaskId], state: ExecutionState) {
        for task in tasks {
            self.set(*task, state, false);
        }
    }

    /// Those that the job does not have any more go, those that are new come.
    pub fn replace(&mut self, tasks: &[SubtaskId]) {
        let before = std::mem::take(self).tasks;
        for task in tasks {
            let created = (ExecutionState::Created, false);
            let (state, put_out) = before.get(task).copied().unwrap_or(created);
            self.set(*task, state, put_out);
        }
    }

    pub fn turn(&mut self, task: SubtaskId, state: ExecutionState) {
        if let Some((_, put_out)) = self.tasks.get(&task) {
            // A task may put something out before the JobMaster hears that it initializes or runs.
            let same = matches!(
                state,
                ExecutionState::Initializing | ExecutionState::Running
            );
            self.set(task, state, *put_out && same);
        }
    }

    pub fn put_out(&mut self, task: SubtaskId) {
        if let Some((state, put_out)) = self.tasks.get_mut(&task)
            && *state >= ExecutionState::Deploying
        {
            *put_out = true;
        }
    }

    fn set(&mut self, task: SubtaskId, state: ExecutionState, put_out: bool) {
        *self.in_state.entry(state).or_default() += 1;
        if let Some((before, _)) = self.tasks.insert(task, (state, put_out)) {
            let left = self.in_state.get_mut(&before).expect("it is counted");
            *left -= 1;
            if *left == 0 {
                self.in_state.remove(&before);
            }
        }
    }

    fn any(&self, wanted: fn(ExecutionState) -> bool) -> bool {
        self.in_state.keys().any(|state| wanted(*state))
    }

    /// Those that have put nothing out.
    fn silent(&self) -> impl Iterator<Item = SubtaskId> {
        let silent = self.tasks.iter().filter(|(_, (_, put_out))| !put_out);
        silent.map(|(task, _)| *task)
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
        job.tasks.replace(&[1, 2]);
        job.tasks.turn(1, ExecutionState::Failed);
        job.tasks.turn(2, ExecutionState::Canceling);
        assert_eq!(job.phase(), Phase::Cancellation);
        job.tasks.turn(2, ExecutionState::Canceled);
        assert_eq!(job.phase(), Phase::Backoff);
        job.stage = Stage::ComingUp;
        job.tasks.turn(1, ExecutionState::Running);
        job.tasks.put_out(1);
        job.tasks.turn(2, ExecutionState::Initializing);
        assert_eq!(job.phase(), Phase::Restore);
        job.tasks.turn(2, ExecutionState::Running);
        assert_eq!(job.phase(), Phase::CatchUp);
        job.fruitful.insert(2);
        assert_eq!(job.phase(), Phase::FirstOutput);
        job.tasks.replace(&[1]);
        assert_eq!(job.phase(), Phase::CatchUp);
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
