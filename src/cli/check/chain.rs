//! What led to a violation: the events before it, each the cause of the next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use serde::Serialize;

use crate::cli::engine::{Drill, Ended, Scenario, Span, TraceKind, TraceLine, TraceSink};
use crate::cli::trace::Writer;

/// Links of the chain that are told.
const LINKS_MAX: usize = 40;
/// Characters of a body.
const BODY_MAX: usize = 160;

/// Writes the trace, and remembers for each event what it was and what caused it.
struct Causes<'a, W: Write> {
    events: BTreeMap<u64, (u64, String)>,
    trace: &'a mut Writer<W>,
}

impl<W: Write> TraceSink for Causes<'_, W> {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B) {
        self.trace.record(line, body);
        if matches!(line.kind, TraceKind::State) {
            return;
        }
        let body = serde_json::to_string(body).unwrap_or_default();
        let body: String = body.chars().take(BODY_MAX).collect();
        let text = format!("{:>12.3} ms  {:<10} {body}", line.time.as_ms(), line.actor);
        self.events.insert(line.event, (line.cause, text));
    }
}

/// The explanation of a case: what broke, what happened before, and the causes of the last event. The run's trace goes to
/// `trace` on the way.
pub(super) fn explain<W: Write>(
    scenario: &Scenario,
    broken: &crate::drill::trial::Broken,
    trace: &mut Writer<W>,
) -> String {
    let mut drill = Drill::new(scenario);
    let mut causes = Causes {
        events: BTreeMap::new(),
        trace,
    };
    let end = drill.end();
    let ended = match drill.advance(end, &mut causes) {
        Ok(()) => Ended::Completed,
        Err(stall) => Ended::Stalled(stall.to_string()),
    };
    let outcome = drill.finish(ended);
    let mut text = String::new();
    let at_ms = broken.at.as_ms();
    let _ = writeln!(
        text,
        "{} {} is broken at {at_ms} ms, event {}:",
        broken.kind.name(),
        broken.id,
        broken.event
    );
    let _ = writeln!(text, "  {}\n  {}\n", broken.statement, broken.what);
    text.push_str("What happened\n");
    for fault in &outcome.faults {
        let until = fault
            .until_ms
            .map_or(String::new(), |until| format!(", until {until} ms"));
        let _ = writeln!(text, "  {:>12.3} ms  {}{until}", fault.at_ms, fault.fault);
    }
    text.push('\n');
    let first = outcome.faults.first().map_or(0.0, |fault| fault.at_ms);
    let told = outcome.timeline.iter().filter(|entry| {
        entry.at_ms <= at_ms
            && (entry.at_ms >= first || at_ms - entry.at_ms < Span::from_secs(20).as_ms())
    });
    for entry in told {
        let _ = writeln!(
            text,
            "  {:>12.3} ms  {:<10} {}",
            entry.at_ms, entry.actor, entry.text
        );
    }
    text.push_str("\nWhat caused the event, the last first\n");
    let mut event = broken.event;
    for _ in 0..LINKS_MAX {
        let Some((cause, line)) = causes.events.get(&event) else {
            break;
        };
        let _ = writeln!(text, "  {line}");
        if *cause == event {
            break;
        }
        event = *cause;
    }
    text
}
