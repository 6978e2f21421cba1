//! `firedrill explain`: why each recovery of a report, or of a scenario, took so long.

use super::args::{ExplainArgs, Format};
use super::console::{self, Stdout};
use super::drive::drive;
use super::engine::{self, Drill, Ended, Override};
use super::progress::Progress;
use super::run::SCENARIO;
use super::source::Source;
use super::status::{Failure, Status};
use super::{input, interrupt};

pub(super) fn run(args: &ExplainArgs) -> Result<Status, Failure> {
    let path = match args.subject.is_dir() {
        true => input::file_of_report(&args.subject, SCENARIO)?,
        false => args.subject.clone(),
    };
    let seed = args.seed.map(|seed| Override {
        path: "seed".to_owned(),
        value: seed.to_string(),
    });
    let seed: Vec<Override> = seed.into_iter().collect();
    let scenario = Source::read(&path, &args.chosen)?.variant(&seed)?;
    interrupt::install();
    let mut drill = Drill::new(&scenario);
    drill.remember_causes(None);
    let end = drill.end();
    let progress = Progress::new(&scenario.name, end, args.quiet);
    let ended = drive(&mut drill, end, &mut (), &progress, |()| true);
    drop(progress);
    if ended == Ended::Interrupted {
        console::note("interrupted; nothing is explained");
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
