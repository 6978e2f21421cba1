//! Checkpoints that come out of turn, and those that do not.

use super::*;
use crate::actor::fact::JobStatus;
use crate::invariant::stage::{JM, SUBTASKS, Stage, ZK, completed};

const A: fn(u32) -> Attempt = |number| Attempt::new(100, number);

#[test]
fn a_checkpoint_that_comes_while_another_is_under_way_is_noticed() {
    let mut stage = Stage::running();
    triggered(&mut stage, 1);
    stage.broken("C11", 0);
    triggered(&mut stage, 2);
    stage.broken("C11", 1);
}

#[test]
fn a_job_that_restarts_for_fewer_failed_checkpoints_than_are_tolerable_is_noticed() {
    let restarts = |stage: &mut Stage, by| {
        stage.says(
            JM(by),
            Fact::RecoveryStarted {
                job: 0,
                recovery: 1,
                detector: Detector::CheckpointFailures,
                scope: crate::policy::RecoveryScope::Full,
                lost: Vec::new(),
                tasks: vec![0],
            },
        );
    };
    let fails = |stage: &mut Stage, checkpoint| {
        triggered(stage, checkpoint);
        let (job, reason) = (0, "expired");
        let aborted = Fact::CheckpointAborted {
            job,
            checkpoint,
            reason,
        };
        stage.says(JM(0), aborted);
    };
    // By default none is tolerable.
    let mut stage = Stage::flink();
    fails(&mut stage, 1);
    restarts(&mut stage, 0);
    stage.broken("C13", 0);
    restarts(&mut stage, 0);
    stage.broken("C13", 1);
    // Each leader counts for itself: one that was stopped goes on with its own count, whatever its successor has done.
    let mut stage = Stage::flink();
    fails(&mut stage, 1);
    stage.says(JM(1), Fact::LeadershipGranted);
    stage.says(JM(1), Fact::LeaderPublished { token: 200 });
    let triggered = Fact::CheckpointTriggered {
        job: 0,
        checkpoint: 2,
    };
    stage.says(JM(1), triggered);
    complete_by(&mut stage, JM(1), 2);
    restarts(&mut stage, 0);
    stage.broken("C13", 0);
    restarts(&mut stage, 1);
    stage.broken("C13", 1);
    // A savepoint with which the job is to stop is not forgiven, and does not count beside others.
    let mut stage = Stage::flink();
    stage.says(JM(0), Fact::SavepointTriggered(0, 1));
    fails(&mut stage, 1);
    restarts(&mut stage, 0);
    stage.broken("C13", 0);
    restarts(&mut stage, 0);
    stage.broken("C13", 1);
}

#[test]
fn a_snapshot_that_was_not_written_is_not_acknowledged() {
    let mut stage = Stage::running();
    triggered(&mut stage, 1);
    let key = BlobKey::State {
        subtask: 1,
        attempt: A(1),
        checkpoint: 1,
    };
    stage.says(ZK, Fact::WriteRefused { key });
    acknowledge(&mut stage, 1, 0..1, A(1)).broken("C10", 0);
    acknowledge(&mut stage, 1, 1..2, A(1)).broken("C10", 1);
}

fn triggered(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
    stage.says(JM(0), Fact::CheckpointTriggered { job: 0, checkpoint })
}

fn acknowledge(
    stage: &mut Stage,
    checkpoint: u64,
    subtasks: std::ops::Range<u32>,
    attempt: Attempt,
) -> &mut Stage {
    for subtask in subtasks {
        stage.acknowledges(checkpoint, subtask, attempt);
    }
    stage
}

fn complete(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
    complete_by(stage, JM(0), checkpoint)
}

fn complete_by(stage: &mut Stage, leader: ActorId, checkpoint: u64) -> &mut Stage {
    stage.stores(checkpoint);
    stage.says(
        leader,
        completed(checkpoint, &[(0, checkpoint), (1, checkpoint)]),
    )
}

#[test]
fn a_checkpoint_that_everybody_acknowledges_completes() {
    let mut stage = Stage::running();
    for checkpoint in [1, 3] {
        acknowledge(
            triggered(&mut stage, checkpoint),
            checkpoint,
            0..SUBTASKS,
            A(1),
        );
        complete(&mut stage, checkpoint);
    }
    stage
        .broken("L4", 0)
        .broken("C1", 0)
        .broken("C2", 0)
        .broken("C4", 0)
        .clean();
}

