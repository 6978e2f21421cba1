//! Replaying a scenario file: two runs side by side, compared slice by slice.

use std::path::Path;

use crate::cli::drive::slice;
use crate::cli::engine::{Drill, Ended};
use crate::cli::progress::Progress;
use crate::cli::status::{Failure, Status};
use crate::cli::{console, input, interrupt};

use super::compare::Comparing;
use super::difference::Sides;
use super::recent::{Recent, Slice};

const SIDES: Sides = Sides {
    before: "first run",
    now: "second run",
    file: None,
};

pub(super) fn replay(path: &Path, quiet: bool) -> Result<Status, Failure> {
    let scenario = input::scenario(path, &[])?;
    let (mut first, mut second) = (Drill::new(&scenario), Drill::new(&scenario));
    let progress = Progress::new(&scenario.name, first.end(), quiet);
    let mut comparing = Comparing::new(Recent::default());
    let mut stalls = (None, None);

    while first.now() < first.end() && stalls == (None, None) && comparing.is_same() {
        if interrupt::asked() {
            drop(progress);
            return super::interrupted(comparing.same());
        }
        let next = (first.now() + slice(first.end())).min(first.end());
        let mut lines = Slice::default();
        stalls.0 = first
            .advance(next, &mut lines)
            .err()
            .map(|stall| stall.to_string());
        comparing.reference.push(lines);
        stalls.1 = second
            .advance(next, &mut comparing)
            .err()
            .map(|stall| stall.to_string());
        comparing.expect_end();
        progress.show(&second);
    }
    drop(progress);

    let lines = comparing.same();
    if let Some((difference, mut shared)) = comparing.into_found()? {
        console::print(difference.describe(&SIDES, &mut shared).as_bytes())?;
        return Ok(Status::Differs);
    }
    let ended = |stall: Option<String>| stall.map_or(Ended::Completed, Ended::Stalled);
    let (first, second) = (
        first.finish(ended(stalls.0)).summary,
        second.finish(ended(stalls.1)).summary,
    );
    let facts = [
        ("digest", &first.digest, &second.digest),
        (
            "events",
            &first.events.to_string(),
            &second.events.to_string(),
        ),
        ("end", &first.ended, &second.ended),
    ];
    if let Some((what, before, now)) = facts.iter().find(|(_, before, now)| before != now) {
        console::print(
            format!(
                "differs after {lines} equal events: the {what} is {before} in the first run, {now} in the second\n"
            )
            .as_bytes(),
        )?;
        return Ok(Status::Differs);
    }
    super::identical(" in two runs", &second)
}
