//! Registration, leaders, heartbeats and slots.

use super::bench::{ALLOCATION, Bench, JM_TOKEN, RM_TOKEN};
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::rpc::{Answer, Call, Endpoint, RpcError};
use crate::actor::task_manager::executor::SlotState;
use crate::actor::world::stub::silent;
use crate::kernel::Span;

fn is_registration(call: &Call) -> bool {
    matches!(call, Call::RegisterTaskExecutor { .. })
}

fn is_goodbye_to_job(call: &Call) -> bool {
    matches!(call, Call::GoodbyeFromTaskManager { .. })
}

#[test]
fn registration_is_tried_twice_as_patiently_each_time_and_followed_by_a_slot_report() {
    let mut bench = Bench::new(|_| {});
    bench.script(silent);
    bench.run(10);
    assert_eq!(bench.count(|_| true), 0, "nobody leads");
    bench.publish(Component::ResourceManager, Some(RM_TOKEN));
    bench.run(1_000);
    let times: Vec<_> = bench
        .heard()
        .filter(|(_, rpc)| is_registration(&rpc.call))
        .filter(|(_, rpc)| rpc.token == Some(RM_TOKEN))
        .map(|(at, _)| at.0 / 1_000_000)
        .collect();
    // Two TaskManagers; their attempts are 100, 200 and 400 ms apart.
    let gaps: Vec<_> = times
        .windows(3)
        .step_by(2)
        .map(|w| (w[2] - w[0] + 5) / 10)
        .collect();
    assert_eq!(gaps, [10, 20, 40], "{times:?}");
    bench.script(crate::actor::world::stub::obliging);
    bench.run(1_000);
    let is_report =
        |call: &Call| matches!(call, Call::SendSlotReport { slots, .. } if slots.len() == 2);
    assert_eq!(bench.count(is_report), 2);
}

#[test]
fn without_a_resource_manager_the_process_ends() {
    let mut bench = Bench::new(|config| {
        config.taskmanager_registration_timeout = Span::from_secs(30);
    });
    bench.run(29_900);
    assert_eq!(bench.exited(0), None);
    bench.run(200);
    assert!(bench.exited(0).is_some());
}

#[test]
fn a_rejected_registration_is_fatal() {
    let mut bench = Bench::new(|_| {});
    bench.script(|call| is_registration(call).then_some(Err(RpcError::Rejected("no"))));
    bench.run(10);
    bench.publish(Component::ResourceManager, Some(RM_TOKEN));
    bench.run(50);
    assert!(bench.exited(0).is_some());
}

#[test]
fn only_the_resource_manager_that_is_known_is_given_slots() {
    let mut bench = Bench::new(|_| {});
    bench.run(10);
    bench.publish(Component::ResourceManager, Some(RM_TOKEN));
    bench.run(50);
    assert!(matches!(
        bench.request_slot(0, RM_TOKEN + 1),
        Some(Err(RpcError::Refused(_)))
    ));
    assert_eq!(bench.slot(0), None);
    assert_eq!(bench.request_slot(0, RM_TOKEN), Some(Ok(Answer::Ack)));
    assert_eq!(bench.slot(0), Some(SlotState::Allocated));
    // No JobMaster takes it.
    bench.run(9_900);
    assert_eq!(bench.slot(0), Some(SlotState::Allocated));
    bench.run(200);
    assert_eq!(bench.slot(0), Some(SlotState::Free));
    let is_told = |call: &Call| matches!(call, Call::NotifySlotAvailable { slot: 0, allocation, .. } if *allocation == ALLOCATION);
    assert_eq!(bench.count(is_told), 1);
}

#[test]
fn slots_that_the_job_master_does_not_take_are_free_again() {
    let mut bench = Bench::new(|_| {});
    bench.script(|call| match call {
        Call::OfferSlots { .. } => Some(Ok(Answer::AcceptedSlots(Vec::new()))),
        call => crate::actor::world::stub::obliging(call),
    });
    bench.run(10);
    bench.publish(Component::ResourceManager, Some(RM_TOKEN));
    bench.publish(Component::JobMaster(0), Some(JM_TOKEN));
    bench.run(50);
    bench.request_slot(0, RM_TOKEN);
    bench.run(50);
    assert_eq!(bench.slot(0), Some(SlotState::Free));
    // It was the job's last slot here.
    assert_eq!(bench.count(is_goodbye_to_job), 1);
}

#[test]
fn an_offer_without_answer_is_made_again() {
    let mut bench = Bench::new(|config| config.slots.timeout = Span::from_secs(60));
    bench.script(|call| match call {
        Call::OfferSlots { .. } => None,
        call => crate::actor::world::stub::obliging(call),
    });
    bench.run(10);
    bench.publish(Component::ResourceManager, Some(RM_TOKEN));
    bench.publish(Component::JobMaster(0), Some(JM_TOKEN));
    bench.run(50);
    bench.request_slot(0, RM_TOKEN);
    let is_offer = |call: &Call| matches!(call, Call::OfferSlots { .. });
    bench.run(9_000);
    assert_eq!(bench.count(is_offer), 1);
    bench.script(crate::actor::world::stub::obliging);
    bench.run(2_000);
    assert_eq!(bench.count(is_offer), 2);
    assert_eq!(bench.slot(0), Some(SlotState::Active));
}

