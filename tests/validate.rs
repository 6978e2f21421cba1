//! `firedrill validate` and `firedrill calibrate`: measured recoveries beside predictions, and profiles out of them.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// Two faults on one job, and one alone.
const TABLE: &str = "\
run_id,cell,fault,fault_no_in_job,n_tm,hb_interval_ms,hb_timeout_ms,phase_since_ckpt_trigger_ms,restart_strategy,cpu_steal,detect_ms,all_running_ms,caught_up_1s_ms,n_restarts
s_a-user-exc-1,exception,user-exc,1,6,1000,5000,1000,default(exponential-delay),0.1,80,1933,2590,1
s_a-user-exc-2,exception,user-exc,2,6,1000,5000,2500,default(exponential-delay),0.2,17,2333,3092,1
s_b-tm-kill-3,kill,tm-kill,1,6,1000,5000,,type=fixed-delay; fixed-delay.delay=2 s; fixed-delay.attempts=100,0.1,,4000,,2
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn lab() -> PathBuf {
    root().join("scenarios/lab.yaml")
}

struct Said {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn firedrill(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::cargo_bin("firedrill")
        .expect("it is built")
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("it starts");
    Said {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("it speaks UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("it speaks UTF-8"),
    }
}

/// Validates a table of this text against the lab.
fn validate(table: &str, more: &[&str]) -> (TempDir, Said) {
    let folder = TempDir::new().expect("there is room");
    fs::write(folder.path().join("t.csv"), table).expect("there is room");
    let lab = lab();
    let scenario = lab.to_str().expect("paths are text");
    let mut arguments = vec!["validate", "t.csv", "--scenario", scenario, "--seeds", "2"];
    arguments.extend(more);
    let said = firedrill(folder.path(), &arguments);
    (folder, said)
}

#[test]
fn every_row_and_cell_stands_beside_its_prediction() {
    let (_folder, said) = validate(TABLE, &["--format", "json"]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let json: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let (rows, cells) = (&json["rows"], &json["cells"]);
    assert_eq!(json["complete"], true);
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    assert_eq!(cells.as_array().map(Vec::len), Some(2));
    let of = |row: usize, quantity: &str| &rows[row]["quantities"][quantity];
    let number = |value: &Value| {
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{value} is no number"))
    };

    // The back-off grows by half from one exception to the next, on one job.
    let delay = |row| number(&of(row, "restart_delay_end")["median"]);
    assert!((900.0..1_400.0).contains(&delay(0)), "{}", delay(0));
    assert!((1_350.0..2_000.0).contains(&delay(1)), "{}", delay(1));
    // One restart of the exception, after the phase that was asked for.
    assert_eq!(number(&of(0, "n_restarts")["median"]), 1.0);
    let age = number(&of(1, "restored_ckpt_age")["median"]);
    assert!((2_475.0..2_525.0).contains(&age), "{age}");
    // The row's own delay, of two seconds.
    assert!(number(&of(2, "restart_delay_end")["median"]) >= 2_000.0);
    // What was not measured is null.
    assert_eq!(of(2, "caught_up")["measured"], Value::Null);
    assert_eq!(of(0, "all_running")["measured"], Value::from(1_933.0));

    let overall = &json["overall"];
    for of in [
        overall,
        &overall["quantities"]["all_running"],
        &overall["quantities"]["caught_up"],
    ] {
        assert!(of["median_relative_error"].is_f64(), "{of}");
        assert!(of["inside_band"].is_f64(), "{of}");
    }
}

#[test]
fn earlier_faults_that_the_table_lacks_are_made_up_for() {
    let third = "run_id,fault,fault_no_in_job,victim,detect_kind\ns_a-user-exc-3,user-exc,3,1,user-exception\n";
    let (_folder, said) = validate(third, &["--format", "json"]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let json: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let row = &json["rows"][0];
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(1));
    // The back-off has grown by half twice.
    let delay = row["quantities"]["restart_delay"]["median"].as_f64();
    let delay = delay.expect("it restarted");
    assert!((2_000.0..3_000.0).contains(&delay), "{delay}");
    assert_eq!(row["detect_kind"]["predicted"]["user-exception"], 1.0);
    assert_eq!(row["detect_kind"]["agrees"], true);
    assert_eq!(row["quantities"]["tasks_restarted"]["median"], 30.0);
    let of = |name: &str| row["quantities"][name]["median"].as_f64();
    assert!(of("replayed_at_least_once") > Some(0.0));
    assert!(of("first_commit") > of("all_running"));
    assert!(of("max_visibility") > of("restart_delay"));
    assert!(of("old_tasks_cancelled") <= of("restart_delay_end"));
}

/// The leader that hung goes on, deposed, before the next fault; ZooKeeper hangs too briefly for anybody to notice.
#[test]
fn what_a_fault_leaves_behind_does_not_end_the_sequence() {
    let table = "session,fault,fault_no_in_job,hb_interval_ms,hb_timeout_ms,zk_session_ms,note\n\
                 s_a,jm-stop,1,1000,5000,10000,\n\
                 s_a,zk-pause:3,2,1000,5000,10000, actions at [3000] ms\n\
                 s_a,jm-stop,3,1000,5000,10000,\n";
    let (_folder, said) = validate(table, &["--format", "json"]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let json: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let of = |row: usize, name: &str| json["rows"][row]["quantities"][name]["median"].as_f64();
    for row in [0, 2] {
        let granted = of(row, "leader_granted").expect("somebody else leads");
        assert!((6_000.0..12_500.0).contains(&granted), "{granted}");
    }
    assert_eq!(of(1, "n_restarts"), Some(0.0));
    assert_eq!(of(1, "caught_up"), Some(0.0));
}

#[test]
fn an_interrupted_validation_says_what_it_has() {
    let folder = TempDir::new().expect("there is room");
    fs::write(folder.path().join("t.csv"), TABLE).expect("there is room");
    let lab = lab();
    let scenario = lab.to_str().expect("paths are text");
    for seconds in [3, 9, 27, 81] {
        let child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("firedrill"))
            .args(["validate", "t.csv", "--scenario", scenario])
            .args(["--seeds", "100000", "--jobs", "1", "--format", "json"])
            .current_dir(folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        let kill = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(kill.expect("there is a kill").success());
        let output = child.wait_with_output().expect("it ends");
        if output.status.code().is_none() {
            // The machine is so busy that it had not come to where it listens.
            continue;
        }
        assert_eq!(output.status.code(), Some(130));
        let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(json["complete"], false);
        let rows = json["rows"].as_array().expect("there are rows");
        assert!((1..=3).contains(&rows.len()), "{}", rows.len());
        assert!(json["overall"]["median_relative_error"].is_f64());
        return;
    }
    panic!("it never listened");
}

#[test]
fn threads_make_no_difference_and_neither_does_the_format() {
    let (one, of_one) = validate(TABLE, &["--jobs", "1", "--format", "csv", "--out", "out"]);
    let (two, of_two) = validate(TABLE, &["--jobs", "2", "--format", "csv", "--out", "out"]);
    assert_eq!(
        (of_one.status, of_two.status),
        (Some(0), Some(0)),
        "{}",
        of_one.stderr
    );
    assert!(of_one.stdout.lines().count() > 30);
    assert_eq!(of_one.stdout, of_two.stdout);
    let files = |folder: &TempDir| {
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder.path().join("out"))
            .expect("it was made")
            .map(|entry| {
                let entry = entry.expect("it can be listed");
                let name = entry.file_name().into_string().expect("names are text");
                (name, fs::read(entry.path()).expect("it can be read"))
            })
            .collect();
        files.sort();
        files
    };
    assert_eq!(files(&one), files(&two));
    let names: Vec<String> = files(&one).into_iter().map(|(name, _)| name).collect();
    for name in [
        "validation.json",
        "validation.csv",
        "validation.md",
        "validation.txt",
    ] {
        assert!(names.iter().any(|file| file == name), "{names:?}");
    }
    assert!(names.iter().any(|name| name.ends_with(".svg")), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(".png")), "{names:?}");
}

#[test]
fn a_bad_table_is_refused_with_its_place() {
    let header = TABLE.lines().next().expect("it has a header");
    let row = |fault: &str, detect: &str, strategy: &str| {
        format!(
            "{header}\ns_a-x-1,c,{fault},1,6,1000,5000,1000,{strategy},0.1,{detect},1933,2590,1\n"
        )
    };
    let cases = [
        (String::new(), "t.csv:1:"),
        (format!("{header}\n"), "no row"),
        (format!("{header}\na,b\n"), "t.csv:2:"),
        (
            row("meteor", "80", "default"),
            "t.csv:2:3: unknown fault `meteor`",
        ),
        (row("zk-stop", "80", "default"), "zk-stop:3"),
        (
            row("tm-kill", "soon", "default"),
            "t.csv:2:11: `soon` in `detect_ms`",
        ),
        (row("tm-kill", "80", "type=prayer"), "t.csv:2:"),
        (
            row("tm-kill", "80", "default").replace("1000,5000", "1000,soon"),
            "heartbeat.timeout",
        ),
    ];
    for (table, message) in cases {
        let (_folder, said) = validate(&table, &[]);
        assert_eq!(said.status, Some(2), "{table}\n{}", said.stderr);
        assert!(said.stderr.contains(message), "{message}\n{}", said.stderr);
        assert!(said.stdout.is_empty());
    }
}

#[test]
fn other_columns_are_explained_beside_the_scenario() {
    let folder = TempDir::new().expect("there is room");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("there is room");
    write("t.csv", "interval_s,recovery_s,colour\n4,9,red\n4,,blue\n");
    write(
        "c.yml",
        "only: {colour: red}\nfault: tm-kill\nbefore-checkpoint-ms: 1000\n\
         set: {interval_s: {path: execution.checkpointing.interval, value: '{} s'}}\n\
         measure: {recovery_s: {quantity: total, factor: 1000}}\n",
    );
    let lab = lab();
    let arguments = [
        "validate",
        "t.csv",
        "--scenario",
        lab.to_str().expect("paths are text"),
        "--columns",
        "c.yml",
        "--seeds",
        "2",
        "--format",
        "json",
    ];
    let said = firedrill(folder.path(), &arguments);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let json: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(1));
    let quantities = &json["rows"][0]["quantities"];
    assert_eq!(quantities["total"]["measured"], Value::from(9_000.0));
    let age = quantities["restored_ckpt_age"]["median"].as_f64();
    assert!(
        age.is_some_and(|age| (2_975.0..3_025.0).contains(&age)),
        "{age:?}"
    );
}

#[test]
fn a_calibrated_profile_can_be_run_with() {
    let folder = TempDir::new().expect("there is room");
    let measured = root().join("tests/data/measured/lab.csv");
    let measured = measured.to_str().expect("paths are text");
    let said = firedrill(
        folder.path(),
        &["calibrate", measured, "--cores", "2", "--out", "ours.yaml"],
    );
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert!(
        said.stdout.contains("task-deployment-cpu") && said.stdout.contains("checkpoint-write"),
        "{}",
        said.stdout
    );
    let profile = fs::read_to_string(folder.path().join("ours.yaml")).expect("it was written");
    // Seven rows of the table are exceptions in user code.
    let shown = profile.split("task-failure:").next().unwrap_or_default();
    let last = shown.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("# 7 rows: detect_ms of user-exc"),
        "{profile}"
    );

    fs::write(folder.path().join("t.csv"), TABLE).expect("there is room");
    let lab = lab();
    let scenario = lab.to_str().expect("paths are text");
    let with = |profile: &str| {
        let arguments = [
            "validate",
            "t.csv",
            "--scenario",
            scenario,
            "--seeds",
            "1",
            "--format",
            "json",
            "--profile",
            profile,
        ];
        let said = firedrill(folder.path(), &arguments);
        assert_eq!(said.status, Some(0), "{}", said.stderr);
        let json: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
        json
    };
    let ours = with("./ours.yaml");
    assert_eq!(ours["profile"], Value::from("ours"));
    assert_ne!(ours["rows"], with("default")["rows"]);

    let said = firedrill(folder.path(), &["calibrate", "t.csv", "--base", "nowhere"]);
    assert_eq!(said.status, Some(2));
    assert!(said.stderr.contains("nowhere"), "{}", said.stderr);
}
