//! The case of an earlier check is run first, or passed by with a warning.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const SMALL: &str = include_str!("../../tests/data/small.yaml");

static ROOM: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("there is room for a folder");
    let short = SMALL.replace("duration: 60 s", "duration: 3 s").replace("at: 12 s .. 20 s", "at: 1 s .. 2 s");
    fs::create_dir_all(folder.path().join("cases/one")).expect("it can be made");
    fs::write(folder.path().join("small.yaml"), &short).expect("it can be written");
    fs::write(folder.path().join("cases/one/scenario.yaml"), &short).expect("it can be written");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let cases = ROOM.path().join("cases");
    fs::write(cases.join("one/case.json"), bytes).expect("it can be written");
    let scenario = ROOM.path().join("small.yaml");
    let arguments = ["firedrill", "check", &scenario.to_string_lossy(), "--seeds", "1", "--forks", "0", "--jobs", "1", "--out", &cases.to_string_lossy()].map(str::to_owned);
    assert!(matches!(firedrill::cli::answer(arguments), 0 | 2));
});
