//! `firedrill run`: results, formats, exit statuses.

use std::process::{Command, Stdio};

use crate::support::{DRILL, Room, assert_same_folders};

/// The drill with statements to hold it to.
fn expecting(statements: &[&str]) -> Room {
    let list: String = statements
        .iter()
        .map(|text| format!("  - {text}\n"))
        .collect();
    Room::with(format!("{DRILL}expect:\n{list}"))
}

#[test]
fn a_report_is_written_and_said_where() {
    let room = Room::new();
    let said = room.run(&[]).prints(&["small", "out"]);
    assert!(!said.stdout.contains('\x1b'), "no colour where it is piped");
    let names = room.names("out");
    for name in [
        "scenario.yaml",
        "summary.json",
        "timeline.csv",
        "trace.jsonl",
    ] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }
    assert_eq!(
        room.names("."),
        ["drill.yaml", "out"],
        "nothing unfinished is left"
    );
}

#[test]
fn the_default_folder_is_named_after_the_scenario() {
    let room = Room::new();
    room.firedrill(&["run", "drill.yaml"])
        .ends(0)
        .prints(&["reports/small"]);
    assert_eq!(room.names("reports"), ["small"]);
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_seed_others() {
    let room = Room::new();
    for (out, seed) in [("a", "7"), ("b", "7"), ("c", "8")] {
        room.firedrill(&["run", "drill.yaml", "--seed", seed, "--out", out])
            .ends(0);
    }
    assert_same_folders(&room.path("a"), &room.path("b"));
    let digest = |out: &str| room.json(&format!("{out}/summary.json"))["digest"].clone();
    assert_ne!(digest("a"), digest("c"));
    assert_eq!(room.json("c/summary.json")["seed"], 8);
}

#[test]
fn a_report_runs_again_from_its_own_scenario() {
    let room = Room::new();
    room.run(&["--seed", "7"]);
    room.firedrill(&["run", "out/scenario.yaml", "--out", "again"])
        .ends(0);
    assert_same_folders(&room.path("out"), &room.path("again"));
}

#[test]
fn settings_override_the_scenario() {
    let room = Room::new();
    let said = room.firedrill(&[
        "run",
        "drill.yaml",
        "--no-files",
        "--format",
        "json",
        "--seed",
        "3",
        "--set",
        "duration=40 s",
        "--set",
        "duration=30 s",
    ]);
    let summary: serde_json::Value = serde_json::from_str(&said.ends(0).stdout).unwrap();
    assert_eq!(summary["seed"], 3);
    assert_eq!(summary["simulated_ms"], 30_000.0, "the later setting wins");
}

#[test]
fn json_is_the_summary_alone() {
    let room = Room::new();
    let said = room.run(&["--format", "json"]);
    assert_eq!(said.stdout, room.read("out/summary.json"));
    let summary = room.json("out/summary.json");
    for field in [
        "scenario",
        "model",
        "seed",
        "digest",
        "events",
        "recoveries",
        "delivery",
    ] {
        assert!(!summary[field].is_null(), "{field}");
    }
}

#[test]
fn without_files_everything_is_computed_and_nothing_is_written() {
    let room = Room::new();
    let said = room.firedrill(&["run", "drill.yaml", "--no-files", "--format", "json"]);
    let computed = said.ends(0).stdout;
    assert_eq!(room.names("."), ["drill.yaml"]);
    room.run(&[]);
    assert_eq!(computed, room.read("out/summary.json"));
}

#[test]
fn a_trace_changes_nothing_else() {
    let room = Room::new();
    room.run(&["--no-trace"]);
    assert!(!room.path("out/trace.jsonl").exists());
    room.firedrill(&["run", "drill.yaml", "--out", "traced"])
        .ends(0);
    std::fs::remove_file(room.path("traced/trace.jsonl")).unwrap();
    assert_same_folders(&room.path("out"), &room.path("traced"));
}

#[test]
fn quiet_is_quiet() {
    let room = Room::new();
    assert_eq!(room.run(&["--quiet"]).stdout, "");
}

#[test]
fn an_expectation_that_is_not_met_is_status_1() {
    let room = expecting(&["total < 1 ms"]);
    room.firedrill(&["run", "drill.yaml", "--quiet"])
        .ends(1)
        .complains(&["total < 1 ms", "measured"]);
    assert!(
        room.path("reports/small/summary.json").exists(),
        "the report is there"
    );
}

#[test]
fn broken_safety_is_status_3_and_comes_before_expectations() {
    let room = expecting(&["total < 1 ms"]);
    let said = room.firedrill(&[
        "run",
        "drill.yaml",
        "--quiet",
        "--set",
        "recovery.scope=per-task-naive",
    ]);
    said.ends(3).complains(&["safety invariant"]);
}

#[test]
fn a_violation_that_the_scenario_expects_is_no_failure() {
    let room = expecting(&["violations > 0"]);
    room.firedrill(&[
        "run",
        "drill.yaml",
        "--set",
        "recovery.scope=per-task-naive",
    ])
    .ends(0);
}

#[test]
fn many_seeds_tell_until_when_tasks_did_not_run_and_warn_of_a_fault_at_one_time() {
    let room = Room::new();
    let command = ["run", "drill.yaml", "--seeds", "2"];
    let fixed = room.firedrill(&command).ends(0);
    assert!(
        fixed.stdout.contains("\n  all running "),
        "{}",
        fixed.stdout
    );
    fixed.complains(&["every fault comes at one time"]);
    let drawn = room.firedrill(&[&command[..], &["--set", "faults.0.at=16 s .. 20 s"]].concat());
    assert!(!drawn.ends(0).stderr.contains("at one time"));
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let room = Room::new();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("firedrill"))
        .args(["run", "drill.yaml", "--no-files"])
        .current_dir(room.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
