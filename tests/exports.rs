//! What a report exports opens elsewhere: the trace for Perfetto is whole and well formed; the dashboard asks for metrics that there are.

use std::collections::{BTreeMap, BTreeSet};

use firedrill::drill::{Drill, Ended};
use firedrill::report::render;
use firedrill::scenario;
use serde_json::{Value, json};

use crate::support;

use support::load;

type Artifacts = BTreeMap<&'static str, Vec<u8>>;

/// The artifacts of a run, by name.
fn artifacts_of(name: &str, overrides: &[&str]) -> Artifacts {
    let mut drill = Drill::new(&load(name, overrides));
    drill.remember_causes(Some(1 << 18));
    let end = drill.end();
    drill.advance(end, &mut ()).unwrap();
    let rendered = render(&drill.finish(Ended::Completed));
    rendered
        .into_iter()
        .map(|artifact| (artifact.name, artifact.bytes))
        .collect()
}

/// Of a short run.
fn artifacts(model: &str) -> Artifacts {
    artifacts_of("fraud-detection", &[&format!("model={model}"), "weight=20"])
}

fn answer(artifacts: &Artifacts, name: &str) -> Value {
    serde_json::from_slice(&artifacts[name]).unwrap()
}

/// Samples of the series of a family, by labels: when, and what.
fn samples(artifacts: &Artifacts, family: &str) -> BTreeMap<String, Vec<(f64, f64)>> {
    let text = std::str::from_utf8(&artifacts["metrics.txt"]).unwrap();
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((labels, sample)) = line
            .strip_prefix(family)
            .and_then(|line| line.strip_prefix('{'))
            .and_then(|line| line.split_once("} "))
        {
            let (value, at) = sample.split_once(' ').unwrap();
            let sample = (at.parse().unwrap(), value.parse().unwrap());
            series.entry(labels.to_owned()).or_default().push(sample);
        }
    }
    series
}

const MODELS: [&str; 2] = ["story", "flink-default"];

#[test]
fn perfetto_threads_have_names_slices_nest_and_flows_have_both_ends_inside_slices() {
    for model in MODELS {
        let trace: Value = serde_json::from_slice(&artifacts(model)["perfetto.json"]).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let thread = |event: &Value| {
            (
                event["pid"].as_u64().unwrap(),
                event["tid"].as_u64().unwrap(),
            )
        };
        let of = |phase: &'static str| events.iter().filter(move |event| event["ph"] == phase);

        let named: BTreeSet<_> = of("M")
            .filter(|event| event["name"] == "thread_name")
            .map(thread)
            .collect();
        let processes: BTreeSet<u64> = of("M")
            .filter(|event| event["name"] == "process_name")
            .map(|event| thread(event).0)
            .collect();
        for event in ["X", "i", "s", "f"].into_iter().flat_map(of) {
            assert!(
                named.contains(&thread(event)) && processes.contains(&thread(event).0),
                "{model}: {event}"
            );
        }

        // Slices of a thread lie one in the other, or apart. Times are whole nanoseconds.
        let ns = |value: &Value| (value.as_f64().unwrap() * 1e3).round() as u64;
        let mut slices: BTreeMap<(u64, u64), Vec<(u64, u64)>> = BTreeMap::new();
        for event in of("X") {
            let from = ns(&event["ts"]);
            slices
                .entry(thread(event))
                .or_default()
                .push((from, from + ns(&event["dur"])));
        }
        let mut tasks = 0;
        for (thread, spans) in &slices {
            let mut open: Vec<u64> = Vec::new();
            for (from, to) in spans {
                open.retain(|end| end > from);
                // Handling takes a microsecond here, and messages may come closer than that.
                let is_message = to - from <= 1_000;
                assert!(
                    is_message || open.iter().all(|end| end >= to),
                    "{model}: {thread:?} at {from}"
                );
                open.push(*to);
                tasks += 1;
            }
        }
        assert!(tasks > 50, "{tasks}");

        // Each flow starts where it ends or earlier, in a slice on both sides.
        let mut flows: BTreeMap<u64, Vec<(&str, u64)>> = BTreeMap::new();
        for event in events
            .iter()
            .filter(|event| event["ph"] == "s" || event["ph"] == "f")
        {
            let at = ns(&event["ts"]);
            let inside = slices[&thread(event)]
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&at));
            assert!(inside, "{model}: {event}");
            let id = event["id"].as_u64().unwrap();
            flows
                .entry(id)
                .or_default()
                .push((event["ph"].as_str().unwrap(), at));
        }
        assert!(flows.len() > 20, "{}", flows.len());
        for (id, ends) in flows {
            let [("s", from), ("f", to)] = ends[..] else {
                panic!("{model}: flow {id}: {ends:?}");
            };
            assert!(from <= to, "{model}: flow {id}");
        }
    }
}

