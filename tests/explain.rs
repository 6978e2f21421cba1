//! `explain`: the steps of a recovery's critical path add up to it, phase by phase, and name the setting that decides.

use firedrill::drill::explain::{Explanation, Step};
use firedrill::drill::outcome::Outcome;
use firedrill::drill::{Drill, Ended};
use firedrill::scenario::{self, Override};

const YAML: &str = "\
name: small
duration: 3 min
weight: 20
cluster:
  jobmanagers: [jm-1, jm-2]
  taskmanagers:
    - {name: tm-1, slots: 4}
    - {name: tm-2, slots: 4}
    - {name: tm-3, slots: 4}
config:
  execution.checkpointing.interval: 10 s
topics:
  orders: {partitions: 2, rate: 200/s, arrivals: constant}
jobs:
  - name: job
    operators:
      - {name: Source, topic: orders, parallelism: 2}
      - {name: Count, input: Source, exchange: hash, parallelism: 2, state: 1 MB}
      - {name: Sink, input: Count, exchange: rebalance, guarantee: exactly-once}
    placement:
      tm-1: [Source 0, Count 0]
      tm-2: [Source 1, Sink 0]
      tm-3: [Count 1]
";

fn scenario(fault: &str, set: &[(&str, &str)]) -> scenario::model::Scenario {
    let overrides: Vec<Override> = set
        .iter()
        .map(|(path, value)| Override {
            path: (*path).to_owned(),
            value: (*value).to_owned(),
        })
        .collect();
    let yaml = format!("{YAML}faults:\n  - {fault}\n");
    let loaded = scenario::load(yaml, "x.yaml", &overrides);
    loaded.unwrap_or_else(|error| panic!("{error}")).scenario
}

fn run(fault: &str, set: &[(&str, &str)], latest: Option<usize>) -> Outcome {
    let mut drill = Drill::new(&scenario(fault, set));
    drill.remember_causes(latest);
    let end = drill.end();
    let run = drill.advance(end, &mut ());
    run.unwrap_or_else(|stall| panic!("{fault}: {stall}"));
    drill.finish(Ended::Completed)
}

const FAULTS: [&str; 5] = [
    "{kill: taskmanager-of Count 0, at: 60 s}",
    "{kill: jm-1, at: 60 s}",
    "{power-off: taskmanager-of Count 1, at: 60 s}",
    "{hang: taskmanager-of Count 1, at: 60 s, for: 10 s}",
    "{cut-off: taskmanager-of Count 0, at: 60 s, for: 70 s}",
];

const MODELS: [&str; 3] = ["story", "flink-default", "flink-adaptive"];

/// Milliseconds are nanoseconds divided: sums of them are off by less than this.
const NOTHING_MS: f64 = 1e-6;

fn assert_adds_up(outcome: &Outcome, explanation: &Explanation, number: usize, what: &str) {
    let recovery = &outcome.summary.recoveries[number];
    assert_eq!(explanation.fault, recovery.fault, "{what}");
    let mut at = explanation.at_ms;
    for step in &explanation.path {
        assert!(
            (step.from_ms - at).abs() < NOTHING_MS,
            "{what}: a gap at {at}"
        );
        assert!(step.to_ms > step.from_ms, "{what}: {step:?}");
        at = step.to_ms;
    }
    let sum = |phase: &str| {
        let steps = explanation.path.iter().filter(|step| step.phase == phase);
        steps.map(|step| step.ms).sum::<f64>()
    };
    let phases = serde_json::to_value(&recovery.phases_ms).unwrap();
    for (phase, ms) in phases.as_object().unwrap() {
        let ms = ms.as_f64().unwrap();
        assert!(
            (sum(phase) - ms).abs() < NOTHING_MS,
            "{what}: {phase} {} {ms}",
            sum(phase)
        );
    }
    match (explanation.total_ms, recovery.total_ms) {
        (Some(explained), Some(total)) => assert!((explained - total).abs() < NOTHING_MS, "{what}"),
        (explained, total) => assert_eq!(explained, total, "{what}"),
    }
}

