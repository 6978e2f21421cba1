//! What is noticed of wrong restores.

use super::*;
use crate::invariant::stage::{JM, Stage, TM};

const A: fn(u32) -> Attempt = |number| Attempt::new(100, number);
const STATE: Fingerprint = Fingerprint { records: 7, sum: 9 };

/// Checkpoint 4 is stored, with a snapshot of each source; a recovery goes back to `retrieved`.
fn recovering(retrieved: CheckpointId) -> Stage {
    let mut stage = Stage::running();
    let (attempt, checkpoint) = (A(1), 4);
    for (subtask, offsets) in [(0, vec![(0, 33)]), (1, vec![(1, 20)])] {
        stage.says(
            TM(0),
            Fact::TaskSnapshot {
                subtask,
                attempt,
                checkpoint,
                applied: STATE,
                key_groups: None,
                offsets,
            },
        );
        stage.acknowledges(checkpoint, subtask, attempt);
    }
    stage.stores(checkpoint);
    stage.sees(0, 0, A(1), ExecutionState::Failed, 0);
    stage.says(
        JM(0),
        Fact::RetrievalStarted {
            job: 0,
            recovery: 2,
            checkpoint: retrieved,
        },
    );
    stage.sees(0, 0, A(2), ExecutionState::Scheduled, 0);
    stage
}

/// It has not published its leadership, nor has the other one.
#[test]
fn whoever_has_a_successor_goes_by_what_it_knew() {
    let mut stage = Stage::running();
    stage.stores(4);
    stage.at(30).says(JM(1), Fact::LeadershipGranted);
    let (job, recovery, checkpoint) = (0, 2, 3);
    let retrieval = Fact::RetrievalStarted {
        job,
        recovery,
        checkpoint,
    };
    stage.says(JM(0), retrieval).broken("L5", 0);
}

fn restored(checkpoint: CheckpointId, applied: Fingerprint, offset: u64) -> Fact {
    Fact::TaskRestored {
        subtask: 0,
        attempt: A(2),
        checkpoint,
        applied,
        key_groups: None,
        offsets: vec![(0, offset)],
    }
}

#[test]
fn the_latest_checkpoint_comes_back_as_it_was() {
    let mut stage = recovering(4);
    stage
        .says(TM(0), restored(4, STATE, 33))
        .sees(0, 0, A(2), ExecutionState::Running, 0);
    stage.broken("L5", 0).broken("C3", 0).broken("P3", 0);
}

#[test]
fn an_older_checkpoint_is_noticed() {
    recovering(3).broken("L5", 1);
    recovering(4)
        .says(TM(0), restored(3, STATE, 33))
        .broken("C3", 1)
        .broken("P3", 1);
}

#[test]
fn other_state_or_offsets_are_noticed() {
    recovering(4)
        .says(TM(0), restored(4, STATE, 34))
        .broken("P3", 1)
        .broken("C3", 0);
    recovering(4)
        .says(TM(0), restored(4, Fingerprint::default(), 33))
        .broken("P3", 1);
}

#[test]
fn a_task_that_restores_nothing_is_noticed() {
    recovering(4)
        .sees(0, 0, A(2), ExecutionState::Running, 0)
        .broken("C3", 1);
}

#[test]
fn other_splits_are_noticed() {
    let mut stage = recovering(4);
    stage.says(TM(0), restored(4, STATE, 33)).broken("P4", 0);
    let mut stage = recovering(4);
    let Fact::TaskRestored {
        subtask,
        attempt,
        checkpoint,
        applied,
        key_groups,
        ..
    } = restored(4, STATE, 33)
    else {
        unreachable!("that is what was made")
    };
    let offsets = vec![(0, 33), (1, 5)];
    stage.says(
        TM(0),
        Fact::TaskRestored {
            subtask,
            attempt,
            checkpoint,
            applied,
            key_groups,
            offsets,
        },
    );
    stage.broken("P4", 1);
}

/// Two sources take checkpoint 4, then one reads what both had read: these splits.
fn narrowed(offsets: Vec<(SplitId, u64)>) -> Stage {
    let mut stage = Stage::running();
    let (job, checkpoint) = (0, 4);
    stage.says(JM(0), Fact::CheckpointTriggered { job, checkpoint });
    for (subtask, offset) in [(0, 33), (1, 44)] {
        let (attempt, offsets) = (A(1), vec![(subtask, offset)]);
        stage.says(
            TM(0),
            Fact::TaskSnapshot {
                subtask,
                attempt,
                checkpoint,
                applied: Fingerprint::default(),
                key_groups: None,
                offsets,
            },
        );
        stage.acknowledges(checkpoint, subtask, attempt);
        stage.sees(0, subtask, A(1), ExecutionState::Canceled, 0);
    }
    let parallelism = vec![1, 2, 1];
    stage.says(JM(0), Fact::ExecutionGraphCreated { job, parallelism });
    stage.says(
        JM(0),
        Fact::RetrievalStarted {
            job,
            recovery: 2,
            checkpoint,
        },
    );
    stage.sees(0, 0, A(2), ExecutionState::Scheduled, 0);
    stage.says(
        TM(0),
        Fact::TaskRestored {
            subtask: 0,
            attempt: A(2),
            checkpoint,
            applied: Fingerprint::default(),
            key_groups: None,
            offsets,
        },
    );
    stage
}

#[test]
fn after_a_change_of_parallelism_the_tasks_of_an_operator_have_it_together() {
    narrowed(vec![(0, 33), (1, 44)]).broken("P3", 0);
    narrowed(vec![(0, 33)]).broken("P3", 1);
    narrowed(vec![(0, 33), (1, 43)]).broken("P3", 1);
    narrowed(vec![(0, 33), (1, 44), (1, 44)]).broken("P3", 1);
}