/// Names of metrics in an expression: what is followed by a selector.
fn metrics_of(expression: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find('{') {
        let name: String = rest[..at]
            .chars()
            .rev()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        names.push(name.chars().rev().collect());
        rest = &rest[at + 1..];
    }
    names
}

#[test]
fn the_dashboard_asks_only_for_metrics_that_a_report_has() {
    let dashboard: Value =
        serde_json::from_str(include_str!("../docs/grafana-dashboard.json")).unwrap();
    let text =
        String::from_utf8(artifacts("flink-default").remove("metrics.txt").unwrap()).unwrap();
    let known: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let mut panels = 0;
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let place = &panel["gridPos"];
        assert!(
            place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24,
            "{panel}"
        );
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let metrics = metrics_of(expression);
            assert!(!metrics.is_empty(), "{expression}");
            for metric in metrics {
                assert!(known.contains(metric.as_str()), "{metric} of {expression}");
            }
            panels += 1;
        }
    }
    assert!(panels >= 8, "{panels}");
}

/// Every field of an answer that was kept is in ours, and of the same kind; what only the cluster can know is named.
fn same_shape(path: &str, real: &Value, ours: &Value, without: &[&str], found: &mut Vec<String>) {
    match (real, ours) {
        (Value::Object(real), Value::Object(ours)) => {
            for (key, value) in real {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    _ if without.contains(&key.as_str()) => {}
                    Some(other) => same_shape(&path, value, other, without, found),
                    None => found.push(format!("{path} is missing")),
                }
            }
            for key in ours.keys().filter(|key| !real.contains_key(*key)) {
                found.push(format!("{path}.{key} is no field of Flink's"));
            }
        }
        (Value::Array(real), Value::Array(ours)) => {
            // Items are of several kinds: each is held against the one that is most like it.
            for real in real {
                let unlike = ours.iter().map(|ours| {
                    let mut found = Vec::new();
                    same_shape(&format!("{path}[]"), real, ours, without, &mut found);
                    found
                });
                found.extend(unlike.min_by_key(Vec::len).unwrap_or_default());
            }
        }
        // Absent on one side, in a run where it did not happen.
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Number(real), Value::Number(ours)) => {
            if real.is_f64() != ours.is_f64() {
                found.push(format!(
                    "{path}: {real} and {ours} are numbers of two kinds"
                ));
            }
        }
        _ if std::mem::discriminant(real) == std::mem::discriminant(ours) => {}
        _ => found.push(format!("{path}: {real} and {ours}")),
    }
}

