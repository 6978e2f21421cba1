//! A running job becomes a scenario: answers of a real Flink 2.3 (`tests/data/rest/`), and odd ones.

#[allow(dead_code, reason = "other tests use the rest")]
use crate::support;

use std::path::PathBuf;

use firedrill::scenario::import::{Answers, Imported, import};
use firedrill::scenario::model::{Exchange, Guarantee, Model, OperatorKind, Scenario};
use firedrill::scenario::{self, Document};

fn file(path: &str) -> Document {
    let whole = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/rest")
        .join(path);
    Document {
        name: path.to_owned(),
        bytes: std::fs::read(whole).expect("an answer that was kept"),
    }
}

fn text(name: &str, text: &str) -> Document {
    Document {
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// Everything that was asked of the job.
fn whole(job: &str) -> Answers {
    let of = |name: &str| file(&format!("{job}/{name}"));
    Answers {
        plan: of("job.json"),
        config: of("config.yaml"),
        checkpoints: [
            "checkpoints.json",
            "checkpoints-config.json",
            "checkpoint-details.json",
        ]
        .map(of)
        .to_vec(),
        taskmanagers: Some(of("taskmanagers.json")),
    }
}

/// The plan and the configuration alone.
fn least(plan: Document) -> Answers {
    Answers {
        plan,
        config: file("fraud/config.yaml"),
        checkpoints: Vec::new(),
        taskmanagers: None,
    }
}

fn made(answers: &Answers) -> (Imported, Scenario) {
    let imported = import(answers, None).unwrap_or_else(|error| panic!("{error}"));
    let loaded = scenario::load(&imported.yaml, "imported.yaml", &[])
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    (imported, loaded.scenario)
}

/// Name, parallelism, exchanges in, and state.
type Shape<'a> = (&'a str, u32, Vec<(usize, Exchange)>, u64);

fn shape(scenario: &Scenario) -> Vec<Shape<'_>> {
    let operators = scenario.jobs[0].operators.iter();
    operators
        .map(|operator| {
            let inputs = operator.kind.inputs().iter();
            let inputs = inputs
                .map(|input| (input.operator, input.exchange))
                .collect();
            (
                operator.name.as_str(),
                operator.parallelism,
                inputs,
                operator.state_bytes,
            )
        })
        .collect()
}

#[test]
fn a_plan_without_chains_becomes_the_job_that_it_was() {
    let (_, scenario) = made(&whole("fraud"));
    use Exchange::{Forward, Hash, Rebalance};
    assert_eq!(
        shape(&scenario),
        [
            ("Source: transactions", 10, vec![], 0),
            ("Parse JSON", 5, vec![(0, Rebalance)], 0),
            ("Enrich Data", 5, vec![(1, Hash)], 20_000_000),
            ("Detect Fraud", 5, vec![(2, Hash)], 30_000),
            ("Sink: Writer -> Sink: Committer", 5, vec![(3, Forward)], 0),
        ]
    );
    assert_eq!(scenario.model, Model::FlinkDefault);
    assert_eq!(
        scenario.config.heartbeat.timeout,
        firedrill::kernel::Span::from_secs(20)
    );
    // Set by the job, not by the file.
    let interval = scenario.config.checkpointing.interval;
    assert_eq!(interval, Some(firedrill::kernel::Span::from_secs(5)));
    let slots: Vec<u32> = scenario
        .cluster
        .taskmanagers
        .iter()
        .map(|tm| tm.slots)
        .collect();
    assert_eq!(slots, [2; 5]);
    // The job reads 50 records a second and split.
    let rate = scenario.topics[0].rate_per_s;
    assert!((45.0..=55.0).contains(&rate), "{rate}");
}

