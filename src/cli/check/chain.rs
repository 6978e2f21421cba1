//! What led to a violation, in words: the faults, the log up to it, and what its event waited for.

use std::fmt::Write as _;
use std::io::Write;

use crate::cli::engine::{Drill, Ended, Outcome, Scenario, Span, steps_text};
use crate::cli::trace::Writer;
use crate::drill::trial::Broken;

/// Steps before the event that are told.
const STEPS_MAX: usize = 40;
/// Of the log before the first fault, so much is told.
const BEFORE: Span = Span::from_secs(20);
/// Characters of a line.
const WIDTH: usize = 120;

/// The explanation of a case. The run's trace goes to `trace` on the way.
pub(super) fn explain<W: Write>(
    scenario: &Scenario,
    broken: &Broken,
    trace: &mut Writer<W>,
) -> String {
    let mut drill = Drill::new(scenario);
    drill.remember_causes(None);
    let end = drill.end();
    let ended = match drill.advance(end, trace) {
        Ok(()) => Ended::Completed,
        Err(stall) => Ended::Stalled(stall.to_string()),
    };
    let steps = drill.led_to(broken.event);
    let outcome = drill.finish(ended);
    let mut text = format!(
        "{} {} is broken at {} ms, event {}:\n  {}\n  {}\n\n",
        broken.kind.name(),
        broken.id,
        broken.at.as_ms(),
        broken.event,
        broken.statement,
        broken.what
    );
    log(&mut text, &outcome, broken);
    let told = steps.len().saturating_sub(STEPS_MAX);
    let _ = writeln!(
        text,
        "\nWhat led to event {}: when it began, how long it took",
        broken.event
    );
    text += &steps_text(&steps[told..], WIDTH);
    text
}

/// The faults, and what the log says until the promise breaks.
fn log(text: &mut String, outcome: &Outcome, broken: &Broken) {
    text.push_str("What happened\n");
    for fault in &outcome.faults {
        let until = fault
            .until_ms
            .map_or(String::new(), |until| format!(", until {until} ms"));
        let _ = writeln!(text, "  {:>12.3} ms  {}{until}", fault.at_ms, fault.fault);
    }
    text.push('\n');
    let at_ms = broken.at.as_ms();
    let first = outcome.faults.first().map_or(0.0, |fault| fault.at_ms);
    let told = outcome.timeline.iter().filter(|entry| {
        entry.at_ms <= at_ms && (entry.at_ms >= first || at_ms - entry.at_ms < BEFORE.as_ms())
    });
    for entry in told {
        let _ = writeln!(
            text,
            "  {:>12.3} ms  {:<10} {}",
            entry.at_ms, entry.actor, entry.text
        );
    }
}
