//! Replaying the folder of a report: its scenario again, against its trace and its digest.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Deserializer};

use crate::cli::check::cases::CASE;
use crate::cli::drive::drive;
use crate::cli::engine::{Drill, Scenario, Summary, Time};
use crate::cli::progress::Progress;
use crate::cli::run::{SCENARIO, SUMMARY, TRACE};
use crate::cli::status::{Failure, Status};
use crate::cli::{console, input, interrupt};

use super::compare::Comparing;
use super::difference::Sides;
use super::stored::Stored;

/// What a folder says that a replay can be held against.
#[derive(Deserialize)]
pub(super) struct Recorded {
    digest: String,
    /// None: it says nothing of that.
    #[serde(deserialize_with = "known")]
    events: Option<u64>,
    simulated_ms: f64,
    ended: String,
    /// The file that says so.
    #[serde(skip_deserializing, default = "summary")]
    file: &'static str,
}

fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(from).map(Some)
}

fn summary() -> &'static str {
    SUMMARY
}

impl Recorded {
    /// A whole run with this digest.
    pub(super) fn of_case(digest: String) -> Recorded {
        Recorded {
            digest,
            events: None,
            simulated_ms: 0.0,
            ended: "completed".to_owned(),
            file: CASE,
        }
    }
}

pub(super) fn replay(folder: &Path, quiet: bool) -> Result<Status, Failure> {
    let recorded = recorded(folder)?;
    let scenario = input::of_report(folder, &[])?;
    against(folder, &recorded, &scenario, quiet)
}

/// Runs the scenario of a folder and holds it against the trace, if there is one, and the digest.
pub(super) fn against(
    folder: &Path,
    recorded: &Recorded,
    scenario: &Scenario,
    quiet: bool,
) -> Result<Status, Failure> {
    let mut drill = Drill::new(scenario);
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
            "{} has no {TRACE}, as after --no-trace: only digests are compared",
            folder.display()
        ));
        return verdict("", recorded, &drill.finish(ended).summary);
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
    verdict(&how, recorded, &drill.finish(ended).summary)
}

/// Whether the digest and the count of events are those of the report.
fn verdict(how: &str, recorded: &Recorded, now: &Summary) -> Result<Status, Failure> {
    let as_many = recorded.events.is_none_or(|events| events == now.events);
    if recorded.digest == now.digest && as_many {
        return super::identical(how, now);
    }
    let hint = match how.is_empty() {
        true => "run the scenario with its trace, and replay that, to see where",
        false => "the traces are identical, so one of the files was edited or is of another run",
    };
    console::print(
        format!(
            "differs: {} has {}digest {}, now {} events and digest {}\n{hint}\n",
            recorded.file,
            recorded
                .events
                .map_or(String::new(), |events| format!("{events} events and ")),
            recorded.digest,
            now.events,
            now.digest
        )
        .as_bytes(),
    )?;
    Ok(Status::Differs)
}

fn recorded(folder: &Path) -> Result<Recorded, Failure> {
    input::file_of_report(folder, SCENARIO)?;
    let path = input::file_of_report(folder, SUMMARY)?;
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
