//! One episode under one seed: the cluster comes up, and each fault of the sequence meets a job that is steady again.

use std::collections::BTreeMap;

use crate::drill::Drill;
use crate::drill::journal::Mark;
use crate::fault::{
    ExecutionState, Fault, FaultKind, LinkTrouble, Links, Target, Task as TaskOf, When,
};
use crate::kernel::{Random, Span, Streams, Time};
use crate::scenario::model::SchedulerKind;

use super::measures::{Around, measure};
use super::plan::{Blow, Episode, Step, Victim, Way};
use super::results::Measured;

/// How closely a simulation is watched between faults.
const LOOK_EVERY: Span = Span::from_ms(100);
/// A job that is not steady by then never will be.
const SETTLE_MAX: Span = Span::from_secs(900);
/// A recovery is followed for so long.
const OBSERVE_MAX: Span = Span::from_secs(1_800);
/// Completed checkpoints before the first fault, and before each other one.
const CHECKPOINTS_FIRST: usize = 3;
const CHECKPOINTS_NEXT: usize = 2;

/// What each step measured, in the order of the steps; a step that never came to be has nothing.
pub fn simulate(episode: &Episode, seed: u64) -> Vec<Measured> {
    let mut scenario = episode.scenario.clone();
    scenario.seed = seed;
    let steps = episode.steps.len() as u64;
    scenario.duration = (SETTLE_MAX + OBSERVE_MAX) * (steps + 1);
    let config = &scenario.config;
    let timeouts = config.heartbeat.timeout + config.ha.session_timeout;
    let mut run = Run {
        drill: Drill::new(&scenario),
        random: Streams::new(seed).small("fault-phase", "validate"),
        throws: episode.throws,
        adaptive: config.scheduler == SchedulerKind::Adaptive,
        patience: timeouts * 2 + Span::from_secs(60),
    };
    let mut found = Vec::new();
    for (number, step) in episode.steps.iter().enumerate() {
        let checkpoints = if number == 0 {
            CHECKPOINTS_FIRST
        } else {
            CHECKPOINTS_NEXT
        };
        match run.settle(checkpoints) {
            true => found.push(run.rehearse(step)),
            false => break,
        }
    }
    found.resize(episode.steps.len(), Measured::default());
    found
}

struct Run {
    drill: Drill,
    random: crate::kernel::SmallStream,
    throws: usize,
    adaptive: bool,
    /// Whatever a fault leads to has begun by then.
    patience: Span,
}

impl Run {
    /// Goes on; false where the simulation cannot.
    fn advance(&mut self, by: Span) -> bool {
        let until = self.drill.now() + by;
        until <= self.drill.end() && self.drill.advance(until, &mut ()).is_ok()
    }

    /// Until all tasks run, output is in time and so many checkpoints have completed since. False: it never came to that.
    fn settle(&mut self, checkpoints: usize) -> bool {
        let limit = self.drill.now() + SETTLE_MAX;
        let mut steady_since = None;
        while self.drill.now() < limit {
            if !self.advance(LOOK_EVERY) {
                return false;
            }
            if !self.drill.is_steady() {
                steady_since = None;
                continue;
            }
            let since = *steady_since.get_or_insert(self.drill.now());
            let completed = self
                .drill
                .journal()
                .since(since)
                .iter()
                .filter(|(_, mark)| matches!(mark, Mark::CheckpointCompleted(_)))
                .count();
            if completed >= checkpoints {
                return true;
            }
        }
        false
    }

    /// Waits for the moment, strikes, and watches until output is in time again.
    fn rehearse(&mut self, step: &Step) -> Measured {
        let Some(fault_at) = self.moment(step) else {
            return Measured::default();
        };
        let until_then = fault_at.since(self.drill.now());
        if !self.advance(until_then) {
            return Measured::default();
        }
        let written_again = self.drill.written_again();
        let healing = self.strike(step);
        let limit = fault_at + OBSERVE_MAX;
        let mut healed = step.heals_after.is_none();
        let mut caught_up = None;
        while self.drill.now() < limit && caught_up.is_none() {
            if !self.advance(LOOK_EVERY) {
                break;
            }
            if let Some(after) = step.heals_after.filter(|_| !healed)
                && self.drill.now() >= fault_at + after
            {
                self.inject_all(&healing);
                healed = true;
            }
            caught_up = self.drill.caught_up_after(fault_at);
            // Output has never been late, and nothing is left that could still be noticed.
            if healed && self.drill.now() >= fault_at + self.patience && self.drill.is_steady() {
                caught_up = caught_up.or(Some(fault_at));
            }
        }
        if caught_up.is_some() {
            self.see_commits();
        }
        let journal = self.drill.journal();
        let marks = journal.since(fault_at);
        let around = Around {
            earlier: &journal.marks()[..journal.marks().len() - marks.len()],
            caught_up,
            written_again: self.drill.written_again() - written_again,
            adaptive: self.adaptive,
            is_sink: &|subtask| self.drill.is_sink(subtask),
        };
        let mut measured = measure(fault_at, marks, &around);
        for (quantity, lag) in &step.lags {
            if let Some(value) = measured.quantities.get_mut(quantity) {
                *value += lag;
            }
        }
        if !healed || step.heals_after.is_none() {
            self.inject_all(&healing);
        }
        measured
    }

