//! What a search has found so far, seed by seed, in order.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::drill::sights::Sight;
use crate::drill::trial::Broken;
use crate::scenario::fault_lines;
use crate::scenario::model::Scenario;

use super::shrink::Shrunk;
use super::{Search, Shown, documented};

/// Seeds in a row that bring no new sight, after which coverage counts as flat.
pub const FLAT_AFTER: u64 = 500;

/// Counts over the seeds that were taken in.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub seeds: u64,
    pub events: u64,
    /// Seeds in which a situation came about.
    pub sights: BTreeMap<Sight, Sighting>,
    /// By the promise that broke first.
    pub failures: BTreeMap<String, Failure>,
    /// Seeds since a situation was first seen.
    since_new: u64,
    /// Promises that have broken since somebody asked.
    fresh: Vec<String>,
}

/// How often a situation was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub seeds: u64,
    /// The first of them.
    pub first: u64,
}

/// The first seed that breaks a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    pub seed: u64,
    /// What ran, where the seed alone does not say it.
    scenario: Option<Box<Scenario>>,
    pub broken: Broken,
    pub digest: u128,
    /// Seeds that break this promise before any other.
    pub seeds: u64,
}

impl Failure {
    /// What ran.
    pub fn scenario(&self, search: &Search) -> Scenario {
        match &self.scenario {
            Some(scenario) => (**scenario).clone(),
            None => search.case(self.seed),
        }
    }

    /// As it was found, in `scenario`.
    pub fn report(&self, id: &str, scenario: &Scenario) -> FailureReport {
        FailureReport {
            invariant: id.to_owned(),
            kind: self.broken.kind.name().to_owned(),
            statement: self.broken.statement.clone(),
            seed: self.seed,
            seeds: self.seeds,
            at_ms: self.broken.at.as_ms(),
            what: self.broken.what.clone(),
            faults: scenario.faults.len(),
            shrunk_faults: None,
            plan: fault_lines(scenario),
            digest: None,
            case: None,
            documented: documented(scenario, id).map(str::to_owned),
        }
    }
}

/// The promise that a run broke first.
pub fn first_broken(broken: &[Broken]) -> Option<&Broken> {
    broken.iter().min_by_key(|broken| (broken.at, broken.event))
}

impl Results {
    pub fn take(&mut self, seed: u64, shown: &Shown) {
        self.seeds += 1;
        self.events += shown.events;
        self.since_new += 1;
        for sight in &shown.seen {
            let first = Sighting {
                seeds: 0,
                first: seed,
            };
            let seen = self.sights.entry(*sight).or_insert(first);
            seen.seeds += 1;
            if seen.seeds == 1 {
                self.since_new = 0;
            }
        }
        if let Some(broken) = first_broken(&shown.broken) {
            self.fail(seed, None, broken, shown.digest, 1);
        }
    }

    /// A promise broke, in so many runs, the first of which is this one.
    pub fn fail(
        &mut self,
        seed: u64,
        scenario: Option<Box<Scenario>>,
        broken: &Broken,
        digest: u128,
        runs: u64,
    ) {
        let failure = Failure {
            seed,
            scenario,
            broken: broken.clone(),
            digest,
            seeds: runs,
        };
        self.add(broken.id.clone(), failure);
    }

    /// Of a promise that broke before, the first failure stays.
    fn add(&mut self, id: String, failure: Failure) {
        match self.failures.get_mut(&id) {
            Some(known) => known.seeds += failure.seeds,
            None => {
                self.fresh.push(id.clone());
                self.failures.insert(id, failure);
            }
        }
    }

    /// The promises that have broken for the first time since this was last asked.
    pub fn fresh(&mut self) -> Vec<(String, Failure)> {
        let fresh = std::mem::take(&mut self.fresh).into_iter();
        fresh
            .map(|id| (id.clone(), self.failures[&id].clone()))
            .collect()
    }

    /// What further runs have shown.
    pub fn merge(&mut self, other: Results) {
        self.events += other.events;
        for (id, failure) in other.failures {
            self.add(id, failure);
        }
    }

    /// Nothing new has been seen for long.
    pub fn is_flat(&self) -> bool {
        self.since_new >= FLAT_AFTER
    }

