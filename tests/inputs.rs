//! Whatever stands in a file that the program reads, it answers: arbitrary bytes, and good files with something changed.
//! How many cases: 48, or what `PROPTEST_CASES` says.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use firedrill::campaign::validate::{Columns, Table};
use firedrill::scenario::{self, Beside, Document};
use proptest::prelude::*;
use tempfile::TempDir;

const SMALL: &str = include_str!("data/small.yaml");
const STORY: &str = include_str!("../scenarios/fraud-detection.yaml");
const FLINK: &str = include_str!("data/flink/config.yaml");
const FLINK_OLD: &str = include_str!("data/flink/flink-conf.yaml");
const LAB: &str = include_str!("data/measured/lab.csv");
const COLUMNS: &str = include_str!("../scenarios/lab.columns.yml");
const PROFILE: &str = include_str!("../profiles/default.yaml");

fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: asked.and_then(|text| text.parse().ok()).unwrap_or(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One change of a file.
#[derive(Clone, Debug)]
enum Edit {
    Flip(usize, u8),
    Cut(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
    Truncate(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        prop::sample::select(vec![
            "\n",
            "\0",
            "\"",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "- ",
            "-1",
            "1e999",
            "null",
            "NaN",
            "18446744073709551616",
            "\u{feff}",
            "\u{202e}",
            "\r\n",
            "9999999 h",
            "&a",
            "*a",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let place = any::<usize>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, with)| Edit::Flip(at, with)),
        (place(), 0..40_usize).prop_map(|(at, bytes)| Edit::Cut(at, bytes)),
        (place(), piece).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (place(), 0..60_usize).prop_map(|(at, bytes)| Edit::Repeat(at, bytes)),
        place().prop_map(Edit::Truncate),
    ]
}

fn edited(text: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for edit in edits {
        let at = |place: usize| place % (bytes.len() + 1);
        match edit {
            Edit::Flip(place, with) => {
                let at = at(*place);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = *with;
                }
            }
            Edit::Cut(place, count) => {
                let at = at(*place);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Edit::Insert(place, piece) => {
                let at = at(*place);
                bytes.splice(at..at, piece.iter().copied());
            }
            Edit::Repeat(place, count) => {
                let at = at(*place);
                let end = (at + count).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            Edit::Truncate(place) => {
                let at = at(*place);
                bytes.truncate(at);
            }
        }
    }
    bytes
}

/// Arbitrary bytes, or one of the good files with something changed.
fn content(good: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let changed = (
        prop::sample::select(good),
        prop::collection::vec(edit(), 1..4),
    );
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        4 => changed.prop_map(|(text, edits)| edited(text, &edits)),
    ]
}

/// Every status but those of a bug.
fn ends_well(status: Option<i32>) -> bool {
    matches!(status, Some(0..=5 | 130))
}

/// A run of four seconds, in which nothing fails.
fn short() -> String {
    let (calm, _) = SMALL.split_once("faults:").expect("it has faults");
    calm.replace("duration: 60 s", "duration: 4 s")
}

/// A report of a short run, to be spoilt.
fn report() -> TempDir {
    let folder = TempDir::new().expect("there is room for a folder");
    fs::write(folder.path().join("small.yaml"), short()).expect("it can be written");
    let ended = firedrill(&folder, &["run", "small.yaml", "--out", "out", "--quiet"]);
    assert!(ends_well(ended.status.code()), "{ended:?}");
    folder
}

fn firedrill(folder: &TempDir, arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("firedrill"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .expect("it starts")
}

/// A case, as a check leaves it.
fn case() -> TempDir {
    let folder = TempDir::new().expect("there is room for a folder");
    let short = short();
    fs::create_dir_all(folder.path().join("cases/one")).expect("it can be made");
    fs::write(folder.path().join("small.yaml"), &short).expect("it can be written");
    fs::write(folder.path().join("cases/one/scenario.yaml"), &short).expect("it can be written");
    folder
}

const CASE: &str = r#"{
  "format": 1,
  "scenario": "small",
  "model": "story",
  "invariant": "Z3",
  "kind": "safety",
  "statement": "Transactions of ZooKeeper are committed in order.",
  "seed": 7,
  "at_ms": 1.5,
  "event": 12,
  "what": "transaction 1 is committed after 2",
  "faults": 2,
  "shrunk_faults": 1,
  "digest": "00000000000000000000000000000000",
  "command": "firedrill run cases/one/scenario.yaml --no-files"
}
"#;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn scenarios_are_answered(bytes in content(&[SMALL, STORY])) {
        if let Err(error) = scenario::load(&bytes, "x.yaml", &[]) {
            prop_assert!(error.to_string().starts_with("error: "));
        }
    }

    #[test]
    fn configurations_of_flink_are_answered(bytes in content(&[FLINK, FLINK_OLD])) {
        for name in ["config.yaml", "flink-conf.yaml"] {
            let beside = Beside {
                flink_config: Some(Document { name: name.to_owned(), bytes: bytes.clone() }),
                ..Beside::nothing()
            };
            if let Err(error) = scenario::load_with(STORY, "x.yaml", &[], &beside) {
                prop_assert!(error.to_string().starts_with("error: "));
            }
        }
    }

    #[test]
    fn profiles_are_answered(bytes in content(&[PROFILE])) {
        let read = |name: &str, _: bool| {
            Ok(Document { name: name.to_owned(), bytes: bytes.clone() })
        };
        let beside = Beside { flink_config: None, read: &read };
        let text = STORY.replacen("duration:", "profile: own.yaml\nduration:", 1);
        if let Err(error) = scenario::load_with(text, "x.yaml", &[], &beside) {
            prop_assert!(error.to_string().starts_with("error: "));
        }
    }

    #[test]
    fn tables_are_answered(bytes in content(&[LAB]), columns in content(&[COLUMNS])) {
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let _ = Table::read(&bytes, "x.csv");
            let _ = Columns::read(&String::from_utf8_lossy(&columns), "x.columns.yml");
        }));
        prop_assert!(answered.is_ok());
    }
}

