//! `firedrill run --model A,B`: one scenario and seed under several models, side by side.

use std::path::PathBuf;

use super::args::{Format, RunArgs};
use super::console;
use super::engine::{self, Summary};
use super::folder::{COMPARISON, Folder, Shelf, name_of_folder, tidy};
use super::run::{keep, simulate};
use super::status::{Failure, Status};
use super::{input, interrupt, verdict};

pub(super) fn run(args: &RunArgs) -> Result<Status, Failure> {
    // All are read before the first one runs: a mistake shows at once.
    let scenarios = args
        .model
        .iter()
        .map(|model| input::of_run(args, Some(model)))
        .collect::<Result<Vec<_>, Failure>>()?;
    interrupt::install();
    let home = match args.no_files {
        true => None,
        false => Some(home(args, &scenarios[0].name)?),
    };
    let shelf = home.as_deref().map(Shelf::make).transpose()?;
    let mut summaries: Vec<Summary> = Vec::new();
    let mut worst = Status::Ok;
    for scenario in &scenarios {
        let model = scenario.model.name();
        let folder = match &home {
            None => None,
            Some(home) => Some(Folder::prepare(Some(&home.join(model)), model)?),
        };
        let outcome = simulate(args, scenario, folder.as_ref())?;
        let status = verdict::status(scenario, &outcome.summary);
        for complaint in verdict::complaints(&outcome.summary) {
            console::note(&format!("{model}: {complaint}"));
        }
        if let Some(folder) = folder {
            keep(folder, &engine::render(&outcome))?;
        }
        summaries.push(outcome.summary);
        if status == Status::Interrupted {
            return Ok(status);
        }
        worst = worst.worse(status);
    }
    let comparison = engine::compare(&summaries);
    let artifacts = comparison.artifacts();
    if let Some(shelf) = &shelf {
        shelf.put(&artifacts)?;
    }
    match args.format {
        Format::Json => {
            let json = artifacts
                .iter()
                .find(|artifact| artifact.name.ends_with(".json"));
            console::print(json.map_or(&[], |json| &json.bytes))?;
        }
        Format::Text if args.quiet => {}
        Format::Text => {
            let mut text = comparison.text();
            if let Some(home) = &home {
                text.push_str(&format!("\nFiles: {}\n", home.display()));
            }
            console::print(text.as_bytes())?;
        }
    }
    Ok(worst)
}

/// The folder below which each model has its own.
fn home(args: &RunArgs, scenario: &str) -> Result<PathBuf, Failure> {
    let home = match &args.out {
        Some(out) => out.clone(),
        None => {
            name_of_folder(scenario, "say where the reports go")?;
            PathBuf::from("reports").join(format!("{scenario}-models"))
        }
    };
    tidy(&home, None);
    COMPARISON.check(&home, &home)?;
    Ok(home)
}
