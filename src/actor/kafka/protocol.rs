//! What sinks and brokers say to each other (`Produce`, `InitProducerId`, `EndTxn`, `ListTransactions`).

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::actor::checkpoint::Attempt;
use crate::actor::message::Batches;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{OperatorId, SubtaskId};
use crate::kernel::{Span, Time};

/// `transactional.id`: `<prefix>-<subtask>-<number>`. The prefix stands for the sink operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TransactionalId {
    pub operator: OperatorId,
    /// Index of the subtask.
    pub subtask: u32,
    pub number: u64,
}

/// Who writes into a transaction: whoever has an older epoch is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Producer {
    pub id: TransactionalId,
    /// `producer.id`
    pub number: u64,
    pub epoch: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct KafkaCall {
    pub sink: SubtaskId,
    pub attempt: Attempt,
    /// The writer's number for this call.
    pub call: u64,
    pub request: KafkaRequest,
}

#[derive(Clone, Debug, Serialize)]
pub enum KafkaRequest {
    /// Aborts what is open under the id, and fences whoever used it before (`initTransactions`).
    InitProducerId { id: TransactionalId, timeout: Span },
    /// `sequence` counts a producer's requests, so that one that comes twice is appended once.
    Produce {
        partition: u32,
        producer: Option<Producer>,
        sequence: u64,
        batches: Batches,
    },
    /// Commits. `covered_by`: the completed checkpoint that allows it, for whoever watches.
    Commit {
        producer: Producer,
        covered_by: CheckpointId,
    },
    /// The open transactions of an operator.
    ListTransactions { operator: OperatorId },
    /// A producer that is closed aborts what it has open (`abortTransaction`).
    Abort { producer: Producer },
}

#[derive(Clone, Debug, Serialize)]
pub struct KafkaReply {
    pub sink: SubtaskId,
    pub attempt: Attempt,
    pub call: u64,
    pub answer: Result<KafkaAnswer, KafkaError>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum KafkaAnswer {
    Producer(Producer),
    Appended,
    Committed,
    Open(Vec<TransactionalId>),
    Aborted,
}

/// Records of a split whose reader wants to know when they happened.
#[derive(Clone, Debug, Serialize)]
pub struct FetchedInTime {
    pub split: SplitId,
    pub first: u64,
    pub log_end: u64,
    pub task: u32,
    /// One for each record.
    pub times: Vec<EventTime>,
}

/// What is kept of a split whose reader has asked for something older.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OffsetOutOfRange {
    pub split: SplitId,
    pub task: u32,
    pub earliest: u64,
    pub latest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum KafkaError {
    /// `INVALID_TRANSACTION_TIMEOUT`: longer than the broker allows.
    InvalidTransactionTimeout,
    /// `PRODUCER_FENCED`: a newer epoch is known.
    ProducerFenced,
    /// `INVALID_TXN_STATE`: there is nothing to commit any more.
    InvalidTxnState,
    /// `INVALID_PRODUCER_ID_MAPPING`: the id is not known.
    InvalidProducerIdMapping,
}

impl KafkaError {
    /// Kafka's own name.
    pub fn name(self) -> &'static str {
        match self {
            KafkaError::InvalidTransactionTimeout => "InvalidTxnTimeoutException",
            KafkaError::ProducerFenced => "ProducerFencedException",
            KafkaError::InvalidTxnState => "InvalidTxnStateException",
            KafkaError::InvalidProducerIdMapping => "InvalidPidMappingException",
        }
    }
}

/// Arrival times of consecutive records.
#[derive(Clone, Debug)]
pub struct AppendTimes(pub Arc<[Time]>);

impl Serialize for AppendTimes {
    /// First and last: the ones between follow from the topic's arrivals.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0.len() as u64, self.0.first(), self.0.last()).serialize(serializer)
    }
}
