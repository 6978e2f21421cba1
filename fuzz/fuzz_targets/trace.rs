//! The trace of a report is compared with the run again.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const SMALL: &str = include_str!("../../tests/data/small.yaml");

static REPORT: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("there is room for a folder");
    let (scenario, out) = (folder.path().join("small.yaml"), folder.path().join("out"));
    fs::write(&scenario, SMALL.replace("duration: 60 s", "duration: 3 s").replace("at: 12 s .. 20 s", "at: 1 s .. 2 s")).expect("it can be written");
    let arguments = ["firedrill", "run", &scenario.to_string_lossy(), "--quiet", "--out", &out.to_string_lossy()].map(str::to_owned);
    assert_eq!(firedrill::cli::answer(arguments), 0);
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let out = REPORT.path().join("out");
    fs::write(out.join("trace.jsonl"), bytes).expect("it can be written");
    let arguments = ["firedrill", "replay", &out.to_string_lossy(), "--quiet"].map(str::to_owned);
    assert!(matches!(firedrill::cli::answer(arguments), 0 | 2 | 5));
});
