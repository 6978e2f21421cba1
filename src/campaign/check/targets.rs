//! From what was drawn to whom a fault strikes.

use crate::fault::{FaultKind, LinkTrouble, Links, Target, Task};
use crate::scenario::model::Scenario;

use super::draw::RawFault;
use super::instants::index;

pub(super) fn pick<T: Copy>(of: &[T], number: u32) -> Option<T> {
    (!of.is_empty()).then(|| of[number as usize % of.len()])
}

/// A TaskManager that starts, by its place or by what runs on it.
pub(super) fn taskmanager(number: u32, scenario: &Scenario) -> Target {
    let taskmanagers = &scenario.cluster.taskmanagers;
    let start: Vec<usize> = (0..taskmanagers.len())
        .filter(|i| taskmanagers[*i].starts)
        .collect();
    match number % 4 {
        0 => Target::TaskManagerOf(task(number / 4, scenario)),
        _ => Target::TaskManager(pick(&start, number / 4).unwrap_or(0)),
    }
}

pub(super) fn spare(number: u32, scenario: &Scenario) -> Option<Target> {
    let taskmanagers = &scenario.cluster.taskmanagers;
    let spares: Vec<usize> = (0..taskmanagers.len())
        .filter(|i| !taskmanagers[*i].starts)
        .collect();
    pick(&spares, number).map(Target::TaskManager)
}

pub(super) fn task(number: u32, scenario: &Scenario) -> Task {
    let job = index(number, scenario.jobs.len());
    let operators = &scenario.jobs[job].operators;
    let operator = index(number / 7, operators.len());
    let subtask = number / 77 % operators[operator].parallelism.max(1);
    Task {
        job,
        operator,
        subtask,
    }
}

/// Somebody who has a session at ZooKeeper.
pub(super) fn session_owner(raw: &RawFault, scenario: &Scenario) -> Target {
    match raw.other % 2 {
        0 => taskmanager(raw.target, scenario),
        _ => Target::Leader,
    }
}

/// Two groups that have nobody in common.
pub(super) fn links(
    raw: &RawFault,
    trouble: LinkTrouble,
    scenario: &Scenario,
) -> Option<FaultKind> {
    let cluster = &scenario.cluster;
    let taskmanagers = cluster.taskmanagers.len();
    let tm = |number: u32| Target::TaskManager(index(number, taskmanagers));
    let jms: Vec<Target> = (0..cluster.jobmanagers.len())
        .map(Target::JobManager)
        .collect();
    let zks: Vec<Target> = (0..cluster.zookeeper.servers as usize)
        .map(Target::ZooKeeper)
        .collect();
    let one = tm(raw.target);
    let (from, to) = match raw.other / 2 % 6 {
        0 => (vec![one], jms),
        1 => (vec![one], zks),
        2 if taskmanagers > 1 => (vec![one], vec![tm(raw.target % taskmanagers as u32 + 1)]),
        3 => (jms, zks),
        4 => (vec![pick(&jms, raw.target)?], Vec::new()),
        5 if taskmanagers > 1 => {
            let half = taskmanagers / 2;
            let side = |range: std::ops::Range<usize>| range.map(Target::TaskManager).collect();
            (side(0..half), side(half..taskmanagers))
        }
        _ => (vec![one], Vec::new()),
    };
    let one_way = raw.other % 2 == 1 && trouble == LinkTrouble::Cut && !to.is_empty();
    Some(FaultKind::Links(Links {
        from,
        to,
        one_way,
        trouble,
    }))
}
