//! The search for fault plans: what it finds depends on the seeds alone, every case can be written and read, and a model
//! without defects breaks nothing.

use firedrill::campaign::check::results::first_broken;
use firedrill::campaign::check::shrink::shrink;
use firedrill::campaign::check::{Base, Search, documented, drawn_faults, run};
use firedrill::campaign::runner;
use firedrill::scenario::{Beside, Override, Text, load, resolved_yaml};

const STORY: &str = include_str!("../scenarios/fraud-detection.yaml");
const MODELS: [&str; 4] = ["story", "flink-default", "flink-adaptive", "flink-reactive"];

fn search(model: &str) -> Search {
    search_with(model, "[]")
}

fn search_with(model: &str, defects: &str) -> Search {
    search_of(STORY, model, defects)
}

fn search_of(text: &str, model: &str, defects: &str) -> Search {
    let set = |path: &str, value: &str| Override {
        path: path.to_owned(),
        value: value.to_owned(),
    };
    let overrides = [set("model", model), set("defects", defects)];
    let beside = Beside::nothing();
    let base = Base {
        text: &Text::new(text.as_bytes(), "story.yaml"),
        beside: &beside,
        overrides: &overrides,
    };
    let loaded = base.load(&[]).expect("it is a scenario");
    Search::new(&base, &loaded.scenario)
}

#[test]
fn every_case_can_be_written_and_read() {
    for model in MODELS {
        let search = search(model);
        for seed in 0..150 {
            let case = search.case(seed);
            let text = resolved_yaml(&case);
            let again = load(&text, "case.yaml", &[])
                .unwrap_or_else(|error| panic!("{model} {seed}: {error}\n{text}"));
            assert_eq!(again.scenario, case, "{model} {seed}");
        }
    }
}

#[test]
fn no_model_breaks_a_promise() {
    for model in MODELS {
        let search = search(model);
        let stop = std::sync::atomic::AtomicBool::new(false);
        let work = |seed: usize| {
            let case = search.case(seed as u64);
            let mut broken = run(&case).broken;
            broken.retain(|broken| documented(&case, &broken.id).is_none());
            broken
        };
        let take = |seed: usize, broken: Vec<_>| {
            assert!(broken.is_empty(), "{model}, seed {seed}: {broken:?}");
        };
        runner::run(60, 2, &stop, work, take).expect("threads start");
    }
}

#[test]
fn threads_change_nothing() {
    let search = search("flink-default");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let with = |jobs: usize| {
        let mut shown = Vec::new();
        let work = |seed: usize| run(&search.case(seed as u64));
        runner::run(24, jobs, &stop, work, |_, found| shown.push(found)).expect("threads start");
        shown
    };
    assert_eq!(with(1), with(2));
}

#[test]
fn all_kinds_of_fault_are_drawn_or_only_those_that_are_asked_for() {
    let of_spare = include_str!("../scenarios/fraud-detection-replaced.yaml");
    let mut drawn = std::collections::BTreeSet::new();
    let mut unasked = std::collections::BTreeSet::new();
    for (text, model) in [
        (STORY, "story"),
        (STORY, "flink-default"),
        (of_spare, "story"),
    ] {
        for verb in drawn_faults() {
            // Nobody goes on who was not stopped before.
            let asked = match verb {
                "resume" => vec!["hang", "resume"],
                _ => vec![verb],
            };
            let search = search_of(text, model, "[]").with_faults(&asked);
            let verbs = (0..40).flat_map(|seed| search.case(seed).faults);
            let verbs: Vec<&str> = verbs.map(|fault| fault.kind.verb()).collect();
            assert_eq!(search.draws_faults(), !verbs.is_empty(), "{model}: {verb}");
            assert!(
                verbs.iter().all(|drawn| asked.contains(drawn)),
                "{model}: {verb}: {verbs:?}"
            );
            drawn.extend(verbs);
        }
        let search = search_of(text, model, "[]");
        let faults = (0..1_000).flat_map(|seed| search.case(seed).faults);
        unasked.extend(faults.map(|fault| fault.kind.verb()));
    }
    // Nothing is drawn only where it is asked for.
    for verbs in [drawn, unasked] {
        assert_eq!(verbs.into_iter().collect::<Vec<_>>(), drawn_faults());
    }
}

/// Whether one of the seeds breaks a promise under a defect.
fn breaks(defect: &str, model: &str, invariant: &str, seeds: u64) -> bool {
    let search = search_with(model, &format!("[{defect}]"));
    (0..seeds).any(|seed| {
        let broken = run(&search.case(seed)).broken;
        broken.iter().any(|broken| broken.id == invariant)
    })
}

/// The first of the seeds that breaks something under a defect, and what.
fn found(defect: &str, model: &str, seeds: u64) -> (Search, u64, String) {
    let search = search_with(model, &format!("[{defect}]"));
    for seed in 0..seeds {
        if let Some(broken) = first_broken(&run(&search.case(seed)).broken) {
            let id = broken.id.clone();
            return (search, seed, id);
        }
    }
    panic!("{defect} is not found in {seeds} seeds");
}

#[test]
fn mistakes_are_noticed() {
    for (defect, model, invariant) in [
        ("complete-before-stored", "story", "C9"),
        ("complete-before-last-ack", "story", "C2"),
        ("heartbeat-not-reset", "flink-default", "H2"),
        ("attempt-reused", "story", "R1"),
    ] {
        assert!(breaks(defect, model, invariant, 60), "{defect}");
    }
}

#[test]
fn what_breaks_is_made_small_and_breaks_again_from_its_file() {
    let (search, seed, id) = found("restart-before-canceled", "story", 200);
    let case = search.case(seed);
    let small = shrink(&case, &id, search.plain(), &|| false);
    assert!(small.scenario.faults.len() <= case.faults.len());
    assert!(
        small.scenario.faults.len() <= 2,
        "{:?}",
        small.scenario.faults
    );
    let text = resolved_yaml(&small.scenario);
    let again = load(&text, "case.yaml", &[]).expect("a case is a scenario");
    let shown = run(&again.scenario);
    assert_eq!(shown, small.shown);
    assert!(shown.broken.iter().any(|broken| broken.id == id));
    // Without the mistake nothing breaks.
    let mut healthy = again.scenario;
    healthy.defects = Default::default();
    assert_eq!(run(&healthy).broken, []);
}
