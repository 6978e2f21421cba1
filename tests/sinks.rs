//! What each guarantee promises is kept under the races that it is for, with whatever seed: exactly-once, at-least-once, none;
//! and where a promise has limits, it is lost only there, by name.

use crate::support;

use firedrill::drill::outcome::{Outcome, SinkDelivery};
use support::{load, parse, run, said, shipped};

fn drill(name: &str, seed: u64, more: &[&str]) -> Outcome {
    let seed = format!("seed={seed}");
    let overrides: Vec<&str> = ["weight=10", &seed]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    run(&load(name, &overrides))
}

fn sink(outcome: &Outcome) -> &SinkDelivery {
    &outcome.summary.delivery.sinks[0]
}

/// The scenarios of sinks that are shipped: whatever they are, their own expectations hold.
#[test]
fn scenarios_of_sinks_show_what_they_say() {
    let names = shipped().into_iter();
    let of_sinks: Vec<_> = names.filter(|name| name.starts_with("kafka-")).collect();
    assert!(of_sinks.len() >= 9, "{of_sinks:?}");
    for name in of_sinks {
        for expectation in run(&load(&name, &[])).summary.expectations {
            assert!(expectation.met, "{name}: {expectation:?}");
        }
    }
}

fn assert_unbroken(outcome: &Outcome) {
    for invariant in &outcome.summary.invariants {
        assert!(
            invariant.violations.is_empty(),
            "{} seed {}: {}: {:?}",
            outcome.summary.scenario,
            outcome.summary.seed,
            invariant.id,
            invariant.violations
        );
    }
}

#[test]
fn transactions_survive_every_race_that_does_not_outlast_their_timeout() {
    for name in [
        "kafka-exactly-once",
        "kafka-notification-lost",
        "kafka-partial-commits",
        "kafka-zombie-writer",
        "kafka-zombie-committer",
    ] {
        for seed in 1..=3 {
            for naming in ["incrementing", "pooling"] {
                let naming = format!("jobs.0.operators.2.sink.transaction-naming={naming}");
                let outcome = drill(name, seed, &[&naming]);
                assert_unbroken(&outcome);
                let delivery = &outcome.summary.delivery;
                let counts = (delivery.lost, delivery.duplicated);
                assert_eq!(counts, (0, 0), "{name} seed {seed}");
                assert_eq!(sink(&outcome).failed_commits, 0, "{name} seed {seed}");
                assert!(delivery.visible > delivery.produced / 2);
            }
        }
    }
}

/// The zombie's commit is on its way while its successor makes it, and comes when that runs again.
#[test]
fn a_commit_that_comes_after_its_successors_changes_nothing() {
    for seed in 1..=5 {
        for (naming, answer) in [
            ("incrementing", "commits what its successor has committed"),
            // The successor has taken the id anew.
            ("pooling", "is fenced"),
        ] {
            let naming = format!("jobs.0.operators.2.sink.transaction-naming={naming}");
            let outcome = drill("kafka-zombie-committer", seed, &[&naming]);
            let [runs, comes] = ["all tasks of enrichment run", answer].map(|text| {
                let at = said(&outcome, text);
                at.last().copied().unwrap_or_default()
            });
            assert!(comes > runs, "{naming} seed {seed}: {runs} {comes}");
        }
    }
}

/// Checkpoints overlap, and a broker keeps a committer waiting while the next one completes: it is called again when it is
/// through, and what it says to be done is.
#[test]
fn one_call_to_a_committer_follows_the_other() {
    for seed in 1..=3 {
        let overlapping = [
            "execution.checkpointing.interval=1s",
            "execution.checkpointing.max-concurrent-checkpoints=3",
            "jobs.0.operators.1.state=200MB",
        ];
        let outcome = drill("kafka-broker-hangs", seed, &overlapping);
        assert_unbroken(&outcome);
        let delivery = &outcome.summary.delivery;
        let counts = (delivery.lost, delivery.duplicated);
        assert_eq!(counts, (0, 0), "seed {seed}");
    }
}

