//! Shipped scenarios, loaded with overrides and run to their end.

use std::path::PathBuf;

use firedrill::drill::outcome::Outcome;
use firedrill::drill::{Drill, Ended};
use firedrill::scenario::model::Scenario;
use firedrill::scenario::{self, Override};

/// A shipped scenario with `path=value` overrides.
#[allow(dead_code)]
pub fn load(name: &str, overrides: &[&str]) -> Scenario {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"));
    let text = std::fs::read_to_string(path).expect("a readable scenario");
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|set| {
            let (path, value) = set.split_once('=').expect("path=value");
            Override {
                path: path.to_owned(),
                value: value.to_owned(),
            }
        })
        .collect();
    scenario::load(&text, name, &overrides)
        .unwrap_or_else(|error| panic!("{error}"))
        .scenario
}

/// A scenario that is written where it is used.
#[allow(dead_code)]
#[track_caller]
pub fn parse(text: &str) -> Scenario {
    scenario::load(text, "x.yaml", &[])
        .unwrap_or_else(|error| panic!("{error}"))
        .scenario
}

/// Runs to the end.
#[allow(dead_code)]
pub fn run(scenario: &Scenario) -> Outcome {
    run_to_end(Drill::new(scenario))
}

/// The same with what only a report asks for: measurements among it.
#[allow(dead_code)]
pub fn run_for_report(scenario: &Scenario) -> Outcome {
    let mut drill = Drill::new(scenario);
    drill.remember_causes(Some(1 << 10));
    run_to_end(drill)
}

fn run_to_end(mut drill: Drill) -> Outcome {
    let end = drill.end();
    drill
        .advance(end, &mut ())
        .unwrap_or_else(|stall| panic!("{stall}"));
    drill.finish(Ended::Completed)
}

/// When the log of the run says something like this.
#[allow(dead_code)]
pub fn said(outcome: &Outcome, text: &str) -> Vec<f64> {
    let lines = outcome.timeline.iter();
    let said = lines.filter(|line| line.text.contains(text));
    said.map(|line| line.at_ms).collect()
}

/// No invariant is violated.
#[allow(dead_code)]
#[track_caller]
pub fn assert_sound(outcome: &Outcome, what: &str) {
    for invariant in &outcome.summary.invariants {
        let (id, violations) = (&invariant.id, &invariant.violations);
        assert!(violations.is_empty(), "{what}: {id}: {violations:?}");
    }
}

/// Nor is a record lost or duplicated.
#[allow(dead_code)]
#[track_caller]
pub fn assert_whole(outcome: &Outcome, what: &str) {
    assert_sound(outcome, what);
    let delivery = &outcome.summary.delivery;
    assert_eq!((delivery.lost, delivery.duplicated), (0, 0), "{what}");
}

/// All scenarios that are shipped, by name.
#[allow(dead_code)]
pub fn shipped() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).expect("the scenarios are there");
    let path = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("a readable folder").path();
    let mut names: Vec<String> = files
        .map(path)
        .filter(|path| path.extension().is_some_and(|kind| kind == "yaml"))
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
