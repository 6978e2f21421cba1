use super::*;
use crate::cli::replay::recent::{Recent, Slice};
use crate::kernel::trace::{TraceKind, TraceLine, TraceSink};
use serde_json::json;

fn event(number: u64, cause: u64, body: Value) -> Event {
    Event {
        time: number * 1_000_000,
        number,
        cause,
        actor: "jm-1".to_string(),
        kind: "message".to_string(),
        body,
    }
}

/// Events 1 to 20, each caused by the one before.
fn shared() -> Recent {
    let mut slice = Slice::default();
    for number in 1..=20 {
        let line = TraceLine {
            time: Time(number * 1_000_000),
            event: number,
            cause: number - 1,
            actor: "jm-1",
            kind: TraceKind::Timer,
        };
        slice.record(&line, &json!({"n": number}));
    }
    let mut recent = Recent::default();
    recent.push(slice);
    recent
}

fn sides() -> Sides {
    Sides {
        before: "stored",
        now: "now",
        file: Some("trace.jsonl".to_string()),
    }
}

#[test]
fn both_sides_are_shown_with_what_differs_and_what_led_there() {
    let difference = Difference::new(
        20,
        Some(event(21, 3, json!({"n": 21, "to": ["a", "b"]}))),
        Some(event(21, 3, json!({"n": 21, "to": ["a", "c"]}))),
    );
    let text = difference.describe(&sides(), &mut shared());
    assert!(
        text.starts_with("differs at line 21 of trace.jsonl\n"),
        "{text}"
    );
    assert!(
        text.contains("body.to[1]: stored \"b\", now \"c\""),
        "{text}"
    );
    assert!(!text.contains("body.n"), "{text}");
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(at("event 3 at 3 ms") < at("event 2 at 2 ms"));
    assert!(at("event 2 at 2 ms") < at("event 1 at 1 ms"));
    assert!(!text.contains("..."), "{text}");
}

#[test]
fn causes_that_differ_are_shown_apart_and_end() {
    let difference = Difference::new(
        20,
        Some(event(21, 20, json!(1))),
        Some(event(21, 2, json!(1))),
    );
    let text = difference.describe(&sides(), &mut shared());
    assert!(text.contains("what led to it (stored)"), "{text}");
    assert!(text.contains("what led to it (now)"), "{text}");
    assert!(text.contains("cause: stored 20, now 2"), "{text}");
    assert!(text.contains("event 13 at"), "{text}");
    assert!(
        !text.contains("event 12 at"),
        "eight causes at most: {text}"
    );
}

#[test]
fn a_side_may_have_ended() {
    let difference = Difference::new(20, None, Some(event(21, 21, json!(1))));
    let text = difference.describe(&sides(), &mut shared());
    assert!(text.contains("stored  ends here"), "{text}");
    assert!(text.contains("nothing: it is a beginning"), "{text}");
}

#[test]
fn an_edit_that_changes_nothing_is_said_to_be_one() {
    let difference = Difference::new(0, Some(event(1, 0, json!(1))), Some(event(1, 0, json!(1))));
    let text = difference.describe(&sides(), &mut shared());
    assert!(text.contains("the file was edited"), "{text}");
}
