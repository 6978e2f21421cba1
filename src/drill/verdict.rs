//! How a run counts: well, an expectation missed, an invariant broken, stuck, cut short.

use crate::scenario::expect::Quantity;
use crate::scenario::model::Scenario;

use super::expectations::compare;
use super::outcome::Summary;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All is well.
    Met,
    /// An expectation of the scenario is not met.
    Unmet,
    /// A liveness invariant is broken, or the stall guard ended the run.
    Stuck,
    /// A safety invariant is broken.
    Unsafe,
    /// Expectations mean nothing on half a run.
    Interrupted,
}

impl Verdict {
    pub const ALL: [Verdict; 5] = [
        Verdict::Met,
        Verdict::Unmet,
        Verdict::Stuck,
        Verdict::Unsafe,
        Verdict::Interrupted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Unmet => "unmet",
            Verdict::Stuck => "stuck",
            Verdict::Unsafe => "unsafe",
            Verdict::Interrupted => "interrupted",
        }
    }
}

/// Where several hold, safety comes before liveness, and both before expectations. A violation that the scenario itself
/// expects is none.
pub fn verdict(scenario: &Scenario, summary: &Summary) -> Verdict {
    if summary.ended == "interrupted" {
        return Verdict::Interrupted;
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
        return Verdict::Unsafe;
    }
    let expects_violations = expects(scenario, summary, |quantity| {
        quantity == Quantity::Violations
    });
    if summary.stall.is_some() || (broken("liveness") && !expects_violations) {
        return Verdict::Stuck;
    }
    match summary.expectations.iter().all(|verdict| verdict.met) {
        true => Verdict::Met,
        false => Verdict::Unmet,
    }
}

/// Whether a statement of the scenario that is met demands more than none of such a quantity.
fn expects(scenario: &Scenario, summary: &Summary, such: impl Fn(Quantity) -> bool) -> bool {
    scenario.expect.iter().any(|expectation| {
        let demanded = expectation
            .clauses
            .iter()
            .any(|clause| such(clause.quantity) && !compare(0.0, clause.comparison, clause.value));
        let met = summary
            .expectations
            .iter()
            .any(|verdict| verdict.text == expectation.text && verdict.met);
        demanded && met
    })
}
