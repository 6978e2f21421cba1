//! Fork search: a run is cloned at a rare situation, and goes on from there under other faults.

use crate::drill::sights::Sight;
use crate::drill::trial::{Broken, Trial};
use crate::fault::{Fault, FaultKind, When};
use crate::kernel::{Span, Time};
use crate::scenario::model::Scenario;

use super::results::{Results, first_broken};
use super::{Search, draw, survival};

/// So many of the rarest situations are gone back to.
pub const SITUATIONS: usize = 12;
/// Faults of a continuation come within so much of the situation.
const WITHIN_MS: u64 = 3_000;
/// A continuation gets so many faults at the most.
const FAULTS_MAX: usize = 2;

/// A situation to go back to: the first seed that came into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    pub sight: Sight,
    pub seed: u64,
}

/// The rarest situations that were seen, the rarest first.
pub fn situations(results: &Results) -> Vec<Situation> {
    let mut seen: Vec<_> = results.sights.iter().collect();
    seen.sort_by_key(|(sight, seen)| (seen.seeds, **sight));
    seen.truncate(SITUATIONS);
    let first = |(sight, seen): (&Sight, &super::results::Sighting)| Situation {
        sight: *sight,
        seed: seen.first,
    };
    seen.into_iter().map(first).collect()
}

/// A run that has just come into a situation.
pub struct Fork {
    situation: Situation,
    scenario: Scenario,
    trial: Trial,
}

/// What a continuation broke, and the scenario that shows it from the start.
#[derive(Clone, Debug)]
pub struct Continued {
    pub scenario: Scenario,
    pub broken: Option<Broken>,
    pub digest: u128,
    pub events: u64,
}

impl Fork {
    /// Runs a seed up to the situation; none where the run does not come into it.
    pub fn new(search: &Search, situation: Situation) -> Option<Fork> {
        let scenario = search.case(situation.seed);
        let mut trial = Trial::new(&scenario);
        trial.advance_to(situation.sight).then_some(Fork {
            situation,
            scenario,
            trial,
        })
    }

    /// Goes on under faults that `number` draws, besides those that the seed had anyway. None where there are none, or
    /// where together they are more than the cluster is asked to survive.
    pub fn go_on(&self, search: &Search, number: u64) -> Option<Continued> {
        let first = self.scenario.faults.len();
        let mut scenario = self.scenario.clone();
        scenario.faults.extend(self.faults(search, number));
        if scenario.faults.len() == first || !survival::survives(&scenario.faults, &scenario) {
            return None;
        }
        let mut trial = self.trial.clone();
        trial.inject(&scenario, first);
        let findings = trial.run();
        Some(Continued {
            scenario,
            broken: first_broken(&findings.broken).cloned(),
            digest: findings.digest,
            events: findings.events,
        })
    }

    fn faults(&self, search: &Search, number: u64) -> Vec<Fault> {
        let seed = mixed(self.situation.seed, self.situation.sight as u64, number);
        let draw = draw::draw(seed);
        let bare = Scenario {
            faults: Vec::new(),
            ..self.scenario.clone()
        };
        let at = |place: usize| {
            let ms = (seed >> (16 * place)) % WITHIN_MS;
            // At once, or a little later.
            let after = Span::from_ms(if seed & 1 == 0 { ms / 100 } else { ms });
            When::At(Time(self.trial.now().0) + after + Span::from_ns(1))
        };
        // The first belongs to how the run was laid out, the second to a fault before it.
        let fits = |fault: &Fault| {
            !matches!(
                fault.kind,
                FaultKind::AddPartitions { .. } | FaultKind::Start
            )
        };
        let faults = search.plan(&draw, &bare).into_iter().filter(fits);
        let faults = faults.take(FAULTS_MAX);
        let moved = faults.enumerate().map(|(place, fault)| Fault {
            at: at(place),
            ..fault
        });
        moved.collect()
    }
}

/// One number out of three (the finalizer of SplitMix64).
fn mixed(seed: u64, sight: u64, number: u64) -> u64 {
    let mut mixed = seed ^ sight.rotate_left(48) ^ number.rotate_left(24);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
