//! `firedrill diff`: the first event at which two traces differ.

use std::path::Path;

use serde::Deserialize;

use crate::cli::args::DiffArgs;
use crate::cli::run::TRACE;
use crate::cli::status::{Failure, Status};
use crate::cli::{console, interrupt};

use super::compare::Reference;
use super::difference::{Difference, Sides};
use super::stored::Stored;

/// As much of a line as tells which event it is of.
#[derive(Deserialize)]
struct Numbered {
    #[serde(rename = "e")]
    event: u64,
}

pub(in crate::cli) fn run(args: &DiffArgs) -> Result<Status, Failure> {
    interrupt::install();
    let (mut before, mut now) = (open(&args.before)?, open(&args.now)?);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut same = 0;
    loop {
        let more = (before.next(&mut left)?, now.next(&mut right)?);
        if more == (false, false) {
            let text = format!("identical: {same} lines of trace\n");
            console::print(text.as_bytes())?;
            return Ok(Status::Ok);
        }
        if more == (true, true) && left == right {
            let line: Numbered = match serde_json::from_slice(&left) {
                Ok(line) => line,
                // Says what is wrong with it, and where.
                Err(_) => before.parse(&left).map(|event| Numbered {
                    event: event.number,
                })?,
            };
            before.passed(line.event);
            same += 1;
            if interrupt::asked() {
                return super::interrupted(same);
            }
            continue;
        }
        let event =
            |there: bool, side: &Stored, line: &[u8]| there.then(|| side.parse(line)).transpose();
        let difference = Difference::new(
            same,
            event(more.0, &before, &left)?,
            event(more.1, &now, &right)?,
        );
        let sides = Sides {
            before: "A",
            now: "B",
            file: None,
        };
        let text = format!(
            "A is {}, B is {}\n{}",
            before.name(),
            now.name(),
            difference.describe(&sides, &mut before)
        );
        console::print(text.as_bytes())?;
        return Ok(Status::Differs);
    }
}

/// A trace, or that in the folder of a report.
fn open(subject: &Path) -> Result<Stored, Failure> {
    let path = match subject.is_dir() {
        true => subject.join(TRACE),
        false => subject.to_path_buf(),
    };
    Stored::open(&path)?.ok_or_else(|| {
        Failure::bad(format!(
            "there is no trace at {}: `firedrill run` without --no-trace leaves one in the folder of its report",
            path.display()
        ))
    })
}