#[test]
fn a_chain_is_one_operator_and_a_union_two_inputs() {
    let (_, scenario) = made(&whole("chained"));
    use Exchange::{Hash, Rebalance};
    assert_eq!(
        shape(&scenario),
        [
            ("Source: card-payments -> Parse JSON", 3, vec![], 0),
            (
                "Source: transfers -> Parse transfers -> Drop tests",
                2,
                vec![],
                0
            ),
            ("Enrich Data", 4, vec![(0, Hash), (1, Hash)], 40_000_000),
            (
                "Detect Fraud -> Alerts: Writer -> Alerts: Committer",
                4,
                vec![(2, Hash)],
                30_000
            ),
            (
                "Audit -> Audit log: Writer -> Audit log: Committer",
                2,
                vec![(2, Rebalance)],
                0
            ),
        ]
    );
    assert_eq!(scenario.model, Model::FlinkAdaptive);
    let topics: Vec<&str> = scenario
        .topics
        .iter()
        .map(|topic| topic.name.as_str())
        .collect();
    assert_eq!(topics, ["card-payments", "transfers"]);
    for operator in &scenario.jobs[0].operators[3..] {
        let sink = operator.kind.sink().expect("nobody reads it");
        assert_eq!(sink.guarantee, Guarantee::ExactlyOnce);
    }
}

#[test]
fn what_comes_of_it_runs_recovers_and_takes_checkpoints_like_the_cluster() {
    for (job, measured_ms) in [("fraud", 138.5), ("chained", 77.0)] {
        let (_, mut scenario) = made(&whole(job));
        // A run has a few checkpoints: the middle of three runs' medians.
        let mut simulated = [1, 2, 3].map(|seed| {
            scenario.seed = seed;
            let summary = support::run(&scenario).summary;
            assert_eq!(summary.recoveries.len(), 1, "{job}");
            assert!(summary.recoveries[0].total_ms.is_some(), "{job}");
            let delivery = (summary.delivery.lost, summary.delivery.duplicated);
            assert_eq!(delivery, (0, 0), "{job}");
            let mut invariants = summary.invariants.iter();
            assert!(invariants.all(|one| one.violations.is_empty()), "{job}");
            let durations = summary.checkpoints.duration_ms;
            durations.p50.expect("checkpoints complete")
        });
        simulated.sort_by(f64::total_cmp);
        let simulated = simulated[1];
        let ratio = simulated / measured_ms;
        assert!(
            (0.5..=2.0).contains(&ratio),
            "{job}: {simulated} ms, measured {measured_ms} ms"
        );
    }
}