#[test]
fn a_timeout_loses_what_its_transactions_held_and_says_so() {
    let outcome = drill("kafka-transaction-timeout", 1, &[]);
    assert_unbroken(&outcome);
    let sink = sink(&outcome);
    assert!(sink.failed_commits > 0 && sink.lost > 0, "{sink:?}");
    let named: u64 = sink
        .losses
        .iter()
        .flat_map(|loss| &loss.records)
        .map(|records| records.records)
        .sum();
    assert_eq!(named, sink.lost);
    assert!(
        sink.losses
            .iter()
            .all(|loss| loss.excused && loss.at_ms > 0.0)
    );
    // With time enough for the outage nothing is lost.
    let patient = "jobs.0.operators.2.sink.transaction-timeout=10 min";
    let outcome = drill("kafka-transaction-timeout", 1, &[patient]);
    assert_eq!(outcome.summary.delivery.lost, 0);
}

#[test]
fn a_timeout_that_brokers_refuse_never_lets_the_job_run() {
    let hour = "jobs.0.operators.2.sink.transaction-timeout=1 h";
    let outcome = drill("kafka-exactly-once", 1, &[hour]);
    assert_eq!(outcome.summary.delivery.visible, 0);
    assert!(outcome.summary.checkpoints.completed == 0);
}

#[test]
fn readers_wait_for_a_transaction_that_nobody_ends() {
    let outcome = drill("kafka-lingering-transaction", 1, &[]);
    assert_unbroken(&outcome);
    let longest = outcome.summary.visibility_latency_ms.max;
    assert!(
        longest.is_some_and(|longest| longest > 50_000.0),
        "{longest:?}"
    );
}

/// A process that lives closes its producers (`ExactlyOnceKafkaWriter.close`): only the dead leave transactions open.
#[test]
fn readers_do_not_wait_for_a_task_that_has_ended_in_order() {
    let outcome = drill(
        "kafka-lingering-transaction",
        1,
        &["faults.0={throw: Audit, at: 65 s}"],
    );
    assert_unbroken(&outcome);
    assert_eq!(said(&outcome, "its task has ended").len(), 1);
    let longest = outcome.summary.visibility_latency_ms.max;
    assert!(
        longest.is_some_and(|longest| longest < 20_000.0),
        "{longest:?}"
    );
}

#[test]
fn at_least_once_doubles_and_nothing_more() {
    let outcome = drill("kafka-at-least-once", 1, &[]);
    assert_unbroken(&outcome);
    let delivery = &outcome.summary.delivery;
    assert!(
        delivery.lost == 0 && delivery.duplicated > 0,
        "{delivery:?}"
    );
    // What is written over itself is not doubled.
    let upsert = "jobs.0.operators.2.sink=upsert";
    let outcome = drill("kafka-at-least-once", 1, &[upsert]);
    assert_unbroken(&outcome);
    let delivery = &outcome.summary.delivery;
    assert_eq!((delivery.lost, delivery.duplicated), (0, 0));
    assert!(sink(&outcome).overwritten > 0);
}

#[test]
fn without_a_guarantee_records_are_lost_and_counted() {
    let outcome = drill("kafka-no-guarantee", 1, &[]);
    assert_unbroken(&outcome);
    assert!(outcome.summary.delivery.lost > 0);
    // The same, promised: a checkpoint waits for the producer.
    let promised = "jobs.0.operators.2.guarantee=at-least-once";
    let outcome = drill("kafka-no-guarantee", 1, &[promised]);
    assert_unbroken(&outcome);
    assert_eq!(outcome.summary.delivery.lost, 0);
}

#[test]
fn retention_that_overtakes_a_source_is_named_as_the_cause() {
    let outcome = drill("retention-overtaken", 1, &[]);
    assert_unbroken(&outcome);
    let sink = sink(&outcome);
    assert!(sink.lost > 0, "{sink:?}");
    let overtaken = |cause: &str| cause.contains("retention");
    assert!(sink.losses.iter().all(|loss| overtaken(&loss.cause)));
    let latest = drill(
        "retention-overtaken",
        1,
        &["topics.orders.offset-reset=latest"],
    );
    assert_unbroken(&latest);
    assert!(latest.summary.delivery.lost > outcome.summary.delivery.lost);
    let kept = drill(
        "retention-overtaken",
        1,
        &["topics.orders.retention=10 min"],
    );
    assert_eq!(kept.summary.delivery.lost, 0);
}

