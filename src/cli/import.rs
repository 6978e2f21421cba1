//! `firedrill import`: a scenario from a running job.

use std::path::Path;

use crate::scenario::import::{Answers, import};

use super::args::ImportArgs;
use super::engine::Document;
use super::folder::write_whole;
use super::status::{Failure, Status};
use super::{console, input};

pub(super) fn run(args: &ImportArgs) -> Result<Status, Failure> {
    let read = |path: &Path, what: &str| -> Result<Document, Failure> {
        input::document(path, what).map_err(Failure::bad)
    };
    let checkpoints = args.checkpoints.iter();
    let answers = Answers {
        plan: read(&args.plan, "plan")?,
        config: read(&args.config, "Flink configuration")?,
        checkpoints: checkpoints
            .map(|path| read(path, "answer about checkpoints"))
            .collect::<Result<_, _>>()?,
        taskmanagers: match &args.taskmanagers {
            Some(path) => Some(read(path, "answer of /taskmanagers")?),
            None => None,
        },
    };
    let made =
        import(&answers, args.name.as_deref()).map_err(|error| Failure::bad(error.to_string()))?;
    for assumed in &made.assumed {
        console::note(&format!("assumed: {assumed}"));
    }
    match &args.out {
        None => console::print(made.yaml.as_bytes())?,
        Some(out) => {
            write_whole(out, made.yaml.as_bytes())?;
            let count = made.assumed.len();
            console::note(&format!(
                "{} is a scenario with {count} assumptions; `firedrill run` it",
                out.display()
            ));
        }
    }
    Ok(Status::Ok)
}
