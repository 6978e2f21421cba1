//! `firedrill sweep`: one scenario under varied settings and many seeds.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::campaign::runner;
use crate::campaign::sweep::plan::{Case, Identity};
use crate::campaign::sweep::single::simulate;
use crate::campaign::sweep::{Axis, Plan, Row, Sampling, Seeds, SweepSummary};
use crate::drill::verdict::Verdict;

use super::args::{Effort, Format, Sample, SweepAction, SweepArgs};
use super::console::{self, Stdout};
use super::engine::{self, Scenario};
use super::folder::{can_write, write_whole};
use super::input;
use super::source::Source;
use super::status::{Failure, Status};
use super::{interrupt, verdict};

mod home;
mod journal;
mod manifest;
mod merge;
mod progress;

use home::Home;
use manifest::Manifest;
use progress::Progress;

pub(super) fn run(args: &SweepArgs) -> Result<Status, Failure> {
    match (&args.action, &args.scenario) {
        (Some(SweepAction::Merge(merge)), _) => merge::run(merge),
        (None, Some(scenario)) => sweep(args, scenario),
        (None, None) => Err(Failure::bad(
            "name a scenario, or `merge` and the folders of shards",
        )),
    }
}

fn sweep(args: &SweepArgs, scenario: &Path) -> Result<Status, Failure> {
    args.junit.as_deref().map_or(Ok(()), can_write)?;
    let source = Source::read(scenario, &args.chosen)?;
    let plan = plan(args)?;
    let checked = check(&source, &plan)?;
    let mut command = vec![input::file_name(scenario)];
    command.extend(args.chosen.words(input::file_name));
    let manifest = Manifest::new(
        &plan,
        &checked.name,
        command,
        checked.identity,
        checked.expect,
        args.shard,
    );
    let mut home = Home::open(args.out.as_deref(), &manifest, args.resume)?;
    let done: BTreeSet<u64> = home.rows.iter().map(|row| row.case).collect();
    let mine = |case: &u64| args.shard.is_none_or(|(which, of)| case % of == which - 1);
    let missing: Vec<u64> = (0..plan.cases())
        .filter(mine)
        .filter(|case| !done.contains(case))
        .collect();
    interrupt::install();
    let effort = &args.effort;
    let whole = compute(&source, &plan, &missing, done.len(), effort, |row| {
        home.add(row)
    })?;
    if !whole {
        console::note(&format!(
            "interrupted: {} of {} runs are in {}; go on with --resume",
            home.rows.len(),
            done.len() + missing.len(),
            home.shown()
        ));
        return Ok(Status::Interrupted);
    }
    match args.shard {
        None => finish(
            home,
            &manifest,
            args.format,
            args.effort.quiet,
            args.junit.as_deref(),
        ),
        Some((which, of)) => {
            let shown = home.shown();
            let status = worst(&home.rows);
            home.keep_runs(&manifest)?;
            if !args.effort.quiet {
                let text = format!(
                    "shard {which} of {of} is complete: {shown}\nfiredrill sweep merge puts all {of} together\n"
                );
                console::print(text.as_bytes())?;
            }
            Ok(status)
        }
    }
}

fn plan(args: &SweepArgs) -> Result<Plan, Failure> {
    let axes = args
        .vary
        .iter()
        .map(|text| Axis::parse(text).map_err(|why| Failure::bad(format!("--vary {text}: {why}"))))
        .collect::<Result<Vec<Axis>, Failure>>()?;
    let seeds = seeds(&args.seeds)?;
    let seed = args.sample_seed;
    let sampling = match (args.sample, args.samples) {
        (Sample::Grid, None) => Sampling::Grid,
        (Sample::Grid, Some(_)) => {
            return Err(Failure::bad(
                "--samples needs --sample random or --sample latin-hypercube",
            ));
        }
        (_, None) => {
            return Err(Failure::bad(
                "say how many variants to draw, with --samples N",
            ));
        }
        (Sample::Random, Some(samples)) => Sampling::Random { samples, seed },
        (Sample::LatinHypercube, Some(samples)) => Sampling::LatinHypercube { samples, seed },
    };
    let plan =
        Plan::new(axes, sampling, seeds).map_err(|why| Failure::bad(format!("--vary: {why}")))?;
    match args.samples {
        Some(samples) if !args.effort.quiet && plan.variants.len() < samples as usize => {
            console::note(&format!(
                "of {samples} samples {} are different; equal ones are run once",
                plan.variants.len()
            ))
        }
        _ => {}
    }
    Ok(plan)
}