    /// What was read again becomes visible with checkpoints: two more are waited for.
    fn see_commits(&mut self) {
        let from = self.drill.now();
        let Some(interval) = self.drill.checkpoint_interval() else {
            return;
        };
        let limit = from + interval * (CHECKPOINTS_NEXT as u64 + 1);
        let completed = |drill: &Drill| {
            let marks = drill.journal().since(from).iter();
            let completed =
                |(_, mark): &&(Time, Mark)| matches!(mark, Mark::CheckpointCompleted(_));
            marks.filter(completed).count()
        };
        while self.drill.now() < limit && completed(&self.drill) < CHECKPOINTS_NEXT {
            if !self.advance(LOOK_EVERY) {
                return;
            }
        }
    }

    /// So long after the next checkpoint is due, by the trigger of the last one: of another a driver does not know.
    fn moment(&mut self, step: &Step) -> Option<Time> {
        let interval = self.drill.checkpoint_interval()?;
        let phase = match step.phase {
            Some(phase) => phase,
            None => self.random.between(Span::ZERO, interval),
        };
        let mut marks = self.drill.journal().marks().iter().rev();
        let triggered = marks.find(|(_, mark)| matches!(mark, Mark::CheckpointTriggered(_)));
        let mut at = triggered?.0 + interval + phase;
        while at <= self.drill.now() {
            at += interval;
        }
        Some(at)
    }

    /// Strikes; gives back what heals it.
    fn strike(&mut self, step: &Step) -> Vec<(FaultKind, Target)> {
        let busiest = Target::TaskManager(self.most_like(step.tasks.as_ref()));
        let leader = self.drill.leader().map(Target::JobManager);
        let victims: Vec<Target> = match step.victim {
            Victim::TaskManager => vec![busiest],
            Victim::Leader => leader.into_iter().collect(),
            Victim::TaskManagerAndLeader => [busiest].into_iter().chain(leader).collect(),
            Victim::ZooKeeper => vec![Target::ZooKeeper(0)],
            Victim::Task => vec![Target::Task(TaskOf {
                job: 0,
                operator: self.throws,
                subtask: step.throwing,
            })],
        };
        let mut healing = Vec::new();
        for victim in victims {
            let (kind, heals) = match step.blow {
                Blow::Kill => (FaultKind::Kill, Some(FaultKind::Start)),
                Blow::Terminate => (FaultKind::Stop, Some(FaultKind::Start)),
                Blow::Stop => (FaultKind::Hang, Some(FaultKind::Resume)),
                Blow::Throw => (FaultKind::Throw, None),
                Blow::Cut { all, one_way } => {
                    self.cut(victim, all, one_way);
                    continue;
                }
            };
            self.inject(kind, victim, None);
            healing.extend(heals.map(|kind| (kind, victim)));
        }
        healing
    }

    /// The cut heals when the recovery has been seen.
    fn cut(&mut self, taskmanager: Target, all: bool, one_way: Option<Way>) {
        let jobmanagers: Vec<Target> = match (all, self.drill.leader()) {
            (false, Some(leader)) => vec![Target::JobManager(leader)],
            _ => (0..self.drill.jobmanagers())
                .map(Target::JobManager)
                .collect(),
        };
        let (from, to) = match one_way {
            Some(Way::ToTaskManager) => (jobmanagers, vec![taskmanager]),
            _ => (vec![taskmanager], jobmanagers),
        };
        let links = Links {
            from,
            to,
            one_way: one_way.is_some(),
            trouble: LinkTrouble::Cut,
        };
        let lasts = Some(Span::from_secs(90));
        self.inject(FaultKind::Links(links), Target::Groups, lasts);
    }

    fn inject_all(&mut self, faults: &[(FaultKind, Target)]) {
        for (kind, target) in faults {
            self.inject(kind.clone(), *target, None);
        }
    }

    fn inject(&mut self, kind: FaultKind, target: Target, lasts: Option<Span>) {
        let at = When::At(self.drill.now());
        self.drill.inject(&Fault {
            kind,
            target,
            at,
            lasts,
        });
    }

    /// The TaskManager whose tasks are most like those that the table's victim had; where it does not say, the one on which
    /// most tasks run. The first of those.
    fn most_like(&self, wanted: Option<&Vec<u32>>) -> usize {
        let mut places = BTreeMap::new();
        for (_, mark) in self.drill.journal().marks() {
            if let Mark::Execution {
                subtask,
                state: ExecutionState::Running,
                taskmanager: Some(taskmanager),
            } = mark
            {
                places.insert(*subtask, *taskmanager);
            }
        }
        let operators = self.drill.operators();
        let mut tasks: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (subtask, taskmanager) in &places {
            if let Some(index) = self.drill.taskmanager_index(*taskmanager) {
                let counts = tasks.entry(index).or_insert_with(|| vec![0; operators]);
                counts[self.drill.operator_of(*subtask)] += 1;
            }
        }
        let unlike = |counts: &[u32]| match wanted {
            Some(wanted) => (0..operators)
                .map(|at| counts[at].abs_diff(wanted.get(at).copied().unwrap_or(0)))
                .sum(),
            None => u32::MAX - counts.iter().sum::<u32>(),
        };
        let nearest = tasks.iter().min_by_key(|(_, counts)| unlike(counts));
        nearest.map_or(0, |(index, _)| *index)
    }
}
