//! `firedrill explain`: why each recovery of a report, or of a scenario, took so long.

use super::args::{ExplainArgs, Format};
use super::console::{self, Stdout};
use super::drive::drive;
use super::engine::{self, Drill, Ended, Override};
use super::progress::Progress;
use super::status::{Failure, Status};
use super::{input, interrupt};

pub(super) fn run(args: &ExplainArgs) -> Result<Status, Failure> {
    let mut overrides = Vec::new();
    overrides.extend(args.model.iter().map(|model| named("model", model)));
    overrides.extend(args.seed.map(|seed| named("seed", &seed.to_string())));
    overrides.extend(args.set.iter().map(|(path, value)| named(path, value)));
    let scenario = match args.subject.is_dir() {
        true => input::of_report(&args.subject, &overrides)?,
        false => input::scenario(&args.subject, &overrides)?,
    };
    interrupt::install();
    let mut drill = Drill::new(&scenario);
    drill.remember_causes(None);
    let end = drill.end();
    let progress = Progress::new(&scenario.name, end, args.quiet);
    let ended = drive(&mut drill, end, &mut (), &progress, |()| true);
    drop(progress);
    if ended == Ended::Interrupted {
        return Ok(Status::Interrupted);
    }
    let outcome = drill.finish(ended);
    let text = match args.format {
        Format::Json => engine::explanation_json(&outcome),
        Format::Text => {
            let stdout = Stdout::ask();
            engine::explanation_text(&outcome, stdout.width, stdout.colour)
        }
    };
    console::print(text.as_bytes())?;
    Ok(Status::Ok)
}

fn named(path: &str, value: &str) -> Override {
    Override {
        path: path.to_owned(),
        value: value.to_owned(),
    }
}