pub(super) fn seeds(text: &str) -> Result<Seeds, Failure> {
    Seeds::parse(text).map_err(|why| Failure::bad(format!("--seeds {text}: {why}")))
}

/// What all variants have in common.
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) identity: String,
    pub(super) expect: Vec<String>,
}

/// Reads every variant before the first one runs, so that a mistake shows at once.
pub(super) fn check(source: &Source, plan: &Plan) -> Result<Checked, Failure> {
    let mut identity = Identity::default();
    let mut first = None;
    for variant in 0..plan.variants.len() {
        let scenario = source
            .variant(&plan.overrides(variant))
            .map_err(|failure| {
                let (name, why) = (
                    plan.name(variant),
                    failure.message.trim_start_matches("error: "),
                );
                match plan.axes.is_empty() || why.starts_with(&name) {
                    true => failure,
                    false => Failure::bad(format!("{name}: {why}")),
                }
            })?;
        identity.add(&engine::resolved_yaml(&scenario));
        first.get_or_insert(scenario);
    }
    let first = first.ok_or_else(|| Failure::bad("--vary leaves no variant"))?;
    Ok(Checked {
        name: first.name,
        identity: identity.hex(),
        expect: first.expect.into_iter().map(|expect| expect.text).collect(),
    })
}

/// Runs cases of the plan on several threads, where `done` others need not be run; `take` has each row as it comes.
/// False: interrupted.
pub(super) fn compute(
    source: &Source,
    plan: &Plan,
    cases: &[u64],
    done: usize,
    effort: &Effort,
    take: impl FnMut(Row) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let scenario = |case: Case| source.checked(&plan.overrides(case.variant), case.seed);
    compute_with(plan, cases, done, effort, scenario, take)
}

/// The same with the scenario of each case from elsewhere.
pub(super) fn compute_with(
    plan: &Plan,
    cases: &[u64],
    done: usize,
    effort: &Effort,
    scenario: impl Fn(Case) -> Scenario + Sync,
    mut take: impl FnMut(Row) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let progress = Progress::new(done as u64, (done + cases.len()) as u64, effort.quiet);
    let stop = AtomicBool::new(false);
    let work = |number: u64| {
        let case = plan.case(number);
        let settings = plan.variants[case.variant].clone();
        let stopped = || interrupt::asked() || stop.load(Ordering::Relaxed);
        simulate(&scenario(case), case, settings, stopped)
    };
    let mut failed = None;
    let take = |row: Row| {
        progress.step();
        failed = take(row).err();
        failed.is_none()
    };
    let whole = runner::run_as_they_come(cases, effort.threads(), &stop, work, take)
        .map_err(|error| Failure::bad(format!("cannot start threads: {error}")))?;
    drop(progress);
    match failed {
        Some(failure) => Err(failure),
        None => Ok(whole),
    }
}

/// Writes what a whole sweep leaves, and shows its summary.
fn finish(
    home: Home,
    manifest: &Manifest,
    format: Format,
    quiet: bool,
    junit: Option<&Path>,
) -> Result<Status, Failure> {
    let plan = manifest.plan();
    let summary = SweepSummary::of(
        &plan,
        &manifest.scenario,
        &manifest.expectations()?,
        &home.rows,
    );
    let status = worst(&home.rows).worse(gates(&summary));
    let shown = home.shown();
    home.keep(manifest, &summary)?;
    if let Some(junit) = junit {
        write_whole(junit, &engine::junit::sweep(&summary))?;
    }
    show(&summary, format, quiet, Some(&shown))?;
    Ok(status)
}

pub(super) fn show(
    summary: &SweepSummary,
    format: Format,
    quiet: bool,
    files: Option<&str>,
) -> Result<(), Failure> {
    match format {
        Format::Json => console::print(&engine::sweep::json(summary)),
        Format::Text if quiet => Ok(()),
        Format::Text => {
            let mut text = engine::sweep::text(summary, Stdout::ask().width);
            if let Some(files) = files {
                text.push_str(&format!("\nFiles: {files}\n"));
            }
            console::print(text.as_bytes())
        }
    }
}

/// Whether the statements about all seeds hold.
pub(super) fn gates(summary: &SweepSummary) -> Status {
    let mut verdicts = summary
        .variants
        .iter()
        .flat_map(|variant| &variant.over_seeds);
    match verdicts.all(|verdict| verdict.met) {
        true => Status::Ok,
        false => Status::Unmet,
    }
}

/// The exit status that counts among those of all runs.
pub(super) fn worst(rows: &[Row]) -> Status {
    let worst = rows.iter().map(|row| row.verdict).max();
    verdict::of(worst.unwrap_or(Verdict::Met))
}
