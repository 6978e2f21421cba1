//! A recovery under Flink's models is told in Flink's terms, in times that are those of its phases: each restart with what
//! became of it. What has not recovered says what it waited for.

use crate::support;

use firedrill::drill::outcome::{Outcome, Recovery, TaskSpan};
use support::{load, parse, run, said};

/// Steps that take time follow each other without gaps, from the fault until "caught up" or until there is nothing left to do.
fn assert_gapless(recovery: &Recovery) {
    let mut clock = recovery.at_ms;
    for step in recovery
        .steps
        .iter()
        .filter(|step| step.to_ms > step.from_ms)
    {
        assert_eq!(step.from_ms, clock, "{step:?} in {:#?}", recovery.steps);
        clock = step.to_ms;
    }
    let end = recovery.total_ms.map(|total| recovery.at_ms + total);
    let end = end.or(recovery.failed_ms).expect("it has an end");
    assert!((clock - end).abs() < 1e-6, "{clock} and {end}");
}

fn only(outcome: &Outcome) -> &Recovery {
    let [recovery] = &outcome.summary.recoveries[..] else {
        panic!("one recovery: {:?}", outcome.summary.recoveries);
    };
    recovery
}

#[test]
fn restarts_on_a_dead_taskmanager_are_told_as_wasted_and_the_last_as_the_one_that_recovers() {
    for model in ["flink-default", "flink-adaptive"] {
        let set = format!("model={model}");
        let outcome = run(&load("slot-shortage", &[&set]));
        let recovery = only(&outcome);
        assert_gapless(recovery);
        let (last, wasted) = recovery.attempts.split_last().expect("it restarts");
        assert_eq!(recovery.restarts as usize, recovery.attempts.len());
        assert_eq!(
            (recovery.wasted(), last.outcome.as_str()),
            (wasted.len(), "running")
        );
        assert!(!wasted.is_empty(), "{model}");
        for (attempt, next) in recovery.attempts.iter().zip(&recovery.attempts[1..]) {
            assert_eq!(attempt.outcome, "wasted");
            assert_eq!(attempt.overtaken_ms, Some(next.at_ms));
            // Its slots count until somebody knows, and its TaskManager is where the orders find nobody.
            assert_eq!(attempt.slots_pooled, attempt.slots_needed);
            assert_eq!(next.detector, "deployment-unreachable");
            assert_eq!(next.failed_on, ["tm-3"]);
        }
        assert!(last.slots_pooled < last.slots_needed, "{last:?}");
        assert_eq!(recovery.restored_checkpoint, last.checkpoint);
        let told = |name: &'static str| {
            recovery
                .steps
                .iter()
                .filter(move |step| step.name.contains(name))
        };
        assert_eq!(told("wasted").count(), wasted.len());
        let slots = told("Slots")
            .next()
            .expect("only the last is told in detail");
        assert_eq!(slots.to_ms, last.deployed_ms.expect("it was deployed"));
        assert!(slots.what.starts_with("6 of 8 slots"), "{slots:?}");
        assert!(outcome.summary.not_recovered.is_empty());
    }
}

#[test]
fn a_new_leader_is_told_with_its_election_and_what_it_reads_back() {
    let outcome = run(&load(
        "fraud-detection-leader-dies",
        &["model=flink-default"],
    ));
    let recovery = only(&outcome);
    assert_gapless(recovery);
    let names: Vec<&str> = recovery
        .steps
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    let expected = [
        "Fault",
        "Detected",
        "Leader elected",
        "Job read back",
        "Restore from",
        "Slots",
        "DEPLOYING",
        "INITIALIZING",
        "All RUNNING",
        "First output",
        "Catch-up",
        "Caught up",
    ];
    assert_eq!(names, expected);
    assert!(
        recovery.steps[1].what.contains("ZooKeeper last heard jm-1"),
        "{recovery:#?}"
    );
}

#[test]
fn a_job_that_fails_for_good_says_when_and_by_which_strategy() {
    let none = load(
        "fraud-detection",
        &[
            "model=flink-default",
            "restart-strategy.type=none",
            "duration=90 s",
        ],
    );
    for (scenario, attempts, strategy) in [
        (none, 0, "NoRestartBackoffTimeStrategy"),
        (load("attempts-burnt", &[]), 3, "maxNumberRestartAttempts=3"),
    ] {
        let outcome = run(&scenario);
        let recovery = only(&outcome);
        assert_gapless(recovery);
        assert_eq!(recovery.attempts.len(), attempts);
        assert!(
            recovery
                .attempts
                .iter()
                .skip(2)
                .all(|last| last.outcome == "failed")
        );
        assert!(recovery.failed_ms.is_some() && recovery.total_ms.is_none());
        let why = recovery.why_not.as_deref().expect("it has not recovered");
        assert!(
            why.contains("failed for good at") && why.contains(strategy),
            "{why}"
        );
        let [told] = &outcome.summary.not_recovered[..] else {
            panic!("{:?}", outcome.summary.not_recovered);
        };
        assert!(told.ends_with(why), "{told}");
    }
}

