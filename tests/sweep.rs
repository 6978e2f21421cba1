//! A sweep's bytes depend on the scenario, the settings and the seeds alone: not on threads, interruptions or shards.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const DRILL: &str = include_str!("data/small.yaml");

struct Room(TempDir);

impl Room {
    fn new() -> Room {
        let folder = TempDir::new().expect("a folder to work in");
        fs::write(folder.path().join("drill.yaml"), DRILL).expect("room for a scenario");
        Room(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("firedrill"));
        command.args(words).current_dir(self.0.path());
        command
    }

    #[track_caller]
    fn firedrill(&self, words: &[&str], status: i32) -> Output {
        let output = self.command(words).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {said}");
        output
    }

    /// A sweep of the small drill over two settings.
    #[track_caller]
    fn sweep(&self, out: &str, more: &[&str], status: i32) -> String {
        let words = sweep_words(out, more);
        let output = self.firedrill(&words, status);
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

fn sweep_words<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let vary = "execution.checkpointing.interval=3 s,6 s";
    let words = ["sweep", "drill.yaml", "--vary", vary, "--out", out];
    [&words, more].concat()
}

#[track_caller]
fn assert_same(left: &Path, right: &Path) {
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(left), names(right));
    assert!(names(left).len() >= 5);
    for name in names(left) {
        let bytes = |folder: &Path| fs::read(folder.join(&name)).expect("a file");
        assert!(bytes(left) == bytes(right), "{} differs", name.display());
    }
}

#[test]
fn one_thread_or_three_give_the_same_bytes() {
    let room = Room::new();
    room.sweep("one", &["--seeds", "6", "--jobs", "1"], 0);
    room.sweep("three", &["--seeds", "6", "--jobs", "3"], 0);
    assert_same(&room.path("one"), &room.path("three"));
    let runs = fs::read_to_string(room.path("one/runs.csv")).expect("a table");
    assert_eq!(runs.lines().count(), 13);
    // The same seeds under both settings: the same faults, other recoveries.
    let digests: std::collections::BTreeSet<&str> = runs
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(4))
        .collect();
    assert_eq!(digests.len(), 12);
}

/// Nodes of a cluster may see the same file under other paths.
#[test]
fn shards_are_the_same_however_their_scenario_was_called() {
    let room = Room::new();
    let whole = room.path("drill.yaml").display().to_string();
    for (shard, scenario) in [
        ("1", "drill.yaml"),
        ("2", "./drill.yaml"),
        ("3", whole.as_str()),
    ] {
        let (out, of) = (format!("shard-{shard}"), format!("{shard}/3"));
        room.firedrill(
            &[
                "sweep", scenario, "--seeds", "6", "--shard", &of, "--out", &out,
            ],
            0,
        );
    }
    let here = room.path("shard-3").display().to_string();
    room.firedrill(
        &[
            "sweep", "merge", "shard-1", "shard-2", "shard-3", "--out", "a",
        ],
        0,
    );
    room.firedrill(
        &[
            "sweep",
            "merge",
            &here,
            "./shard-2/",
            "shard-1",
            "--out",
            "b",
        ],
        0,
    );
    assert_same(&room.path("a"), &room.path("b"));
    room.firedrill(&["sweep", "./drill.yaml", "--seeds", "6", "--out", "c"], 0);
    assert_same(&room.path("a"), &room.path("c"));
}