#[test]
fn ids_that_go_back_are_noticed() {
    let mut stage = Stage::running();
    triggered(triggered(&mut stage, 2), 1).broken("L4", 1);
    triggered(&mut stage, 2).broken("L4", 2);
    acknowledge(&mut stage, 2, 0..SUBTASKS, A(1));
    acknowledge(&mut stage, 1, 0..SUBTASKS, A(1));
    complete(complete(&mut stage, 2), 1).broken("C1", 1);
}

/// A job that starts from a savepoint counts on behind it. Only who takes over before its first checkpoint may find no count.
#[test]
fn a_count_begins_anew_only_where_a_leader_may_not_have_written_it() {
    let ended = |stage: &mut Stage| {
        let (job, status, reason) = (0, JobStatus::Finished, String::new());
        let finished = Fact::JobStatusChanged {
            job,
            status,
            reason,
        };
        triggered(triggered(stage, 1), 2).says(JM(0), finished);
    };
    let restarts = |stage: &mut Stage, detector| {
        stage.says(
            JM(0),
            Fact::RecoveryStarted {
                job: 0,
                recovery: 1,
                detector,
                scope: crate::policy::RecoveryScope::Full,
                lost: Vec::new(),
                tasks: vec![0],
            },
        );
    };
    for (detectors, first, broken) in [
        (&[Detector::Resubmission][..], 1, 1),
        (&[Detector::Resubmission], 2, 1),
        (&[Detector::Resubmission], 3, 0),
        (&[Detector::Resubmission, Detector::NewLeader], 1, 0),
        (&[Detector::NewLeader], 1, 0),
        (&[Detector::NewLeader], 2, 1),
    ] {
        let mut stage = Stage::flink();
        ended(&mut stage);
        for detector in detectors {
            restarts(&mut stage, *detector);
        }
        triggered(&mut stage, first).broken("L4", broken);
    }
    // Whose first checkpoint there was has written it.
    let mut stage = Stage::flink();
    ended(&mut stage);
    restarts(&mut stage, Detector::Resubmission);
    triggered(&mut stage, 3);
    restarts(&mut stage, Detector::NewLeader);
    triggered(&mut stage, 1).broken("L4", 1);
}

#[test]
fn a_missing_or_foreign_acknowledgement_is_noticed() {
    let mut stage = Stage::running();
    complete(acknowledge(triggered(&mut stage, 1), 1, 0..4, A(1)), 1).broken("C2", 1);
    let stage = acknowledge(triggered(&mut stage, 2), 2, 0..4, A(1));
    // It is taken, and the right one is missing.
    acknowledge(stage, 2, 4..5, A(2)).broken("C2", 2);
    complete(stage, 2).broken("C2", 3);
}

#[test]
fn what_was_aborted_does_not_complete() {
    let mut stage = Stage::running();
    acknowledge(triggered(&mut stage, 1), 1, 0..SUBTASKS, A(1));
    stage.says(
        JM(0),
        Fact::CheckpointAborted {
            job: 0,
            checkpoint: 1,
            reason: "expired",
        },
    );
    complete(&mut stage, 1).broken("C4", 1);
}

#[test]
fn an_earlier_checkpoint_that_goes_on_when_one_completes_is_noticed() {
    let completes = |ended: bool| {
        let mut stage = Stage::running();
        triggered(triggered(&mut stage, 1), 2);
        stage.stores(2);
        stage.in_one_event(|stage| {
            acknowledge(stage, 2, 0..SUBTASKS, A(1));
            stage.says(JM(0), completed(2, &[(0, 2), (1, 2)]));
            if ended {
                let (job, checkpoint, reason) = (0, 1, "subsumed");
                let aborted = Fact::CheckpointAborted {
                    job,
                    checkpoint,
                    reason,
                };
                stage.says(JM(0), aborted);
            }
        });
        stage
    };
    completes(true).broken("C14", 0);
    completes(false).broken("C14", 1);
}