#[test]
fn the_steps_add_up_to_the_recovery_and_to_each_of_its_phases() {
    let mut recoveries = 0;
    for model in MODELS {
        for fault in FAULTS {
            let outcome = run(fault, &[("model", model)], None);
            let what = format!("{model}, {fault}");
            assert_eq!(
                outcome.explanations.len(),
                outcome.summary.recoveries.len(),
                "{what}"
            );
            for (number, explanation) in outcome.explanations.iter().enumerate() {
                assert_adds_up(&outcome, explanation, number, &what);
                recoveries += 1;
            }
        }
    }
    assert!(recoveries >= 10, "{recoveries}");
}

/// The longest step, and the setting that it names.
fn longest(outcome: &Outcome) -> &Step {
    let path = &outcome.explanations[0].path;
    path.iter().max_by(|a, b| a.ms.total_cmp(&b.ms)).unwrap()
}

fn setting(step: &Step) -> (&str, &str, Option<&str>) {
    let setting = step.setting.as_ref().unwrap_or_else(|| panic!("{step:?}"));
    (&setting.key, &setting.value, setting.note.as_deref())
}

const SESSION: &str = "high-availability.zookeeper.client.session-timeout";

#[test]
fn a_session_that_had_to_expire_is_named_with_what_the_server_made_of_its_timeout() {
    for model in MODELS {
        let outcome = run("{kill: jm-1, at: 60 s}", &[("model", model)], None);
        let step = longest(&outcome);
        assert_eq!(step.phase, "detection", "{model}");
        assert!(
            step.what.starts_with("the session of jm-1 had to expire"),
            "{}",
            step.what
        );
        let cut = Some("cut to 20 ticks (40 s) by the server");
        assert_eq!(setting(step), (SESSION, "60 s", cut), "{model}");
        assert_eq!(outcome.explanations[0].settings[0].key, SESSION);

        let short = run(
            "{kill: jm-1, at: 60 s}",
            &[("model", model), (SESSION, "10 s")],
            None,
        );
        let shorter = longest(&short);
        assert_eq!(setting(shorter), (SESSION, "10 s", None), "{model}");
        assert!(
            shorter.ms < step.ms / 2.0,
            "{model}: {} {}",
            shorter.ms,
            step.ms
        );
    }
}

#[test]
fn a_silent_taskmanager_waits_for_the_heartbeat_timeout() {
    let silent = "{power-off: taskmanager-of Count 1, at: 60 s}";
    let set = [("model", "flink-default"), ("heartbeat.timeout", "20 s")];
    let outcome = run(silent, &set, None);
    let step = longest(&outcome);
    assert_eq!(setting(step), ("heartbeat.timeout", "20 s", None));
    assert!(step.what.contains("hears nothing of tm-"), "{}", step.what);
    assert!((10_000.0..=20_000.0).contains(&step.ms), "{}", step.ms);
}

#[test]
fn a_restart_delay_is_named_by_its_strategy() {
    let set = [
        ("model", "flink-default"),
        ("restart-strategy.type", "fixed-delay"),
        ("restart-strategy.fixed-delay.delay", "15 s"),
    ];
    let outcome = run("{kill: taskmanager-of Count 0, at: 60 s}", &set, None);
    let delays: Vec<&Step> = outcome.explanations[0]
        .path
        .iter()
        .filter(|step| step.phase == "backoff" && step.ms > 1_000.0)
        .collect();
    assert!(!delays.is_empty());
    for step in delays {
        assert_eq!(
            setting(step),
            ("restart-strategy.fixed-delay.delay", "15 s", None)
        );
        assert!((step.ms - 15_000.0).abs() < 1.0, "{}", step.ms);
    }
}

#[test]
fn to_remember_causes_changes_no_run() {
    let fault = "{kill: taskmanager-of Count 0, at: 60 s}";
    let mut plain = Drill::new(&scenario(fault, &[]));
    let end = plain.end();
    plain.advance(end, &mut ()).unwrap();
    let plain = plain.finish(Ended::Completed);
    assert!(plain.explanations.is_empty());
    for latest in [None, Some(1), Some(1 << 12)] {
        let outcome = run(fault, &[], latest);
        assert_eq!(outcome.summary.digest, plain.summary.digest);
        assert_adds_up(&outcome, &outcome.explanations[0], 0, "few are remembered");
    }
}
