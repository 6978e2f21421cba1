//! From the outcome of a run to its exit status.

use super::engine::{Scenario, Summary, Verdict, instant, judge};
use super::status::Status;

/// The exit status of a run.
pub(super) fn status(scenario: &Scenario, summary: &Summary) -> Status {
    of(judge(scenario, summary))
}

pub(super) fn of(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Met => Status::Ok,
        Verdict::Unmet => Status::Unmet,
        Verdict::Stuck => Status::Stuck,
        Verdict::Unsafe => Status::Unsafe,
        Verdict::Interrupted => Status::Interrupted,
    }
}

/// What is wrong with a run, a line each, for when the report itself is not shown.
pub(super) fn complaints(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    if summary.ended == "interrupted" {
        lines.push(format!("interrupted at {}", instant(summary.simulated_ms)));
    }
    for invariant in &summary.invariants {
        if let Some(first) = invariant.violations.first() {
            lines.push(format!(
                "{} invariant {} is broken ({} times; first at {}, event {}: {})",
                invariant.kind,
                invariant.id,
                invariant.violations.len(),
                instant(first.at_ms),
                first.event,
                first.what
            ));
        }
    }
    if let Some(stall) = &summary.stall {
        lines.push(format!("the run stalled: {stall}"));
    }
    for verdict in summary.expectations.iter().filter(|verdict| !verdict.met) {
        lines.push(format!(
            "expectation not met: {} (measured: {})",
            verdict.text, verdict.measured
        ));
    }
    lines
}

#[cfg(test)]
mod tests;