/// Comments as one text, without their breaks.
fn comments(yaml: &str) -> String {
    let lines = yaml.lines().filter_map(|line| line.strip_prefix("# "));
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_assumption_stands_in_the_file() {
    for answers in [
        whole("fraud"),
        whole("chained"),
        least(file("chained/plan.json")),
    ] {
        let (imported, _) = made(&answers);
        assert!(!imported.assumed.is_empty());
        let comments = comments(&imported.yaml);
        for assumed in &imported.assumed {
            assert!(
                comments.contains(&format!("Assumed: {assumed}.")),
                "{assumed}\n{}",
                imported.yaml
            );
        }
    }
}

#[test]
fn the_less_is_known_the_more_is_assumed() {
    let (little, scenario) = made(&least(file("chained/plan.json")));
    let (much, _) = made(&whole("chained"));
    assert!(little.assumed.len() > much.assumed.len());
    for about in [
        "100 records a second",
        "a checkpoint every 1 min",
        "no state anywhere",
        "4 TaskManagers",
    ] {
        assert!(
            little.assumed.iter().any(|assumed| assumed.contains(about)),
            "{about}"
        );
        assert!(
            !much.assumed.iter().any(|assumed| assumed.contains(about)),
            "{about}"
        );
    }
    assert!(
        support::run(&scenario).summary.recoveries[0]
            .total_ms
            .is_some()
    );
}

#[test]
fn metrics_that_are_not_in_yet_are_not_taken_for_nothing() {
    let early = String::from_utf8(file("fraud/job.json").bytes).expect("JSON");
    let early = early.replace("-complete\":true", "-complete\":false");
    let (imported, scenario) = made(&least(text("job.json", &early)));
    assert_eq!(scenario.topics[0].rate_per_s, 100.0);
    let says = |assumed: &String| assumed.contains("ask it once more after ten seconds");
    assert!(imported.assumed.iter().any(says));
}

#[test]
fn the_total_of_a_checkpoint_is_spread_where_its_parts_are_not_known() {
    let mut answers = whole("chained");
    answers.checkpoints.pop();
    let (imported, scenario) = made(&answers);
    let states: Vec<u64> = shape(&scenario).iter().map(|operator| operator.3).collect();
    assert_eq!(states, [0, 0, 20_000_000, 20_000_000, 0]);
    assert!(
        imported
            .assumed
            .iter()
            .any(|assumed| assumed.contains("40.1 MB spread over the 8 tasks"))
    );
}

#[test]
fn how_fast_storage_is_shows_what_was_written_and_not_how_much_state_there_is() {
    let incremental = r#"{"history": [], "latest": {"completed": {"state_size": 2000000000, "checkpointed_size": 42000000, "end_to_end_duration": 810}},
      "summary": {"checkpointed_size": {"p50": 4.0E7}, "end_to_end_duration": {"p50": 800.0}}}"#;
    let before = r#"{"history": [], "latest": {"completed": {"state_size": 40000000, "end_to_end_duration": 800}}}"#;
    for (checkpoints, state) in [(incremental, 2_000_000_000), (before, 40_000_000)] {
        let mut answers = whole("fraud");
        answers.checkpoints = vec![text("checkpoints.json", checkpoints)];
        let (_, scenario) = made(&answers);
        let states: u64 = shape(&scenario).iter().map(|operator| operator.3).sum();
        assert_eq!(states, state);
        // Half of the time is for what serializes it.
        assert_eq!(scenario.cluster.storage.write_bytes_per_s, 100_000_000);
    }
}

/// A plan as Flink 1 wrote it, with ways of shipping that the model has not.
const OLD: &str = r#"{"plan": {"jid": "1", "name": "Old: job/1", "nodes": [
  {"id": "d", "parallelism": 2, "description": "Sink: Print", "inputs": [{"num": 0, "id": "c", "ship_strategy": "BROADCAST", "exchange": "pipelined_bounded"}]},
  {"id": "a", "parallelism": 4, "description": "Source: Custom Source -&gt; Map"},
  {"id": "b", "parallelism": 2, "description": "Window(Tumbling, 5 s)", "inputs": [{"num": 0, "id": "a", "ship_strategy": "RESCALE", "exchange": "pipelined_bounded"}]},
  {"id": "c", "parallelism": 2, "description": "Window(Tumbling, 5 s)", "inputs": [{"num": 0, "id": "b", "ship_strategy": "CUSTOM", "exchange": "blocking"}]}
]}}"#;

#[test]
fn what_the_model_has_not_is_replaced_and_said() {
    let (imported, scenario) = made(&least(text("old.json", OLD)));
    let names: Vec<&str> = shape(&scenario).iter().map(|operator| operator.0).collect();
    assert_eq!(
        names,
        [
            "Source: Custom Source -> Map",
            "Window(Tumbling, 5 s)",
            "Window(Tumbling, 5 s) #2",
            "Sink: Print"
        ]
    );
    assert_eq!(scenario.name, "old-job-1");
    for about in [
        "RESCALE as forward",
        "CUSTOM as rebalance",
        "BROADCAST as rebalance",
        "blocking",
    ] {
        assert!(
            imported
                .assumed
                .iter()
                .any(|assumed| assumed.contains(about)),
            "{about}"
        );
    }
    let sink = scenario.jobs[0].operators[3]
        .kind
        .sink()
        .expect("nobody reads it");
    assert_eq!(sink.guarantee, Guarantee::AtLeastOnce);
    assert!(
        support::run(&scenario).summary.recoveries[0]
            .total_ms
            .is_some()
    );
}

