//! What sinks and their transactions must not do, told as facts, is noticed.

use std::sync::Arc;

use super::*;
use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{Detector, JobStatus};
use crate::actor::kafka::protocol::TransactionalId;
use crate::actor::message::Batches;
use crate::actor::sink_fact::AbortCause;
use crate::dataflow::batch::Batch;
use crate::dataflow::record::Record;
use crate::invariant::stage::{DB, JM, Stage, TM, blueprint};
use crate::kernel::{ActorId, Span};

fn commit(stage: &mut Stage, checkpoint: u64, records: u64) -> &mut Stage {
    let batches = (0..records)
        .map(|offset| Batch::new(&[Record::new(0, offset)]))
        .collect();
    let batches = Batches(Arc::new(batches));
    stage.says(
        DB,
        Fact::TransactionCommitted {
            sink: 4,
            checkpoint,
            batches,
        },
    )
}

fn abort(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
    stage.says(
        DB,
        Fact::TransactionAborted {
            sink: 4,
            checkpoint,
            records: 1,
        },
    )
}

#[test]
fn transactions_follow_their_checkpoints() {
    let mut stage = Stage::running();
    commit(&mut stage, 0, 0);
    stage.stores(1);
    commit(&mut stage, 1, 2);
    abort(&mut stage, 2);
    stage.stores(3);
    commit(commit(&mut stage, 3, 2), 1, 0)
        .broken("S2-store", 0)
        .broken("S3", 0)
        .broken("S4", 0);
}

#[test]
fn records_of_no_checkpoint_are_noticed() {
    commit(&mut Stage::running(), 1, 1).broken("S2-store", 1);
    commit(&mut Stage::running(), 0, 1).broken("S2-store", 1);
}

#[test]
fn a_transaction_with_two_ends_is_noticed() {
    let mut stage = Stage::running();
    stage.stores(1);
    commit(abort(&mut stage, 1), 1, 1).broken("S4", 1);
    abort(&mut stage, 1).broken("S4", 2);
}

#[test]
fn what_becomes_visible_late_is_noticed() {
    let mut stage = Stage::running();
    stage.stores(1);
    stage.stores(2);
    commit(commit(&mut stage, 2, 1), 1, 1).broken("S3", 1);
}

/// Whose count is lost begins at 1 again, and what it makes visible is new.
#[test]
fn a_count_that_begins_anew_is_no_way_back() {
    let mut stage = Stage::running();
    for checkpoint in 1..=3 {
        stage.stores(checkpoint);
    }
    commit(&mut stage, 3, 1);
    let (job, status, reason) = (0, JobStatus::Finished, String::new());
    let (detector, scope) = (Detector::NewLeader, crate::policy::RecoveryScope::Full);
    stage.says(
        JM(0),
        Fact::JobStatusChanged {
            job,
            status,
            reason,
        },
    );
    stage.says(
        JM(0),
        Fact::RecoveryStarted {
            job,
            recovery: 1,
            detector,
            scope,
            lost: Vec::new(),
            tasks: vec![0],
        },
    );
    let checkpoint = 1;
    stage.says(JM(0), Fact::CheckpointTriggered { job, checkpoint });
    commit(&mut stage, 1, 1).broken("S3", 0);
    commit(&mut stage, 1, 1).broken("S3", 1);
}

const KAFKA: fn() -> ActorId = || blueprint().directory.kafka;

fn producer(epoch: u32) -> Producer {
    Producer {
        id: TransactionalId {
            operator: 2,
            subtask: 0,
            number: 1,
        },
        number: 1,
        epoch,
    }
}

fn begin(stage: &mut Stage, transaction: u64) -> &mut Stage {
    let fact = SinkFact::TransactionBegun {
        sink: 4,
        transaction,
        producer: producer(transaction as u32),
    };
    stage.says(KAFKA(), Fact::Sink(fact))
}

fn commit_in_kafka(stage: &mut Stage, transaction: u64, covered_by: u64) -> &mut Stage {
    let fact = SinkFact::TransactionCommitted {
        sink: 4,
        transaction,
        covered_by,
        batches: Batches::default(),
    };
    stage.says(KAFKA(), Fact::Sink(fact))
}