/// Whenever a broker dies, stops in order or hangs, nothing is lost or doubled, and no task fails: its partitions have other leaders.
#[test]
fn a_broker_may_go_at_any_time() {
    let shortest = |fault: &str, seed| {
        let outcome = drill("kafka-broker-dies", seed, &[&format!("faults.0={fault}")]);
        assert_unbroken(&outcome);
        let delivery = &outcome.summary.delivery;
        assert_eq!((delivery.lost, delivery.duplicated), (0, 0), "{fault}");
        assert_eq!(
            outcome
                .summary
                .recoveries
                .iter()
                .map(|r| r.restarts)
                .sum::<u32>(),
            0
        );
        outcome
            .summary
            .recoveries
            .iter()
            .filter_map(|r| r.total_ms)
            .sum::<f64>()
    };
    let killed = shortest("{kill: broker-1, at: 43.21 s}", 2);
    let stopped = shortest("{stop: broker-3, at: 50 s, restart-after: 3 s}", 3);
    let hung = shortest("{hang: broker-2, at: 61.7 s, for: 70 s}", 4);
    let resumed = shortest("{hang: broker-2, at: 61.7 s, for: 4 s}", 4);
    assert!(killed > 8_000.0 && killed < 20_000.0, "{killed}");
    assert!(stopped < 2_000.0, "{stopped}");
    assert!(hung > 28_000.0 && resumed < 8_000.0, "{hung} {resumed}");
}

/// Whoever needs a transaction while its coordinator is away fails after `max.block.ms`, and again, until the broker is back.
#[test]
fn a_producer_waits_a_minute_for_a_transaction() {
    let text = include_str!("../scenarios/kafka-broker-dies.yaml")
        .replace(
            "replication-factor: 3, min-insync-replicas: 2",
            "replication-factor: 1, min-insync-replicas: 1",
        )
        .replace(
            "at: 60 s, restart-after: 60 s}",
            "at: 60 s, restart-after: 3 min}\n  - {throw: Sink 0, at: 61 s}",
        )
        .replace("duration: 3 min", "duration: 5 min\nweight: 10");
    let outcome = run(&parse(&text));
    assert_unbroken(&outcome);
    let delivery = &outcome.summary.delivery;
    assert_eq!((delivery.lost, delivery.duplicated), (0, 0));
    let starts = said(&outcome, "scope region, because of");
    let [thrown, first, second] = starts[..] else {
        panic!("{starts:?}");
    };
    // Its back-off, its deployment, and a minute.
    for (from, to) in [(thrown, first), (first, second)] {
        assert!((61_000.0..66_000.0).contains(&(to - from)), "{starts:?}");
    }
}

/// Three brokers, all of which go at once, for so long.
fn without_brokers(at: &str, back_after: &str, more: &[&str]) -> Outcome {
    let kill = |broker| format!("{{kill: broker-{broker}, {at}, restart-after: {back_after}}}");
    let faults = format!("faults=[{}, {}, {}]", kill(1), kill(2), kill(3));
    let more: Vec<&str> = [&*faults].into_iter().chain(more.iter().copied()).collect();
    drill("kafka-broker-dies", 1, &more)
}

/// When tasks have failed and been restarted.
fn restarts(outcome: &Outcome) -> Vec<f64> {
    said(outcome, "scope region, because of")
}

/// `flush` waits for `delivery.timeout.ms`; `max.block.ms` begins with the next transaction.
#[test]
fn no_transaction_is_opened_before_the_last_one_is_flushed() {
    // So that every sink has something to send.
    let linger = "jobs.0.operators.2.sink.linger=1 s";
    let outcome = without_brokers("at: 60 s", "80 s", &[linger, "duration=4 min"]);
    assert_unbroken(&outcome);
    assert!(restarts(&outcome).is_empty());
    let outcome = without_brokers("at: 60 s", "130 s", &[linger, "duration=5 min"]);
    assert!(
        restarts(&outcome)
            .first()
            .is_some_and(|at| (179_000.0..182_000.0).contains(at))
    );
}

