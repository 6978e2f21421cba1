//! Unaligned checkpoints keep exactly-once whatever fails and when, and complete where aligned ones cannot: under back-pressure.

use crate::support;

use firedrill::drill::outcome::Outcome;
use support::{load, run_for_report};

const ALIGNED: &str = "config.execution.checkpointing.unaligned.enabled=false";
const AT_ONCE: &str = "config.execution.checkpointing.aligned-checkpoint-timeout=0 ms";

fn drill(more: &[&str]) -> Outcome {
    run_for_report(&load("checkpoint-unaligned", more))
}

fn assert_exactly_once(outcome: &Outcome, what: &str) {
    for invariant in &outcome.summary.invariants {
        let (id, violations) = (&invariant.id, &invariant.violations);
        assert!(violations.is_empty(), "{what}: {id}: {violations:?}");
    }
    let delivery = &outcome.summary.delivery;
    assert_eq!((delivery.lost, delivery.duplicated), (0, 0), "{what}");
}

fn measured(outcome: &Outcome, metric: &str) -> Vec<f64> {
    let points = outcome.metrics.iter();
    let points = points.filter(|point| point.metric == metric);
    points.map(|point| point.value).collect()
}

#[test]
fn barriers_that_overtake_get_through_where_others_wait_too_long() {
    let unaligned = drill(&[]);
    for expectation in &unaligned.summary.expectations {
        assert!(expectation.met, "{expectation:?}");
    }
    let persisted = measured(&unaligned, "lastCheckpointPersistedData");
    assert!(persisted.iter().any(|bytes| *bytes > 0.0), "{persisted:?}");
    let aligned = drill(&[ALIGNED]);
    assert_exactly_once(&aligned, "aligned");
    let checkpoints = |outcome: &Outcome| {
        let checkpoints = &outcome.summary.checkpoints;
        (checkpoints.completed, checkpoints.failed)
    };
    let (completed, failed) = checkpoints(&aligned);
    assert!(
        completed * 3 < checkpoints(&unaligned).0 && failed > 5,
        "{completed} {failed}"
    );
    // -1 before the first one has completed, as Flink has it.
    let persisted = measured(&aligned, "lastCheckpointPersistedData");
    assert!(persisted.iter().all(|bytes| *bytes <= 0.0), "{persisted:?}");
    // Overtaking at once, no task waits for barriers longer than for a record in hand.
    let at_once = drill(&[AT_ONCE]);
    assert_exactly_once(&at_once, "at once");
    let longest = |outcome: &Outcome| {
        let delays = measured(outcome, "checkpointStartDelayNanos");
        delays.into_iter().fold(0.0, f64::max)
    };
    let (at_once, patient) = (longest(&at_once), longest(&unaligned));
    assert!(at_once < patient, "{at_once} {patient}");
}

#[test]
fn exactly_once_holds_whenever_a_taskmanager_dies_and_with_another_parallelism() {
    for (seed, model) in [
        (2, "flink-default"),
        (3, "flink-adaptive"),
        (4, "flink-reactive"),
    ] {
        for (at, key) in [("35 s", "1 s"), ("61.3 s", "0 ms"), ("82.9 s", "300 ms")] {
            let timeout =
                format!("config.execution.checkpointing.aligned-checkpoint-timeout={key}");
            let (seed, model) = (format!("seed={seed}"), format!("model={model}"));
            let at = format!("faults.0.at={at}");
            let outcome = drill(&[&timeout, &seed, &model, &at]);
            assert_exactly_once(&outcome, &format!("{seed} {model} {at} {timeout}"));
            assert!(outcome.summary.checkpoints.completed > 3, "{model}");
        }
    }
}
