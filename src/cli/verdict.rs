//! From the outcome of a run to its exit status.

use super::engine::{Clause, Comparison, Quantity, Scenario, Summary};
use super::status::Status;

/// The exit status of a run. Where several hold, safety comes before liveness, and both before expectations.
pub(super) fn status(scenario: &Scenario, summary: &Summary) -> Status {
    if summary.ended == "interrupted" {
        // Expectations mean nothing on half a run.
        return Status::Interrupted;
    }
    let broken = |kind: &str| {
        summary
            .invariants
            .iter()
            .any(|invariant| invariant.kind == kind && !invariant.violations.is_empty())
    };
    if broken("safety")
        && !expects(scenario, summary, |quantity| {
            matches!(
                quantity,
                Quantity::Lost | Quantity::Duplicated | Quantity::Violations
            )
        })
    {
        return Status::Unsafe;
    }
    let expects_violations = expects(scenario, summary, |quantity| {
        quantity == Quantity::Violations
    });
    if summary.stall.is_some() || (broken("liveness") && !expects_violations) {
        return Status::Stuck;
    }
    match summary.expectations.iter().all(|verdict| verdict.met) {
        true => Status::Ok,
        false => Status::Unmet,
    }
}

/// What is wrong with a run, a line each, for when the report itself is not shown.
pub(super) fn complaints(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    if summary.ended == "interrupted" {
        lines.push(format!("interrupted after {} ms", summary.simulated_ms));
    }
    for invariant in &summary.invariants {
        if let Some(first) = invariant.violations.first() {
            lines.push(format!(
                "{} invariant {} is broken ({} times; first at {} ms, event {}: {})",
                invariant.kind,
                invariant.id,
                invariant.violations.len(),
                first.at_ms,
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

/// Whether a statement of the scenario that is met demands more than none of such a quantity.
fn expects(scenario: &Scenario, summary: &Summary, such: impl Fn(Quantity) -> bool) -> bool {
    scenario.expect.iter().any(|expectation| {
        let demanded = expectation
            .clauses
            .iter()
            .any(|clause| such(clause.quantity) && !holds_at_zero(clause));
        let met = summary
            .expectations
            .iter()
            .any(|verdict| verdict.text == expectation.text && verdict.met);
        demanded && met
    })
}

fn holds_at_zero(clause: &Clause) -> bool {
    match clause.comparison {
        Comparison::Less => 0.0 < clause.value,
        Comparison::LessOrEqual => 0.0 <= clause.value,
        Comparison::Equal => clause.value == 0.0,
        Comparison::NotEqual => clause.value != 0.0,
        Comparison::GreaterOrEqual => 0.0 >= clause.value,
        Comparison::Greater => 0.0 > clause.value,
    }
}

#[cfg(test)]
mod tests;
