//! Event time: what holds it back, what a recovery does to it, and that it costs nothing where a job has none.

use crate::support;

use firedrill::drill::outcome::{EventTimeSummary, Outcome};
use support::{assert_sound, load, run};

fn drill(name: &str, overrides: &[&str]) -> Outcome {
    let overrides: Vec<&str> = ["weight=5"].iter().chain(overrides).copied().collect();
    let outcome = run(&load(name, &overrides));
    assert_sound(&outcome, name);
    outcome
}

fn event_time(outcome: &Outcome) -> &EventTimeSummary {
    &outcome.summary.event_time[0]
}

/// Out-of-orderness, what collects in buffers, and an interval of watermarks: not more, as long as nothing happens.
#[test]
fn undisturbed_event_time_is_behind_by_the_bound_and_no_record_is_late() {
    let outcome = drill("idle-partition", &["faults=[]"]);
    let job = event_time(&outcome);
    let lag = &job.watermark_lag_ms;
    assert!(
        lag.p50.is_some_and(|p50| (2_000.0..2_700.0).contains(&p50)),
        "{lag:?}"
    );
    assert_eq!((job.longest_stall_ms, job.late_records), (0.0, 0));
    // A bound below the disorder: some records come behind a watermark that is newer.
    let bound = "jobs.0.event-time={out-of-orderness: 200 ms}";
    let outcome = drill("idle-partition", &["faults=[]", bound]);
    let (late, produced) = (
        event_time(&outcome).late_records,
        outcome.summary.delivery.produced,
    );
    assert!(
        late > produced / 100 && late < produced,
        "{late} of {produced}"
    );
}

#[test]
fn a_partition_without_records_holds_event_time_back_unless_it_is_idle() {
    let stall = |overrides: &[&str]| {
        let outcome = drill("idle-partition", overrides);
        // Records go through as ever.
        assert!(outcome.summary.recoveries.is_empty());
        event_time(&outcome).longest_stall_ms
    };
    let silent = stall(&[]);
    assert!((85_000.0..95_000.0).contains(&silent), "{silent}");
    for (idleness, most) in [("5 s", 9_000.0), ("20 s", 24_000.0)] {
        let strategy = format!("jobs.0.event-time.idleness={idleness}");
        let mended = stall(&[&strategy]);
        assert!(
            mended >= most - 4_000.0 && mended < most,
            "{idleness}: {mended}"
        );
    }
    // A reader without a partition never says anything: without an idleness event time does not even begin.
    let surplus = ["faults=[]", "topics.clicks.partitions=3"];
    let outcome = drill("idle-partition", &surplus);
    assert_eq!(event_time(&outcome).watermark_lag_ms.max, None);
    let idle = "jobs.0.event-time.idleness=5 s";
    let outcome = drill("idle-partition", &[&surplus[..], &[idle]].concat());
    assert!(event_time(&outcome).watermark_lag_ms.max.is_some());
}

/// Watermarks are in no checkpoint: event time goes on when what was read again has come to where it was.
#[test]
fn a_recovery_stops_event_time_for_longer_than_output_in_every_model() {
    for model in ["story", "flink-default", "flink-adaptive"] {
        for seed in 1..=3 {
            let (model, seed) = (format!("model={model}"), format!("seed={seed}"));
            let outcome = drill("event-time-recovery", &[&model, &seed]);
            let job = event_time(&outcome);
            let recovery = &outcome.summary.recoveries[0];
            let stall = recovery.event_time_stall_ms;
            assert!(
                stall.is_some_and(|stall| stall > 5_000.0),
                "{model} {seed}: {stall:?}"
            );
            assert_eq!(job.late_records, 0, "{model} {seed}");
            // It has caught up in the end.
            let last = outcome.watermark_lag.last().expect("points");
            assert!(last.lag_ms < 4_000.0, "{model} {seed}: {last:?}");
            let delivery = &outcome.summary.delivery;
            assert_eq!(
                (delivery.lost, delivery.duplicated),
                (0, 0),
                "{model} {seed}"
            );
        }
    }
}

/// The records are handled at the same instants, with event time and without.
#[test]
fn event_time_changes_nothing_for_records() {
    let with = drill("event-time-recovery", &["faults=[]"]);
    let text = std::fs::read_to_string("scenarios/event-time-recovery.yaml").expect("a scenario");
    let without = text.replace("    event-time: {out-of-orderness: 2 s}\n", "");
    assert_ne!(text, without);
    let overrides = ["weight=5", "faults=[]"].map(|set| {
        let (path, value) = set.split_once('=').expect("path=value");
        firedrill::scenario::Override {
            path: path.into(),
            value: value.into(),
        }
    });
    let scenario = firedrill::scenario::load(&without, "without", &overrides);
    let without = run(&scenario.unwrap_or_else(|error| panic!("{error}")).scenario);
    assert!(without.summary.event_time.is_empty() && without.watermark_lag.is_empty());
    let (one, other) = (&with.summary, &without.summary);
    assert_eq!(one.delivery.produced, other.delivery.produced);
    let p50 = |summary: &firedrill::drill::outcome::Summary| summary.latency_ms.p50.unwrap_or(0.0);
    assert!(
        (p50(one) - p50(other)).abs() < 3.0,
        "{} {}",
        p50(one),
        p50(other)
    );
}

/// What waited in partitions that nobody had discovered is older than the others' watermarks.
#[test]
fn the_backlog_of_new_partitions_is_late() {
    let late = |interval: &str| {
        let interval = format!("partition.discovery.interval.ms={interval}");
        let outcome = drill("partitions-added", &[&interval, "faults.1.at=230 s"]);
        event_time(&outcome).late_records
    };
    let (soon, late) = (late("5000"), late("100000"));
    assert!(late > 10_000 && soon < late / 4, "{soon} {late}");
}
