use super::*;
use crate::drill::outcome::{ExpectationVerdict, InvariantVerdict, Violation};
use crate::scenario::expect::{Clause, Comparison, Expectation, Quantity};

/// A run of the first shipped scenario on which everything is well.
fn clean() -> (Scenario, Summary) {
    let shipped = crate::cli::shipped::SHIPPED[0].text;
    let mut scenario = crate::cli::engine::load(shipped.as_bytes(), "shipped", &[])
        .unwrap_or_else(|error| panic!("{error}"))
        .scenario;
    scenario.expect.clear();
    let drill = crate::cli::engine::Drill::new(&scenario);
    let mut summary = drill.finish(crate::cli::engine::Ended::Completed).summary;
    summary.invariants.clear();
    summary.expectations.clear();
    (scenario, summary)
}

fn broken(kind: &str) -> InvariantVerdict {
    InvariantVerdict {
        id: "an-invariant".to_string(),
        kind: kind.to_string(),
        statement: "Something holds.".to_string(),
        checked: 10,
        violations: vec![Violation {
            at_ms: 1.0,
            event: 7,
            what: "it does not".to_string(),
        }],
    }
}

/// Adds a statement to the scenario, and whether it was met.
fn expect(run: &mut (Scenario, Summary), clause: (Quantity, Comparison, f64), met: bool) {
    let (quantity, comparison, value) = clause;
    let text = format!("statement {}", run.0.expect.len());
    run.0.expect.push(Expectation {
        text: text.clone(),
        clauses: vec![Clause {
            over_seeds: None,
            quantity,
            comparison,
            value,
        }],
    });
    run.1.expectations.push(ExpectationVerdict {
        text,
        met,
        measured: "3".to_string(),
    });
}

fn status_of((scenario, summary): &(Scenario, Summary)) -> Status {
    status(scenario, summary)
}

#[test]
fn a_clean_run_is_well() {
    assert_eq!(status_of(&clean()), Status::Ok);
}

#[test]
fn safety_comes_before_liveness_and_liveness_before_expectations() {
    let mut run = clean();
    expect(&mut run, (Quantity::Total, Comparison::Less, 1.0), false);
    assert_eq!(status_of(&run), Status::Unmet);
    run.1.invariants.push(broken("liveness"));
    assert_eq!(status_of(&run), Status::Stuck);
    run.1.invariants.push(broken("safety"));
    assert_eq!(status_of(&run), Status::Unsafe);
}

#[test]
fn a_stall_is_never_expected() {
    let mut run = clean();
    run.1.ended = "stalled".to_string();
    run.1.stall = Some("jm-1 and zk-1 turn in circles".to_string());
    expect(
        &mut run,
        (Quantity::Violations, Comparison::Greater, 0.0),
        true,
    );
    assert_eq!(status_of(&run), Status::Stuck);
}

#[test]
fn a_violation_that_the_scenario_expects_is_no_failure() {
    let mut run = clean();
    run.1.invariants.push(broken("safety"));
    expect(&mut run, (Quantity::Lost, Comparison::Greater, 0.0), true);
    assert_eq!(status_of(&run), Status::Ok);
    run.1.invariants.push(broken("liveness"));
    assert_eq!(
        status_of(&run),
        Status::Stuck,
        "losing records excuses no standstill"
    );
    expect(
        &mut run,
        (Quantity::Violations, Comparison::Equal, 2.0),
        true,
    );
    assert_eq!(status_of(&run), Status::Ok);
}

#[test]
fn an_expectation_excuses_only_if_it_is_met_and_demands_something() {
    for (quantity, comparison, value, met) in [
        (Quantity::Lost, Comparison::Greater, 10.0, false),
        (Quantity::Lost, Comparison::LessOrEqual, 3.0, true),
        (Quantity::Lost, Comparison::NotEqual, 7.0, true),
        (Quantity::Total, Comparison::Greater, 1.0, true),
    ] {
        let mut run = clean();
        run.1.invariants.push(broken("safety"));
        expect(&mut run, (quantity, comparison, value), met);
        assert_eq!(
            status_of(&run),
            Status::Unsafe,
            "{quantity:?} {comparison:?} {value}"
        );
    }
}

#[test]
fn half_a_run_is_not_judged() {
    let mut run = clean();
    run.1.ended = "interrupted".to_string();
    expect(&mut run, (Quantity::Total, Comparison::Less, 1.0), false);
    assert_eq!(status_of(&run), Status::Interrupted);
}

#[test]
fn every_complaint_says_what_and_where() {
    let mut run = clean();
    run.1.invariants.push(broken("safety"));
    expect(&mut run, (Quantity::Total, Comparison::Less, 1.0), false);
    let lines = complaints(&run.1);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("an-invariant is broken"), "{}", lines[0]);
    assert!(lines[0].contains("event 7"), "{}", lines[0]);
    assert!(lines[1].contains("measured: 3"), "{}", lines[1]);
}
