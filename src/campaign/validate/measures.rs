//! What a simulated recovery measures, read off the journal as one reads a real cluster's logs.

use std::collections::BTreeMap;

use crate::drill::journal::Mark;
use crate::fault::{ExecutionState, JobStatus};
use crate::kernel::Time;

use super::results::Quantity;

/// Measurements of the recovery from a fault at `fault`, in milliseconds after it; `marks` is the journal from the fault on,
/// `earlier` up to it. `caught_up` is when output was in time again.
pub fn measure(
    fault: Time,
    earlier: &[(Time, Mark)],
    marks: &[(Time, Mark)],
    caught_up: Option<Time>,
    is_sink: impl Fn(u32) -> bool,
) -> BTreeMap<Quantity, f64> {
    let ms = |at: Time| at.since(fault).as_ms();
    let first = |wanted: &dyn Fn(&Mark) -> bool| {
        marks
            .iter()
            .find(|(_, mark)| wanted(mark))
            .map(|(at, _)| *at)
    };
    let mut found = BTreeMap::new();
    let mut put = |quantity: Quantity, at: Option<Time>| {
        if let Some(at) = at {
            found.insert(quantity, ms(at));
        }
    };
    let job_master_lost = first(&|mark| matches!(mark, Mark::JobMasterLost(_)));
    let resource_manager_lost = first(&|mark| matches!(mark, Mark::ResourceManagerLost(_)));
    let leader = first(&|mark| matches!(mark, Mark::LeadershipGranted));
    let restart = first(&|mark| matches!(mark, Mark::Restart(_) | Mark::LeadershipLost));
    // A new leader's restart is no detection: the grant is.
    let noticed = [job_master_lost, resource_manager_lost, leader, restart];
    put(Quantity::Detect, noticed.into_iter().flatten().min());
    put(Quantity::JobMasterLostTm, job_master_lost);
    put(Quantity::RmLostTm, resource_manager_lost);
    put(Quantity::LeaderGranted, leader);
    let scheduled = |mark: &Mark| {
        matches!(
            mark,
            Mark::Execution {
                state: ExecutionState::Scheduled,
                ..
            }
        )
    };
    put(Quantity::RestartDelayEnd, first(&scheduled));

    // The successful deployment is the last one: from the last time that tasks were scheduled until all ran.
    let running = marks
        .iter()
        .rposition(|(_, mark)| *mark == Mark::AllRunning);
    if let Some(running) = running {
        let last_scheduled = marks[..running]
            .iter()
            .rposition(|(_, mark)| scheduled(mark));
        let cycle = &marks[last_scheduled.unwrap_or(0)..=running];
        let of = |wanted: ExecutionState| {
            let mut times = cycle.iter().filter_map(move |(at, mark)| match mark {
                Mark::Execution { state, .. } if *state == wanted => Some(*at),
                _ => None,
            });
            let first = times.next();
            (first, times.next_back().or(first))
        };
        let (first_deploying, all_deploying) = of(ExecutionState::Deploying);
        put(Quantity::FirstDeploying, first_deploying);
        put(Quantity::AllDeploying, all_deploying);
        put(
            Quantity::AllInitializing,
            of(ExecutionState::Initializing).1,
        );
        put(Quantity::AllRunning, Some(marks[running].0));
        let from = first_deploying.unwrap_or(fault);
        let record = marks.iter().find(|(at, mark)| {
            *at >= from && matches!(mark, Mark::FirstOutput(subtask) if is_sink(*subtask))
        });
        put(Quantity::FirstRecordFinal, record.map(|(at, _)| *at));
    }
    put(Quantity::CaughtUp, caught_up);
    put(Quantity::Total, caught_up);

    let restarts = marks
        .iter()
        .filter(|(_, mark)| *mark == Mark::JobStatus(JobStatus::Restarting));
    found.insert(Quantity::Restarts, restarts.count() as f64);
    let restored = marks.iter().rev().find_map(|(_, mark)| match mark {
        Mark::Restoring(checkpoint) => Some(*checkpoint),
        _ => None,
    });
    let triggered = earlier.iter().chain(marks).find(|(_, mark)| {
        restored.is_some_and(|restored| *mark == Mark::CheckpointTriggered(restored))
    });
    if let Some((at, _)) = triggered {
        let age = fault.since((*at).min(fault)).as_ms();
        found.insert(Quantity::RestoredCheckpointAge, age);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::fact::Detector;

    #[test]
    fn the_last_deployment_counts() {
        let ms = |ms: u64| Time(ms * 1_000_000);
        let execution = |at: u64, state| {
            let mark = Mark::Execution {
                subtask: 3,
                state,
                taskmanager: None,
            };
            (ms(at), mark)
        };
        let earlier = [(ms(9_000), Mark::CheckpointTriggered(7))];
        let marks = [
            (ms(10_100), Mark::Restart(Detector::DataPlane)),
            (ms(10_100), Mark::JobStatus(JobStatus::Restarting)),
            (ms(11_000), Mark::Restoring(7)),
            execution(11_000, ExecutionState::Scheduled),
            execution(11_010, ExecutionState::Deploying),
            (ms(11_020), Mark::JobStatus(JobStatus::Restarting)),
            execution(12_500, ExecutionState::Scheduled),
            execution(12_600, ExecutionState::Deploying),
            execution(13_000, ExecutionState::Initializing),
            (ms(13_200), Mark::FirstOutput(3)),
            (ms(13_300), Mark::AllRunning),
        ];
        let found = measure(ms(10_000), &earlier, &marks, Some(ms(15_000)), |_| true);
        let of = |quantity: Quantity| found.get(&quantity).copied();
        assert_eq!(of(Quantity::Detect), Some(100.0));
        assert_eq!(of(Quantity::RestartDelayEnd), Some(1_000.0));
        assert_eq!(of(Quantity::FirstDeploying), Some(2_600.0));
        assert_eq!(of(Quantity::AllRunning), Some(3_300.0));
        assert_eq!(of(Quantity::FirstRecordFinal), Some(3_200.0));
        assert_eq!(of(Quantity::CaughtUp), Some(5_000.0));
        assert_eq!(of(Quantity::Restarts), Some(2.0));
        assert_eq!(of(Quantity::RestoredCheckpointAge), Some(1_000.0));
        assert_eq!(of(Quantity::LeaderGranted), None);
    }
}
