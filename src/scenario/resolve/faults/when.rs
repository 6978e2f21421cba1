//! When a fault comes.

use crate::kernel::time::{Span, Time};
use crate::scenario::file::At;
use crate::scenario::model::When;
use crate::scenario::resolve::Check;
use crate::scenario::units::{self, short};

/// An instant within the run, or two between which one is drawn.
pub fn when(at: &At<String>, duration: Span, check: &mut Check) -> Option<When> {
    let (from, to) = units::ends(&at.value);
    let mut instant = |text: &str| {
        if text.starts_with('-') {
            check.refuse(
                at.place,
                format!(
                    "`{}` is before the start of the run; a fault comes at `0 s` or later",
                    short(text)
                ),
            );
            return None;
        }
        match units::duration(text) {
            Ok(ns) if ns >= duration.0 => {
                check.refuse(
                    at.place,
                    format!(
                        "`{}` is after the end of the run, which lasts {}",
                        short(text),
                        units::write_duration(duration.0)
                    ),
                );
                None
            }
            Ok(ns) => Some(Time(ns)),
            Err(message) => {
                check.refuse(at.place, message);
                None
            }
        }
    };
    let (from, to) = if from == to {
        let both = instant(from)?;
        (both, both)
    } else {
        (instant(from)?, instant(to)?)
    };
    if from > to {
        check.refuse(
            at.place,
            format!(
                "`{}` ends before it starts; write the earlier time first",
                short(&at.value)
            ),
        );
        return None;
    }
    Some(if from == to {
        When::At(from)
    } else {
        When::Between(from, to)
    })
}
