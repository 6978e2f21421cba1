//! One simulated record may stand for many: the run is the same, seen less finely.

use crate::support;

use firedrill::drill::outcome::{Phases, Recovery};
use support::{load, run};

const WEIGHT: u32 = 100;

/// Two simulated records of a partition at 500 a second.
const TWO_RECORDS_MS: f64 = 2.0 * WEIGHT as f64 / 500.0 * 1e3;

fn recovery(model: &str, seed: u64, weight: u32) -> Recovery {
    let (model, seed) = (format!("model={model}"), format!("seed={seed}"));
    let weight = format!("weight={weight}");
    let outcome = run(&load("fraud-detection", &[&model, &seed, &weight]));
    let recoveries = outcome.summary.recoveries;
    assert_eq!(recoveries.len(), 1, "{model} {seed} {weight}");
    recoveries.into_iter().next().expect("there is one")
}

/// Each phase of the recovery lasts as long as with single records, but for 2 % or two simulated records. The seeds are such that
/// no race between two messages, a millisecond apart, goes the other way (15 and 27 of the adaptive scheduler), and no TaskManager is
/// beyond its capacity from the start on (its 1 and 23): cores are given in turn, a buffer at a time, and where all are
/// wanted all the time a task's part of them depends on how full its buffers are. The job is up to 5 % off then, and so is the default
/// scheduler's 4, which catches up for long.
fn agrees(model: &str, seeds: &[u64]) {
    for seed in seeds {
        let [single, heavy] = std::thread::scope(|scope| {
            [1, WEIGHT]
                .map(|weight| scope.spawn(move || recovery(model, *seed, weight)))
                .map(|run| run.join().expect("the run ends"))
        });
        for (name, of) in Phases::ALL {
            let (single, heavy) = (of(&single.phases_ms), of(&heavy.phases_ms));
            let allowed = TWO_RECORDS_MS.max(0.02 * single);
            assert!(
                (heavy - single).abs() <= allowed,
                "{model}, seed {seed}: {name} takes {single} ms, and {heavy} ms of heavy records"
            );
        }
    }
}

#[test]
fn heavy_records_take_a_story_as_long() {
    agrees("story", &[1, 2, 3]);
}

#[test]
fn heavy_records_take_a_restart_of_the_region_as_long() {
    agrees("flink-default", &[1, 2, 3, 5, 6, 7]);
}

#[test]
fn heavy_records_take_a_smaller_job_as_long() {
    agrees("flink-adaptive", &[2, 3, 4, 5, 6, 7, 8, 9]);
}
