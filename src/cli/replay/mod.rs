//! `firedrill replay`: the same drill again, event by event.

mod compare;
pub(super) mod diff;
mod difference;
mod lockstep;
mod recent;
mod report;
mod stored;

use super::args::ReplayArgs;
use super::engine::Summary;
use super::status::{Failure, Status};
use super::{console, interrupt};

pub(super) fn replay(args: &ReplayArgs) -> Result<Status, Failure> {
    interrupt::install();
    if args.subject.is_dir() {
        report::replay(&args.subject, args.quiet)
    } else {
        lockstep::replay(&args.subject, args.quiet)
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
