//! Where a report may go, and that it gets there whole or not at all.

use std::fs;

use crate::support::Room;

/// So long that a check after the run would time out.
const LONG: [&str; 2] = ["--set", "duration=100 h"];

/// Expects that the folder is refused before anything runs, and that nothing changes.
#[track_caller]
fn refused(room: &Room, out: &str, complaints: &[&str]) {
    let before = room.names(".");
    let words = [&["run", "drill.yaml", "--out", out][..], &LONG].concat();
    room.firedrill(&words).ends(2).complains(complaints);
    assert_eq!(room.names("."), before);
}

#[test]
fn an_earlier_report_is_replaced_whole() {
    let room = Room::new();
    room.run(&[]);
    let first = room.names("out");
    room.write("out/summary.json", "old");
    room.run(&["--no-trace"]);
    let second: Vec<String> = first
        .into_iter()
        .filter(|name| name != "trace.jsonl")
        .collect();
    assert_eq!(room.names("out"), second, "nothing of the first is left");
    assert_eq!(room.json("out/summary.json")["scenario"], "small");
    assert_eq!(room.names("."), ["drill.yaml", "out"]);
}

#[test]
fn an_empty_folder_is_taken() {
    let room = Room::new();
    fs::create_dir(room.path("out")).unwrap();
    room.run(&[]);
    assert!(room.path("out/summary.json").exists());
}

#[test]
fn a_folder_that_holds_anything_else_is_left_alone() {
    let room = Room::new();
    room.run(&[]);
    room.write("out/notes.txt", "mine");
    refused(
        &room,
        "out",
        &["out is not the folder of a report", "notes.txt"],
    );
    assert_eq!(room.read("out/notes.txt"), "mine");

    fs::create_dir(room.path("photos")).unwrap();
    room.write("photos/a.png", "mine");
    refused(
        &room,
        "photos",
        &["photos is not the folder of a report", "a.png"],
    );

    fs::create_dir(room.path("half")).unwrap();
    room.write("half/summary.json", "{}");
    refused(
        &room,
        "half",
        &["half is not the folder of a report", "scenario.yaml"],
    );

    fs::remove_file(room.path("out/notes.txt")).unwrap();
    fs::create_dir(room.path("out/plots")).unwrap();
    refused(&room, "out", &["plots"]);
}

#[test]
fn a_place_that_cannot_be_a_folder_is_refused() {
    let room = Room::new();
    refused(
        &room,
        "drill.yaml",
        &["drill.yaml", "that is a file; name a folder"],
    );
    refused(&room, "drill.yaml/out", &["drill.yaml"]);
    refused(&room, "no/such/out", &["no/such", "make that folder first"]);
    refused(&room, "", &["--out"]);
    refused(&room, ".", &["name a folder inside it"]);
    refused(&room, "/", &["/"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_refused() {
    refused(&Room::new(), "/proc/report", &["/proc/report", "--out"]);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_report_stays_a_link() {
    let room = Room::new();
    room.firedrill(&["run", "drill.yaml", "--out", "real"])
        .ends(0);
    std::os::unix::fs::symlink("real", room.path("out")).unwrap();
    room.run(&["--no-trace"]);
    assert!(room.path("out").is_symlink());
    assert!(!room.path("real/trace.jsonl").exists());
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere_is_refused() {
    let room = Room::new();
    std::os::unix::fs::symlink("gone", room.path("out")).unwrap();
    refused(&room, "out", &["out"]);
}

/// A limit on the size of files stands in for a full disk: both fail in the middle of a write.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let room = Room::new();
    room.run(&["--no-trace"]);
    let before = room.read("out/summary.json");
    let program = assert_cmd::cargo::cargo_bin!("firedrill");
    let script = format!(
        "trap '' XFSZ; ulimit -f 16; exec '{}' run drill.yaml --seed 2 --out out",
        program.display()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(room.path("."))
        .output()
        .unwrap();
    crate::support::said(&output).ends(2).complains(&[
        "cannot write trace.jsonl",
        "out",
        "nothing was left behind",
    ]);
    assert_eq!(room.read("out/summary.json"), before);
    assert_eq!(room.names("."), ["drill.yaml", "out"]);
}

#[test]
fn a_comparison_of_models_leaves_other_things_alone() {
    let room = Room::new();
    fs::create_dir(room.path("other")).unwrap();
    room.write("other/precious.txt", "mine");
    let models = [
        "run",
        "drill.yaml",
        "--model",
        "story,flink-default",
        "--out",
        "other",
    ];
    room.firedrill(&models)
        .ends(2)
        .complains(&["other", "left alone"]);
    assert_eq!(room.names("other"), ["precious.txt"]);
    let words = [
        "run",
        "drill.yaml",
        "--model",
        "story,flink-default",
        "--out",
        "models",
    ];
    room.firedrill(&words).ends(0);
    // As an interruption leaves it: without the comparison, and with a report in the making.
    fs::remove_file(room.path("models/comparison.json")).unwrap();
    fs::create_dir(room.path("models/.story.partial-4000000000")).unwrap();
    room.firedrill(&words).ends(0);
    let left = [
        "comparison.csv",
        "comparison.json",
        "comparison.txt",
        "flink-default",
        "story",
    ];
    assert_eq!(room.names("models"), left);
    // Beside a comparison too.
    room.write("models/precious.txt", "mine");
    room.firedrill(&words).ends(2).complains(&["precious.txt"]);
}

#[test]
fn where_files_go_is_tried_before_anything_is_computed() {
    let room = Room::new();
    room.write("taken", "a file");
    for words in [
        &["run", "drill.yaml", "--no-files", "--junit", "taken/x.xml"][..],
        &[
            "run",
            "drill.yaml",
            "--seeds",
            "2",
            "--junit",
            "taken/x.xml",
        ],
        &[
            "sweep",
            "drill.yaml",
            "--seeds",
            "2",
            "--junit",
            "nowhere/x.xml",
        ],
        &[
            "tune",
            "drill.yaml",
            "--target",
            "p50(total) <= 5 s",
            "--vary",
            "execution.checkpointing.interval=2 s..5 s",
            "--out",
            "taken",
        ],
        &["man", "--out", "taken/pages"],
        &[
            "check",
            "drill.yaml",
            "--seeds",
            "2",
            "--out",
            "taken/cases",
        ],
        &["check", "drill.yaml", "--seeds", "2", "--out", "taken"],
    ] {
        let said = room.firedrill(words).ends(2);
        assert!(said.stderr.contains("cannot "), "{}", said.stderr);
        assert_eq!(said.stdout, "", "{words:?}");
    }
    assert_eq!(room.names("."), ["drill.yaml", "taken"]);
    room.firedrill(&["man", "--out", "a/b"]).ends(0);
    assert!(
        room.names("a/b")
            .contains(&"firedrill-sweep-merge.1".to_owned())
    );
}