#[test]
fn shards_together_are_the_whole() {
    let room = Room::new();
    room.sweep("whole", &["--seeds", "7"], 0);
    for shard in ["1", "2", "3"] {
        let of = format!("{shard}/3");
        room.sweep(
            &format!("shard-{shard}"),
            &["--seeds", "7", "--shard", &of],
            0,
        );
    }
    let merge = |shards: &[&str], status| {
        let words = [&["sweep", "merge", "--out", "merged"], shards].concat();
        let output = room.firedrill(&words, status);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(merge(&["shard-1", "shard-3"], 2).contains("missing: 2"));
    assert!(merge(&["shard-1", "shard-1", "shard-2"], 2).contains("both shard 1"));
    merge(&["shard-3", "shard-1", "shard-2"], 0);
    assert_same(&room.path("whole"), &room.path("merged"));
    room.sweep("shard-3", &["--seeds", "8", "--shard", "3/3"], 0);
    assert!(merge(&["shard-1", "shard-2", "shard-3"], 2).contains("different sweeps"));
}

/// Starts a long sweep and kills it, once some rows are in the journal.
fn killed(room: &Room, out: &str, signal: &str, more: &[&str]) -> usize {
    let words = sweep_words(out, more);
    let mut child = room
        .command(&words)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let journal = room.path(out).join("journal.csv");
    let lines =
        || fs::read(&journal).map_or(0, |text| text.iter().filter(|b| **b == b'\n').count());
    let start = Instant::now();
    while lines() < 4 {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "it does not get on"
        );
        sleep(Duration::from_millis(5));
    }
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .expect("there is a kill");
    assert!(status.success());
    child.wait().expect("it ends");
    lines()
}

#[test]
fn a_killed_sweep_goes_on_and_ends_with_the_same_bytes() {
    let room = Room::new();
    room.sweep("whole", &["--seeds", "30"], 0);
    for signal in ["-KILL", "-INT"] {
        let before = killed(&room, "killed", signal, &["--seeds", "30"]);
        assert!(
            (4..60).contains(&before),
            "{before} rows when it was killed"
        );
        // Not without being asked to, and not another sweep.
        assert!(
            room.sweep("killed", &["--seeds", "30"], 2)
                .contains("--resume")
        );
        assert!(
            room.sweep("killed", &["--seeds", "31", "--resume"], 2)
                .contains("seeds")
        );
        // As if the kill had come in the middle of a line.
        let journal = room.path("killed/journal.csv");
        let text = fs::read(&journal).expect("a journal");
        fs::write(&journal, &text[..text.len() - 10]).expect("room");
        room.sweep("killed", &["--seeds", "30", "--resume"], 0);
        assert_same(&room.path("whole"), &room.path("killed"));
        // Nothing is left to do.
        room.sweep("killed", &["--seeds", "30", "--resume"], 0);
        assert_same(&room.path("whole"), &room.path("killed"));
        fs::remove_dir_all(room.path("killed")).expect("a folder");
    }
}

#[test]
fn what_cannot_be_written_in_the_end_costs_no_run() {
    let room = Room::new();
    killed(&room, "out", "-KILL", &["--seeds", "30", "--jobs", "1"]);
    marked(&room.path("out/journal.csv"));
    let in_the_way = room.path("out/summary.json");
    // First with the journal there, then with the table that it has become.
    for kept in ["journal.csv", "runs.csv"] {
        fs::create_dir(&in_the_way).expect("room");
        let said = room.sweep("out", &["--seeds", "30", "--resume"], 2);
        assert!(said.contains("summary.json"), "{said}");
        assert!(
            said.contains(&format!("all runs are kept in out/{kept}")),
            "{said}"
        );
        fs::remove_dir(&in_the_way).expect("a folder");
        room.sweep("out", &["--seeds", "30", "--resume"], 0);
        let rows = fs::read_to_string(room.path("out/runs.csv")).expect("rows");
        assert!(rows.contains(&"f".repeat(32)), "a row was computed again");
        fs::remove_file(&in_the_way).expect("a file");
    }
}

#[test]
fn rows_that_were_kept_are_not_computed_again() {
    let room = Room::new();
    killed(&room, "out", "-KILL", &["--seeds", "30", "--jobs", "1"]);
    let journal = room.path("out/journal.csv");
    let mark = marked(&journal);
    let before = fs::read(&journal).expect("a journal");
    let words = sweep_words("out", &["--seeds", "30", "--jobs", "1", "--resume"]);
    let mut child = room.command(&words).spawn().expect("the program starts");
    let start = Instant::now();
    while fs::read(&journal).is_ok_and(|now| now.len() <= before.len()) {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "it does not get on"
        );
        sleep(Duration::from_millis(5));
    }
    let after = fs::read(&journal);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    // The journal grows behind what was there; it may also be through already.
    if let Ok(after) = after {
        let whole = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        assert!(after.starts_with(&before[..whole]));
    }
    room.sweep("out", &["--seeds", "30", "--jobs", "1", "--resume"], 0);
    let rows = fs::read_to_string(room.path("out/runs.csv")).expect("rows");
    assert!(rows.contains(&mark), "the first row was computed again");
}