/// Who is silent refuses nothing: `max.block.ms` runs all the same.
#[test]
fn a_producer_waits_no_longer_for_brokers_that_are_silent() {
    let outcome = drill(
        "kafka-broker-dies",
        1,
        &[
            "faults.0={cut-off: kafka, at: 55 s, for: 90 s}",
            "topics.orders.rate=0.1/s",
            "weight=1",
        ],
    );
    assert_unbroken(&outcome);
    // With the first barrier that finds them away, and a minute.
    let first = restarts(&outcome).first().copied();
    assert!(
        first.is_some_and(|at| (115_000.0..125_500.0).contains(&at)),
        "{first:?}"
    );
}

/// Who looks after a transaction looks first one interval after it has come up: the committer is there before.
#[test]
fn brokers_that_are_away_abort_nothing() {
    let timeout = "jobs.0.operators.2.sink.transaction-timeout=30 s";
    let more = [timeout, "duration=4 min"];
    let outcome = without_brokers("when: checkpoint 5 completed", "60 s", &more);
    assert_unbroken(&outcome);
    let delivery = &outcome.summary.delivery;
    assert_eq!((delivery.lost, sink(&outcome).failed_commits), (0, 0));
}

#[test]
fn a_commit_that_is_tried_in_vain_fails_its_task() {
    let at = "when: checkpoint 5 completed";
    for (retries, after_s) in [(1, 120.0), (2, 180.0)] {
        let retries = format!("sink.committer.retries={retries}");
        // Nothing else is asked of brokers meanwhile: no barrier comes while its task commits.
        let outcome = without_brokers(at, "5 min", &[&retries, "duration=7 min"]);
        assert_unbroken(&outcome);
        let began = said(&outcome, "checkpoint 5 has completed")[0];
        let after = restarts(&outcome).first().map(|at| (at - began) / 1e3);
        assert!(
            after.is_some_and(|after| (after_s..after_s + 2.0).contains(&after)),
            "{after:?}"
        );
    }
}

/// Its pointer is written, and the leader that wrote it is cut off from the answer: nobody discards the checkpoint, no task hears of
/// it, the successor starts from it (`PossibleInconsistentStateException`).
#[test]
fn a_checkpoint_of_which_its_leader_does_not_know_is_found_by_the_next_one() {
    for seed in 1..=4 {
        let outcome = drill("checkpoint-commit-unknown", seed, &[]);
        assert_unbroken(&outcome);
        let delivery = &outcome.summary.delivery;
        assert_eq!((delivery.lost, delivery.duplicated), (0, 0), "seed {seed}");
        let restored = outcome.summary.recoveries[0].restored_checkpoint;
        let said = |text: &str| outcome.timeline.iter().any(|line| line.text.contains(text));
        assert_eq!(restored, Some(6), "seed {seed}");
        assert!(said("checkpoint 5 has completed"), "seed {seed}");
        assert!(!said("checkpoint 6 has completed"), "seed {seed}");
    }
}

#[test]
fn an_older_checkpoint_doubles_what_was_committed_since_and_nothing_else() {
    let outcome = drill("restored-from-older", 1, &[]);
    assert_unbroken(&outcome);
    let recovery = &outcome.summary.recoveries[0];
    assert_eq!(recovery.restored_checkpoint, Some(5));
    let delivery = &outcome.summary.delivery;
    assert_eq!(delivery.lost, 0);
    // Ten seconds of four partitions: what checkpoint 6 had committed.
    let interval = 10.0 * 4.0 * 200.0;
    let doubled = delivery.duplicated as f64;
    assert!(
        (0.8 * interval..1.2 * interval).contains(&doubled),
        "{doubled}"
    );
    // With the pointer in place the successor goes back to it.
    let outcome = drill(
        "restored-from-older",
        1,
        &["faults.0={kill: jm-2, at: 50 s, restart-after: 1 s}"],
    );
    assert_eq!(outcome.summary.recoveries[0].restored_checkpoint, Some(6));
    assert_eq!(outcome.summary.delivery.duplicated, 0);
}

