//! What a check does beyond drawing seeds: it goes back to rare situations, or through every placement of a few faults.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::campaign::check::exhaustive::{exhaust as every_placement, tiny};
use crate::campaign::check::forks::{Continued, Fork, situations};
use crate::campaign::check::results::{Failure as Found, Forks, Placements, Results};
use crate::campaign::check::{Base, Search};
use crate::campaign::runner;
use crate::cli::interrupt;
use crate::cli::status::Failure;

use super::cases::Cases;

pub(super) fn no_threads(error: impl std::fmt::Display) -> Failure {
    Failure::bad(format!("cannot start threads: {error}"))
}

pub(super) fn is_over(until: Option<Instant>) -> bool {
    interrupt::asked() || until.is_some_and(|until| Instant::now() > until)
}

/// Goes on from each of the rarest situations in `ways` other ways; what breaks joins the results. And whether that was all.
pub(super) fn forks(
    ways: u64,
    search: &Search,
    results: &mut Results,
    cases: &Cases,
    until: Option<Instant>,
    jobs: usize,
) -> Result<(Forks, bool), Failure> {
    let mut forks = Forks::default();
    let stop = AtomicBool::new(false);
    let mut whole = true;
    for situation in situations(results) {
        if is_over(until) {
            whole = false;
            break;
        }
        let Some(fork) = Fork::new(search, situation) else {
            continue;
        };
        forks.situations += 1;
        let work = |number: usize| {
            if is_over(until) {
                stop.store(true, Ordering::Relaxed);
            }
            fork.go_on(search, number as u64)
        };
        let take = |_: usize, continued: Option<Continued>| {
            let Some(continued) = continued else {
                return;
            };
            forks.continuations += 1;
            results.events += continued.events;
            if let Some(broken) = continued.broken {
                forks.broken += 1;
                let scenario = Some(Box::new(continued.scenario));
                results.fail(situation.seed, scenario, &broken, continued.digest, 1);
                note(cases, search, results);
            }
        };
        let ways = usize::try_from(ways).unwrap_or(usize::MAX);
        whole &= runner::run(ways, jobs, &stop, work, take).map_err(no_threads)?;
    }
    Ok((forks, whole))
}

/// Writes down what has broken since the last time.
pub(super) fn note(cases: &Cases, search: &Search, results: &mut Results) {
    for (id, failure) in results.fresh() {
        cases.note(&id, &failure, &failure.scenario(search));
    }
}

/// Places so many faults in every way.
pub(super) fn exhaust(
    base: &Base<'_>,
    faults: u32,
    (search, cases): (&Search, &Cases),
    until: Option<Instant>,
    jobs: usize,
) -> Result<(Results, Placements), Failure> {
    let scenario = tiny(base).map_err(|error| Failure::bad(error.to_string()))?;
    let over = || is_over(until);
    let found = |id: &str, failure: &Found| cases.note(id, failure, &failure.scenario(search));
    let searched = runner::on_threads(jobs, || every_placement(&scenario, faults, &found, &over));
    let (covered, complete) = searched.map_err(no_threads)?;
    let placements = Placements {
        faults,
        boundaries: covered.boundaries,
        same_instant: covered.same_instant,
        states: covered.states,
        pruned: covered.pruned,
        placements: covered.placements,
        refused: covered.refused,
        runs: covered.runs.len(),
        complete,
    };
    Ok((covered.results, placements))
}
