//! A folder to work in, a small drill, and what came out of a command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use tempfile::TempDir;

/// Three TaskManagers, one of which dies: small, and still a whole recovery.
pub const DRILL: &str = "\
name: small
about: One of three TaskManagers fails under a small job.
model: story
seed: 1
duration: 60 s
cluster:
  jobmanagers: [jm-1, jm-2]
  taskmanagers:
    - {name: tm-1, slots: 4}
    - {name: tm-2, slots: 4}
    - {name: tm-3, slots: 4}
config:
  execution.checkpointing.interval: 5 s
topics:
  orders: {partitions: 3, rate: 20/s}
jobs:
  - name: count
    operators:
      - {name: Source, topic: orders, parallelism: 3}
      - {name: Count, input: Source, exchange: hash, parallelism: 3, cpu: 20 us, state: 1 MB}
      - {name: Sink, input: Count, exchange: forward, parallelism: 3, guarantee: exactly-once}
faults:
  - {kill: tm-2, at: 18 s}
";

/// Every status but those of a bug.
const STATUSES: [i32; 7] = [0, 1, 2, 3, 4, 5, 130];

/// A folder of its own, with `drill.yaml` in it; commands run there.
pub struct Room {
    folder: TempDir,
}

/// What a command said and how it ended.
pub struct Said {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Room {
    pub fn new() -> Room {
        Room::with(DRILL)
    }

    /// With this text as `drill.yaml`.
    pub fn with(text: impl AsRef<[u8]>) -> Room {
        let room = Room {
            folder: TempDir::new().unwrap(),
        };
        fs::write(room.path("drill.yaml"), text).unwrap();
        room
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Names in a folder, hidden ones too.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs `firedrill` with these words.
    pub fn firedrill(&self, words: &[&str]) -> Said {
        let output = Command::cargo_bin("firedrill")
            .unwrap()
            .args(words)
            .current_dir(self.folder.path())
            .timeout(Duration::from_secs(300))
            .output()
            .unwrap();
        said(&output)
    }

    /// Runs the drill into `out`, and expects that all is well.
    pub fn run(&self, more: &[&str]) -> Said {
        let words = [&["run", "drill.yaml", "--out", "out"], more].concat();
        self.firedrill(&words).ends(0)
    }
}

impl Said {
    /// Expects an exit status.
    #[track_caller]
    pub fn ends(self, status: i32) -> Said {
        assert_eq!(
            self.status, status,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Expects these words on standard error.
    #[track_caller]
    pub fn complains(self, words: &[&str]) -> Said {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no `{word}` in:\n{}",
                self.stderr
            );
        }
        self
    }

    /// Expects these words on standard output.
    #[track_caller]
    pub fn prints(self, words: &[&str]) -> Said {
        for word in words {
            assert!(
                self.stdout.contains(word),
                "no `{word}` in:\n{}",
                self.stdout
            );
        }
        self
    }
}

/// No command may end in a panic, whatever it was asked.
#[track_caller]
pub fn said(output: &Output) -> Said {
    let said = Said {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(
        STATUSES.contains(&said.status) && !said.stderr.contains("panicked"),
        "status {}\n{}",
        said.status,
        said.stderr
    );
    said
}

/// Whether two folders hold the same files with the same bytes.
pub fn assert_same_folders(left: &Path, right: &Path) {
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(left), names(right));
    for name in names(left) {
        let bytes = |folder: &Path| fs::read(folder.join(&name)).unwrap();
        assert!(bytes(left) == bytes(right), "{} differs", name.display());
    }
}