/// Checkpoints that a hung TaskManager keeps from the sinks leave a gap before their next id. A broker is dead, and its ids wait:
/// no later one is written to before, or the successor's probing would end at the gap and leave a transaction open.
#[test]
fn ids_of_aborted_checkpoints_are_opened_one_after_the_other() {
    const TEXT: &str = "
name: gap
model: story
duration: 35 s
weight: 60
cluster:
  jobmanagers: [jm-1]
  taskmanagers:
    - {name: tm-1, slots: 8, cpu: 2, network: 125 MB/s}
    - {name: tm-2, slots: 8, cpu: 2, network: 125 MB/s}
  zookeeper: {servers: 1}
  kafka: {brokers: 3, replication-factor: 3, min-insync-replicas: 2}
placement: {policy: round-robin, slots: ignore}
config:
  execution.checkpointing.interval: 5 s
  execution.checkpointing.timeout: 3 s
  execution.checkpointing.tolerable-failed-checkpoints: 10
topics:
  transactions: {partitions: 4, rate: 1250/s}
jobs:
  - name: job
    operators:
      - {name: Source, topic: transactions, parallelism: 4}
      - name: Sink
        input: Source
        exchange: rebalance
        parallelism: 4
        sink: {kind: kafka, transaction-timeout: 600 s}
        guarantee: exactly-once
faults:
  - {hang: tm-1, at: 2 s, for: 16 s}
  - {kill: broker-1, at: 18 s}
  - {kill: tm-2, at: 22 s, restart-after: 1 s}
";
    for seed in 1..=6 {
        let outcome = run(&parse(&format!("{TEXT}seed: {seed}\n")));
        assert_unbroken(&outcome);
        assert_eq!(said(&outcome, "is aborted: expired").len(), 4);
        assert!(!said(&outcome, "a new producer has its id").is_empty());
    }
}

/// A broker hangs while a sink flushes for one checkpoint, and the one before it completes meanwhile: its transaction is committed
/// when the flush has come back, and not under an id that the next transaction takes.
#[test]
fn what_completes_while_a_sink_flushes_is_committed_behind_the_flush() {
    const TEXT: &str = "
name: flush
duration: 30 s
weight: 60
liveness: rpc-heartbeats
cluster:
  jobmanagers: [jm-1]
  taskmanagers: [{name: tm-1}]
  zookeeper: {tick-time: 500 ms}
  kafka: {brokers: 3, request-timeout: 2 s}
  links: {default: {latency: 100 us .. 20 ms}}
config:
  execution.buffer-timeout.interval: 500 ms
  execution.checkpointing.interval: 2 s
  execution.checkpointing.max-concurrent-checkpoints: 2
  execution.checkpointing.min-pause: 1 s
  heartbeat.interval: 1 s
  high-availability.zookeeper.client.session-timeout: 5 s
topics:
  transactions: {partitions: 4, rate: 1250/s}
jobs:
  - name: job
    operators:
      - {name: Source, topic: transactions, parallelism: 2, cpu: 20 us}
      - {name: Parse, input: Source, exchange: rebalance, parallelism: 2, cpu: 40 us}
      - {name: Enrich, input: Parse, exchange: hash, parallelism: 2, cpu: 80 us, state: 64 MB, key: card}
      - {name: Detect, input: Enrich, exchange: hash, parallelism: 2, cpu: 60 us, state: 128 MB, key: merchant}
      - name: Sink
        input: Detect
        parallelism: 2
        sink: {kind: kafka, linger: 100 ms, transaction-timeout: 600 s, transaction-naming: pooling}
        guarantee: exactly-once
faults:
  - {hang: broker-1, at: 19 s, for: 5 s}
  - {add-partitions: transactions, when: checkpoint 2 triggered, count: 1}
  - {add-partitions: transactions, when: checkpoint 2 triggered, count: 1}
";
    for (seed, broker) in [(2, 1), (33, 1), (39, 2)] {
        let text = TEXT.replace("broker-1", &format!("broker-{broker}"));
        let outcome = run(&parse(&format!("{text}seed: {seed}\n")));
        assert_unbroken(&outcome);
        assert_eq!(outcome.summary.delivery.lost, 0);
        assert_eq!(sink(&outcome).failed_commits, 0);
    }
}
