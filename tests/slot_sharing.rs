//! Slot sharing groups add up: a job needs as many slots as the widest operators of its groups have subtasks, and no slot holds
//! tasks of two groups.

#[allow(dead_code, reason = "other tests use more of it")]
use crate::support;

use std::collections::{BTreeMap, BTreeSet};

use firedrill::drill::outcome::Outcome;
use firedrill::scenario::{self, model::Scenario};
use support::run;

/// Four subtasks in the default group, two in another one, from which the sink inherits it.
fn scenario(model: &str, taskmanagers: u32) -> Scenario {
    let mut text = format!(
        "name: groups\nmodel: {model}\nduration: 2 min\nweight: 10\ncluster:\n  jobmanagers: [jm-1]\n  taskmanagers:\n"
    );
    for number in 1..=taskmanagers {
        text += &format!("    - {{name: tm-{number}, slots: 1}}\n");
    }
    text += "\
config:
  execution.checkpointing.interval: 10 s
topics:
  events: {partitions: 4, rate: 100/s}
jobs:
  - name: job
    operators:
      - {name: Source, topic: events, parallelism: 4}
      - {name: Parse, input: Source, exchange: forward, parallelism: 4}
      - {name: Score, input: Parse, exchange: hash, parallelism: 2, state: 1 MB, slot-sharing-group: heavy}
      - {name: Sink, input: Score, exchange: forward, parallelism: 2}
";
    let loaded = scenario::load(&text, "groups", &[]);
    loaded.unwrap_or_else(|error| panic!("{error}")).scenario
}

/// Which operators ran on which TaskManager; each has one slot.
fn neighbours(outcome: &Outcome) -> BTreeMap<String, BTreeSet<String>> {
    let mut neighbours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for task in &outcome.tasks {
        let here = neighbours.entry(task.taskmanager.to_string()).or_default();
        here.insert(task.operator.to_string());
    }
    neighbours
}

#[test]
fn each_group_has_slots_of_its_own() {
    for model in ["flink-default", "flink-adaptive"] {
        let outcome = run(&scenario(model, 6));
        assert_eq!(outcome.summary.job_status, "RUNNING");
        assert!(outcome.summary.checkpoints.completed > 5, "{model}");
        let neighbours = neighbours(&outcome);
        assert_eq!(neighbours.len(), 6, "{model}: {neighbours:?}");
        for operators in neighbours.values() {
            let heavy = ["Score", "Sink"].iter().any(|one| operators.contains(*one));
            let others = ["Source", "Parse"]
                .iter()
                .any(|one| operators.contains(*one));
            assert!(heavy != others, "{model}: {neighbours:?}");
        }
    }
}

#[test]
fn one_slot_too_few_stops_the_default_scheduler_and_narrows_the_adaptive_one() {
    let outcome = run(&scenario("flink-default", 5));
    assert_eq!(outcome.summary.checkpoints.completed, 0);
    let outcome = run(&scenario("flink-adaptive", 5));
    let rescales = &outcome.summary.jobs[0].rescales;
    assert_eq!(rescales.len(), 1);
    assert_eq!(rescales[0].to, [3, 3, 2, 2]);
    assert!(outcome.summary.checkpoints.completed > 5);
}

#[test]
fn the_resolved_scenario_says_who_is_in_which_group() {
    let before = scenario("flink-default", 6);
    let groups: Vec<_> = before.jobs[0]
        .operators
        .iter()
        .map(|operator| operator.slot_sharing_group.as_str())
        .collect();
    assert_eq!(groups, ["default", "default", "heavy", "heavy"]);
    let text = scenario::resolved_yaml(&before);
    let after = scenario::load(&text, "written", &[]).expect("what is written can be read");
    assert_eq!(before, after.scenario);
}