#[test]
fn a_job_of_one_chain_becomes_a_source_and_a_sink() {
    let plan = r#"{"plan": {"name": "one", "nodes": [{"id": "a", "parallelism": 2, "description": "Source: a<br/>+- Map<br/>   +- Sink: b: Writer<br/>"}]}}"#;
    let (imported, scenario) = made(&least(text("one.json", plan)));
    assert_eq!(
        shape(&scenario),
        [
            ("Source: a", 2, vec![], 0),
            ("Map -> Sink: b: Writer", 2, vec![(0, Exchange::Forward)], 0)
        ]
    );
    assert!(matches!(
        scenario.jobs[0].operators[1].kind,
        OperatorKind::Sink { .. }
    ));
    assert!(
        imported
            .assumed
            .iter()
            .any(|assumed| assumed.contains("joined by forward"))
    );
}

#[track_caller]
fn refused(answers: &Answers, says: &[&str]) {
    let error = import(answers, None).expect_err("it is wrong").to_string();
    for part in says {
        assert!(error.contains(part), "{part:?} is not in:\n{error}");
    }
}

#[test]
fn errors_say_where() {
    refused(&least(text("plan.json", "")), &["plan.json is empty"]);
    refused(
        &least(text("plan.json", "<html>502</html>")),
        &["plan.json:1:1: `plan` is missing"],
    );
    refused(
        &least(text(
            "plan.json",
            r#"{"errors":["Job could not be found"]}"#,
        )),
        &["plan.json:1:11: Flink answered with an error"],
    );
    refused(
        &least(text("plan.json", r#"{"plan": {"nodes": []}}"#)),
        &["plan.json:1:20: the plan has no nodes"],
    );
    let cyclic = OLD.replace(r#""id": "a", "ship"#, r#""id": "d", "ship"#);
    refused(&least(text("old.json", &cyclic)), &["old.json:1:", "cycle"]);
    let dangling = OLD.replace(r#""id": "a", "ship"#, r#""id": "x", "ship"#);
    refused(
        &least(text("old.json", &dangling)),
        &["old.json:4:", "there is no node `x`"],
    );
    refused(
        &least(text("old.json", &OLD.replace("4,", "-1,"))),
        &["old.json:3:", "`-1` where a whole number"],
    );

    // Several files at once, each with its own place.
    let mut answers = whole("fraud");
    answers.config = text(
        "config.yaml",
        "heartbeat.interval: 5 s\nheartbeat.timeout: soon\n",
    );
    answers.taskmanagers = Some(file("fraud/checkpoints.json"));
    answers.checkpoints.push(file("fraud/taskmanagers.json"));
    refused(
        &answers,
        &[
            "config.yaml:2:20:",
            "fraud/checkpoints.json:1:1: `taskmanagers` is missing",
            "fraud/taskmanagers.json:1:1: this is no answer about checkpoints",
        ],
    );
}

#[test]
fn slot_sharing_groups_stay_apart() {
    let mut answers = whole("fraud");
    let plan = String::from_utf8(answers.plan.bytes).expect("JSON is UTF-8");
    let key = "\"slotSharingGroupId\":\"";
    let at = plan.rfind(key).expect("a real answer has it") + key.len();
    let other = format!("{}0000{}", &plan[..at], &plan[at + 4..]);
    answers.plan.bytes = other.into_bytes();
    let imported = import(&answers, None).unwrap_or_else(|error| panic!("{error}"));
    let loaded = scenario::load(&imported.yaml, "imported.yaml", &[])
        .unwrap_or_else(|error| panic!("{error}"));
    // Ten for the sources' group, and five for the other.
    let warning = loaded.warnings.concat();
    assert!(warning.contains("15 slots are needed"), "{warning}");
    let operators = loaded.scenario.jobs[0].operators.iter();
    let groups: Vec<&str> = operators
        .map(|operator| operator.slot_sharing_group.as_str())
        .collect();
    let others = groups.iter().filter(|group| **group != groups[0]).count();
    assert_eq!((groups.len(), others), (5, 1), "{groups:?}");
}
