//! What sinks and their database say to each other: transactions in two phases.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::topology::SubtaskId;

use super::checkpoint::Attempt;

#[derive(Clone, Debug, Serialize)]
pub enum DatabaseRequest {
    /// A new attempt of a sink: fences its predecessors, commits what the restored checkpoint covers, aborts the rest.
    Recover {
        sink: SubtaskId,
        attempt: Attempt,
        restored: CheckpointId,
    },
    /// Pre-commit: the transaction of a checkpoint is complete and durable, but not visible.
    Prepare {
        sink: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
        batches: Batches,
    },
    /// Makes every prepared transaction up to this checkpoint visible.
    Commit {
        sink: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
    },
    /// Without a transaction: visible at once. `number` counts the writer's requests.
    Write {
        sink: SubtaskId,
        attempt: Attempt,
        number: u64,
        batches: Batches,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DatabaseAnswer {
    Recovered,
    Prepared(CheckpointId),
    Committed(CheckpointId),
    /// A later attempt of the sink has taken over.
    Fenced,
    /// This request of the writer is done.
    Written(u64),
}

/// The records of a transaction.
#[derive(Clone, Debug, Default)]
pub struct Batches(pub Arc<Vec<Batch>>);

impl Batches {
    pub fn records(&self) -> u64 {
        self.0.iter().map(|batch| batch.len() as u64).sum()
    }
}

impl Serialize for Batches {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.records())
    }
}
