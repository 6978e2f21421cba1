//! `firedrill validate`: a table of measured recoveries beside what the simulator predicts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::campaign::runner;
use crate::campaign::validate::plan::{Base, PlanError};
use crate::campaign::validate::results::{Judged, Measured, Samples, judge};
use crate::campaign::validate::{Columns, Plan, Table, Validation, plan, sequence};
use crate::report::validation;

use super::args::{TableFormat, ValidateArgs};
use super::engine::Beside;
use super::folder::Shelf;
use super::status::{Failure, Status};
use super::{console, input, interrupt};

pub(super) fn run(args: &ValidateArgs) -> Result<Status, Failure> {
    let file = args.table.display().to_string();
    let table = Table::read(&input::bytes(&args.table, "the table")?, &file)
        .map_err(|error| Failure::bad(error.to_string()))?;
    let columns = columns(args)?;
    let plan = lay_out(args, &table, &file, &columns)?;
    let shelf = args.out.as_deref().map(Shelf::make).transpose()?;
    interrupt::install();
    let (judged, complete) = simulate(args, &table, &plan)?;
    let (rows, cells, overall) = judge(&judged);
    let results = Validation {
        table: input::file_name(&args.table),
        scenario: input::file_name(&args.scenario),
        profile: plan.episodes[0].scenario.profile.name.clone(),
        seeds: args.seeds,
        complete,
        rows,
        cells,
        overall,
    };
    if let Some(shelf) = &shelf {
        shelf.put(&validation::artifacts(&results))?;
    }
    let shown = match args.format {
        TableFormat::Text => validation::text(&results).into_bytes(),
        TableFormat::Json => validation::json(&results),
        TableFormat::Csv => validation::csv(&results),
        TableFormat::Markdown => validation::markdown(&results).into_bytes(),
    };
    console::print(&shown)?;
    if !complete {
        console::note("interrupted: this is what the simulations so far say");
        return Ok(Status::Interrupted);
    }
    Ok(Status::Ok)
}

/// What the table's columns mean: named, or beside the scenario under its name with `.columns.yml`.
fn columns(args: &ValidateArgs) -> Result<Columns, Failure> {
    let beside = args.scenario.with_extension("columns.yml");
    let path = match &args.columns {
        Some(path) => path.clone(),
        None if beside.exists() => beside,
        None => return Ok(Columns::default()),
    };
    let text = String::from_utf8(input::bytes(&path, "the columns")?)
        .map_err(|_| Failure::bad(format!("{} is not UTF-8", path.display())))?;
    Columns::read(&text, &path.display().to_string()).map_err(Failure::bad)
}

fn lay_out(
    args: &ValidateArgs,
    table: &Table,
    file: &str,
    columns: &Columns,
) -> Result<Plan, Failure> {
    let read = |path: &Path| -> Result<(&'static [u8], &'static str), Failure> {
        // Few, and needed until the end.
        let bytes: &'static [u8] = Vec::leak(input::read(path)?);
        let name: &'static str = String::leak(path.display().to_string());
        Ok((bytes, name))
    };
    let usual = read(&args.scenario)?;
    let mut others = Vec::new();
    for (cell, scenario) in &columns.scenarios {
        let path: PathBuf = args.scenario.with_file_name(scenario);
        others.push((cell.clone(), read(&path)?));
    }
    let base = |row: &crate::campaign::validate::table::Row| {
        let cell = row.text("cell").unwrap_or_default();
        let other = others.iter().find(|(wanted, _)| cell.contains(wanted));
        let (bytes, name) = other.map_or(usual, |(_, base)| *base);
        Base { bytes, name }
    };
    let beside = Beside {
        flink_config: None,
        read: &|path, from_argument| input::profile(&args.scenario, path, from_argument),
    };
    let profile = args.profile.as_deref();
    plan(table, file, columns, profile, &beside, base).map_err(|error| match error {
        PlanError::Table(error) => Failure::bad(error.to_string()),
        PlanError::Scenario(line, error) => {
            Failure::bad(format!("{file}:{line}: the row makes no scenario: {error}"))
        }
    })
}

/// What was seen of one step, over the seeds so far.
#[derive(Clone, Default)]
struct Seen {
    samples: Samples,
    noticed: BTreeMap<String, usize>,
}

impl Seen {
    fn take(&mut self, measured: Measured) {
        for (quantity, value) in measured.quantities {
            self.samples.entry(quantity).or_default().push(value);
        }
        if let Some(kind) = measured.noticed {
            *self.noticed.entry(kind).or_default() += 1;
        }
    }
}

/// Every episode under every seed, seed by seed, so that what is there when the user has had enough says something about
/// every row; rows of which nothing is known are left out. False: it is not the whole.
fn simulate(
    args: &ValidateArgs,
    table: &Table,
    plan: &Plan,
) -> Result<(Vec<Judged>, bool), Failure> {
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let episodes = plan.episodes.len();
    let cases = episodes * args.seeds as usize;
    let bar = match args.quiet {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(cases as u64),
    };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} simulations, {eta} left")
        .map_err(|error| Failure::bad(error.to_string()))?;
    bar.set_style(style);
    let mut seen: Vec<Vec<Seen>> = plan
        .episodes
        .iter()
        .map(|episode| vec![Seen::default(); episode.steps.len()])
        .collect();
    let stop = AtomicBool::new(false);
    let work = |case: usize| {
        if interrupt::asked() {
            stop.store(true, Ordering::Relaxed);
        }
        sequence::simulate(&plan.episodes[case % episodes], (case / episodes) as u64)
    };
    let take = |case: usize, found: Vec<Measured>| {
        bar.inc(1);
        for (seen, measured) in seen[case % episodes].iter_mut().zip(found) {
            seen.take(measured);
        }
    };
    let complete = runner::run(cases, jobs.unwrap_or(1), &stop, work, take)
        .map_err(|error| Failure::bad(format!("cannot start threads: {error}")))?;
    bar.finish_and_clear();
    let mut judged = Vec::new();
    for (episode, seen) in plan.episodes.iter().zip(seen) {
        for (step, seen) in episode.steps.iter().zip(seen) {
            let Some(row) = step.row.map(|row| &table.rows[row]) else {
                continue;
            };
            if !complete && seen.samples.is_empty() {
                continue;
            }
            let text = |column: &str| row.text(column).unwrap_or_default().to_owned();
            judged.push(Judged {
                line: row.line,
                run_id: text("run_id"),
                // Rows that no column puts together stand for themselves.
                cell: match row.text("cell") {
                    Some(cell) => cell.to_owned(),
                    None => format!("line {}", row.line),
                },
                fault: match row.text("fault") {
                    Some(fault) => fault.to_owned(),
                    None => "fault".to_owned(),
                },
                measured: step.measured.clone(),
                samples: seen.samples,
                noticed: seen.noticed,
            });
        }
    }
    Ok((judged, complete))
}
