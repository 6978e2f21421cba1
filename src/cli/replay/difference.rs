//! The first difference: both sides, where they differ, and what led to each.

use std::fmt::Write;

use serde_json::Value;

use crate::cli::engine::Time;
use crate::cli::trace::Event;

use super::compare::Reference;

/// How many causes back.
const CAUSES_MAX: usize = 8;
/// How many differing fields.
const FIELDS_MAX: usize = 12;
/// How much of the body of a cause.
const CAUSE_CHARS_MAX: usize = 160;

/// Two lines that should be one; a side that has none ended there.
#[derive(Debug)]
pub(super) struct Difference {
    same: u64,
    before: Option<Event>,
    now: Option<Event>,
}

/// What the two sides are called.
pub(super) struct Sides {
    pub(super) before: &'static str,
    pub(super) now: &'static str,
    /// Where the lines can be found, if anywhere: `line 7 of trace.jsonl`.
    pub(super) file: Option<String>,
}

impl Difference {
    /// Lines that were the same, and what came then.
    pub(super) fn new(same: u64, before: Option<Event>, now: Option<Event>) -> Difference {
        Difference { same, before, now }
    }

    /// The difference for a reader, with causes out of what both sides share.
    pub(super) fn describe(&self, sides: &Sides, shared: &mut impl Reference) -> String {
        let mut text = match &sides.file {
            Some(file) => format!("differs at line {} of {file}\n", self.same + 1),
            None => format!("differs after {} equal events\n", self.same),
        };
        let width = sides.before.len().max(sides.now.len());
        for (name, event) in [(sides.before, &self.before), (sides.now, &self.now)] {
            let shown = match event {
                Some(event) => format!("{}\n{:width$}  {}", headline(event), "", event.body),
                None => "ends here".to_string(),
            };
            let _ = write!(text, "\n{name:width$}  {shown}");
        }
        text.push('\n');
        self.fields(sides, &mut text);
        self.causes(sides, shared, &mut text);
        text
    }

    fn fields(&self, sides: &Sides, text: &mut String) {
        let (Some(before), Some(now)) = (&self.before, &self.now) else {
            return;
        };
        if before == now {
            text.push_str(
                "\nThe event is the same, but written in another way: the file was edited.\n",
            );
            return;
        }
        let mut fields = Vec::new();
        differing("time", &before.time.into(), &now.time.into(), &mut fields);
        differing(
            "event",
            &before.number.into(),
            &now.number.into(),
            &mut fields,
        );
        differing(
            "cause",
            &before.cause.into(),
            &now.cause.into(),
            &mut fields,
        );
        differing(
            "actor",
            &before.actor.clone().into(),
            &now.actor.clone().into(),
            &mut fields,
        );
        differing(
            "kind",
            &before.kind.clone().into(),
            &now.kind.clone().into(),
            &mut fields,
        );
        differing("body", &before.body, &now.body, &mut fields);
        text.push_str("\nin:\n");
        for (path, before, now) in fields.iter().take(FIELDS_MAX) {
            let _ = writeln!(
                text,
                "  {path}: {} {before}, {} {now}",
                sides.before, sides.now
            );
        }
        if fields.len() > FIELDS_MAX {
            let _ = writeln!(text, "  and {} more", fields.len() - FIELDS_MAX);
        }
    }

    fn causes(&self, sides: &Sides, shared: &mut impl Reference, text: &mut String) {
        let cause = |event: &Option<Event>| event.as_ref().map(|event| (event.number, event.cause));
        let (before, now) = (cause(&self.before), cause(&self.now));
        if before == now {
            chain("what led to both", before, shared, text);
        } else {
            chain(
                &format!("what led to it ({})", sides.before),
                before,
                shared,
                text,
            );
            chain(
                &format!("what led to it ({})", sides.now),
                now,
                shared,
                text,
            );
        }
    }
}

/// The causes of an event (its number, its cause), latest first.
fn chain(title: &str, of: Option<(u64, u64)>, shared: &mut impl Reference, text: &mut String) {
    let Some((mut number, mut cause)) = of else {
        return;
    };
    let _ = writeln!(text, "\n{title}, latest first:");
    for step in 0..CAUSES_MAX {
        // An event without a cause names itself, or none.
        let found = match cause == number {
            true => None,
            false => shared.look_up(cause),
        };
        let Some(event) = found else {
            if step == 0 {
                text.push_str("  nothing: it is a beginning\n");
            }
            return;
        };
        let _ = writeln!(text, "  {}", headline(&event));
        let _ = writeln!(text, "    {}", shortened(&event.body.to_string()));
        (number, cause) = (event.number, event.cause);
    }
    text.push_str("  ...\n");
}

fn headline(event: &Event) -> String {
    format!(
        "event {} at {}, {}, {}, caused by event {}",
        event.number,
        Time(event.time),
        event.actor,
        event.kind,
        event.cause
    )
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(CAUSE_CHARS_MAX) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_string(),
    }
}

/// Paths at which two values differ, with both.
fn differing(path: &str, before: &Value, now: &Value, found: &mut Vec<(String, String, String)>) {
    match (before, now) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in left {
                let other = right.get(key).unwrap_or(&Value::Null);
                differing(&format!("{path}.{key}"), value, other, found);
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                differing(&format!("{path}.{key}"), &Value::Null, value, found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (value, other)) in left.iter().zip(right).enumerate() {
                differing(&format!("{path}[{index}]"), value, other, found);
            }
        }
        _ if before == now => {}
        _ => found.push((
            path.to_string(),
            shortened(&before.to_string()),
            shortened(&now.to_string()),
        )),
    }
}

#[cfg(test)]
mod tests;
