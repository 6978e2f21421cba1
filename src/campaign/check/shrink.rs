//! A failing case made smaller while the same promise breaks: fewer and simpler faults, a smaller cluster, a shorter run.

use rayon::prelude::*;

use crate::fault::{Fault, FaultKind, LinkTrouble, Target, When};
use crate::kernel::{Span, Time};
use crate::scenario::model::Scenario;
use crate::scenario::{load, resolved_yaml};

use super::{Broken, Shown, run, sized, survival};

/// Runs that shrinking may take.
const RUNS_MAX: usize = 400;

/// Simpler cases than the best so far, by what that has shown and what counts as plain.
type Pass = fn(&Scenario, &Shown, &Scenario) -> Vec<Scenario>;

/// The smallest case found, and what it shows.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub scenario: Scenario,
    pub shown: Shown,
    pub runs: usize,
}

impl Shrunk {
    /// A case as it was found.
    pub fn not_at_all(scenario: &Scenario) -> Shrunk {
        Shrunk {
            scenario: scenario.clone(),
            shown: run(scenario),
            runs: 1,
        }
    }

    /// How it breaks a promise.
    pub fn broken(&self, id: &str) -> Option<&Broken> {
        self.shown.broken.iter().find(|broken| broken.id == id)
    }
}

/// Shrinks `scenario`, which breaks the promise `id`, on the threads of the present pool. `plain` has the settings that
/// count as simple. The result is the same with any number of threads.
pub fn shrink(
    scenario: &Scenario,
    id: &str,
    plain: &Scenario,
    stop: &(dyn Fn() -> bool + Sync),
) -> Shrunk {
    let mut best = Shrunk::not_at_all(scenario);
    let passes: [Pass; 6] = [
        fewer_faults,
        sooner_over,
        smaller,
        plainer,
        simpler_faults,
        rounder,
    ];
    let mut pass = 0;
    let mut idle = 0;
    while idle < passes.len() && best.runs < RUNS_MAX && !stop() {
        let mut candidates = passes[pass](&best.scenario, &best.shown, plain);
        candidates.retain(|candidate| *candidate != best.scenario);
        candidates.truncate(RUNS_MAX - best.runs);
        let found = candidates
            .par_iter()
            .enumerate()
            .find_map_first(|(number, candidate)| {
                breaks(candidate, id).map(|shown| (number, shown))
            });
        match found {
            Some((number, shown)) => {
                best.runs += number + 1;
                best.scenario = candidates.swap_remove(number);
                best.shown = shown;
                idle = 0;
            }
            None => {
                best.runs += candidates.len();
                pass = (pass + 1) % passes.len();
                idle += 1;
            }
        }
    }
    best
}

/// What the candidate shows, if it is a scenario and breaks the promise.
fn breaks(candidate: &Scenario, id: &str) -> Option<Shown> {
    if !survival::survives(&candidate.faults, candidate) {
        return None;
    }
    let again = load(resolved_yaml(candidate), "case", &[]).ok()?;
    if again.scenario != *candidate {
        return None;
    }
    let shown = run(candidate);
    shown
        .broken
        .iter()
        .any(|broken| broken.id == id)
        .then_some(shown)
}

fn with_faults(scenario: &Scenario, faults: Vec<Fault>) -> Scenario {
    Scenario {
        faults,
        ..scenario.clone()
    }
}

/// Without a half of the faults, without each one.
fn fewer_faults(scenario: &Scenario, _: &Shown, _: &Scenario) -> Vec<Scenario> {
    let faults = &scenario.faults;
    let half = faults.len() / 2;
    let mut candidates = Vec::new();
    if !faults.is_empty() {
        candidates.push(with_faults(scenario, Vec::new()));
    }
    if faults.len() > 3 {
        candidates.push(with_faults(scenario, faults[..half].to_vec()));
        candidates.push(with_faults(scenario, faults[half..].to_vec()));
    }
    for index in 0..faults.len() {
        let mut fewer = faults.clone();
        fewer.remove(index);
        candidates.push(with_faults(scenario, fewer));
    }
    candidates
}

/// Ends soon after the violation.
fn sooner_over(scenario: &Scenario, shown: &Shown, _: &Scenario) -> Vec<Scenario> {
    let second = 1_000_000_000;
    let after = |at: Time, more: u64| Span((at.0 / second + 1 + more) * second);
    let violations = shown.broken.iter().map(|broken| broken.at);
    let first = violations.clone().min();
    let last = violations.max();
    let ends = [
        first.map(|at| after(at, 0)),
        last.map(|at| after(at, 0)),
        Some(scenario.duration * 2 / 3),
    ];
    let shorter = |end: &Span| *end < scenario.duration && end.0 >= second;
    ends.into_iter()
        .flatten()
        .filter(shorter)
        .map(|duration| Scenario {
            duration,
            ..scenario.clone()
        })
        .collect()
}

