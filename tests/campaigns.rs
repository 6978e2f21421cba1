//! Many runs answer a question: which seed to look at, which variant is better, which setting meets a target, whether a
//! gate holds.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

struct Room(TempDir);

impl Room {
    fn new(expect: &str) -> Room {
        let folder = TempDir::new().expect("a folder to work in");
        let text = format!("{}{expect}", include_str!("data/small.yaml"));
        fs::write(folder.path().join("drill.yaml"), text).expect("room for a scenario");
        Room(folder)
    }

    #[track_caller]
    fn firedrill(&self, words: &[&str], status: i32) -> Output {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("firedrill"))
            .args(words)
            .current_dir(self.0.path())
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {said}");
        output
    }

    #[track_caller]
    fn json(&self, words: &[&str], status: i32) -> serde_json::Value {
        let words = [words, &["--format", "json"]].concat();
        serde_json::from_slice(&self.firedrill(&words, status).stdout).expect("JSON")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("a file")
    }
}

const TIMEOUT: &str = "high-availability.zookeeper.client.session-timeout";
const TUNE: [&str; 6] = [
    "tune",
    "drill.yaml",
    "--target",
    "p50(total) <= 1 s",
    "--vary",
    "high-availability.zookeeper.client.session-timeout=1 s..30 s",
];

#[test]
fn many_seeds_name_the_seed_of_each_quantile() {
    let room = Room::new("");
    let summary = room.json(&["run", "drill.yaml", "--seeds", "15"], 0);
    let total = &summary["variants"][0]["measures"][0];
    assert_eq!(total["measure"], "total");
    for quantile in total["quantiles"].as_array().expect("quantiles") {
        let seed = quantile["seed"].to_string();
        let words = ["run", "drill.yaml", "--no-files", "--seed", &seed];
        let run = room.json(&words, 0);
        assert_eq!(
            run["recoveries"][0]["total_ms"], quantile["value"],
            "seed {seed}"
        );
    }
}

#[test]
fn the_command_to_look_at_one_of_many_seeds_chooses_what_was_chosen() {
    let room = Room::new("");
    fs::create_dir(room.0.path().join("conf")).expect("a folder");
    let config = room.0.path().join("conf/config.yaml");
    fs::write(config, "execution.checkpointing.interval: 4 s\n").expect("room for a file");
    let words = "run drill.yaml --model flink-default --flink-config conf/config.yaml --set duration=31s --seeds 1";
    let words: Vec<&str> = words.split(' ').chain(["--set", "about=a b"]).collect();
    let said = room.firedrill(&words, 0);
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(
        said.contains(
            "firedrill run drill.yaml --model flink-default --set duration=31s --set 'about=a b' --flink-config conf/config.yaml --seed N"
        ),
        "{said}"
    );
}

#[test]
fn gates_over_seeds_decide_the_exit_status_and_are_test_cases() {
    let room =
        Room::new("expect:\n  - lost == 0\n  - p90(total) < 1 ms\n  - max(detection) < 1 h\n");
    let words = [
        "run",
        "drill.yaml",
        "--seeds",
        "8",
        "--junit",
        "verdicts.xml",
        "--quiet",
    ];
    room.firedrill(&words, 1);
    let verdicts = room.read("verdicts.xml");
    assert!(
        verdicts.contains("tests=\"6\" failures=\"1\""),
        "{verdicts}"
    );
    assert!(
        verdicts.contains("name=\"p90(total) &lt; 1 ms\">"),
        "{verdicts}"
    );
    // No single run is to blame: the rows of a sweep say so.
    let words = [
        "sweep",
        "drill.yaml",
        "--seeds",
        "4",
        "--out",
        "out",
        "--junit",
        "sweep.xml",
    ];
    room.firedrill(&words, 1);
    assert_eq!(room.read("out/runs.csv").matches(",met,").count(), 4);
    assert!(room.read("sweep.xml").contains("failures=\"1\""));
    // One run stands for itself.
    let words = [
        "run",
        "drill.yaml",
        "--no-files",
        "--quiet",
        "--junit",
        "one.xml",
    ];
    room.firedrill(&words, 1);
    assert!(room.read("one.xml").contains("safety invariant"));
}

#[test]
fn a_shorter_session_is_better_in_every_pair() {
    let room = Room::new("");
    let shorter = format!("{TIMEOUT}=4 s");
    let found = room.json(
        &["compare", "drill.yaml", "--b", &shorter, "--seeds", "10"],
        0,
    );
    let total = &found["measures"][0];
    assert_eq!(total["measure"], "total");
    assert_eq!(
        (&total["a_better"], &total["b_better"]),
        (&0.into(), &10.into())
    );
    assert!(total["difference"]["high"].as_f64().expect("an interval") < 0.0);
    // The same against itself is refused: nothing differs.
    room.firedrill(&["compare", "drill.yaml"], 2);
}

#[test]
fn tuning_finds_the_shortest_session_that_the_server_grants() {
    let room = Room::new("");
    let more = ["--seeds", "8", "--budget", "200", "--out", "out"];
    let tuned = room.json(&[&TUNE[..], &more].concat(), 1);
    // The server grants no less than two ticks of 2 s, and expires sessions at ticks: more than three ticks cannot be best.
    let timeout = tuned["settings"][0].as_str().expect("a setting");
    let ms = timeout.strip_suffix(" ms").map(|ms| ms.parse::<f64>());
    let seconds = timeout.strip_suffix(" s").map(|s| s.parse::<f64>());
    let ms = match (ms, seconds) {
        (Some(Ok(ms)), _) => ms,
        (_, Some(Ok(seconds))) => seconds * 1e3,
        _ => panic!("{timeout} is no duration"),
    };
    assert!(ms <= 6_000.0, "{timeout}");
    assert_eq!(tuned["met"], false);
    assert!(tuned["sensitivity"][0]["buys"].as_f64().expect("a gain") > 0.0);
    for file in ["tune.json", "tune.txt", "pareto.svg"] {
        assert!(!room.read(&format!("out/{file}")).is_empty());
    }
}

#[test]
fn a_budget_of_less_than_one_setting_is_refused() {
    let room = Room::new("");
    let more = ["--seeds", "8", "--budget", "7"];
    let said = room.firedrill(&[&TUNE[..], &more].concat(), 2);
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("--budget 7"), "{said}");
}

#[test]
fn a_warning_of_every_value_is_told_once() {
    let room = Room::new("");
    let vary = "taskmanager.memory.network.min=8 mb,9 mb";
    let words = [
        "sweep",
        "drill.yaml",
        "--vary",
        vary,
        "--seeds",
        "1",
        "--out",
        "out",
    ];
    let said = room.firedrill(&words, 0);
    let said = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.matches("has no effect here").count(), 1, "{said}");
}

#[test]
fn every_placement_policy_recovers_and_loses_nothing() {
    let room = Room::new("expect: [lost == 0 and duplicated == 0]\n");
    let policies =
        "placement.policy=least-loaded,round-robin,spread,pack,locality,load-aware,random";
    let words = [
        "sweep",
        "drill.yaml",
        "--vary",
        policies,
        "--seeds",
        "3",
        "--out",
        "out",
    ];
    let summary = room.json(&words, 0);
    let variants = summary["variants"].as_array().expect("variants");
    assert_eq!(variants.len(), 7);
    assert!(
        variants
            .iter()
            .all(|variant| variant["failing"]["count"] == 0)
    );
}