    /// How many situations have come about, of how many.
    pub fn coverage(&self) -> (usize, usize) {
        (self.sights.len(), Sight::ALL.len())
    }
}

/// A whole check, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub scenario: String,
    pub model: String,
    /// Switched on by name; none in a search for bugs of the model itself.
    pub defects_on: Vec<String>,
    /// Kinds of fault that were drawn alone; empty: all.
    pub faults_on: Vec<String>,
    pub first_seed: u64,
    pub seeds: u64,
    /// `completed`, `interrupted`, `time limit` or `coverage is flat`.
    pub ended: String,
    pub events: u64,
    /// Cases of earlier checks, which ran first.
    pub known: Vec<KnownCase>,
    pub failures: Vec<FailureReport>,
    /// Runs that were cloned at a rare situation and went on under other faults.
    pub forks: Option<Forks>,
    /// What every placement of a few faults has covered; null where seeds were searched.
    pub exhaustive: Option<Placements>,
    /// Every rare situation, and in how many seeds it came about.
    pub sometimes: Vec<Seen>,
    pub defects: Option<Vec<DefectReport>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct KnownCase {
    pub case: String,
    pub invariant: String,
    /// Whether the same promise still breaks.
    pub breaks: bool,
    /// Whether it was made small.
    pub shrunk: bool,
    /// `safety` or `liveness`.
    pub kind: String,
    /// A property of what is modelled, not a bug: why.
    pub documented: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FailureReport {
    pub invariant: String,
    pub kind: String,
    pub statement: String,
    /// The first seed that breaks it.
    pub seed: u64,
    /// Seeds that break it before any other promise.
    pub seeds: u64,
    pub at_ms: f64,
    pub what: String,
    pub faults: usize,
    /// Null where it was not shrunk.
    pub shrunk_faults: Option<usize>,
    /// The shrunk plan, a line each.
    pub plan: Vec<String>,
    pub digest: Option<String>,
    /// Its name among the cases.
    pub case: Option<String>,
    /// A property of what is modelled, not a bug: why.
    pub documented: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Forks {
    pub situations: usize,
    pub continuations: u64,
    /// Continuations that broke a promise.
    pub broken: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Placements {
    /// Faults in one plan.
    pub faults: u32,
    /// Boundaries between two events of one process.
    pub boundaries: u64,
    /// Further ones at the same instant as another: they are the same place.
    pub same_instant: u64,
    /// States of the cluster in which something befell somebody.
    pub states: u64,
    /// Kills left out: the victim is in memory alone what it is, and of its next event nothing comes.
    pub pruned: u64,
    /// Plans that ran to the end.
    pub placements: u64,
    /// Plans that ask for more than the cluster is promised to survive.
    pub refused: u64,
    /// Runs among them that differ in any event.
    pub runs: usize,
    /// Whether nothing is left out.
    pub complete: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    pub situation: String,
    pub seeds: u64,
}

/// Whether the search finds a defect.
#[derive(Clone, Debug, Serialize)]
pub struct DefectReport {
    pub name: String,
    pub found: bool,
    /// Seeds that it took, or that did not suffice.
    pub seeds: u64,
    pub invariant: Option<String>,
    pub shrunk_faults: Option<usize>,
    pub model: String,
}

impl FailureReport {
    /// What became of it; `is_small` where somebody tried.
    pub fn made_small(&mut self, id: &str, small: &Shrunk, is_small: bool) {
        self.shrunk_faults = is_small.then_some(small.scenario.faults.len());
        self.plan = fault_lines(&small.scenario);
        self.digest = Some(format!("{:032x}", small.shown.digest));
        if let Some(broken) = small.broken(id) {
            self.at_ms = broken.at.as_ms();
            self.what = broken.what.clone();
        }
    }
}

impl Report {
    /// Whether a promise of this kind is broken, and nothing documents why.
    pub fn breaks(&self, kind: &str) -> bool {
        let found = self
            .failures
            .iter()
            .filter(|failure| failure.documented.is_none());
        let known = self
            .known
            .iter()
            .filter(|case| case.breaks && case.documented.is_none());
        found
            .map(|failure| &failure.kind)
            .chain(known.map(|case| &case.kind))
            .any(|of| of == kind)
    }
}
