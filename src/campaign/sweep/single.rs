//! One run of a sweep: from a scenario to its row.

use crate::drill::verdict::verdict;
use crate::drill::{Drill, Ended};
use crate::kernel::{Span, Time};
use crate::scenario::model::Scenario;

use super::plan::Case;
use super::row::Row;

/// How far a run goes before it looks whether it shall stop.
const SLICE: Span = Span::from_secs(1);

/// Runs the scenario, whose seed is set, to its end; none where it was told to stop before.
pub fn simulate(
    scenario: &Scenario,
    case: Case,
    settings: Vec<String>,
    stop: impl Fn() -> bool,
) -> Option<Row> {
    let alone = alone(scenario);
    let scenario = &alone;
    let mut drill = Drill::new(scenario);
    let mut ended = Ended::Completed;
    while drill.now() < drill.end() {
        if stop() {
            return None;
        }
        let next = Time(drill.now().0 + SLICE.0).min(drill.end());
        if let Err(stall) = drill.advance(next, &mut ()) {
            ended = Ended::Stalled(stall.to_string());
            break;
        }
    }
    let summary = drill.finish(ended).summary;
    let verdict = verdict(scenario, &summary);
    Some(Row::new(case, settings, &summary, verdict))
}

/// What a run by itself is held to: statements about many seeds say nothing of one.
fn alone(scenario: &Scenario) -> Scenario {
    let mut alone = scenario.clone();
    alone
        .expect
        .retain(|expectation| !expectation.is_over_seeds());
    alone
}
