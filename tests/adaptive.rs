//! The adaptive scheduler: with fewer slots the job runs narrower, with more it becomes wider again, and no record is lost
//! or doubled on the way.

#[allow(dead_code, reason = "other tests use more of it")]
use crate::support;

use firedrill::actor::settings::SchedulerKind;
use firedrill::drill::outcome::Outcome;
use firedrill::kernel::Span;
use firedrill::scenario::{self, model::Scenario};
use support::{run, run_for_report};

/// Four TaskManagers with just the slots that the job wants: eight.
const JOB: &str = "
name: adaptive
model: flink-adaptive
duration: 4 min
weight: 10
cluster:
  jobmanagers: [jm-1, jm-2]
  taskmanagers:
    - {name: tm-1, slots: 2, cpu: 4.0}
    - {name: tm-2, slots: 2, cpu: 4.0}
    - {name: tm-3, slots: 2, cpu: 4.0}
    - {name: tm-4, slots: 2, cpu: 4.0}
  zookeeper: {servers: 3, tick-time: 2 s}
config:
  execution.checkpointing.interval: 10 s
topics:
  events: {partitions: 10, rate: 200/s}
jobs:
  - name: counting
    operators:
      - {name: Source, topic: events, parallelism: 8, cpu: 10 us}
      - {name: Parse, input: Source, exchange: rebalance, parallelism: 4, cpu: 10 us}
      - {name: Count, input: Parse, exchange: hash, key: card, parallelism: 8, cpu: 10 us, state: 8 MB}
      - {name: Sink, input: Count, exchange: forward, parallelism: 4, guarantee: exactly-once}
";

/// With short heartbeats, so that a dead TaskManager is given up within two seconds.
fn scenario(faults: &str, seed: u64) -> Scenario {
    scenario_of(JOB, faults, seed)
}

fn scenario_of(job: &str, faults: &str, seed: u64) -> Scenario {
    let text = format!("{job}faults:\n{faults}");
    let mut scenario = scenario::load(&text, "adaptive", &[])
        .unwrap_or_else(|error| panic!("{error}"))
        .scenario;
    scenario.seed = seed;
    scenario.config.scheduler = SchedulerKind::Adaptive;
    scenario.config.heartbeat.interval = Span::from_secs(1);
    scenario.config.heartbeat.timeout = Span::from_secs(5);
    scenario
}

/// Tasks that run at an instant.
fn running_at(outcome: &Outcome, second: f64) -> usize {
    let at = second * 1e3;
    let runs = outcome.tasks.iter().filter(|task| {
        task.running_ms.is_some_and(|from| from <= at) && task.to_ms.is_none_or(|to| to > at)
    });
    runs.count()
}

/// When something was said, in seconds, and what.
fn said(outcome: &Outcome, part: &str) -> Vec<(f64, String)> {
    let entries = outcome.timeline.iter();
    entries
        .filter(|entry| entry.text.contains(part))
        .map(|entry| (entry.at_ms / 1e3, entry.text.clone()))
        .collect()
}

fn assert_exactly_once(outcome: &Outcome) {
    let delivery = &outcome.summary.delivery;
    assert_eq!((delivery.lost, delivery.duplicated), (0, 0));
    assert!(delivery.visible > 0);
    for id in ["C6", "S1-once", "S1-all", "S2", "C2", "P1", "P3", "F1"] {
        let verdict = outcome.summary.invariants.iter().find(|v| v.id == id);
        let verdict = verdict.unwrap_or_else(|| panic!("{id} is checked"));
        assert!(verdict.checked > 0, "{id}");
        assert!(verdict.violations.is_empty(), "{verdict:#?}");
    }
}

#[test]
fn without_spare_slots_the_job_runs_narrower_until_the_taskmanager_returns() {
    let faults = "  - {kill: tm-3, at: 60 s}\n  - {restart: tm-3, at: 120 s}\n";
    for seed in 1..4 {
        let outcome = run_for_report(&scenario(faults, seed));
        assert_exactly_once(&outcome);
        assert_eq!(running_at(&outcome, 55.0), 24);
        let widths = said(&outcome, "has parallelism");
        assert_eq!(widths.len(), 2, "{widths:?}");
        let (narrowed, text) = &widths[0];
        assert!(text.ends_with("6, 4, 6, 4"), "{text}");
        let lost = said(&outcome, "tm-3 is lost")[0].0;
        // The stabilization timeout of ten seconds begins when the job waits for slots.
        assert!(
            (lost + 9.0..lost + 16.0).contains(narrowed),
            "lost at {lost}, narrowed at {narrowed}"
        );
        assert_eq!(running_at(&outcome, 110.0), 20);
        let (widened, text) = &widths[1];
        assert!(text.ends_with("8, 4, 8, 4"), "{text}");
        let rescales = &outcome.summary.jobs[0].rescales;
        let told: Vec<_> = rescales
            .iter()
            .map(|one| (&one.from[..], &one.to[..]))
            .collect();
        let (wide, narrow) = (&[8, 4, 8, 4][..], &[6, 4, 6, 4][..]);
        assert_eq!(told, [(wide, narrow), (narrow, wide)]);
        assert_eq!(rescales[1].cause, "rescaling");
        let counted = outcome
            .metrics
            .iter()
            .filter(|point| point.metric == "numRescales");
        assert_eq!(counted.map(|point| point.value).next_back(), Some(1.0));
        // The first completed checkpoint after it has returned; the cooldown is over.
        let back = said(&outcome, "tm-3 registers");
        let back = back
            .iter()
            .find(|(at, _)| *at > 120.0)
            .expect("it returns")
            .0;
        let completed = said(&outcome, "has completed in");
        let trigger = completed
            .iter()
            .find(|(at, _)| *at > back)
            .expect("checkpoints go on");
        assert!(
            (trigger.0..trigger.0 + 3.0).contains(widened),
            "{trigger:?}, {widened}"
        );
        assert_eq!(running_at(&outcome, 200.0), 24);
    }
}

