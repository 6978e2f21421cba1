//! Shapes of job and topic that a search tries in place of those that the scenario has.

use crate::dataflow::job_graph::OperatorKind;
use crate::kernel::Span;
use crate::scenario::model::{Exchange, OffsetReset, RecoveryScope, Scenario, WatermarkStrategy};

/// So long records are kept: less than many a checkpoint is old, or an outage long.
const RETENTION: Span = Span::from_secs(6);

/// Changes nothing in most variants.
pub fn vary(number: usize, scenario: &mut Scenario) {
    match number % 8 {
        0 => keep_event_time(number, scenario),
        3 => fall_apart(scenario),
        6 => keep_for_a_while(number, scenario),
        _ => {}
    }
}

/// Jobs have event time; every other of them lets splits be idle.
fn keep_event_time(number: usize, scenario: &mut Scenario) {
    let idleness = number.is_multiple_of(16).then_some(Span::from_secs(5));
    for job in &mut scenario.jobs {
        job.event_time.get_or_insert(WatermarkStrategy {
            out_of_orderness: Span::from_secs(1),
            idleness,
        });
    }
}

/// No record changes its line, so that jobs consist of several pipelined regions. Who has state needs its records by key.
fn fall_apart(scenario: &mut Scenario) {
    for operator in scenario.jobs.iter_mut().flat_map(|job| &mut job.operators) {
        let (OperatorKind::Transform { inputs } | OperatorKind::Sink { inputs, .. }) =
            &mut operator.kind
        else {
            continue;
        };
        for input in inputs {
            input.exchange = Exchange::Forward;
        }
        operator.state_bytes = 0;
        "key".clone_into(&mut operator.key);
    }
}

/// What is read late is not there any more. A task that restarts alone would have to read again what others have applied.
fn keep_for_a_while(number: usize, scenario: &mut Scenario) {
    if matches!(
        scenario.switches.scope,
        RecoveryScope::PerTask | RecoveryScope::PerTaskNaive
    ) {
        return;
    }
    for topic in &mut scenario.topics {
        topic.retention.get_or_insert(RETENTION);
        topic.offset_reset = match number % 16 {
            6 => OffsetReset::Earliest,
            _ => OffsetReset::Latest,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{load, resolved_yaml};

    /// A case on disk has to be what ran.
    #[test]
    fn whatever_a_job_looks_like_can_be_written_and_read() {
        let text = include_str!("../../../scenarios/fraud-detection.yaml");
        let mut plain = load(text, "story.yaml", &[]).unwrap().scenario;
        plain.faults.clear();
        plain.switches.scope = RecoveryScope::Region;
        for number in 0..16 {
            let mut scenario = plain.clone();
            vary(number, &mut scenario);
            let text = resolved_yaml(&scenario);
            let again = load(&text, "again.yaml", &[]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.scenario, scenario, "variant {number}");
            let varies = matches!(number % 8, 0 | 3 | 6);
            assert_eq!(scenario != plain, varies, "variant {number}");
        }
    }
}