/// Fewer processes and tasks.
fn smaller(scenario: &Scenario, _: &Shown, _: &Scenario) -> Vec<Scenario> {
    let mut candidates = Vec::new();
    let mut add = |change: &dyn Fn(&mut Scenario)| {
        let mut candidate = scenario.clone();
        change(&mut candidate);
        if candidate != *scenario && victims_exist(&candidate) {
            candidates.push(candidate);
        }
    };
    let taskmanagers = scenario
        .cluster
        .taskmanagers
        .iter()
        .filter(|tm| tm.starts)
        .count();
    for keep in [1, 2, taskmanagers.saturating_sub(1)] {
        if keep > 0 && keep < taskmanagers {
            add(&|candidate| sized::keep_taskmanagers(candidate, keep));
        }
    }
    for keep in [1, 2] {
        add(&|candidate| sized::keep_jobmanagers(candidate, keep));
    }
    if scenario.cluster.zookeeper.servers > 1 {
        for servers in [1, 3] {
            add(&|candidate| {
                candidate.cluster.zookeeper.servers =
                    servers.min(candidate.cluster.zookeeper.servers)
            });
        }
    }
    for cap in [1, 2] {
        add(&|candidate| sized::cap_parallelism(candidate, cap));
    }
    add(&|candidate| candidate.cluster.taskmanagers.retain(|tm| tm.starts));
    candidates
}

/// Whether everybody whom a fault names is there.
fn victims_exist(scenario: &Scenario) -> bool {
    let cluster = &scenario.cluster;
    let exists = |target: &Target| match *target {
        Target::TaskManager(index) => index < cluster.taskmanagers.len(),
        Target::JobManager(index) => index < cluster.jobmanagers.len(),
        Target::ZooKeeper(index) => index < cluster.zookeeper.servers as usize,
        Target::Broker(index) => index < cluster.kafka.brokers as usize,
        Target::TaskManagerOf(task) | Target::Task(task) => {
            let operator = &scenario.jobs[task.job].operators[task.operator];
            task.subtask < operator.parallelism
        }
        Target::Topic(index) => index < scenario.topics.len(),
        _ => true,
    };
    let named = |fault: &Fault| {
        let linked = match &fault.kind {
            FaultKind::Links(links) => links.from.iter().chain(&links.to).all(exists),
            _ => true,
        };
        let awaited = match fault.at {
            When::Upon {
                condition: crate::fault::Condition::Fault { target, .. },
                ..
            } => exists(&target),
            _ => true,
        };
        linked && awaited && exists(&fault.target)
    };
    scenario.faults.iter().all(named)
}

/// With settings as the scenario's author has them.
fn plainer(scenario: &Scenario, _: &Shown, plain: &Scenario) -> Vec<Scenario> {
    let mut candidates = Vec::new();
    if scenario.config != plain.config || scenario.switches != plain.switches {
        let mut candidate = scenario.clone();
        candidate.config = plain.config.clone();
        candidate.switches = plain.switches;
        candidates.push(candidate);
    }
    if scenario.jobs.len() == plain.jobs.len() {
        // Sinks as they are, with the parallelism that has been reached.
        let mut candidate = scenario.clone();
        for (job, plain) in candidate.jobs.iter_mut().zip(&plain.jobs) {
            for (operator, plain) in job.operators.iter_mut().zip(&plain.operators) {
                operator.kind = plain.kind.clone();
            }
        }
        candidates.push(candidate);
    }
    if scenario.cluster.kafka != plain.cluster.kafka {
        let mut candidate = scenario.clone();
        candidate.cluster.kafka = plain.cluster.kafka.clone();
        candidates.push(candidate);
    }
    if scenario.cluster.link_latency != plain.cluster.link_latency {
        let mut candidate = scenario.clone();
        candidate.cluster.link_latency = plain.cluster.link_latency;
        candidates.push(candidate);
    }
    if scenario.cluster.zookeeper.tick_time != plain.cluster.zookeeper.tick_time {
        let mut candidate = scenario.clone();
        candidate.cluster.zookeeper.tick_time = plain.cluster.zookeeper.tick_time;
        candidates.push(candidate);
    }
    candidates
}

