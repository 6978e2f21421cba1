//! State: how fast it is written and read, and where it stays.

use super::bench::{ALLOCATION, Bench, JM_TOKEN, RM_TOKEN};
use crate::actor::checkpoint::{Barrier, StateHandle};
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::flink::rpc::{Answer, Call, Endpoint};
use crate::actor::message::FaultAction;
use crate::dataflow::batch::Alignment;
use crate::kernel::{Distribution, Span, Time};

const JOB_MASTER: Endpoint = Endpoint::JobMaster(0);

/// Takes checkpoint 1 of the first source; its state, and how long it took until it was acknowledged.
fn checkpoint(bench: &mut Bench) -> (StateHandle, Span) {
    let began = bench.now();
    let (subtask, attempt, checkpoint) = (0, bench.attempt(0), 1);
    let trigger = Call::TriggerCheckpoint {
        subtask,
        attempt,
        barrier: Barrier {
            checkpoint,
            alignment: Alignment::Aligned,
            triggered_at: bench.now(),
        },
    };
    assert_eq!(bench.ask(0, JOB_MASTER, trigger), Some(Ok(Answer::Ack)));
    bench.run(3_000);
    let acknowledged = bench.heard().find_map(|(at, rpc)| match &rpc.call {
        Call::AcknowledgeCheckpoint { handle, .. } => Some(((**handle).clone(), at.since(began))),
        _ => None,
    });
    let complete = Call::NotifyCheckpointComplete {
        subtask,
        attempt,
        checkpoint,
    };
    bench.call(0, JOB_MASTER, complete);
    acknowledged.expect("the checkpoint was acknowledged")
}

/// The source starts again from checkpoint 1.
fn restore(bench: &mut Bench, handle: StateHandle) {
    let mut task = bench.descriptor(0, 0);
    task.attempt = bench.attempt(1);
    task.restored_checkpoint = 1;
    task.splits.clone_from(&handle.offsets);
    task.state = vec![handle];
    let call = Call::SubmitTask {
        job_master: JM_TOKEN,
        allocation: ALLOCATION,
        task: Box::new(task),
    };
    assert_eq!(bench.ask(0, JOB_MASTER, call), Some(Ok(Answer::Ack)));
}

fn cancel(bench: &mut Bench) {
    let (subtask, attempt) = (0, bench.attempt(0));
    bench.ask(0, JOB_MASTER, Call::CancelTask { subtask, attempt });
    bench.run(50);
    assert_eq!(bench.ended(0, 0), [ExecutionState::Canceled]);
}

#[test]
fn state_stays_in_a_slot_that_stays() {
    for (local, freed) in [(true, false), (true, true), (false, false)] {
        let mut bench = Bench::with_slot(|config| config.local_recovery = local);
        bench.submit(0, 0, 0);
        bench.run(100);
        let (handle, _) = checkpoint(&mut bench);
        cancel(&mut bench);
        if freed {
            let call = Call::FreeSlot {
                allocation: ALLOCATION,
                reason: "not needed",
            };
            bench.ask(0, JOB_MASTER, call);
            bench.run(50);
            bench.request_slot(0, RM_TOKEN);
            bench.run(50);
        }
        restore(&mut bench, handle);
        bench.run(100);
        assert_eq!(bench.reads(), usize::from(!local || freed));
        let restored =
            |(_, fact): (_, &Fact)| matches!(fact, Fact::TaskRestored { checkpoint: 1, .. });
        assert!(bench.facts(0).any(restored));
        assert_eq!(bench.states(0).last(), Some(&ExecutionState::Running));
    }
}

#[test]
fn a_task_writes_and_reads_no_faster_than_it_can() {
    let slow = Distribution::constant(1_000);
    let mut bench = Bench::shaped(|blueprint| {
        blueprint.profile.checkpoint_write_bytes_per_s = slow;
        blueprint.profile.restore_read_bytes_per_s = slow;
    })
    .and_slot();
    bench.submit(0, 0, 0);
    bench.run(100);
    let (handle, took) = checkpoint(&mut bench);
    let second = Span::from_secs(1);
    assert!(took > second && took < second * 2, "{took:?}");
    cancel(&mut bench);
    restore(&mut bench, handle);
    bench.run(1_000);
    assert_eq!(bench.states(0).last(), Some(&ExecutionState::Initializing));
    bench.run(100);
    assert_eq!(bench.states(0).last(), Some(&ExecutionState::Running));
}

#[test]
fn records_wait_for_the_synchronous_part_of_a_snapshot() {
    let mut bench = Bench::shaped(|blueprint| {
        blueprint.profile.checkpoint_sync = Distribution::constant(Span::from_secs(2));
    })
    .and_slot();
    for subtask in 0..5 {
        bench.submit(0, subtask, 0);
    }
    bench.run(1_000);
    let began = bench.now();
    checkpoint(&mut bench);
    let ms = |(at, fact): (Time, &Fact)| match fact {
        Fact::SourceEmitted { subtask: 0, .. } if at > began => Some(at.since(began).0 / 1_000_000),
        _ => None,
    };
    let emitted: Vec<_> = bench.facts(0).filter_map(ms).collect();
    let meanwhile = emitted.iter().filter(|ms| (50..1_950).contains(*ms));
    assert_eq!(meanwhile.count(), 0, "{emitted:?}");
    assert!(emitted.iter().any(|ms| *ms > 2_000), "{emitted:?}");
}

#[test]
fn the_asynchronous_part_of_a_snapshot_takes_a_core_from_the_tasks() {
    let records = |cpu: Span| {
        let mut bench = Bench::shaped(|blueprint| {
            blueprint.profile.checkpoint_cpu = Distribution::constant(cpu);
        })
        .and_slot();
        for subtask in 0..5 {
            bench.submit(0, subtask, 0);
        }
        bench.run(1_000);
        let began = bench.now();
        let (_, took) = checkpoint(&mut bench);
        assert!(took >= cpu, "{took:?}");
        let until = began + Span::from_secs(2);
        let handled = |(at, fact): (Time, &Fact)| match fact {
            Fact::SourceEmitted { records, .. } if at > began && at < until => u64::from(*records),
            _ => 0,
        };
        bench.facts(0).map(handled).sum::<u64>()
    };
    let (alone, beside) = (records(Span::ZERO), records(Span::from_secs(2)));
    assert!(beside > 0 && beside <= alone, "{beside} of {alone}");
}

#[test]
fn a_taskmanager_that_came_back_is_not_the_one_that_was_meant() {
    let mut bench = Bench::with_slot(|_| {});
    let target = bench.tms[1];
    bench.plan(FaultAction::Kill {
        target,
        restart_after: Some(Span::from_ms(10)),
    });
    bench.run(1_000);
    bench.submit(0, 2, 1);
    bench.run(100);
    assert!(matches!(
        bench.failure(2),
        Some(TaskFailure::PartitionConnection { .. })
    ));
}
