//! Tasks: submitted, cancelled, failed, and what the data plane does to them.

use super::bench::{ALLOCATION, Bench, JM_TOKEN};
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::{AllocationId, TaskFailure};
use crate::actor::flink::rpc::{Answer, Call, Endpoint, RpcError};
use crate::actor::message::FaultAction;
use crate::actor::task_manager::executor::SlotState;
use crate::actor::world::stub::obliging;
use crate::kernel::Span;

const JOB_MASTER: Endpoint = Endpoint::JobMaster(0);
const UP: [ExecutionState; 2] = [ExecutionState::Initializing, ExecutionState::Running];

fn cancel(bench: &mut Bench, tm: usize, subtask: u32) -> Option<Result<Answer, RpcError>> {
    let attempt = bench.attempt(0);
    bench.ask(tm, JOB_MASTER, Call::CancelTask { subtask, attempt })
}

#[test]
fn only_the_jobs_own_master_deploys_into_the_jobs_own_slots() {
    let mut bench = Bench::with_slot(|_| {});
    for (job_master, allocation) in [(JM_TOKEN + 1, ALLOCATION), (JM_TOKEN, AllocationId(77))] {
        let call = Call::SubmitTask {
            job_master,
            allocation,
            task: Box::new(bench.descriptor(0, 0)),
        };
        let refused = bench.ask(0, JOB_MASTER, call);
        assert!(matches!(refused, Some(Err(RpcError::Refused(_)))));
    }
    bench.run(100);
    assert!(bench.states(0).is_empty());
    assert_eq!(bench.submit(0, 0, 0), Some(Ok(Answer::Ack)));
    bench.run(100);
    assert_eq!(bench.states(0), UP);
}

#[test]
fn a_task_whose_reports_are_refused_fails() {
    let mut bench = Bench::with_slot(|_| {});
    bench.script(|call| match call {
        Call::UpdateTaskExecutionState { .. } => Some(Err(RpcError::Refused("not known"))),
        call => obliging(call),
    });
    bench.submit(0, 0, 0);
    bench.run(100);
    assert_eq!(bench.ended(0, 0), [ExecutionState::Failed]);
    assert_eq!(bench.failure(0), Some(TaskFailure::UpdateRefused));
}

#[test]
fn cancellation_is_acknowledged_at_once_and_reported_when_it_is_done() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.run(100);
    assert_eq!(cancel(&mut bench, 0, 0), Some(Ok(Answer::Ack)));
    bench.run(50);
    assert_eq!(bench.states(0), [UP[0], UP[1], ExecutionState::Canceled]);
    assert!(matches!(
        cancel(&mut bench, 0, 0),
        Some(Err(RpcError::Refused(_)))
    ));
    assert_eq!(bench.slot(0), Some(SlotState::Active));
}

#[test]
fn a_task_that_is_still_being_deployed_can_be_cancelled() {
    let mut bench = Bench::with_slot(|_| {});
    let call = Call::SubmitTask {
        job_master: JM_TOKEN,
        allocation: ALLOCATION,
        task: Box::new(bench.descriptor(0, 0)),
    };
    bench.call(0, JOB_MASTER, call);
    assert_eq!(cancel(&mut bench, 0, 0), Some(Ok(Answer::Ack)));
    bench.run(100);
    assert_eq!(bench.states(0).last(), Some(&ExecutionState::Canceled));
    assert!(!bench.states(0).contains(&ExecutionState::Running));
}

#[test]
fn a_task_that_will_not_end_takes_its_process_with_it() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.run(100);
    bench.act(0, |tm, ctx| tm.resist_cancellation(0, None, ctx));
    let cancelled = bench.now();
    cancel(&mut bench, 0, 0);
    bench.run(179_000);
    assert_eq!(bench.exited(0), None);
    assert!(bench.ended(0, 0).is_empty());
    bench.run(12_000);
    let exited = bench.exited(0).expect("the watchdog has bitten");
    let after = exited.since(cancelled);
    assert!(after >= Span::from_secs(190) && after < Span::from_secs(191));
    let fatal = |(_, fact): (_, &Fact)| matches!(fact, Fact::FatalError { .. });
    assert!(bench.facts(0).any(fatal));
}

#[test]
fn a_task_that_reacts_late_ends_late() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.run(100);
    bench.act(0, |tm, ctx| {
        tm.resist_cancellation(0, Some(Span::from_secs(5)), ctx)
    });
    cancel(&mut bench, 0, 0);
    bench.run(4_900);
    assert!(bench.ended(0, 0).is_empty());
    bench.run(200);
    assert_eq!(bench.ended(0, 0), [ExecutionState::Canceled]);
    bench.run(200_000);
    assert_eq!(bench.exited(0), None, "the watchdog is off");
}

