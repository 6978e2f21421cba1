//! A run is a function of scenario and seed: nothing else leaves a trace in its digest.
//!
//! `FIREDRILL_GOLDEN=write cargo test --test promises determinism` writes the golden digests anew.

use crate::support;

use std::fmt::Write as _;
use std::path::PathBuf;

use firedrill::drill::{Drill, Ended};
use firedrill::kernel::Time;
use firedrill::kernel::trace::{TraceLine, TraceSink};
use firedrill::scenario::model::Scenario;
use serde::Serialize;
use support::{load, run, run_for_report, shipped};

/// A scenario in which much happens: a TaskManager fails and returns.
fn eventful(seed: u64) -> Scenario {
    let seed = format!("seed={seed}");
    load("fraud-detection-returns", &["weight=20", &seed])
}

fn digest(scenario: &Scenario) -> u128 {
    let mut drill = Drill::new(scenario);
    drill.advance(drill.end(), &mut ()).expect("it ends");
    drill.digest()
}

/// Reads every line of the trace, as a file would get it.
#[derive(Default)]
struct Bytes {
    lines: u64,
    bytes: u64,
}

impl TraceSink for Bytes {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B) {
        self.lines += 1;
        self.bytes += (line.actor.len()
            + serde_json::to_string(body)
                .expect("facts can be written")
                .len()) as u64;
    }
}

#[test]
fn a_seed_gives_the_same_digest_and_summary_again() {
    let scenario = eventful(7);
    let (first, second) = (run_for_report(&scenario), run_for_report(&scenario));
    assert_eq!(first.summary.digest, second.summary.digest);
    let json = |summary| serde_json::to_string_pretty(summary).expect("summaries can be written");
    assert_eq!(json(&first.summary), json(&second.summary));
    assert_eq!(
        format!("{:?}", first.timeline),
        format!("{:?}", second.timeline)
    );
    assert_eq!(
        format!("{:?}", first.metrics),
        format!("{:?}", second.metrics)
    );
}

#[test]
fn seeds_differ() {
    let mut digests: Vec<u128> = (0..4).map(|seed| digest(&eventful(seed))).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 4);
}

#[test]
fn a_clone_goes_on_to_the_same_digest() {
    let scenario = eventful(1);
    let mut original = Drill::new(&scenario);
    // In the middle of a recovery, where most is under way.
    original
        .advance(Time(101_500_000_000), &mut ())
        .expect("it goes on");
    let mut copy = original.clone();
    original.advance(original.end(), &mut ()).expect("it ends");
    copy.advance(copy.end(), &mut ()).expect("it ends");
    assert_eq!(original.digest(), copy.digest());
    assert_eq!(original.digest(), digest(&scenario));
    let summaries = [original, copy].map(|drill| drill.finish(Ended::Completed).summary);
    assert_eq!(format!("{:?}", summaries[0]), format!("{:?}", summaries[1]));
}

#[test]
fn a_trace_changes_nothing() {
    let scenario = eventful(2);
    let mut drill = Drill::new(&scenario);
    let mut trace = Bytes::default();
    drill.advance(drill.end(), &mut trace).expect("it ends");
    assert!(trace.lines > drill.events() && trace.bytes > 0);
    assert_eq!(drill.digest(), digest(&scenario));
}

#[test]
fn slices_of_any_length_change_nothing() {
    let scenario = eventful(3);
    let whole = digest(&scenario);
    for slice_ns in [37_000_000, 1_000_000_000, 59_999_999_999] {
        let mut drill = Drill::new(&scenario);
        while drill.now() < drill.end() {
            drill
                .advance(Time(drill.now().0 + slice_ns), &mut ())
                .expect("it goes on");
        }
        assert_eq!(drill.digest(), whole, "slices of {slice_ns} ns");
    }
}

#[test]
fn what_ran_before_changes_nothing() {
    let before = digest(&eventful(4));
    run(&load("overload", &["weight=50"]));
    run(&load("fraud-detection-naive", &["weight=50"]));
    assert_eq!(digest(&eventful(4)), before);
}

#[test]
fn threads_change_nothing() {
    let alone = digest(&eventful(5));
    let both = std::thread::scope(|scope| {
        let runs = [
            scope.spawn(|| digest(&eventful(5))),
            scope.spawn(|| digest(&eventful(5))),
        ];
        runs.map(|run| run.join().expect("no panic"))
    });
    assert_eq!(both, [alone; 2]);
}

/// One line for each shipped scenario, with the weight that makes it quick.
#[test]
fn shipped_scenarios_keep_their_golden_digests() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/digests.txt");
    let mut found = String::new();
    for name in shipped() {
        let weight = if name == "fraud-detection-10k" {
            200
        } else {
            20
        };
        let digest = digest(&load(&name, &[&format!("weight={weight}")]));
        let _ = writeln!(found, "{digest:032x} {name} weight={weight}");
    }
    if std::env::var("FIREDRILL_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(path, found).expect("the golden digests can be written");
        return;
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    let differ: Vec<&str> = found
        .lines()
        .filter(|line| !golden.lines().any(|known| known == *line))
        .collect();
    assert!(
        found == golden,
        "these are not in tests/golden/digests.txt:\n{}\nWhere the simulation was meant to change, write them anew with \
         FIREDRILL_GOLDEN=write cargo test --test promises determinism",
        differ.join("\n")
    );
}
