//! `firedrill check --all-defects`: whether the search finds each mistake of the catalogue.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::campaign::check::results::{DefectReport, first_broken};
use crate::campaign::check::{self, Base, Search};
use crate::campaign::runner;
use crate::cli::engine::{Override, Scenario};
use crate::cli::interrupt;
use crate::cli::status::Failure;
use crate::scenario::model::{Defect, Defects};

use super::args::{CheckArgs, Seeds};
use super::progress::Progress;
use super::smaller;

/// Each defect in the model that it belongs to; false where somebody interrupted.
pub(super) fn all(
    args: &CheckArgs,
    base: &Base<'_>,
    seeds: &Seeds,
) -> Result<(Vec<DefectReport>, bool), Failure> {
    let mut reports = Vec::new();
    let progress = Progress::new(Some(Defect::ALL.len() as u64), args.effort.quiet);
    for defect in Defect::ALL {
        if interrupt::asked() {
            return Ok((reports, false));
        }
        progress.tell(reports.len() as u64, defect.name());
        reports.push(one(*defect, args, base, seeds)?);
    }
    let whole = !interrupt::asked();
    Ok((reports, whole))
}

fn one(
    defect: Defect,
    args: &CheckArgs,
    base: &Base<'_>,
    seeds: &Seeds,
) -> Result<DefectReport, Failure> {
    let jobs = args.effort.threads();
    let mut overrides = base.overrides.to_vec();
    overrides.push(Override {
        path: "model".to_owned(),
        value: defect.home().model().to_owned(),
    });
    overrides.push(Override {
        path: "defects".to_owned(),
        value: format!("[{}]", defect.name()),
    });
    let base = Base {
        overrides: &overrides,
        ..*base
    };
    let loaded = base
        .load(&[])
        .map_err(|error| Failure::bad(error.to_string()))?;
    let search = Search::new(&base, &loaded.scenario).with_faults(&args.faults);
    let stop = AtomicBool::new(false);
    let mut found: Option<(u64, Scenario, String)> = None;
    let mut looked = 0;
    let work = |number: usize| {
        if interrupt::asked() {
            stop.store(true, Ordering::Relaxed);
        }
        let case = search.case(seeds.first.wrapping_add(number as u64));
        let id = first_broken(&check::run(&case).broken).map(|broken| broken.id.clone())?;
        // What breaks without the defect too does not show it.
        let healthy = Scenario {
            defects: Defects::default(),
            ..case.clone()
        };
        let without = check::run(&healthy).broken;
        (!without.iter().any(|broken| broken.id == id)).then_some((case, id))
    };
    let take = |number: usize, shown: Option<(Scenario, String)>| {
        if found.is_none() {
            looked = number as u64 + 1;
            if let Some((case, id)) = shown {
                found = Some((looked, case, id));
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let count = usize::try_from(seeds.count).unwrap_or(usize::MAX);
    runner::run(count, jobs, &stop, work, take)
        .map_err(|error| Failure::bad(format!("cannot start threads: {error}")))?;
    let mut report = DefectReport {
        name: defect.name().to_owned(),
        found: found.is_some(),
        seeds: looked,
        invariant: None,
        shrunk_faults: None,
        model: defect.home().model().to_owned(),
    };
    if let Some((_, case, id)) = found {
        if !args.no_shrink {
            let small = smaller(&case, &id, search.plain(), jobs)?;
            report.shrunk_faults = Some(small.scenario.faults.len());
        }
        report.invariant = Some(id);
    }
    Ok(report)
}
