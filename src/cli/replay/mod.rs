//! `firedrill replay`: the same drill again, event by event.

mod case;
mod compare;
pub(super) mod diff;
mod difference;
mod lockstep;
mod recent;
mod report;
mod stored;

use std::path::Path;

use super::args::ReplayArgs;
use super::check::cases::CASE;
use super::engine::Summary;
use super::status::{Failure, Status};
use super::{console, interrupt};

pub(super) fn replay(args: &ReplayArgs) -> Result<Status, Failure> {
    interrupt::install();
    let folder = match args.subject.file_name().is_some_and(|name| name == CASE) {
        true => args.subject.parent().unwrap_or(Path::new("")),
        false => &args.subject,
    };
    if folder.join(CASE).is_file() {
        case::replay(folder, args.quiet)
    } else if folder.is_dir() {
        report::replay(folder, args.quiet)
    } else {
        lockstep::replay(folder, args.quiet)
    }
}

/// The good end.
fn identical(how: &str, summary: &Summary) -> Result<Status, Failure> {
    console::print(
        format!(
            "identical: {} events{how}, digest {}\n",
            summary.events, summary.digest
        )
        .as_bytes(),
    )?;
    Ok(Status::Ok)
}

/// The user stopped it; what was compared until then was the same.
fn interrupted(lines: u64) -> Result<Status, Failure> {
    console::note(&format!(
        "interrupted; the first {lines} events of the trace are identical"
    ));
    Ok(Status::Interrupted)
}
