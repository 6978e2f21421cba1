//! Replaying the folder of a report: its scenario again, against its trace and its digest.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::cli::drive::drive;
use crate::cli::engine::{Drill, Summary, Time};
use crate::cli::progress::Progress;
use crate::cli::run::{SCENARIO, SUMMARY, TRACE};
use crate::cli::status::{Failure, Status};
use crate::cli::{console, input, interrupt};

use super::compare::Comparing;
use super::difference::Sides;
use super::stored::Stored;

/// What `summary.json` says that a replay can be held against.
#[derive(Deserialize)]
struct Recorded {
    digest: String,
    events: u64,
    simulated_ms: f64,
    ended: String,
}

pub(super) fn replay(folder: &Path, quiet: bool) -> Result<Status, Failure> {
    let recorded = recorded(folder)?;
    let scenario = input::of_report(folder, &[])?;
    let mut drill = Drill::new(&scenario);
    let until = match recorded.ended.as_str() {
        "interrupted" => Time((recorded.simulated_ms * 1e6).round() as u64).min(drill.end()),
        _ => drill.end(),
    };
    let progress = Progress::new("replay", until, quiet);

    let Some(stored) = Stored::open(&folder.join(TRACE))? else {
        let ended = drive(&mut drill, until, &mut (), &progress, |()| true);
        if interrupt::asked() {
            return super::interrupted(0);
        }
        drop(progress);
        console::note(&format!(
            "{} has no {TRACE} (it was run with --no-trace): only digests are compared",
            folder.display()
        ));
        return verdict("", &recorded, &drill.finish(ended).summary);
    };

    let sides = Sides {
        before: "stored",
        now: "now",
        file: Some(stored.name()),
    };
    let mut comparing = Comparing::new(stored);
    let ended = drive(
        &mut drill,
        until,
        &mut comparing,
        &progress,
        Comparing::is_same,
    );
    drop(progress);
    if interrupt::asked() && comparing.is_same() {
        return super::interrupted(comparing.same());
    }
    comparing.expect_end();
    let lines = comparing.same();
    if let Some((difference, mut shared)) = comparing.into_found()? {
        let text = difference.describe(&sides, &mut shared);
        console::print(text.as_bytes())?;
        return Ok(Status::Differs);
    }
    let how = format!(", {lines} lines of trace");
    verdict(&how, &recorded, &drill.finish(ended).summary)
}

/// Whether the digest and the count of events are those of the report.
fn verdict(how: &str, recorded: &Recorded, now: &Summary) -> Result<Status, Failure> {
    if recorded.digest == now.digest && recorded.events == now.events {
        return super::identical(how, now);
    }
    let hint = match how.is_empty() {
        true => "run the scenario with its trace, and replay that, to see where",
        false => "the traces are identical, so one of the files was edited or is of another run",
    };
    console::print(
        format!(
            "differs: {SUMMARY} has {} events and digest {}, now {} events and digest {}\n{hint}\n",
            recorded.events, recorded.digest, now.events, now.digest
        )
        .as_bytes(),
    )?;
    Ok(Status::Differs)
}

fn recorded(folder: &Path) -> Result<Recorded, Failure> {
    for name in [SCENARIO, SUMMARY] {
        if !folder.join(name).is_file() {
            return Err(Failure::bad(format!(
                "{} is not the folder of a report: it has no {name}; \
                 `firedrill run SCENARIO.yaml --out DIR` makes one",
                folder.display()
            )));
        }
    }
    let path = folder.join(SUMMARY);
    let bytes = fs::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::bad(format!(
            "{}:{}:{}: this is not the summary of a report ({error}); run the scenario beside it again",
            path.display(),
            error.line(),
            error.column()
        ))
    })
}
