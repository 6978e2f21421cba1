//! Every placement of a few faults in a tiny cluster: each victim, each kind, each boundary between two of the victim's events.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::drill::trial::{NO_PANIC, Trial, Visit};
use crate::fault::{Fault, FaultKind, Target, When};
use crate::kernel::{ActorId, Span, Time};
use crate::scenario::Override;
use crate::scenario::ScenarioError;
use crate::scenario::model::Scenario;

use super::results::{Failure, Results, first_broken};
use super::{Base, sized, survival};

/// The first fault comes within so much of the start.
pub const FIRST_WITHIN: Span = Span::from_secs(20);
/// Each further fault comes within so much of the one before.
pub const NEXT_WITHIN: Span = Span::from_secs(1);
/// Simulated length of a run.
const DURATION: Span = Span::from_secs(40);
/// Whoever is killed is back after so long.
const BACK_AFTER: Span = Span::from_secs(2);
/// Whoever is stopped is so for so much longer than its session lasts.
const BEYOND_SESSION: Span = Span::from_secs(1);
/// Simulated records of a run, about.
const RECORDS: u32 = 100;

/// Settings of the tiny cluster: what takes long is short, so that it happens within the run.
const TINY: [(&str, &str); 4] = [
    ("high-availability.zookeeper.client.session-timeout", "3 s"),
    ("cluster.zookeeper.tick-time", "500 ms"),
    ("execution.checkpointing.interval", "2 s"),
    ("execution.checkpointing.timeout", "5 s"),
];

/// What was covered, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Covered {
    /// Boundaries between two events of one process, at which something could befall it.
    pub boundaries: u64,
    /// States of the cluster in which something befell somebody.
    pub states: u64,
    /// Placements that were run to the end.
    pub placements: u64,
    /// Boundaries that come at the same instant as another one of the process: nothing fits between.
    pub same_instant: u64,
    /// Kills that come to the same as one a little later: nothing but a timer of the victim goes off in between, and
    /// nothing comes of it.
    pub pruned: u64,
    /// Placements whose faults together are more than the cluster is asked to survive.
    pub refused: u64,
    /// Runs that differ.
    pub runs: BTreeSet<u128>,
    /// What broke, by promise, and the first placement that breaks it.
    pub results: Results,
}

impl Covered {
    fn merge(&mut self, other: Covered) {
        self.boundaries += other.boundaries;
        self.states += other.states;
        self.placements += other.placements;
        self.same_instant += other.same_instant;
        self.pruned += other.pruned;
        self.refused += other.refused;
        self.runs.extend(other.runs);
        self.results.merge(other.results);
    }
}

/// The scenario as a tiny cluster: two JobManagers, two TaskManagers, three servers of ZooKeeper at the most, one task
/// of each operator, hardly any records.
///
/// # Errors
/// Where the scenario is none.
pub fn tiny(base: &Base<'_>) -> Result<Scenario, ScenarioError> {
    let more: Vec<Override> = TINY
        .iter()
        .map(|(path, value)| Override {
            path: (*path).to_owned(),
            value: (*value).to_owned(),
        })
        .collect();
    let mut scenario = base.load(&more)?.scenario;
    scenario.faults.clear();
    scenario.expect.clear();
    scenario.duration = DURATION;
    let heavier = u64::from(sized::weight(&scenario)) * (sized::RECORDS / u64::from(RECORDS));
    scenario.weight = scenario
        .weight
        .max(u32::try_from(heavier).unwrap_or(u32::MAX));
    scenario.cluster.zookeeper.servers = scenario.cluster.zookeeper.servers.min(3);
    sized::cap_parallelism(&mut scenario, 1);
    sized::keep_taskmanagers(&mut scenario, 2);
    sized::keep_jobmanagers(&mut scenario, 2);
    Ok(scenario)
}

