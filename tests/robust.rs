//! Long work that is ended by force, by hand, by a folder that takes nothing or by a disk that is full: what was written before
//! is whole, and the next command goes on as if nothing had been.
#![cfg(unix)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const SMALL: &str = include_str!("data/small.yaml");
/// Finds something in nearly every seed, and so writes cases.
const DEFECT: &[&str] = &["--defect", "attempt-reused"];

fn room() -> TempDir {
    let folder = TempDir::new().expect("there is room for a folder");
    fs::write(folder.path().join("small.yaml"), SMALL).expect("it can be written");
    folder
}

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("firedrill"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Every file may have so many KiB. The signal that would end the process is ignored, as on a disk that is full.
fn on_a_small_disk(folder: &TempDir, kib: u32, arguments: &[&str]) -> Output {
    let blocks = kib * 2;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script])
        .arg(assert_cmd::cargo::cargo_bin!("firedrill"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .expect("there is a shell")
}

/// A search that keeps what it finds in the folder `cases`.
fn searching(seeds: &'static str) -> Vec<&'static str> {
    let search = ["check", "small.yaml", "--out", "cases"];
    let much = ["--seeds", seeds, "--forks", "0"];
    [&search, &much, DEFECT].concat()
}

/// Ctrl-C.
fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("there is kill").success());
}

fn in_the_middle(child: &mut Child, begun: impl Fn() -> bool) {
    let start = Instant::now();
    while !begun() {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "it does not begin"
        );
        assert!(
            child.try_wait().expect("it can be asked").is_none(),
            "it ended"
        );
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(200));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// All files of all cases.
fn content(cases: &Path) -> Vec<(String, Vec<u8>)> {
    let mut content = Vec::new();
    for case in names(cases) {
        for file in names(&cases.join(&case)) {
            let path = cases.join(&case).join(&file);
            let bytes = fs::read(path).expect("it can be read");
            content.push((format!("{case}/{file}"), bytes));
        }
    }
    content
}

/// Whether a case was made small; that it is there says that it is whole.
fn is_small(case: &Path) -> bool {
    let json = fs::read(case.join("case.json")).expect("a case has a case.json");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("it is whole");
    !json["shrunk_faults"].is_null()
}

#[test]
fn a_check_that_is_killed_has_kept_what_it_had_found() {
    let folder = room();
    let cases = folder.path().join("cases");
    let is_case = |name: &String| !name.starts_with('.');
    // It searches without end, and has not come to making anything small.
    let mut child = command(&folder, &searching("0.."))
        .spawn()
        .expect("it starts");
    in_the_middle(&mut child, || names(&cases).iter().any(is_case));
    child.kill().expect("it can be killed");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    let found: Vec<String> = names(&cases).into_iter().filter(is_case).collect();
    assert!(!found.is_empty());
    for case in &found {
        assert!(!is_small(&cases.join(case)), "{case}");
        let replayed = command(&folder, &["replay", &format!("cases/{case}")]).output();
        assert_eq!(replayed.expect("it starts").status.code(), Some(0));
    }
    let left = cases.join(".story-R1-seed-9.partial-1");
    fs::create_dir(&left).expect("it can be made");
    // The next check goes on from there, to the same bytes as one that nobody has killed.
    let said = command(&folder, &searching("30")).output();
    assert_eq!(said.expect("it starts").status.code(), Some(3));
    for jobs in ["1", "2"] {
        let calm = room();
        let said = command(&calm, &[&searching("30")[..], &["--jobs", jobs]].concat()).output();
        assert_eq!(said.expect("it starts").status.code(), Some(3));
        let whole = content(&calm.path().join("cases"));
        assert!(whole.iter().any(|(name, _)| name.ends_with("trace.jsonl")));
        let mut same = content(&cases);
        same.retain(|(name, _)| whole.iter().any(|(known, _)| known == name));
        assert!(same == whole, "with {jobs} threads other cases are left");
    }
    assert!(!left.exists());
}

#[test]
fn a_run_that_is_killed_leaves_nothing_to_the_next() {
    let folder = room();
    let run = ["run", "small.yaml", "--out", "out", "--quiet"];
    let long = [&run[..], &["--set", "duration=100 h"]].concat();
    let mut child = command(&folder, &long).spawn().expect("it starts");
    let begun = || {
        names(folder.path())
            .iter()
            .any(|name| name.contains("partial"))
    };
    in_the_middle(&mut child, begun);
    // Another one leaves alone what is being written.
    let said = command(&folder, &run).output().expect("it starts");
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert!(begun(), "{:?}", names(folder.path()));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let said = command(&folder, &run).output().expect("it starts");
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert_eq!(names(folder.path()), ["out", "small.yaml"]);
}

