//! `firedrill check`: the search for a fault plan that breaks a promise.

pub(super) mod args;
mod cases;
mod chain;
mod deeper;
mod defects;
mod progress;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::campaign::check::results::{FailureReport, Report, Results, Seen};
use crate::campaign::check::shrink::shrink;
use crate::campaign::check::{self, Base, Search};
use crate::campaign::runner;
use crate::drill::sights::Sight;
use crate::report::check as shown;
use crate::scenario::fault_lines;

use args::{CheckArgs, Seeds};

use super::args::Format;
use super::engine::{Beside, Override, Scenario};
use super::status::{Failure, Status};
use super::{console, input, interrupt};
use cases::Cases;
use progress::Progress;

pub(super) fn run(args: &CheckArgs) -> Result<Status, Failure> {
    let bytes = input::bytes(&args.scenario, "the scenario")?;
    let name = args.scenario.display().to_string();
    let overrides = overrides(args);
    let beside = Beside {
        flink_config: None,
        read: &|profile, from_argument| input::profile(&args.scenario, profile, from_argument),
    };
    let base = Base {
        bytes: &bytes,
        name: &name,
        beside: &beside,
        overrides: &overrides,
    };
    let (scenario, warnings) = base
        .load(&[])
        .map_err(|error| Failure::bad(error.to_string()))?;
    for warning in &warnings {
        console::warning(warning);
    }
    interrupt::install();
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1);
    let seeds = seeds(args);
    // Whatever the model asserts is a finding here, and no reason to write to the terminal.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = search(args, &base, &scenario, &seeds, jobs);
    std::panic::set_hook(hook);
    done
}

fn search(
    args: &CheckArgs,
    base: &Base<'_>,
    scenario: &Scenario,
    seeds: &Seeds,
    jobs: usize,
) -> Result<Status, Failure> {
    if args.all_defects {
        let (found, whole) = defects::all(args, base, seeds, jobs)?;
        let all = found.iter().all(|defect| defect.found);
        let ended = if whole { "completed" } else { "interrupted" };
        let mut report = report(scenario, seeds, &Results::default(), ended);
        report.defects = Some(found);
        show(args, &report)?;
        return Ok(match (whole, all) {
            (false, _) => Status::Interrupted,
            (true, true) => Status::Ok,
            (true, false) => Status::Unmet,
        });
    }
    let cases = Cases::open(
        args.out.as_deref(),
        &scenario.name,
        &suffix(args),
        args.no_files,
    )?;
    let search = Search::new(base, scenario);
    let known = cases.run_known();
    let until = args
        .time_limit
        .map(|limit| Instant::now() + Duration::from_millis(limit));
    let (results, ended, forks, placements) = match args.exhaustive {
        Some(faults) => {
            let (results, placements) = deeper::exhaust(base, faults, until, jobs)?;
            let ended = match placements.complete {
                true => "completed",
                false => cut_short(),
            };
            (results, ended, None, Some(placements))
        }
        None => {
            let (mut results, mut ended) = look(args, &search, seeds, until, jobs)?;
            let mut forks = None;
            if matches!(ended, "completed" | "coverage is flat") && args.forks > 0 {
                let (made, whole) = deeper::forks(args.forks, &search, &mut results, until, jobs)?;
                if !whole {
                    ended = cut_short();
                }
                forks = Some(made);
            }
            (results, ended, forks, None)
        }
    };
    let (failures, kept) = judge(args, &search, &results, &cases, &known, jobs)?;
    let mut report = report(scenario, seeds, &results, ended);
    (report.forks, report.exhaustive) = (forks, placements);
    (report.known, report.failures) = (known, failures);
    show(args, &report)?;
    kept.map(|()| status(&report))
}

/// Why not everything was looked at.
fn cut_short() -> &'static str {
    match interrupt::asked() {
        true => "interrupted",
        false => "time limit",
    }
}

fn overrides(args: &CheckArgs) -> Vec<Override> {
    let named = |path: &str, value: &str| Override {
        path: path.to_owned(),
        value: value.to_owned(),
    };
    let model = args.model.iter().map(|model| named("model", model));
    let set = args.set.iter().map(|(path, value)| named(path, value));
    let defects = (!args.defect.is_empty())
        .then(|| named("defects", &format!("[{}]", args.defect.join(", "))));
    model.chain(defects).chain(set).collect()
}

fn report(scenario: &Scenario, seeds: &Seeds, results: &Results, ended: &str) -> Report {
    let defects_on = scenario.defects.iter();
    Report {
        scenario: scenario.name.clone(),
        model: scenario.model.name().to_owned(),
        defects_on: defects_on.map(|defect| defect.name().to_owned()).collect(),
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
    seeds: &Seeds,
    until: Option<Instant>,
    jobs: usize,
) -> Result<(Results, &'static str), Failure> {
    let progress = Progress::new(seeds.bounded(), args.quiet);
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
            progress.show(&results);
            if args.until_stable && results.is_flat() {
                ended = "coverage is flat";
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let all = runner::run(
        usize::try_from(seeds.count).unwrap_or(usize::MAX),
        jobs,
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
    known: &[crate::campaign::check::results::KnownCase],
    jobs: usize,
) -> Result<(Vec<FailureReport>, Result<(), Failure>), Failure> {
    let mut reports = Vec::new();
    let mut kept = Ok(());
    for (id, failure) in &results.failures {
        let scenario = match &failure.scenario {
            Some(scenario) => (**scenario).clone(),
            None => search.case(failure.seed),
        };
        let documented = check::documented(&scenario, id).map(str::to_owned);
        let mut report = FailureReport {
            invariant: id.clone(),
            kind: failure.broken.kind.name().to_owned(),
            statement: failure.broken.statement.clone(),
            seed: failure.seed,
            seeds: failure.seeds,
            at_ms: failure.broken.at.as_ms(),
            what: failure.broken.what.clone(),
            faults: scenario.faults.len(),
            shrunk_faults: None,
            plan: fault_lines(&scenario),
            digest: None,
            case: None,
            documented,
        };
        let name = cases::name(&scenario, id, failure.seed);
        let is_known = known.iter().any(|case| case.case == name && case.breaks);
        if !args.no_shrink && !is_known {
            let small = smaller(&scenario, id, search.plain(), jobs)?;
            report.shrunk_faults = Some(small.scenario.faults.len());
            report.plan = fault_lines(&small.scenario);
            report.digest = Some(format!("{:032x}", small.shown.digest));
            if let Some(broken) = small.shown.broken.iter().find(|broken| broken.id == *id) {
                report.at_ms = broken.at.as_ms();
                report.what = broken.what.clone();
            }
            let this = cases.keep(&name, id, failure, &scenario, &small, &mut report);
            kept = kept.and(this);
        } else if is_known {
            report.case = Some(name);
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
) -> Result<crate::campaign::check::shrink::Shrunk, Failure> {
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
    match args.format {
        Format::Json => console::print(&shown::json(report)),
        Format::Text => console::print(shown::text(report).as_bytes()),
    }
}