/// One fault changed at a time.
fn each_fault(scenario: &Scenario, change: impl Fn(&Fault) -> Vec<Fault>) -> Vec<Scenario> {
    let mut candidates = Vec::new();
    for (index, fault) in scenario.faults.iter().enumerate() {
        for changed in change(fault) {
            let mut faults = scenario.faults.clone();
            faults[index] = changed;
            candidates.push(with_faults(scenario, faults));
        }
    }
    candidates
}

/// Plain kills and cuts, of processes with a name, at instants.
fn simpler_faults(scenario: &Scenario, shown: &Shown, _: &Scenario) -> Vec<Scenario> {
    let name = |index: usize| scenario.cluster.taskmanagers[index].name.as_str();
    each_fault(scenario, |fault| {
        let mut changed = Vec::new();
        let verb = fault.kind.verb();
        let came = shown
            .injected
            .iter()
            .filter(|(_, what)| what.split(' ').next() == Some(verb));
        for (at, what) in came.take(3) {
            let mut placed = fault.clone();
            placed.at = When::At(*at);
            let victim = what.split_once(' ').map_or("", |(_, victim)| victim);
            let taskmanagers = 0..scenario.cluster.taskmanagers.len();
            placed.target = match fault.target {
                Target::Leader => {
                    let place = scenario
                        .cluster
                        .jobmanagers
                        .iter()
                        .position(|jm| jm == victim);
                    place.map_or(Target::Leader, Target::JobManager)
                }
                Target::TaskManagerOf(task) => {
                    let place = taskmanagers.clone().find(|index| name(*index) == victim);
                    place.map_or(Target::TaskManagerOf(task), Target::TaskManager)
                }
                target => target,
            };
            changed.push(placed);
        }
        if matches!(
            fault.kind,
            FaultKind::Stop | FaultKind::PowerOff | FaultKind::Hang | FaultKind::CutOff
        ) {
            changed.push(Fault {
                kind: FaultKind::Kill,
                ..fault.clone()
            });
        }
        if matches!(fault.kind, FaultKind::Kill) && fault.lasts.is_some() {
            changed.push(Fault {
                lasts: None,
                ..fault.clone()
            });
        }
        if fault.kind == FaultKind::RollingRestart {
            for index in taskmanagers_of(scenario) {
                changed.push(Fault {
                    kind: FaultKind::Stop,
                    target: Target::TaskManager(index),
                    ..fault.clone()
                });
            }
        }
        if let FaultKind::Links(links) = &fault.kind
            && links.trouble != LinkTrouble::Cut
            && fault.lasts.is_some()
        {
            let links = crate::fault::Links {
                trouble: LinkTrouble::Cut,
                ..links.clone()
            };
            changed.push(Fault {
                kind: FaultKind::Links(links),
                ..fault.clone()
            });
        }
        changed
    })
}

fn taskmanagers_of(scenario: &Scenario) -> std::ops::Range<usize> {
    0..scenario.cluster.taskmanagers.len()
}

/// Times in whole seconds, or tenths; lengths that are shorter or rounder.
fn rounder(scenario: &Scenario, _: &Shown, _: &Scenario) -> Vec<Scenario> {
    const STEPS_MS: [u64; 4] = [5_000, 1_000, 100, 1];
    let rounded = |ns: u64, step_ms: u64| {
        let step = step_ms * 1_000_000;
        (ns + step / 2) / step * step
    };
    let is_rounder = |ns: u64, by: u64| {
        // Only what is not as round already, so that this ends.
        by != ns && by > 0
    };
    each_fault(scenario, |fault| {
        let mut changed = Vec::new();
        for step in STEPS_MS {
            let already = |ns: u64| ns.is_multiple_of(step * 1_000_000);
            if let When::At(at) = fault.at
                && !already(at.0)
                && is_rounder(at.0, rounded(at.0, step))
            {
                changed.push(Fault {
                    at: When::At(Time(rounded(at.0, step))),
                    ..fault.clone()
                });
            }
            if let Some(lasts) = fault.lasts
                && !already(lasts.0)
                && is_rounder(lasts.0, rounded(lasts.0, step))
            {
                changed.push(Fault {
                    lasts: Some(Span(rounded(lasts.0, step))),
                    ..fault.clone()
                });
            }
        }
        if let Some(lasts) = fault.lasts.filter(|lasts| lasts.0 > 2_000_000_000) {
            changed.push(Fault {
                lasts: Some(Span(rounded(lasts.0 / 2, 500))),
                ..fault.clone()
            });
        }
        changed
    })
}
