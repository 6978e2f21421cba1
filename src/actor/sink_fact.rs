//! What sinks that are not transactions of the database state about what they write, and what Kafka does with it and with its
//! topics.

use serde::Serialize;

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{OperatorId, SubtaskId};
use crate::kernel::Time;

use super::checkpoint::Attempt;
use super::kafka::protocol::{Producer, TransactionalId};
use super::message::Batches;

#[derive(Clone, Debug, Serialize)]
pub struct OffsetReset {
    pub subtask: SubtaskId,
    pub attempt: Attempt,
    pub split: SplitId,
    pub from: u64,
    pub to: u64,
}

#[derive(Clone, Debug, Serialize)]
pub enum SinkFact {
    /// The controller fences a broker or hears of it again: partitions whose leader moved, and those that have none now.
    BrokerChanged {
        broker: u32,
        what: &'static str,
        moved: u32,
        leaderless: u32,
    },
    /// Records have arrived without a transaction.
    Written {
        sink: SubtaskId,
        attempt: Attempt,
        batches: Batches,
    },
    /// The first records of a transaction have been appended.
    TransactionBegun {
        sink: SubtaskId,
        transaction: u64,
        producer: Producer,
    },
    TransactionCommitted {
        sink: SubtaskId,
        transaction: u64,
        /// The completed checkpoint that its committer names.
        covered_by: CheckpointId,
        batches: Batches,
    },
    TransactionAborted {
        sink: SubtaskId,
        transaction: u64,
        cause: AbortCause,
        batches: Batches,
    },
    /// A producer with an older epoch was refused.
    Fenced {
        sink: SubtaskId,
        attempt: Attempt,
        id: TransactionalId,
    },
    /// Readers with `isolation.level=read_committed` get past records of this sink: the last stable offset has moved.
    Readable {
        operator: OperatorId,
        batches: Batches,
    },
    /// A partition's last stable offset is held back by a transaction, or is not any more.
    ReadersHeld {
        /// In the order of `sink_topics`.
        topic: u32,
        partition: u32,
        /// When the oldest open transaction began; none: nothing is held back.
        since: Option<Time>,
    },
    /// A writer closes a transaction at a barrier: what it holds belongs to this checkpoint.
    PreCommitted {
        sink: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
        producer: Producer,
    },
    /// A commit came too late. The job goes on (`numCommittablesFailure`).
    CommitFailed {
        sink: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
        producer: Producer,
        error: &'static str,
    },
    /// The committer is done with everything up to this checkpoint.
    CommitterDone {
        sink: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
    },
    /// A broker is asked for a commit that an attempt after this one has made already: nothing changes.
    CommittedBySuccessor {
        sink: SubtaskId,
        attempt: Attempt,
        id: TransactionalId,
    },
}

/// Who ended a transaction that nobody committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum AbortCause {
    /// A producer with a newer epoch.
    NewProducer,
    /// `transaction.timeout.ms` is over.
    Timeout,
    /// A producer with a newer epoch, of an attempt before the one that wrote: a zombie that starts late fences its successor.
    Overridden,
    /// The producer itself, whose task has ended in a process that lives.
    Closed,
}
