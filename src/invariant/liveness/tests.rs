//! Clusters that get going, and those that do not.

use super::*;
use crate::invariant::stage::{JM, Stage, TM, ZK};
use crate::policy::RecoveryScope;

const KILL: Fact = Fact::FaultInjected { what: "kill" };

fn status(stage: &mut Stage, status: JobStatus) -> &mut Stage {
    stage.says(
        JM(0),
        Fact::JobStatusChanged {
            job: 0,
            status,
            reason: String::new(),
        },
    )
}

fn completed(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
    stage.says(JM(0), Fact::CheckpointTriggered { job: 0, checkpoint });
    let (offsets, duration) = (Vec::new(), crate::kernel::Span::ZERO);
    stage.says(
        JM(0),
        Fact::CheckpointCompleted {
            job: 0,
            checkpoint,
            offsets,
            bytes: 0,
            written_bytes: 0,
            persisted_bytes: 0,
            duration,
        },
    )
}

#[test]
fn a_cluster_in_order_is_left_alone() {
    let mut stage = Stage::running();
    for n in 1..30 {
        completed(stage.at(n * 10), n);
    }
    stage
        .at(290)
        .broken("L8", 0)
        .broken("R8", 0)
        .broken("C8", 0);
}

#[test]
fn nobody_leads_for_too_long() {
    Stage::new().at(200).broken("L8", 1);
    let mut stage = Stage::running();
    stage.at(20).says(JM(0), KILL).at(40);
    assert_eq!(stage.verdict("L8").violations_total, 0);
    stage.at(100).broken("L8", 1);
    // Nobody is left who could.
    stage.at(30).says(JM(1), KILL).at(200);
    assert_eq!(stage.verdict("L8").violations_total, 0);
}

#[test]
fn a_leader_that_comes_late_is_noticed() {
    Stage::new().at(200).elect(0, 100).broken("L8", 1);
}

#[test]
fn a_job_that_stays_down_is_noticed() {
    let mut stage = Stage::running();
    status(stage.at(20), JobStatus::Restarting)
        .at(60)
        .broken("R8", 0);
    stage.at(200).broken("R8", 1);
    status(&mut stage, JobStatus::Running).broken("R8", 1);
    // Its tasks find no room: nothing can be asked.
    let mut stage = Stage::running();
    status(stage.at(20).says(TM(0), KILL), JobStatus::Restarting)
        .at(200)
        .broken("R8", 0);
}

#[test]
fn checkpoints_that_stop_are_noticed() {
    let mut stage = Stage::running();
    completed(stage.at(10), 1).at(30).broken("C8", 0);
    stage.at(31).broken("C8", 1);
    // One that is on its way has time until it expires.
    let mut stage = Stage::running();
    completed(stage.at(10), 1).at(20).says(
        JM(0),
        Fact::CheckpointTriggered {
            job: 0,
            checkpoint: 2,
        },
    );
    stage.at(90).broken("C8", 0);
    stage.at(91).broken("C8", 1);
    // Without ZooKeeper there are no ids.
    let mut stage = Stage::running();
    completed(stage.at(10), 1)
        .says(ZK, KILL)
        .at(200)
        .broken("C8", 0);
}

#[test]
fn a_job_whose_tasks_have_not_heard_of_their_savepoint_triggers_none() {
    let stops = |stage: &mut Stage| {
        let savepoint = Fact::RecoveryStarted {
            job: 0,
            recovery: 1,
            detector: Detector::StopWithSavepoint,
            scope: RecoveryScope::Full,
            lost: Vec::new(),
            tasks: Vec::new(),
        };
        completed(stage.at(12), 1).says(JM(0), savepoint);
    };
    let mut stage = Stage::running();
    stops(&mut stage);
    stage.at(90).broken("C8", 1);
    let what = "lose-notifications";
    let mut stage = Stage::running();
    stage.at(11).says(TM(0), Fact::FaultInjected { what });
    stops(&mut stage);
    stage.at(14).says(TM(0), Fact::FaultHealed { what });
    stage.at(90).holds("C8");
    // It was over before.
    let mut stage = Stage::running();
    stage.at(10).says(TM(0), Fact::FaultInjected { what });
    stage.at(11).says(TM(0), Fact::FaultHealed { what });
    stops(&mut stage);
    stage.at(90).broken("C8", 1);
    // Connections are reset while word is under way.
    let what = "reset-connections";
    let mut stage = Stage::running();
    stops(&mut stage);
    stage.at(13).says(TM(0), Fact::FaultInjected { what });
    stage.at(90).holds("C8");
}

#[test]
fn a_job_of_flink_runs_when_its_tasks_do() {
    let ends = |stage: &mut Stage, last: JobStatus| {
        stage.at(20);
        let attempt = crate::actor::checkpoint::Attempt::new(100, 1);
        stage.sees(0, 2, attempt, ExecutionState::Failed, 0);
        status(stage, JobStatus::Restarting);
        status(stage, last);
    };
    let mut stage = Stage::flink();
    ends(&mut stage, JobStatus::Running);
    stage.at(60).broken("R8", 0);
    stage.at(2_000).broken("R8", 1);
    let mut stage = Stage::flink();
    ends(&mut stage, JobStatus::Failed);
    stage.at(2_000).broken("R8", 0);
    assert_eq!(stage.verdict("L8").violations_total, 0);
}
