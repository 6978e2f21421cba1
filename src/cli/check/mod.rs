//! `firedrill check`: the search for a fault plan that breaks a promise.

pub(super) mod args;
pub(super) mod cases;
mod chain;
mod deeper;
mod defects;
mod progress;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::campaign::check::results::{FailureReport, Report, Results, Seen};
use crate::campaign::check::shrink::{Shrunk, shrink};
use crate::campaign::check::{self, Base, Search};
use crate::campaign::runner;
use crate::drill::sights::Sight;
use crate::report::check as shown;

use args::{CheckArgs, Seeds};

use super::args::Format;
use super::engine::{Override, Scenario};
use super::source::Source;
use super::status::{Failure, Status};
use super::{console, interrupt};
use cases::Cases;
use progress::Progress;

pub(super) fn run(args: &CheckArgs) -> Result<Status, Failure> {
    let source = Source::read(&args.scenario, &args.chosen)?;
    let defects = (!args.defect.is_empty()).then(|| Override {
        path: "defects".to_owned(),
        value: format!("[{}]", args.defect.join(", ")),
    });
    let defects: Vec<Override> = defects.into_iter().collect();
    let scenario = source.variant(&defects)?;
    interrupt::install();
    unheard(|| {
        source.with_base(&defects, |base| match args.all_defects {
            true => every_defect(args, base, &scenario),
            false => search(args, base, &scenario),
        })
    })
}

/// Whatever the model asserts is a finding here, and no reason to write to the terminal.
pub(super) fn unheard<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = work();
    std::panic::set_hook(hook);
    done
}

fn every_defect(args: &CheckArgs, base: &Base<'_>, scenario: &Scenario) -> Result<Status, Failure> {
    let seeds = seeds(args);
    let (found, whole) = defects::all(args, base, &seeds)?;
    let all = found.iter().all(|defect| defect.found);
    let ended = if whole { "completed" } else { "interrupted" };
    let mut report = report(args, scenario, &seeds, &Results::default(), ended);
    report.defects = Some(found);
    show(args, &report)?;
    Ok(match (whole, all) {
        (false, _) => Status::Interrupted,
        (true, true) => Status::Ok,
        (true, false) => Status::Unmet,
    })
}

fn search(args: &CheckArgs, base: &Base<'_>, scenario: &Scenario) -> Result<Status, Failure> {
    let (seeds, jobs) = (seeds(args), args.effort.threads());
    let search = searched(args, base, scenario)?;
    let cases = Cases::open(
        args.out.as_deref(),
        &scenario.name,
        &suffix(args),
        args.no_files,
    )?;
    let until = args
        .time_limit
        .map(|limit| Instant::now() + Duration::from_millis(limit));
    let (results, ended, forks, placements) = match args.exhaustive {
        Some(faults) => {
            let (results, placements) =
                deeper::exhaust(base, faults, (&search, &cases), until, jobs)?;
            let ended = match placements.complete {
                true => "completed",
                false => cut_short(),
            };
            (results, ended, None, Some(placements))
        }
        None => {
            let (mut results, mut ended) = look(args, &search, &cases, &seeds, until)?;
            let mut forks = None;
            if matches!(ended, "completed" | "coverage is flat") && args.forks > 0 {
                let ways = args.forks;
                let (made, whole) =
                    deeper::forks(ways, &search, &mut results, &cases, until, jobs)?;
                if !whole {
                    ended = cut_short();
                }
                forks = Some(made);
            }
            (results, ended, forks, None)
        }
    };
    let (failures, kept) = judge(args, &search, &results, &cases)?;
    let mut report = report(args, scenario, &seeds, &results, ended);
    (report.forks, report.exhaustive) = (forks, placements);
    (report.known, report.failures) = (cases.known, failures);
    show(args, &report)?;
    kept.map(|()| status(&report))
}

/// The scenario, laid out for a search under the faults that were asked for.
fn searched(args: &CheckArgs, base: &Base<'_>, scenario: &Scenario) -> Result<Search, Failure> {
    let search = Search::new(base, scenario).with_faults(&args.faults);
    match search.draws_faults() {
        true => Ok(search),
        false => Err(Failure::bad(format!(
            "none of these faults can come about in {} under model {}: {}",
            scenario.name,
            scenario.model.name(),
            args.faults.join(", ")
        ))),
    }
}

/// Why not everything was looked at.
fn cut_short() -> &'static str {
    match interrupt::asked() {
        true => "interrupted",
        false => "time limit",
    }
}