#[test]
fn a_check_that_is_interrupted_reports_what_it_found() {
    let folder = room();
    let mut child = command(
        &folder,
        &["check", "small.yaml", "--no-files", "--seeds", "0.."],
    )
    .spawn()
    .expect("it starts");
    sleep(Duration::from_millis(1500));
    assert!(
        child.try_wait().expect("it can be asked").is_none(),
        "it ended"
    );
    interrupt(&child);
    let said = child.wait_with_output().expect("it ends");
    assert_eq!(said.status.code(), Some(130), "{said:?}");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        text.contains("· interrupted") && text.contains("Rare situations"),
        "{text}"
    );
}

#[test]
fn a_sweep_that_is_killed_goes_on_where_it_was() {
    let folder = room();
    let sweep = |seeds: &'static str| {
        [
            "sweep",
            "small.yaml",
            "--seeds",
            seeds,
            "--out",
            "sweep",
            "--quiet",
        ]
    };
    let mut child = command(&folder, &sweep("100000"))
        .spawn()
        .expect("it starts");
    let out = folder.path().join("sweep");
    in_the_middle(&mut child, || out.is_dir() && !names(&out).is_empty());
    child.kill().expect("it can be killed");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    // The rest would take long: Ctrl-C ends it, and all that was done is kept.
    let again = [&sweep("100000")[..], &["--resume"]].concat();
    let mut child = command(&folder, &again).spawn().expect("it starts");
    sleep(Duration::from_millis(1000));
    if child.try_wait().expect("it can be asked").is_none() {
        interrupt(&child);
    }
    let said = child.wait_with_output().expect("it ends");
    assert_eq!(said.status.code(), Some(130), "{said:?}");
}

#[test]
fn where_nothing_can_be_written_it_is_said() {
    let folder = room();
    fs::write(folder.path().join("file"), "").expect("it can be written");
    for arguments in [
        &[
            "check",
            "small.yaml",
            "--out",
            "file/cases",
            "--seeds",
            "30",
            "--defect",
            "attempt-reused",
        ][..],
        &["sweep", "small.yaml", "--out", "file/sweep", "--seeds", "2"],
        &["run", "small.yaml", "--out", "file/run"],
        &[
            "check",
            "small.yaml",
            "--out",
            "/proc/firedrill/cases",
            "--seeds",
            "30",
            "--defect",
            "attempt-reused",
        ],
        &[
            "sweep",
            "small.yaml",
            "--out",
            "/proc/firedrill/sweep",
            "--seeds",
            "2",
        ],
        &["run", "small.yaml", "--out", "/proc/firedrill/run"],
    ] {
        let said = command(&folder, arguments).output().expect("it starts");
        assert_eq!(said.status.code(), Some(2), "{arguments:?}: {said:?}");
        assert!(
            String::from_utf8_lossy(&said.stderr).starts_with("error: "),
            "{said:?}"
        );
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_half_done() {
    let folder = room();
    let said = on_a_small_disk(
        &folder,
        16,
        &["run", "small.yaml", "--out", "out", "--quiet"],
    );
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    assert!(!folder.path().join("out").exists(), "half a report");
    let arguments = searching("30");
    let said = on_a_small_disk(&folder, 16, &arguments);
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    assert!(
        String::from_utf8_lossy(&said.stderr).starts_with("error: "),
        "{said:?}"
    );
    assert!(
        String::from_utf8_lossy(&said.stdout).contains("is broken in"),
        "what was found is shown where it cannot be kept: {said:?}"
    );
    // There is room for what was found, if not for its trace.
    let cases = folder.path().join("cases");
    for case in names(&cases) {
        assert!(!is_small(&cases.join(&case)), "half a case: {case}");
    }
    assert!(!names(&cases).is_empty());
    let said = on_a_small_disk(
        &folder,
        1,
        &[
            "sweep",
            "small.yaml",
            "--out",
            "sweep",
            "--seeds",
            "40",
            "--quiet",
        ],
    );
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    // With room it works, in the same folder.
    let said = command(&folder, &arguments).output().expect("it starts");
    assert_eq!(said.status.code(), Some(3), "{said:?}");
}