#[test]
fn a_silent_job_master_is_lost_with_all_tasks_and_after_a_while_its_slots() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.run(100);
    assert_eq!(
        bench.states(0),
        [ExecutionState::Initializing, ExecutionState::Running]
    );
    let since = bench.now();
    bench.fall_silent();
    bench.run(49_000);
    assert!(bench.ended(0, 0).is_empty());
    bench.run(2_000);
    assert_eq!(bench.ended(0, 0), [ExecutionState::Failed]);
    assert_eq!(bench.slot(0), Some(SlotState::Allocated));
    let lost = bench.facts(0).find(|(_, fact)| {
        matches!(fact, Fact::PeerLost { peer, .. } if peer.endpoint == Endpoint::JobMaster(0))
    });
    let after = lost.expect("the JobMaster was given up").0.since(since);
    assert!(after > Span::from_ms(49_000) && after <= Span::from_secs(50));
    assert_eq!(bench.count(is_goodbye_to_job), 2);
    // It may still lead: it is asked again.
    let tries = bench.count(|call| matches!(call, Call::RegisterTaskManager { .. }));
    assert!(tries > 2, "{tries}");
    bench.run(10_000);
    assert_eq!(bench.slot(0), Some(SlotState::Free));
}

#[test]
fn a_silent_resource_manager_costs_no_task() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.script(silent);
    for _ in 0..60 {
        bench.run(1_000);
        bench.beat(0, vec![ALLOCATION]);
        bench.beat(1, vec![ALLOCATION]);
    }
    let lost: Vec<_> = bench
        .facts(0)
        .filter_map(|(_, fact)| match fact {
            Fact::PeerLost { peer, .. } => Some(peer.endpoint),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [Endpoint::ResourceManager]);
    assert_eq!(bench.slot(0), Some(SlotState::Active));
    let is_goodbye = |call: &Call| matches!(call, Call::GoodbyeFromTaskExecutor { .. });
    assert_eq!(bench.count(is_goodbye), 2);
}

#[test]
fn a_job_without_leader_fails_here_and_its_slots_are_offered_to_the_next() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.run(100);
    bench.publish(Component::JobMaster(0), None);
    bench.run(50);
    assert_eq!(bench.ended(0, 0), [ExecutionState::Failed]);
    assert_eq!(bench.slot(0), Some(SlotState::Allocated));
    bench.publish(Component::JobMaster(0), Some(JM_TOKEN + 1));
    bench.run(50);
    assert_eq!(bench.slot(0), Some(SlotState::Active));
    let to_the_next = bench.heard().filter(|(_, rpc)| {
        rpc.token == Some(JM_TOKEN + 1) && matches!(rpc.call, Call::OfferSlots { .. })
    });
    assert_eq!(to_the_next.count(), 2);
}

#[test]
fn a_suspended_line_to_zookeeper_fails_tasks_unless_it_is_tolerated() {
    for tolerated in [false, true] {
        let mut bench = Bench::with_slot(|config| config.ha.tolerate_suspended = tolerated);
        bench.submit(0, 0, 0);
        bench.run(100);
        bench.suspend_zookeeper();
        bench.run(3_000);
        let ended = bench.ended(0, 0).len();
        assert_eq!(ended, usize::from(!tolerated));
        // The line is there again, and so is the leader.
        assert_eq!(bench.slot(0), Some(SlotState::Active));
    }
}

#[test]
fn both_sides_of_a_heartbeat_agree_on_slots() {
    let mut bench = Bench::with_slot(|_| {});
    let unknown = crate::actor::flink::rpc::call::AllocationId(77);
    bench.beat(0, vec![ALLOCATION, unknown]);
    bench.run(5);
    let is_failed =
        |call: &Call| matches!(call, Call::FailSlot { allocation, .. } if *allocation == unknown);
    assert_eq!(bench.count(is_failed), 1);
    assert_eq!(bench.slot(0), Some(SlotState::Active));
    bench.beat(0, Vec::new());
    bench.run(5);
    assert_eq!(bench.slot(0), Some(SlotState::Free));
}

#[test]
fn whoever_shuts_down_says_goodbye_to_everybody() {
    let mut bench = Bench::with_slot(|_| {});
    bench.submit(0, 0, 0);
    bench.run(100);
    bench.act(0, |tm, ctx| tm.shut_down(ctx));
    bench.run(50);
    assert!(bench.exited(0).is_some());
    assert_eq!(bench.ended(0, 0), [ExecutionState::Failed]);
    assert_eq!(bench.count(is_goodbye_to_job), 1);
    let is_goodbye = |call: &Call| matches!(call, Call::GoodbyeFromTaskExecutor { .. });
    assert_eq!(bench.count(is_goodbye), 1);
}