#[test]
fn an_exception_fails_one_task() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.submit(0, 1, 0);
    bench.run(100);
    bench.act(0, |tm, ctx| assert!(tm.throw(0, ctx) && !tm.throw(4, ctx)));
    bench.run(50);
    assert_eq!(bench.failure(0), Some(TaskFailure::UserException));
    assert_eq!(bench.states(1), UP);
}

#[test]
fn a_slot_that_is_freed_takes_its_tasks_along() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.run(100);
    let call = Call::FreeSlot {
        allocation: ALLOCATION,
        reason: "not needed",
    };
    assert_eq!(bench.ask(0, JOB_MASTER, call), Some(Ok(Answer::Ack)));
    bench.run(50);
    assert_eq!(bench.failure(0), Some(TaskFailure::SlotFreed));
    assert_eq!(bench.slot(0), Some(SlotState::Free));
}

#[test]
fn consumers_of_a_dead_taskmanager_fail_and_nobody_else() {
    let mut bench = Bench::with_slot(|_| {});
    // Sources on the second TaskManager, one consumer beside them and one elsewhere; a sink that reads from the latter.
    for (tm, subtask, producers_on) in [(1, 0, 1), (1, 1, 1), (0, 2, 1), (1, 3, 1)] {
        bench.submit(tm, subtask, producers_on);
    }
    bench.submit(0, 4, 0);
    bench.run(500);
    assert_eq!(bench.states(2), UP);
    let target = bench.tms[1];
    bench.plan(FaultAction::Kill {
        target,
        restart_after: None,
    });
    bench.run(100);
    assert_eq!(bench.failure(2), Some(TaskFailure::RemoteTransport));
    assert_eq!(bench.failure(4), None, "its producers are local");
}

#[test]
fn producers_survive_their_consumers() {
    let mut bench = Bench::with_slot(|_| {});
    for (tm, subtask) in [(0, 0), (0, 1), (1, 2), (1, 3)] {
        bench.submit(tm, subtask, 0);
    }
    bench.run(500);
    let target = bench.tms[1];
    bench.plan(FaultAction::Kill {
        target,
        restart_after: None,
    });
    bench.run(5_000);
    assert_eq!(bench.states(0), UP);
    assert_eq!(bench.states(1), UP);
}

#[test]
fn a_consumer_whose_producer_has_nobody_to_listen_names_it() {
    let mut bench = Bench::with_slot(|_| {});
    let target = bench.tms[1];
    bench.plan(FaultAction::Kill {
        target,
        restart_after: None,
    });
    bench.run(100);
    bench.submit(0, 2, 1);
    bench.run(100);
    assert!(matches!(
        bench.failure(2),
        Some(TaskFailure::PartitionConnection { producer: 0 | 1 })
    ));
}

#[test]
fn a_producer_that_never_comes_ends_its_consumer_as_the_job_master_says() {
    type Expected = (Option<ExecutionState>, ExecutionState);
    const EXPECTED: [Expected; 2] = [
        (None, ExecutionState::Failed),
        (Some(ExecutionState::Failed), ExecutionState::Canceled),
    ];
    for (producer, consumer) in EXPECTED {
        let mut bench = Bench::with_slot(|_| {});
        bench.script(match producer {
            None => |call| match call {
                Call::RequestPartitionState { .. } => Some(Ok(Answer::PartitionState(None))),
                call => obliging(call),
            },
            Some(_) => |call| match call {
                Call::RequestPartitionState { .. } => {
                    Some(Ok(Answer::PartitionState(Some(ExecutionState::Failed))))
                }
                call => obliging(call),
            },
        });
        bench.submit(0, 2, 1);
        bench.run(9_900);
        assert!(bench.ended(0, 2).is_empty());
        bench.run(500);
        assert_eq!(bench.ended(0, 2), [consumer]);
    }
}

#[test]
fn a_producer_that_comes_late_is_waited_for() {
    let mut bench = Bench::with_slot(|_| {});
    bench.script(|call| match call {
        Call::RequestPartitionState { .. } => {
            Some(Ok(Answer::PartitionState(Some(ExecutionState::Deploying))))
        }
        call => obliging(call),
    });
    bench.submit(0, 2, 1);
    bench.run(15_000);
    bench.submit(1, 0, 1);
    bench.submit(1, 1, 1);
    bench.submit(0, 3, 1);
    bench.submit(0, 4, 0);
    bench.run(3_000);
    assert!(bench.ended(0, 2).is_empty());
    let written = |(_, fact): (_, &Fact)| matches!(fact, Fact::SinkWritten { .. });
    assert!(bench.facts(0).any(written), "data flows");
}
