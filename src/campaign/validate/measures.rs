//! What a simulated recovery measures, read off the journal as one reads a real cluster's logs.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::Detector;
use crate::actor::flink::rpc::heartbeat::Verdict;
use crate::drill::journal::Mark;
use crate::fault::{ExecutionState, JobStatus};
use crate::kernel::Time;

use super::results::{Measured, Quantity};

/// What a simulation knows beside the journal.
pub struct Around<'a> {
    /// The journal before the fault.
    pub earlier: &'a [(Time, Mark)],
    /// When output was in time again.
    pub caught_up: Option<Time>,
    /// Records that sinks handled again because of the fault.
    pub written_again: u64,
    /// How often logs say RUNNING to RESTARTING is what counts as a restart: graphs of the adaptive scheduler are cancelled.
    pub adaptive: bool,
    pub is_sink: &'a dyn Fn(u32) -> bool,
}

/// Measurements of the recovery from a fault at `fault`, in milliseconds after it; `marks` is the journal from the fault on.
pub fn measure(fault: Time, marks: &[(Time, Mark)], around: &Around<'_>) -> Measured {
    let Around {
        earlier,
        caught_up,
        written_again,
        adaptive,
        is_sink,
    } = *around;
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
    put(
        Quantity::JobMasterLostTm,
        first(&|mark| matches!(mark, Mark::JobMasterLost(..))),
    );
    put(
        Quantity::RmLostTm,
        first(&|mark| {
            matches!(
                mark,
                Mark::ResourceManagerLost(..) | Mark::ResourceManagerClosed(_)
            )
        }),
    );
    // A leader may lose its office again before the recovery is over.
    let leader = marks
        .iter()
        .rfind(|(_, mark)| *mark == Mark::LeadershipGranted);
    put(Quantity::LeaderGranted, leader.map(|(at, _)| *at));
    put(
        Quantity::TmSideDetect,
        first(&|mark| matches!(mark, Mark::LostJobMaster(_))),
    );
    // A new leader's restart is no detection: the grant is.
    let noticed = marks
        .iter()
        .find_map(|(at, mark)| Some((*at, noticed(mark)?)));
    put(Quantity::Detect, noticed.map(|(at, _)| at));
    let leaves = first(&|mark| *mark == Mark::JobStatus(JobStatus::Restarting));
    let scheduled = |mark: &Mark| {
        matches!(
            mark,
            Mark::Execution {
                state: ExecutionState::Scheduled,
                ..
            }
        )
    };
    let restarts_at = first(&scheduled);
    put(Quantity::RestartDelayEnd, restarts_at);
    let until = restarts_at.unwrap_or(Time(u64::MAX));
    let ended = |(at, mark): &&(Time, Mark)| match mark {
        // Under one JobMaster its own view counts; a new one has no old tasks.
        Mark::Execution { state, .. } if leader.is_none() => *at <= until && state.is_terminal(),
        Mark::TaskEnded(_) if leader.is_some() => *at <= until,
        _ => false,
    };
    let cancelled = marks.iter().rfind(ended).map(|(at, _)| *at);
    put(Quantity::OldTasksCancelled, cancelled);

    // The successful deployment is the last one: from the last time that tasks were scheduled until all ran.
    let mut restarted = None;
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
        let commit = marks[running..]
            .iter()
            .find(|(_, mark)| matches!(mark, Mark::Committed(_)));
        put(Quantity::FirstCommit, commit.map(|(at, _)| *at));
        let deployed: BTreeSet<u32> = cycle
            .iter()
            .filter_map(|(_, mark)| match mark {
                Mark::Execution {
                    subtask,
                    state: ExecutionState::Deploying,
                    ..
                } => Some(*subtask),
                _ => None,
            })
            .collect();
        restarted = Some(deployed.len() as f64);
        let from = first_deploying.unwrap_or(fault);
        let record = marks.iter().find(|(at, mark)| {
            *at >= from && matches!(mark, Mark::FirstOutput(subtask) if is_sink(*subtask))
        });
        put(Quantity::FirstRecordFinal, record.map(|(at, _)| *at));
    }
    put(Quantity::CaughtUp, caught_up);
    put(Quantity::Total, caught_up);
    // Under whichever leader: one that loses its connection to ZooKeeper restarts what the next one schedules.
    if let (Some(left), Some(end)) = (leaves, restarts_at)
        && left <= end
    {
        found.insert(Quantity::RestartDelay, end.since(left).as_ms());
    }
    if let Some(tasks) = restarted {
        found.insert(Quantity::TasksRestarted, tasks);
    }
    found.insert(Quantity::Replayed, written_again as f64);
    let visible = marks.iter().filter_map(|(_, mark)| match mark {
        Mark::Committed(waited) => Some(*waited),
        _ => None,
    });
    if let Some(longest) = visible.max() {
        found.insert(Quantity::MaxVisibility, longest.as_ms());
    }

    let restarts = marks
        .iter()
        .filter(|(_, mark)| !adaptive && *mark == Mark::JobStatus(JobStatus::Restarting));
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
    Measured {
        quantities: found,
        noticed: noticed.map(|(_, kind)| kind.to_owned()),
    }
}

/// The laboratory's word for what shows a fault, where a mark does: the first line of a JobManager's log that tells.
fn noticed(mark: &Mark) -> Option<&'static str> {
    Some(match mark {
        Mark::ResourceManagerLost(_, Verdict::Timeout) => "heartbeat-timeout",
        Mark::ResourceManagerLost(_, Verdict::Unreachable) => "rpc-unreachable",
        Mark::ResourceManagerClosed(_) => "disconnect-request",
        Mark::LeadershipGranted => "new-leader",
        Mark::ZooKeeperSuspended | Mark::LeadershipLost => "zk-suspended",
        Mark::JobMasterLost(_, detector) | Mark::Restart(detector) => match detector {
            Detector::DataPlane => "netty-connection-closed",
            Detector::HeartbeatTimeout => "heartbeat-timeout",
            Detector::RpcUnreachable => "rpc-unreachable",
            Detector::Goodbye | Detector::ResourceManager => "disconnect-request",
            Detector::DeploymentUnreachable | Detector::DeploymentFailed => "task-deploy-failed",
            Detector::UserException => "user-exception",
            other => other.name(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Span;

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
            (ms(14_000), Mark::Committed(Span::from_secs(7))),
        ];
        let around = Around {
            earlier: &earlier,
            caught_up: Some(ms(15_000)),
            written_again: 40,
            adaptive: false,
            is_sink: &|_| true,
        };
        let adaptive = Around {
            adaptive: true,
            ..around
        };
        let restarts = measure(ms(10_000), &marks, &adaptive).quantities[&Quantity::Restarts];
        assert_eq!(restarts, 0.0);
        let found = measure(ms(10_000), &marks, &around);
        assert_eq!(found.noticed.as_deref(), Some("netty-connection-closed"));
        let of = |quantity: Quantity| found.quantities.get(&quantity).copied();
        assert_eq!(of(Quantity::RestartDelay), Some(900.0));
        assert_eq!(of(Quantity::TasksRestarted), Some(1.0));
        assert_eq!(of(Quantity::Replayed), Some(40.0));
        assert_eq!(of(Quantity::FirstCommit), Some(4_000.0));
        assert_eq!(of(Quantity::MaxVisibility), Some(7_000.0));
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
