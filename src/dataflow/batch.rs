//! What travels in a channel: batches of records, and checkpoint barriers between them.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::record::Record;

/// Checkpoint ids count from 1; 0 stands for "before the first", the initial state.
pub type CheckpointId = u64;

/// One element of a channel, in order.
#[derive(Clone, Debug, Serialize)]
pub enum Element {
    /// A network buffer's worth of records. Shared, never changed: in-flight logs keep the same batch.
    Records(Batch),
    /// Separates the records before checkpoint `n` from those after it (`CheckpointBarrier`).
    Barrier(CheckpointId),
}

#[derive(Clone, Debug)]
pub struct Batch(Arc<Vec<Record>>);

impl Batch {
    pub fn new(records: Vec<Record>) -> Batch {
        assert!(!records.is_empty(), "a batch has records");
        Batch(Arc::new(records))
    }

    pub fn records(&self) -> &[Record] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Batch {
    /// All records where machines read it (the digest); a short form where people do (the trace).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let (first, last) = (self.0[0], self.0[self.0.len() - 1]);
            let form = format!(
                "{} records, {}@{} .. {}@{}",
                self.0.len(),
                first.split(),
                first.offset(),
                last.split(),
                last.offset()
            );
            return serializer.serialize_str(&form);
        }
        let mut hash = self.0.len() as u64;
        for record in self.0.iter() {
            hash = (hash.rotate_left(5) ^ record.raw()).wrapping_mul(0x517C_C1B7_2722_0A95);
        }
        serializer.serialize_u64(hash)
    }
}