#[test]
fn what_a_scenario_is_about_stands_out() {
    for (name, lines) in [
        (
            "zombie-leader",
            &["two leaders at once: jm-1 believed to lead"][..],
        ),
        ("slot-shortage", &["said RUNNING from"]),
        ("silent-partition", &["no checkpoint completed from"]),
        (
            "zookeeper-blip",
            &["jm-1 gives up the leadership with its connection to ZooKeeper (SUSPENDED)"],
        ),
        (
            "restored-from-older",
            &["goes back to checkpoint 5, although 6 had completed"],
        ),
        (
            "kafka-transaction-timeout",
            &[
                "transaction.timeout.ms is over",
                "commits come too late",
                "were still to be made: the restart asks for them",
            ],
        ),
        (
            "kafka-zombie-writer",
            &["a write of an attempt that had a successor is refused (fenced)"],
        ),
        (
            "kafka-zombie-committer",
            &[
                "was still to be made: the restart asks for it",
                "a committer commits again what its successor has committed: nothing changes",
            ],
        ),
        (
            "notifications-unreliable",
            &[
                "after their checkpoint had completed: word of that was lost or late",
                "a committer hears again that a checkpoint has completed",
            ],
        ),
        (
            "kafka-notification-lost",
            &["were still to be made: the restart asks for them"],
        ),
        ("fraud-detection", &[]),
    ] {
        let notable = run(&load(name, &[])).summary.notable;
        for line in lines {
            let told = notable
                .iter()
                .filter(|each| each.what.contains(line))
                .count();
            assert_eq!(told, 1, "{name}: {line}: {notable:?}");
        }
        assert!(notable.len() <= lines.len() + 2, "{name}: {notable:?}");
    }
}

#[test]
fn what_is_still_open_at_the_end_says_what_it_waits_for() {
    let outcome = run(&load("slot-shortage", &["duration=100 s"]));
    let why = only(&outcome).why_not.as_deref().expect("no slots");
    assert!(why.contains("waited for slots, with 6 of 8"), "{why}");
    // A fault before the job has ever run has no recovery: but the job does not run.
    let faults = "faults=[{kill: tm-3, at: 1 s}]";
    let outcome = run(&load(
        "slot-shortage",
        &["duration=60 s", faults, "expect=[]"],
    ));
    assert!(outcome.summary.recoveries.is_empty());
    let told = &outcome.summary.not_recovered;
    assert!(
        told[0].contains("never had all its tasks running"),
        "{told:?}"
    );
}

/// A leader that cannot read whether a job is over does not run it: it ends itself, and so do the next ones.
#[test]
fn a_job_that_is_over_is_not_run_again_because_its_result_cannot_be_read() {
    let outcome = run(&load(
        "attempts-burnt",
        &[
            "restart-strategy.type=none",
            "duration=4 min",
            "faults=[{throw: Parse JSON 1, at: 50 s}, {kill: leader, at: 60 s}, \
             {fail-storage: hdfs, when: leader granted, after: 1 ms, for: 10 s}]",
        ],
    ));
    support::assert_sound(&outcome, "storage fails");
    assert!(!said(&outcome, "storage cannot be read").is_empty());
    assert_eq!(outcome.summary.job_status, "FAILED");
    assert!(said(&outcome, "RUNNING").iter().all(|at| *at < 50_000.0));
}

/// Nor does a leader wait for a checkpoint that it cannot read.
#[test]
fn a_leader_that_cannot_read_the_latest_checkpoint_ends_itself() {
    let outcome = run(&load(
        "fraud-detection-leader-dies",
        &[
            "model=flink-default",
            "weight=10",
            "duration=5 min",
            "faults=[{kill: leader, at: 60 s}, {fail-storage: hdfs, when: leader granted, after: 130 ms, for: 30 s}]",
        ],
    ));
    support::assert_sound(&outcome, "storage fails");
    let unread = said(&outcome, "the latest checkpoint cannot be read");
    assert_eq!(unread.len(), 1, "{:?}", outcome.timeline.last());
}

/// What a job has held is nobody's once it has failed, and another job runs there at once.
#[test]
fn a_job_that_fails_for_good_leaves_its_slots_to_others() {
    let text = "
name: two
model: flink-default
duration: 2 min
cluster:
  jobmanagers: [jm-1]
  taskmanagers:
    - {name: tm-1, slots: 2}
    - {name: tm-2, slots: 2}
  zookeeper: {servers: 1}
config:
  execution.checkpointing.interval: 10 s
  restart-strategy.type: none
topics:
  t: {partitions: 2, rate: 100/s}
jobs:
  - name: first
    operators:
      - {name: S1, topic: t, parallelism: 4}
      - {name: K1, input: S1, exchange: hash, parallelism: 4, guarantee: exactly-once}
  - name: second
    operators:
      - {name: S2, topic: t, parallelism: 4}
      - {name: K2, input: S2, exchange: hash, parallelism: 4, guarantee: exactly-once}
faults:
  - {throw: S1 1, at: 60 s}
  - {throw: S2 1, at: 60 s}
";
    let outcome = run(&parse(text));
    let failed = said(&outcome, "FAILED").first().copied();
    let failed = failed.expect("one job runs, and fails");
    let runs = outcome.tasks.iter().filter_map(|span| span.running_ms);
    let next = runs.filter(|at| *at > failed).reduce(f64::min);
    assert!(
        next.is_some_and(|next| next < failed + 3_000.0),
        "{failed} {next:?}"
    );
}

/// Local recovery keeps each free slot for those who were there before: while others are missing, none of them is a surplus.
#[test]
fn slots_that_wait_for_their_tasks_are_not_returned() {
    let local = "config.execution.state-recovery.from-local=true";
    let outcome = run(&load("slot-shortage", &[local, "weight=10"]));
    support::assert_whole(&outcome, "local recovery");
    let on = |span: &&TaskSpan| span.operator == "Enrich Data" && span.taskmanager != "tm-3";
    let spans: Vec<_> = outcome.tasks.iter().filter(on).collect();
    let stays = |first: &&TaskSpan| {
        let last = spans.iter().rfind(|span| span.subtask == first.subtask);
        last.map(|last| &last.taskmanager) == Some(&first.taskmanager)
    };
    let first: Vec<_> = spans
        .iter()
        .copied()
        .filter(|span| span.from_ms < 60_000.0)
        .collect();
    assert_eq!(first.len(), 3);
    assert!(first.iter().all(stays), "{spans:#?}");
}
