//! Ctrl-C: what was computed is kept, and says that it is not the whole.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Room, Said, said};

/// Starts a run that takes far longer than anybody waits, and returns once it writes.
fn start(room: &Room) -> Child {
    let child = Command::new(assert_cmd::cargo::cargo_bin!("firedrill"))
        .args([
            "run",
            "drill.yaml",
            "--out",
            "out",
            "--set",
            "duration=100 h",
        ])
        .current_dir(room.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !room.names(".").iter().any(|name| name.contains("partial")) {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not start"
        );
        sleep(Duration::from_millis(20));
    }
    sleep(Duration::from_millis(300));
    child
}

fn interrupt(child: Child) -> Said {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    said(&child.wait_with_output().unwrap())
}

#[test]
fn an_interrupted_run_is_kept_and_replays() {
    let room = Room::new();
    let child = start(&room);
    interrupt(child).ends(130).prints(&["interrupted"]);
    assert_eq!(room.json("out/summary.json")["ended"], "interrupted");
    assert_eq!(room.names("."), ["drill.yaml", "out"]);
    room.firedrill(&["replay", "out"])
        .ends(0)
        .prints(&["identical"]);
}

#[test]
fn a_result_that_cannot_be_kept_is_still_shown() {
    let room = Room::new();
    std::fs::create_dir(room.path("out")).unwrap();
    let child = start(&room);
    room.write("out/notes.txt", "came in while it ran");
    interrupt(child)
        .ends(2)
        .prints(&["small"])
        .complains(&["out is not the folder of a report", "notes.txt"]);
    assert_eq!(room.names("out"), ["notes.txt"]);
    assert_eq!(room.names("."), ["drill.yaml", "out"]);
}