/// Where a fault is placed.
#[derive(Clone, Copy, Debug)]
struct Placement {
    at: Time,
    victim: Target,
    kind: FaultKindOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKindOf {
    Kill,
    Hang,
}

impl Placement {
    fn fault(self, scenario: &Scenario) -> Fault {
        let (kind, lasts) = match self.kind {
            FaultKindOf::Kill => (FaultKind::Kill, BACK_AFTER),
            FaultKindOf::Hang => (
                FaultKind::Hang,
                scenario.config.ha.session_timeout + BEYOND_SESSION,
            ),
        };
        Fault {
            kind,
            target: self.victim,
            at: When::At(self.at),
            lasts: Some(lasts),
        }
    }
}

/// Places `faults` faults in every way. `found` hears of each promise that breaks for the first time, `stop` is asked now
/// and then; then what was covered is not everything.
pub fn exhaust(
    scenario: &Scenario,
    faults: u32,
    found: &(dyn Fn(&str, &Failure) + Sync),
    stop: &(dyn Fn() -> bool + Sync),
) -> (Covered, bool) {
    let trial = Trial::new(scenario);
    let mut covered = Covered::default();
    let placements = placements(&trial, Time(FIRST_WITHIN.0), scenario, &mut covered);
    let mut whole = true;
    // A walker goes through the run once, and is cloned at each boundary.
    let mut walker = trial;
    for chunk in placements.chunks(64) {
        if stop() {
            whole = false;
            break;
        }
        let mut begun = Vec::new();
        for placement in chunk {
            walker.advance(placement.at);
            begun.push((*placement, walker.clone()));
        }
        let done: Vec<(Covered, bool)> = begun
            .into_par_iter()
            .map(|(placement, trial)| place(placement, trial, scenario, faults, stop))
            .collect();
        for (one, all) in done {
            covered.merge(one);
            whole &= all;
        }
        for (id, failure) in covered.results.fresh() {
            found(&id, &failure);
        }
    }
    (covered, whole)
}

/// Runs one placement to the end, and with further faults after it.
fn place(
    placement: Placement,
    mut trial: Trial,
    before: &Scenario,
    faults: u32,
    stop: &(dyn Fn() -> bool + Sync),
) -> (Covered, bool) {
    let mut covered = Covered::default();
    let mut scenario = before.clone();
    scenario.faults.push(placement.fault(before));
    if !survival::survives(&scenario.faults, &scenario) {
        covered.refused += 1;
        return (covered, true);
    }
    trial.inject(&scenario, before.faults.len());
    let goes_on = (faults > 1).then(|| trial.clone());
    let findings = trial.run();
    covered.placements += 1;
    covered.results.events += findings.events;
    covered.runs.insert(findings.digest);
    if let Some(broken) = first_broken(&findings.broken) {
        let case = Some(Box::new(scenario.clone()));
        let results = &mut covered.results;
        results.fail(scenario.seed, case, broken, findings.digest, 1);
    }
    // A program that has contradicted itself says nothing about what comes then.
    let contradicts = findings.broken.iter().any(|broken| broken.id == NO_PANIC);
    let Some(mut trial) = goes_on.filter(|_| !contradicts) else {
        return (covered, true);
    };
    let until = placement.at + NEXT_WITHIN;
    let next = placements(&trial, until, &scenario, &mut covered);
    for placement in next {
        if stop() {
            return (covered, false);
        }
        trial.advance(placement.at);
        let (one, whole) = place(placement, trial.clone(), &scenario, faults - 1, stop);
        covered.merge(one);
        if !whole {
            return (covered, false);
        }
    }
    (covered, true)
}

/// Each boundary before an event of a victim, from now on: at another instant between the same two events the victim is in the
/// same state, and what is different is only when others hear of it. Whoever is down or stopped has no events.
fn placements(
    trial: &Trial,
    until: Time,
    scenario: &Scenario,
    covered: &mut Covered,
) -> Vec<Placement> {
    let mut scout = trial.clone();
    let victims = victims(&scout, scenario);
    let from = scout.now();
    let mut last: BTreeMap<ActorId, Time> = BTreeMap::new();
    let mut placements: Vec<Placement> = Vec::new();
    for Visit { at, actor, idle } in scout.visits(until) {
        let Some(victim) = victims.get(&actor) else {
            continue;
        };
        if last.insert(actor, at) == Some(at) {
            covered.same_instant += 1;
            continue;
        }
        covered.boundaries += 1;
        // Just before it, and not before what has come already.
        let before = Time(at.0.saturating_sub(1));
        if before <= from {
            continue;
        }
        let state = placements.last().is_none_or(|last| last.at != before);
        covered.states += u64::from(state);
        for kind in [FaultKindOf::Kill, FaultKindOf::Hang] {
            // What a process keeps in memory goes with it, so that of this event nothing is left.
            if idle && kind == FaultKindOf::Kill && victim_forgets(*victim) {
                covered.pruned += 1;
                continue;
            }
            placements.push(Placement {
                at: before,
                victim: *victim,
                kind,
            });
        }
    }
    placements
}

/// A server of ZooKeeper has a disk.
fn victim_forgets(victim: Target) -> bool {
    !matches!(victim, Target::ZooKeeper(_))
}

fn victims(trial: &Trial, scenario: &Scenario) -> BTreeMap<ActorId, Target> {
    let cluster = &scenario.cluster;
    let of = |count: usize, target: fn(usize) -> Target| (0..count).map(target);
    of(cluster.jobmanagers.len(), Target::JobManager)
        .chain(of(cluster.taskmanagers.len(), Target::TaskManager))
        .chain(of(cluster.zookeeper.servers as usize, Target::ZooKeeper))
        .flat_map(|target| {
            trial
                .actors(target)
                .into_iter()
                .map(move |actor| (actor, target))
        })
        .collect()
}