#[test]
fn a_taskmanager_that_returns_soon_waits_for_the_cooldown() {
    let faults = "  - {kill: tm-3, at: 60 s}\n  - {restart: tm-3, at: 78 s}\n";
    let outcome = run(&scenario(faults, 5));
    assert_exactly_once(&outcome);
    let widths = said(&outcome, "has parallelism");
    assert_eq!(widths.len(), 2, "{widths:?}");
    let cooled = widths[0].0 + 30.0;
    let completed = said(&outcome, "has completed in");
    let trigger = completed
        .iter()
        .find(|(at, _)| *at > cooled)
        .expect("checkpoints go on");
    assert!(
        (trigger.0..trigger.0 + 3.0).contains(&widths[1].0),
        "{trigger:?}, {widths:?}"
    );
}

#[test]
fn every_failure_restarts_the_whole_job_and_the_back_off_follows_the_cancellation() {
    let outcome = run(&scenario("  - {kill: tm-3, at: 60 s}\n", 7));
    let recovery = &outcome.summary.recoveries[0];
    assert_eq!(recovery.scope.as_deref(), Some("full"));
    assert_eq!(recovery.restarted_tasks, 24);
    let restarting = said(&outcome, "counting is RESTARTING")[0].0;
    let first_wait = said(&outcome, "counting is CREATED");
    let waits = first_wait
        .iter()
        .find(|(at, _)| *at > 60.0)
        .expect("it waits")
        .0;
    assert!(waits >= restarting + 1.0, "{restarting} {waits}");
}

#[test]
fn a_new_leader_runs_the_job_as_wide_as_there_are_slots() {
    let faults = "  - {kill: tm-3, at: 60 s}\n  - {kill: jm-1, at: 110 s}\n";
    let outcome = run(&scenario(faults, 3));
    assert_exactly_once(&outcome);
    assert_eq!(running_at(&outcome, 230.0), 20);
    assert_eq!(outcome.summary.job_status, "RUNNING");
}

/// Sinks that no longer exist leave transactions behind that were prepared for a checkpoint which never completed: nobody
/// may commit them when such sinks come back.
#[test]
fn transactions_of_sinks_that_are_gone_are_aborted() {
    let slow = "  storage: {name: hdfs, read: 200 MB/s, write: 1 MB/s, latency: 5 ms}\nconfig:";
    let job = JOB
        .replace("parallelism: 4, guarantee", "parallelism: 8, guarantee")
        .replace("config:", slow);
    let mut aborted = 0;
    for seed in 1..6 {
        let faults = format!(
            "  - {{kill: tm-3, at: {} s}}\n  - {{restart: tm-3, at: 120 s}}\n",
            60 + seed
        );
        let outcome = run(&scenario_of(&job, &faults, seed));
        assert_exactly_once(&outcome);
        assert_eq!(running_at(&outcome, 110.0), 22);
        assert_eq!(running_at(&outcome, 200.0), 28);
        aborted += outcome.summary.checkpoints.failed;
    }
    assert!(aborted > 0, "some checkpoint was on its way");
}

#[test]
fn reactive_mode_takes_what_there_is_at_once_and_every_slot_in_the_end() {
    let faults = "  - {kill: tm-3, at: 120 s}\n  - {restart: tm-3, at: 150 s}\n";
    let mut scenario = scenario(faults, 2);
    scenario.duration = Span::from_secs(300);
    scenario.config.reactive = true;
    scenario.config.adaptive.wait_timeout = None;
    scenario.config.adaptive.stabilization = Span::ZERO;
    let outcome = run(&scenario);
    assert_exactly_once(&outcome);
    let width_at = |second| {
        let widths = said(&outcome, "has parallelism");
        let (_, text) = widths.into_iter().rfind(|(at, _)| *at < second)?;
        text.rsplit(' ').next().map(str::to_owned)
    };
    // It begins with the slots that are offered first, and grows when the sixty seconds of stabilization are over.
    assert_ne!(width_at(20.0).as_deref(), Some("8"));
    assert_eq!(width_at(110.0).as_deref(), Some("8"));
    assert_eq!(running_at(&outcome, 110.0), 32);
    // No slot is waited for when one is lost.
    assert_eq!(width_at(140.0).as_deref(), Some("6"));
    assert_eq!(running_at(&outcome, 140.0), 24);
    assert_eq!(width_at(290.0).as_deref(), Some("8"));
    assert_eq!(running_at(&outcome, 290.0), 32);
}