fn abort_in_kafka(stage: &mut Stage, transaction: u64) -> &mut Stage {
    let fact = SinkFact::TransactionAborted {
        sink: 4,
        transaction,
        cause: AbortCause::Timeout,
        batches: Batches::default(),
    };
    stage.says(KAFKA(), Fact::Sink(fact))
}

fn fail_commit(stage: &mut Stage, transaction: u64) -> &mut Stage {
    let fact = SinkFact::CommitFailed {
        sink: 4,
        attempt: Attempt::default(),
        checkpoint: 1,
        producer: producer(transaction as u32),
        error: "ProducerFencedException",
    };
    stage.says(TM(0), Fact::Sink(fact))
}

fn hold(stage: &mut Stage, since: Option<u64>) -> &mut Stage {
    let since = since.map(|secs| Time::ZERO + Span::from_secs(secs));
    let fact = SinkFact::ReadersHeld {
        topic: 0,
        partition: 0,
        since,
    };
    stage.says(KAFKA(), Fact::Sink(fact))
}

#[test]
fn kafkas_transactions_end_once_and_behind_stored_checkpoints() {
    let mut stage = Stage::running();
    stage.stores(1);
    begin(&mut stage, 1);
    begin(&mut stage, 2);
    abort_in_kafka(&mut stage, 2);
    fail_commit(&mut stage, 2);
    commit_in_kafka(&mut stage, 1, 1)
        .broken("S2-store", 0)
        .broken("S3", 0)
        .broken("S4", 0)
        .broken("S5", 0);
}

#[test]
fn a_commit_behind_no_checkpoint_or_after_an_abort_is_noticed() {
    let mut stage = Stage::running();
    begin(&mut stage, 1);
    commit_in_kafka(&mut stage, 1, 1).broken("S2-store", 1);
    abort_in_kafka(&mut stage, 1).broken("S4", 1);
    commit_in_kafka(&mut stage, 7, 1).broken("S4", 2);
}

#[test]
fn an_earlier_checkpoint_after_a_later_one_is_noticed() {
    let mut stage = Stage::running();
    stage.stores(1);
    stage.stores(2);
    for transaction in 1..=3 {
        begin(&mut stage, transaction);
    }
    // Transactions are kept by different brokers, one of which may take its time.
    commit_in_kafka(&mut stage, 1, 2);
    commit_in_kafka(&mut stage, 2, 1).broken("S3", 0);
    let fact = SinkFact::CommitterDone {
        sink: 4,
        attempt: Attempt::default(),
        checkpoint: 2,
    };
    stage.says(TM(0), Fact::Sink(fact));
    commit_in_kafka(&mut stage, 3, 1).broken("S3", 1);
}

#[test]
fn a_producer_that_goes_on_after_an_abort_is_noticed() {
    let mut stage = Stage::running();
    begin(&mut stage, 1);
    abort_in_kafka(&mut stage, 1);
    begin(&mut stage, 2).broken("S9", 0);
    begin(&mut stage, 1).broken("S9", 1);
}

#[test]
fn a_transaction_that_outlives_its_writers_successor_is_noticed() {
    let successor = |ends: bool| {
        let mut stage = Stage::running();
        begin(stage.at(10), 1);
        let attempt = Attempt::new(100, 2);
        stage
            .at(20)
            .sees(0, 4, attempt, ExecutionState::Deploying, 0);
        if ends {
            abort_in_kafka(&mut stage, 1);
        }
        begin(stage.at(21), 2);
        stage.sees(0, 4, attempt, ExecutionState::Running, 0);
        stage.verdict("S8").violations_total
    };
    assert_eq!([successor(true), successor(false)], [0, 1]);
}

#[test]
fn a_commit_that_fails_for_no_reason_is_noticed() {
    let mut stage = Stage::running();
    begin(&mut stage, 1);
    fail_commit(&mut stage, 1).broken("S5", 1);
}

#[test]
fn readers_that_wait_too_long_are_noticed() {
    let mut stage = Stage::running();
    hold(stage.at(10), Some(10));
    hold(stage.at(920), Some(920)).broken("S7", 0);
    hold(stage.at(1_831), None).broken("S7", 1);
    hold(stage.at(2_000), Some(1_000)).broken("S7", 2);
}