#[test]
fn rest_answers_have_the_shape_of_a_real_cluster_s() {
    // A text of Flink's own.
    let without = ["stacktrace"];
    let real = |name: &str| -> Value {
        let path = format!(
            "{}/tests/data/rest/fraud/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    for model in MODELS {
        let artifacts = artifacts(model);
        let ours = |name: &str| -> Value { serde_json::from_slice(&artifacts[name]).unwrap() };
        for (kept, made) in [
            ("job-after.json", "rest-job.json"),
            ("checkpoints-after.json", "rest-checkpoints.json"),
            ("exceptions.json", "rest-exceptions.json"),
        ] {
            let mut found = Vec::new();
            same_shape("", &real(kept), &ours(made), &without, &mut found);
            assert!(found.is_empty(), "{model}, {made}:\n{}", found.join("\n"));
        }

        // They say what the summary says.
        let summary = ours("summary.json");
        let (job, checkpoints) = (ours("rest-job.json"), ours("rest-checkpoints.json"));
        assert_eq!(job["state"], summary["job_status"]);
        assert_eq!(job["status-counts"]["RUNNING"], 5);
        let running: u64 = job["vertices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|vertex| vertex["tasks"]["RUNNING"].as_u64().unwrap())
            .sum();
        assert_eq!(running, 27);
        assert_eq!(
            checkpoints["counts"]["completed"],
            summary["checkpoints"]["completed"]
        );
        assert_eq!(
            checkpoints["counts"]["failed"],
            summary["checkpoints"]["failed"]
        );
        assert_eq!(
            checkpoints["latest"]["completed"]["id"],
            summary["checkpoints"]["latest_completed"]
        );
        let recovery = &summary["recoveries"][0];
        assert_eq!(
            checkpoints["latest"]["restored"]["id"],
            recovery["restored_checkpoint"]
        );
        let exceptions = ours("rest-exceptions.json");
        let failures = exceptions["exceptionHistory"]["entries"]
            .as_array()
            .unwrap();
        assert!(!failures.is_empty(), "{model}");
        // Each has what it says itself, not what the recovery began with.
        for failure in failures {
            let [class, trace] =
                ["exceptionName", "stacktrace"].map(|key| failure[key].as_str().unwrap());
            let expected = match trace.split(": ").nth(1).unwrap() {
                "data-plane" => "RemoteTransportException",
                "deployment-unreachable" => "RecipientUnreachableException",
                _ => "FlinkException",
            };
            assert!(class.ends_with(expected), "{model}: {trace}");
        }
        // What a task takes in its producers have put out, but for what is under way and what was sent again.
        let counted =
            |vertex: usize, what: &str| job["vertices"][vertex]["metrics"][what].as_u64().unwrap();
        for vertex in 1..5 {
            let (read, written) = (
                counted(vertex, "read-records"),
                counted(vertex - 1, "write-records"),
            );
            assert!(
                read > 100_000 && read.abs_diff(written) < written / 5,
                "{vertex}: {read} of {written}"
            );
            assert!(counted(vertex, "read-bytes") > 20 * read);
        }
        assert_eq!(
            (counted(0, "read-records"), counted(4, "write-records")),
            (0, 0)
        );

        // A job that was exported comes back by `import`.
        let answers = firedrill::scenario::import::Answers {
            plan: scenario::Document {
                name: "rest-job.json".to_owned(),
                bytes: artifacts["rest-job.json"].clone(),
            },
            config: scenario::Document {
                name: "config.yaml".to_owned(),
                bytes: Vec::new(),
            },
            checkpoints: vec![scenario::Document {
                name: "rest-checkpoints.json".to_owned(),
                bytes: artifacts["rest-checkpoints.json"].clone(),
            }],
            taskmanagers: None,
        };
        let imported = firedrill::scenario::import::import(&answers, None)
            .unwrap_or_else(|error| panic!("{error}"));
        let again = scenario::load(&imported.yaml, "again.yaml", &[])
            .unwrap()
            .scenario;
        let widths: Vec<u32> = again.jobs[0]
            .operators
            .iter()
            .map(|operator| operator.parallelism)
            .collect();
        assert_eq!(widths, [10, 5, 5, 5, 2]);
    }
}

#[test]
fn metrics_count_real_records_and_only_flink_s_look_like_flink_s() {
    let text =
        String::from_utf8(artifacts("flink-default").remove("metrics.txt").unwrap()).unwrap();
    for own in [
        "cpuLoad",
        "inFlightLogBytes",
        "inputLatencyMs",
        "inputQueueLength",
    ] {
        let families = text
            .lines()
            .filter(|line| line.starts_with("# TYPE") && line.contains(own));
        let families: Vec<&str> = families.collect();
        assert!(
            matches!(families[..], [one] if one.contains(" firedrill_")),
            "{own}: {families:?}"
        );
    }
    // Ten partitions of 500 a second, of which a record in the run stands for twenty.
    let rates = text.lines().filter(|line| {
        line.starts_with("flink_taskmanager_job_task_numRecordsOutPerSecond{")
            && line.contains("Kafka_source")
    });
    let before = |line: &&str| {
        line.rsplit(' ')
            .next()
            .and_then(|at| at.parse::<f64>().ok())
            .is_some_and(|at| (30.0..59.0).contains(&at))
    };
    let rates: Vec<f64> = rates
        .filter(before)
        .map(|line| line.rsplit(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    assert!((450.0..550.0).contains(&mean), "{mean}");
}

#[test]
fn the_sequence_shows_the_fault_who_noticed_it_and_the_orders_that_followed() {
    for model in MODELS {
        let svg = String::from_utf8(artifacts(model)["message-sequence.svg"].clone()).unwrap();
        for word in [
            "kill tm-3",
            "deployment orders are out",
            "jm-1",
            "tm-3",
            "all tasks of fraud-detection run",
        ] {
            assert!(svg.contains(word), "{model}: no {word}");
        }
    }
}

/// Flink forgets with the JobMaster what that knew.
#[test]
fn rest_tells_what_the_present_job_master_knows() {
    let report = artifacts_of(
        "fraud-detection-leader-dies",
        &["model=flink-default", "weight=20"],
    );
    let [summary, job, checkpoints, exceptions] = [
        "summary.json",
        "rest-job.json",
        "rest-checkpoints.json",
        "rest-exceptions.json",
    ]
    .map(|name| answer(&report, name));
    let start = job["start-time"].as_u64().unwrap();
    assert!(start > 60_000, "{start}");
    assert_eq!(job["timestamps"]["INITIALIZING"], start);
    assert!(job["timestamps"]["RUNNING"].as_u64().unwrap() >= start);
    let counted = |what: &str| checkpoints["counts"][what].as_u64().unwrap();
    assert!(counted("completed") > 0);
    assert!(counted("total") < summary["checkpoints"]["triggered"].as_u64().unwrap());
    assert_eq!(counted("restored"), 1);
    let restored = &checkpoints["latest"]["restored"];
    let id = &summary["recoveries"][0]["restored_checkpoint"];
    assert_eq!(&restored["id"], id);
    let path = restored["external_path"].as_str().unwrap();
    assert!(path.ends_with(&format!("/chk-{id}")), "{path}");
    assert_eq!(exceptions["exceptionHistory"]["entries"], json!([]));
    // One is retained.
    let history = checkpoints["history"].as_array().unwrap().iter();
    let completed = history.filter(|entry| entry["status"] == "COMPLETED");
    let discarded: Vec<bool> = completed
        .map(|entry| entry["discarded"].as_bool().unwrap())
        .collect();
    assert!(discarded.len() > 2 && !discarded[0], "{discarded:?}");
    assert!(discarded[1..].iter().all(|gone| *gone), "{discarded:?}");

    // The old leader's gauges end with it, the new one's go on to the end of the run.
    let registered = samples(&report, "flink_jobmanager_numRegisteredTaskManagers");
    let last = |host: &str| *registered[&format!("host=\"{host}\"")].last().unwrap();
    assert_eq!(last("jm_1"), (60.0, 0.0));
    let end = summary["simulated_ms"].as_f64().unwrap() / 1e3;
    assert_eq!(last("jm_2"), (end, 5.0));
}

#[test]
fn rest_tells_a_job_that_has_become_narrower_as_it_is() {
    let report = artifacts_of(
        "slot-shortage",
        &["model=flink-adaptive", "weight=20", "duration=120 s"],
    );
    let [job, checkpoints, exceptions] = [
        "rest-job.json",
        "rest-checkpoints.json",
        "rest-exceptions.json",
    ]
    .map(|name| answer(&report, name));
    let mut tasks = 0;
    for vertex in job["vertices"].as_array().unwrap() {
        assert_eq!(vertex["status"], "RUNNING", "{vertex}");
        assert_eq!(
            vertex["parallelism"], vertex["tasks"]["RUNNING"],
            "{vertex}"
        );
        tasks += vertex["parallelism"].as_u64().unwrap();
    }
    assert!(tasks < 24, "{tasks}");
    let latest = &checkpoints["latest"]["completed"];
    assert_eq!(latest["num_subtasks"], tasks);
    assert_eq!(latest["num_acknowledged_subtasks"], tasks);
    let failures = |exceptions: &Value| -> Vec<String> {
        let entries = exceptions["exceptionHistory"]["entries"].as_array();
        let trace = |entry: &Value| entry["stacktrace"].as_str().unwrap().to_owned();
        entries.unwrap().iter().map(trace).collect()
    };
    let before = failures(&exceptions);
    assert!(!before.is_empty());

    // It becomes as wide as it was, for which nothing has failed.
    let report = artifacts_of(
        "slot-shortage",
        &["model=flink-adaptive", "weight=20", "duration=5 min"],
    );
    let rescaled = answer(&report, "summary.json")["jobs"][0]["rescales"].clone();
    assert!(rescaled.as_array().unwrap().len() > 1, "{rescaled}");
    assert_eq!(failures(&answer(&report, "rest-exceptions.json")), before);
}

#[test]
fn rest_tells_when_a_job_that_has_failed_was_over() {
    let report = artifacts_of("attempts-burnt", &["weight=20"]);
    let job = answer(&report, "rest-job.json");
    assert_eq!(job["state"], "FAILED");
    let over = job["end-time"].as_i64().unwrap();
    for vertex in job["vertices"].as_array().unwrap() {
        let [start, end, duration] =
            ["start-time", "end-time", "duration"].map(|key| vertex[key].as_i64().unwrap());
        assert!(0 < end && end <= over, "{vertex}");
        assert_eq!(duration, end - start, "{vertex}");
    }
}

#[test]
fn rest_tells_savepoints_and_unaligned_checkpoints_from_others() {
    // Until the job is stopped; and when it has been handed in again.
    let report = artifacts_of("savepoint-and-restart", &["duration=64 s"]);
    assert_eq!(answer(&report, "rest-job.json")["state"], "FINISHED");
    let checkpoints = answer(&report, "rest-checkpoints.json");
    let latest = &checkpoints["latest"];
    let (savepoint, checkpoint) = (&latest["savepoint"], &latest["completed"]);
    assert_eq!(savepoint["checkpoint_type"], "SYNC_SAVEPOINT");
    assert_eq!(
        (&savepoint["is_savepoint"], &checkpoint["is_savepoint"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(checkpoint["checkpoint_type"], "CHECKPOINT");
    assert_eq!(checkpoints["history"][0], *savepoint);
    let report = artifacts_of("savepoint-and-restart", &["duration=90 s"]);
    let restored = &answer(&report, "rest-checkpoints.json")["latest"]["restored"];
    for key in ["id", "external_path", "is_savepoint"] {
        assert_eq!(restored[key], savepoint[key]);
    }

    let report = artifacts_of("checkpoint-unaligned", &["duration=100 s"]);
    let checkpoints = answer(&report, "rest-checkpoints.json");
    let history = checkpoints["history"].as_array().unwrap().iter();
    let unaligned = history.filter(|entry| entry["checkpoint_type"] == "UNALIGNED_CHECKPOINT");
    assert!(unaligned.count() > 0);
}

/// A scrape reads a gauge whether it has changed or not; Prometheus forgets what it has not read for five minutes.
#[test]
fn gauges_of_the_jobmanager_are_read_at_every_interval() {
    let report = artifacts_of("idle-partition", &[]);
    let one = |family: &str| -> Vec<(f64, f64)> {
        let series = samples(&report, family);
        assert_eq!(series.len(), 1, "{family}");
        series.into_values().next().unwrap()
    };
    let job = |metric: &str| one(&format!("flink_jobmanager_job_{metric}"));
    for series in [
        job("numRestarts"),
        job("lastCheckpointDuration"),
        one("flink_jobmanager_taskSlotsTotal"),
    ] {
        let mut gaps = series.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(gaps.all(|gap| gap == 1.0) && series.last().unwrap().0 == 240.0);
    }
    // Three TaskManagers with two slots each run a job that takes four.
    for (metric, value) in [
        ("numRegisteredTaskManagers", 3.0),
        ("taskSlotsTotal", 6.0),
        ("taskSlotsAvailable", 2.0),
        ("numRunningJobs", 1.0),
    ] {
        assert_eq!(
            one(&format!("flink_jobmanager_{metric}")).last(),
            Some(&(240.0, value)),
            "{metric}"
        );
    }
    assert!(job("allSubTasksRunningOrFinishedTime").last().unwrap().1 > 200_000.0);
    let watermarks = samples(&report, "flink_taskmanager_job_task_currentInputWatermark");
    assert!(!watermarks.is_empty());
    for series in watermarks.values() {
        assert!(series.last().unwrap().1 > 0.0);
    }
    // The last checkpoint's alignment stands until the next.
    for series in samples(
        &report,
        "flink_taskmanager_job_task_checkpointAlignmentTime",
    )
    .values()
    {
        let first = series.iter().position(|sample| sample.1 > 0.0);
        let kept = first.is_none_or(|first| series[first..].iter().all(|sample| sample.1 > 0.0));
        assert!(kept, "{series:?}");
    }
}

#[test]
fn failed_commits_are_counted_where_flink_counts_them() {
    let report = artifacts_of("kafka-transaction-timeout", &[]);
    let sinks = &answer(&report, "summary.json")["delivery"]["sinks"];
    let failed: f64 = sinks
        .as_array()
        .unwrap()
        .iter()
        .map(|sink| sink["failed_commits"].as_f64().unwrap())
        .sum();
    let counted = samples(
        &report,
        "flink_taskmanager_job_task_operator_failedCommittables",
    );
    let most = |series: &Vec<(f64, f64)>| series.iter().map(|sample| sample.1).fold(0.0, f64::max);
    let counted: f64 = counted.values().map(most).sum();
    assert!(failed > 0.0 && counted == failed, "{counted} of {failed}");
}
