use std::collections::BTreeSet;

use super::*;
use crate::drill::outcome::MetricPoint;
use crate::report::fixture;

fn exposition(outcome: &Outcome) -> String {
    String::from_utf8(OpenMetrics.artifacts(outcome).remove(0).bytes).unwrap()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// The text follows the grammar: metadata first, samples of the family that was announced, times in order.
fn check(text: &str) {
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    assert!(!body.contains("# EOF") && !body.contains("\n\n"));
    let mut seen = BTreeSet::new();
    let mut family = String::new();
    let mut summary = false;
    let mut last: Option<(String, f64)> = None;
    let mut finished = BTreeSet::new();
    for line in body.lines() {
        if let Some(metadata) = line.strip_prefix("# ") {
            let mut words = metadata.splitn(3, ' ');
            let (keyword, name) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().unwrap();
            assert!(is_name(name), "{line}");
            match keyword {
                "TYPE" => {
                    assert!(seen.insert(name.to_string()), "{name} stands in two places");
                    assert!(["gauge", "summary"].contains(&rest), "{line}");
                    summary = rest == "summary";
                    family = name.into();
                    last = None;
                }
                "UNIT" => assert!(name == family && name.ends_with(&format!("_{rest}"))),
                "HELP" => assert_eq!(name, family),
                _ => panic!("unknown metadata: {line}"),
            }
            continue;
        }
        let mut words = line.rsplitn(3, ' ');
        let at: f64 = words.next().unwrap().parse().unwrap();
        let value = words.next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let series = words.next().unwrap();
        assert_eq!(series.split('{').next().unwrap(), family, "{line}");
        // Only summaries have quantiles, and nothing else.
        assert_eq!(series.contains("{quantile=\""), summary, "{line}");
        match &last {
            Some((other, before)) if other == series => assert!(*before < at, "{line}"),
            _ => assert!(
                finished.insert(series.to_string()),
                "{series} stands in two places"
            ),
        }
        last = Some((series.into(), at));
    }
}

#[test]
fn the_grammar_holds_for_every_outcome() {
    for outcome in fixture::all() {
        check(&exposition(&outcome));
    }
}

#[test]
fn names_and_labels_are_those_of_flink() {
    let text = exposition(&fixture::story());
    for line in [
        "# TYPE flink_taskmanager_job_task_busyTimeMsPerSecond gauge",
        "flink_jobmanager_job_numRestarts{job_name=\"fraud_detection\"} 0 0",
        "# UNIT firedrill_recovery_phase_seconds seconds",
        "firedrill_recovery_phase_seconds{recovery=\"0\",fault=\"kill tm-3\",phase=\"detection\"} 40.4 107.55",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    // The restarted subtask shows up under its new attempt and TaskManager.
    assert!(text.contains("task_attempt_num=\"2\",task_name=\"Parse_JSON\",tm_id=\"tm_4\""));
}

#[test]
fn labels_are_escaped_and_odd_values_spelt_out() {
    let mut outcome = fixture::story();
    outcome.summary.recoveries[0].fault = "kill \"a\\b\"\nnow".into();
    outcome.metrics[0].value = f64::NAN;
    outcome.metrics[1].value = f64::INFINITY;
    let text = exposition(&outcome);
    check(&text);
    assert!(text.contains(r#"fault="kill \"a\\b\"\nnow""#));
    assert!(text.contains(" NaN 0\n") && text.contains(" +Inf 0\n"));
}

/// It counts in milliseconds, and keeps the first of what comes within one.
#[test]
fn of_what_is_said_within_a_millisecond_the_last_holds() {
    let mut outcome = fixture::story();
    let mut point = outcome.metrics[0].clone();
    outcome.metrics.clear();
    (point.scope, point.metric) = ("job", "numRestarts");
    for (at_ms, value) in [(999.8, 1.0), (1_000.2, 2.0), (1_000.4, 3.0), (1_001.0, 4.0)] {
        outcome.metrics.push(MetricPoint {
            at_ms,
            value,
            ..point.clone()
        });
    }
    let text = exposition(&outcome);
    let samples = text.lines().filter(|line| line.starts_with("flink_"));
    let samples: Vec<&str> = samples
        .filter_map(|line| Some(line.split_once("} ")?.1))
        .collect();
    assert_eq!(samples, ["3 1", "4 1.001"]);
}

/// Prometheus would show a series' last value for five minutes more.
#[test]
fn what_is_gone_ends_at_zero_and_what_lives_does_not() {
    let mut outcome = fixture::story();
    for point in &mut outcome.metrics {
        if point.metric == "numRestarts" {
            point.value = 3.0;
        }
    }
    let text = exposition(&outcome);
    let series = |start: &str| -> Vec<(f64, f64)> {
        let lines = text.lines().filter(|line| line.starts_with(start));
        let sample = |line: &str| {
            let mut words = line.rsplit(' ').map(|word| word.parse().unwrap());
            let at = words.next().unwrap();
            (at, words.next().unwrap())
        };
        lines.map(sample).collect()
    };
    let of_task = "flink_taskmanager_job_task_busyTimeMsPerSecond{job_name=\"fraud_detection\",subtask_index=\"2\"";
    let first = series(&format!("{of_task},task_attempt_num=\"1\""));
    let second = series(&format!("{of_task},task_attempt_num=\"2\""));
    let (end, before) = (first[first.len() - 1], first[first.len() - 2]);
    assert_eq!((end.0 - before.0, end.1), (1.0, 0.0));
    assert!(before.1 > 0.0 && end.0 <= second[0].0, "{end:?}");
    // What a zero would be a value of ends as no number.
    for point in &mut outcome.metrics {
        if point.metric == "busyTimeMsPerSecond" {
            point.metric = "currentOutputWatermark";
        }
    }
    let text = exposition(&outcome);
    let of_dead = |line: &&str| {
        line.starts_with("flink_taskmanager_job_task_currentOutputWatermark")
            && line.contains("subtask_index=\"2\",task_attempt_num=\"1\"")
    };
    let last = text.lines().rfind(of_dead).unwrap();
    assert!(last.contains("} NaN "), "{last}");
    // Neither what runs on nor what counts.
    assert!(second.iter().all(|sample| sample.1 > 0.0), "{second:?}");
    let counts = series("flink_jobmanager_job_numRestarts");
    assert!(counts.iter().all(|sample| sample.1 == 3.0));
}
