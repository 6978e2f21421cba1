//! What is promised of every case.

use firedrill::drill::outcome::Outcome;
use firedrill::drill::{Drill, Ended};
use firedrill::scenario;
use firedrill::scenario::model::Scenario;

use crate::case::{Case, SINKS, settling_ms};

/// A promise that did not hold, and how.
#[derive(Clone, Debug)]
pub struct Broken {
    pub promise: String,
    pub what: String,
}

fn run(scenario: &Scenario) -> Outcome {
    let mut drill = Drill::new(scenario);
    let end = drill.end();
    let ended = match drill.advance(end, &mut ()) {
        Ok(()) => Ended::Completed,
        Err(stall) => Ended::Stalled(stall.to_string()),
    };
    drill.finish(ended)
}

/// The first promise that does not hold.
pub fn broken(case: &Case) -> Option<Broken> {
    let text = case.to_yaml();
    let scenario = scenario::load(&text, "case.yaml", &[])
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .scenario;
    let outcome = run(&scenario);
    let fail = |promise: &str, what: String| {
        Some(Broken {
            promise: promise.to_owned(),
            what,
        })
    };
    let summary = &outcome.summary;
    if let Some(stall) = &summary.stall {
        return fail("no run stalls", stall.clone());
    }
    let violated = summary
        .invariants
        .iter()
        .find(|invariant| !invariant.violations.is_empty());
    if let Some(invariant) = violated {
        let first = &invariant.violations[0];
        return fail(
            &invariant.id,
            format!("at {} ms: {}", first.at_ms, first.what),
        );
    }
    let (_, may_lose, may_double) = SINKS[case.sink];
    let delivery = &summary.delivery;
    if delivery.lost > 0 && !may_lose || delivery.duplicated > 0 && !may_double {
        let what = format!(
            "{:?} {:?}",
            summary.delivery.lost_records, summary.delivery.duplicated_records
        );
        return fail("nothing is lost and nothing doubled that may not be", what);
    }
    // One in four, so that the others leave more time for more cases.
    if case.seed.is_multiple_of(4) {
        let again = run(&scenario).summary.digest;
        if again != summary.digest {
            return fail(
                "a seed gives the same digest again",
                format!("{} and {again}", summary.digest),
            );
        }
    }
    let settled = case.duration_ms() >= case.faults_end_ms() + settling_ms(case.model) - 10_000;
    if settled && case.someone_survives() {
        unwell(case, &outcome)
    } else {
        None
    }
}

/// What is not well at the end of a run that had the time.
fn unwell(case: &Case, outcome: &Outcome) -> Option<Broken> {
    let fail = |promise: &str, what: String| {
        Some(Broken {
            promise: promise.to_owned(),
            what,
        })
    };
    let summary = &outcome.summary;
    if summary.job_status != "RUNNING" {
        return fail("the job runs at the end", summary.job_status.clone());
    }
    let completed = outcome
        .timeline
        .iter()
        .rev()
        .find(|entry| entry.kind == "checkpoint" && entry.text.contains("has completed"));
    let completed_ms = completed.map_or(0.0, |entry| entry.at_ms);
    if completed_ms < summary.simulated_ms - 15_000.0 {
        return fail(
            "checkpoints complete at the end",
            format!("the last one at {completed_ms} ms"),
        );
    }
    let lag = outcome.lag.last().map_or(0, |point| point.total);
    let allowed = u64::from(case.rate * case.partitions) * 2 + 20;
    if lag > allowed {
        return fail(
            "sources keep up at the end",
            format!("{lag} records behind, {allowed} allowed"),
        );
    }
    // What is visible waits for one checkpoint, or two.
    let pending_s = summary.delivery.pending as f64 / f64::from(case.rate * case.partitions);
    if pending_s > 20.0 {
        return fail(
            "readers keep up at the end",
            format!("{pending_s:.1} s of records are not visible"),
        );
    }
    None
}