/// Gives the journal's first row a digest that no run has, and that one's sum: whoever computes it again comes to another.
fn marked(journal: &Path) -> String {
    let text = fs::read_to_string(journal).expect("a journal");
    let (first, rest) = text.split_once('\n').expect("a whole line");
    let (row, _) = first.rsplit_once(',').expect("a sum");
    let is_digest = |field: &&str| field.len() == 32;
    let digest = row.split(',').find(is_digest).expect("a digest");
    let mark = "f".repeat(32);
    let row = row.replace(digest, &mark);
    let sum = xxhash_rust::xxh3::xxh3_64(format!("{row}\n").as_bytes());
    fs::write(journal, format!("{row},{sum:016x}\n{rest}")).expect("room");
    mark
}

#[test]
fn another_folder_is_left_alone_and_mistakes_are_named_before_anything_runs() {
    let room = Room::new();
    fs::create_dir(room.path("mine")).expect("room");
    fs::write(room.path("mine/notes.txt"), "keep").expect("room");
    assert!(
        room.sweep("mine", &["--seeds", "2"], 2)
            .contains("not the folder of a sweep")
    );
    assert_eq!(
        fs::read_to_string(room.path("mine/notes.txt")).expect("my notes"),
        "keep"
    );
    let said = room.sweep("new", &["--vary", "cluster.jobmanager=1,2"], 2);
    assert!(said.contains("jobmanagers"), "{said}");
    let said = room.sweep("new", &["--vary", "weight=9..1"], 2);
    assert!(said.contains("no range"), "{said}");
    assert!(
        room.sweep("new", &["--samples", "3"], 2)
            .contains("--sample")
    );
    assert!(!room.path("new").exists());
}

#[test]
fn a_row_has_the_digest_of_the_run_that_the_page_names() {
    let room = Room::new();
    room.sweep("out", &["--model", "flink-default", "--seeds", "3..5"], 0);
    let runs = fs::read_to_string(room.path("out/runs.csv")).expect("a table");
    let last: Vec<&str> = runs.lines().last().expect("rows").split(',').collect();
    assert_eq!(last[2..4], ["6 s", "4"]);
    let page = fs::read_to_string(room.path("out/report.html")).expect("a page");
    let (_, data) = page.split_once("id=\"data\">").expect("its data");
    let (data, _) = data.split_once("</script>").expect("their end");
    let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
    let command = data["command"].as_array().expect("arguments");
    let mut words = vec!["run"];
    words.extend(command.iter().filter_map(|word| word.as_str()));
    words.extend([
        "--set",
        "execution.checkpointing.interval=6 s",
        "--seed",
        "4",
    ]);
    words.extend(["--no-files", "--format", "json"]);
    let output = room.firedrill(&words, 0);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["model"], "flink-default");
    assert_eq!(summary["digest"], last[4]);
    assert_eq!(
        summary["recoveries"][0]["total_ms"]
            .to_string()
            .parse::<f64>()
            .ok(),
        last[18].parse().ok()
    );
}

/// Whatever lies in a folder, a sweep there leaves its own runs alone and nothing of another one's.
#[test]
fn a_sweep_takes_nothing_over_from_another_one() {
    let room = Room::new();
    let two = ["--seeds", "2", "--vary", "recovery.scope=region,full"];
    room.sweep("other", &two, 0);
    assert!(room.path("other/heat-map.png").exists());
    room.sweep("clean", &["--seeds", "3"], 0);
    room.sweep("other", &["--seeds", "3"], 0);
    assert_same(&room.path("clean"), &room.path("other"));
    // The same, begun and not finished over the runs of another one.
    room.sweep("begun", &two, 0);
    fs::copy(room.path("clean/sweep.json"), room.path("begun/sweep.json")).expect("a copy");
    fs::write(room.path("begun/journal.csv"), "").expect("a journal");
    room.sweep("begun", &["--seeds", "3", "--resume"], 0);
    let runs = |folder: &str| fs::read(room.path(folder).join("runs.csv")).expect("a table");
    assert!(runs("begun") == runs("clean"));
}