fn report(
    args: &CheckArgs,
    scenario: &Scenario,
    seeds: &Seeds,
    results: &Results,
    ended: &str,
) -> Report {
    let defects_on = scenario.defects.iter();
    Report {
        scenario: scenario.name.clone(),
        model: scenario.model.name().to_owned(),
        defects_on: defects_on.map(|defect| defect.name().to_owned()).collect(),
        faults_on: args
            .faults
            .iter()
            .map(|fault| (*fault).to_owned())
            .collect(),
        first_seed: seeds.first,
        seeds: results.seeds,
        ended: ended.to_owned(),
        events: results.events,
        known: Vec::new(),
        failures: Vec::new(),
        forks: None,
        exhaustive: None,
        sometimes: sometimes(results),
        defects: None,
    }
}

/// Cases of a defect are no cases of the model.
fn suffix(args: &CheckArgs) -> String {
    let with = |defect: &String| format!("-with-{defect}");
    args.defect.iter().map(with).collect()
}

/// From the first seed on, so many; or those of a commit.
fn seeds(args: &CheckArgs) -> Seeds {
    let count = if args.all_defects { 2_000 } else { 1_000 };
    let mut seeds = args.seeds.unwrap_or(Seeds { first: 0, count });
    if let Some(commit) = args.seed_from_commit {
        seeds.first = commit;
    }
    seeds
}

fn status(report: &Report) -> Status {
    if report.breaks("safety") {
        Status::Unsafe
    } else if report.breaks("liveness") {
        Status::Stuck
    } else if report.ended == "interrupted" {
        Status::Interrupted
    } else {
        Status::Ok
    }
}

/// Every seed, in order, until there is a reason to stop.
fn look(
    args: &CheckArgs,
    search: &Search,
    cases: &Cases,
    seeds: &Seeds,
    until: Option<Instant>,
) -> Result<(Results, &'static str), Failure> {
    let progress = Progress::new(seeds.bounded(), args.effort.quiet);
    let stop = AtomicBool::new(false);
    let mut results = Results::default();
    let mut ended = "completed";
    let work = |number: usize| {
        if deeper::is_over(until) {
            stop.store(true, Ordering::Relaxed);
        }
        check::glance(&search.case(seeds.first.wrapping_add(number as u64)))
    };
    let take = |number: usize, shown: check::Shown| {
        // What was computed beyond the end does not count: the report is the same with any number of threads.
        if ended == "completed" {
            results.take(seeds.first.wrapping_add(number as u64), &shown);
            deeper::note(cases, search, &mut results);
            progress.show(&results);
            if args.until_stable && results.is_flat() {
                ended = "coverage is flat";
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let all = runner::run(
        usize::try_from(seeds.count).unwrap_or(usize::MAX),
        args.effort.threads(),
        &stop,
        work,
        take,
    )
    .map_err(deeper::no_threads)?;
    if !all && ended == "completed" {
        ended = cut_short();
    }
    Ok((results, ended))
}

/// Shrinks what was found, and keeps it as cases; whether that went well, for it is shown in any case.
fn judge(
    args: &CheckArgs,
    search: &Search,
    results: &Results,
    cases: &Cases,
) -> Result<(Vec<FailureReport>, Result<(), Failure>), Failure> {
    let mut reports = Vec::new();
    let mut kept = Ok(());
    for (id, failure) in &results.failures {
        let scenario = failure.scenario(search);
        let mut report = failure.report(id, &scenario);
        match cases.known(&scenario, id, failure.seed) {
            Some(case) if case.shrunk || args.no_shrink => report.case = Some(case.case.clone()),
            _ => {
                let small = match args.no_shrink {
                    true => Shrunk::not_at_all(&scenario),
                    false => smaller(&scenario, id, search.plain(), args.effort.threads())?,
                };
                report.made_small(id, &small, !args.no_shrink);
                match cases.keep(id, failure.seed, &scenario, &small, !args.no_shrink) {
                    Ok(name) => report.case = name,
                    Err(why) => kept = kept.and(Err(why)),
                }
            }
        }
        reports.push(report);
    }
    // Safety first.
    reports.sort_by_key(|report| report.kind != "safety");
    Ok((reports, kept))
}

fn smaller(
    scenario: &Scenario,
    id: &str,
    plain: &Scenario,
    jobs: usize,
) -> Result<Shrunk, Failure> {
    runner::on_threads(jobs, || shrink(scenario, id, plain, &interrupt::asked))
        .map_err(deeper::no_threads)
}

fn sometimes(results: &Results) -> Vec<Seen> {
    let seen = |sight: &Sight| Seen {
        situation: sight.name().to_owned(),
        seeds: results.sights.get(sight).map_or(0, |seen| seen.seeds),
    };
    Sight::ALL.iter().map(seen).collect()
}

fn show(args: &CheckArgs, report: &Report) -> Result<(), Failure> {
    let quiet = args.effort.quiet;
    if quiet {
        for complaint in shown::complaints(report) {
            console::note(&complaint);
        }
    }
    match args.format {
        Format::Json => console::print(&shown::json(report)),
        Format::Text if quiet => Ok(()),
        Format::Text => console::print(shown::text(report).as_bytes()),
    }
}