proptest! {
    // Each of these starts the program.
    #![proptest_config(ProptestConfig { cases: config().cases.div_ceil(4), ..config() })]

    #[test]
    fn tables_are_answered_by_the_program(bytes in content(&[LAB]), columns in content(&[COLUMNS])) {
        let folder = TempDir::new().expect("there is room for a folder");
        fs::write(folder.path().join("small.yaml"), SMALL).expect("it can be written");
        fs::write(folder.path().join("x.csv"), &bytes).expect("it can be written");
        fs::write(folder.path().join("x.yml"), &columns).expect("it can be written");
        let said = firedrill(&folder, &["validate", "x.csv", "--scenario", "small.yaml", "--columns", "x.yml", "--seeds", "1"]);
        prop_assert!(ends_well(said.status.code()), "{:?}", said);
    }

    #[test]
    fn traces_are_answered(edits in prop::collection::vec(edit(), 1..4), bytes in prop::collection::vec(any::<u8>(), 0..200), raw in any::<bool>()) {
        let folder = report();
        let path = folder.path().join("out/trace.jsonl");
        let good = fs::read_to_string(&path).expect("a report has a trace");
        fs::write(&path, if raw { bytes } else { edited(&good, &edits) }).expect("it can be written");
        let said = firedrill(&folder, &["replay", "out", "--quiet"]);
        prop_assert!(ends_well(said.status.code()), "{:?}", said);
    }

    #[test]
    fn reports_are_answered(edits in prop::collection::vec(edit(), 1..4), which in 0..2_usize) {
        let folder = report();
        let path = folder.path().join(["out/summary.json", "out/scenario.yaml"][which]);
        let good = fs::read_to_string(&path).expect("a report has it");
        // A run that would take hours is no question of the file.
        let bytes = edited(&good, &edits);
        fs::write(&path, &bytes).expect("it can be written");
        let quick = which == 0 || scenario::load(&bytes, "x.yaml", &[]).map_or(true, |loaded| loaded.scenario.duration.0 < 20_000_000_000);
        if quick {
            for command in ["replay", "explain"] {
                let said = firedrill(&folder, &[command, "out"]);
                prop_assert!(ends_well(said.status.code()), "{:?}", said);
            }
        }
    }

    #[test]
    fn cases_are_answered(bytes in content(&[CASE])) {
        let folder = case();
        fs::write(folder.path().join("cases/one/case.json"), &bytes).expect("it can be written");
        let said = firedrill(&folder, &["check", "small.yaml", "--seeds", "1", "--out", "cases", "--no-shrink", "--forks", "0"]);
        prop_assert!(ends_well(said.status.code()), "{:?}", said);
        if serde_json::from_slice::<serde_json::Value>(&bytes).is_err() {
            prop_assert!(String::from_utf8_lossy(&said.stderr).contains("passed by"), "{:?}", said);
        }
    }
}

#[test]
fn a_whole_case_is_run_first() {
    let folder = case();
    fs::write(folder.path().join("cases/one/case.json"), CASE).expect("it can be written");
    let said = firedrill(
        &folder,
        &["check", "small.yaml", "--seeds", "1", "--out", "cases"],
    );
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        text.contains("known case one: Z3 does not break any more"),
        "{text}"
    );
}
