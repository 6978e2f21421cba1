//! A topic that grows while it is read: its new partitions are found, read from their beginning and never forgotten, whatever fails.

use crate::support;

use firedrill::drill::outcome::Outcome;
use support::{assert_whole, load, run, said};

fn drill(overrides: &[&str]) -> Outcome {
    let overrides: Vec<&str> = ["weight=10"].iter().chain(overrides).copied().collect();
    run(&load("partitions-added", &overrides))
}

/// Somebody reads everything by the end: what is left is what came just before it.
fn assert_read(outcome: &Outcome, what: &str) {
    let last = outcome.lag.last().expect("lag was noted");
    assert!(last.max < 600, "{what}: {last:?}");
}

#[test]
fn a_failure_after_the_discovery_forgets_no_split_in_any_model() {
    let models = ["story", "flink-default", "flink-adaptive", "flink-reactive"];
    for model in models {
        for seed in 1..=2 {
            // Before the next checkpoint, and after it.
            for at in ["91 s", "95 s", "103 s"] {
                let (model, seed) = (format!("model={model}"), format!("seed={seed}"));
                let at = format!("faults.1.at={at}");
                let interval = "partition.discovery.interval.ms=30000";
                let outcome = drill(&[&model, &seed, &at, interval]);
                let what = format!("{model} {seed} {at}");
                assert_whole(&outcome, &what);
                assert_read(&outcome, &what);
                assert!(!said(&outcome, "is given partitions").is_empty(), "{what}");
            }
        }
    }
}

#[test]
fn new_partitions_wait_for_the_next_discovery() {
    let outcome = drill(&["faults.1.at=230 s"]);
    let [grown] = said(&outcome, "has 6 partitions now")[..] else {
        panic!("it grows once");
    };
    let found = said(&outcome, "discovers partitions 4, 5");
    let waited = found.first().expect("they are discovered") - grown;
    // Enumerators began to look a few seconds after the start, and do so every 40 s.
    assert!((25_000.0..45_000.0).contains(&waited), "{waited}");
    // Their records lie there until then.
    let most = outcome.lag.iter().map(|point| point.max).max();
    assert!(
        most.is_some_and(|most| most as f64 > 190.0 * waited / 1e3),
        "{most:?}"
    );
}

#[test]
fn without_an_interval_nobody_looks_before_an_enumerator_starts_again() {
    let off = "partition.discovery.interval.ms=-1";
    let outcome = drill(&[off]);
    assert_whole(&outcome, "off");
    assert!(said(&outcome, "discovers").is_empty());
    assert!(outcome.lag.last().is_some_and(|last| last.max > 30_000));
    // A new leader has new enumerators.
    let outcome = drill(&[off, "faults.1.kill=jm-1"]);
    assert_whole(&outcome, "a new leader");
    assert_eq!(said(&outcome, "discovers partitions 4, 5").len(), 1);
    assert_read(&outcome, "a new leader");
}

/// `KafkaSourceEnumerator` throws when its client gets no answer for `default.api.timeout.ms`.
#[test]
fn brokers_that_say_nothing_for_a_minute_fail_the_job() {
    let hang = |lasts: &str| {
        let lasts = format!("faults.1.for={lasts}");
        drill(&["faults.1={hang: kafka, at: 80 s}", &lasts])
    };
    let restarts = |outcome: &Outcome| said(outcome, "because of operator-coordinator").len();
    assert_eq!(restarts(&hang("60 s")), 0);
    let outcome = hang("100 s");
    assert!(restarts(&outcome) >= 1);
    assert_whole(&outcome, "silent brokers");
    assert_read(&outcome, "silent brokers");
}
