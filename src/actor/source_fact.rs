//! What is stated about splits beyond their records, topics that grow, enumerators, readers that get more; and about event time.

use serde::Serialize;

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId};

use super::checkpoint::Attempt;

#[derive(Clone, Debug, Serialize)]
pub enum SourceFact {
    /// A topic has more partitions now: so many in all.
    PartitionsAdded { topic: u32, partitions: u32 },
    /// An enumerator has found splits that it did not know.
    Discovered {
        job: JobId,
        operator: OperatorId,
        splits: Vec<SplitId>,
    },
    /// The coordinator of a source takes its snapshot: before any source task does.
    EnumeratorSnapshot {
        job: JobId,
        operator: OperatorId,
        checkpoint: CheckpointId,
        /// Some reader has them.
        assigned: Vec<SplitId>,
        /// Known, and given to nobody.
        unassigned: Vec<SplitId>,
    },
    /// A source task reads more splits from now on, each from an offset.
    SplitsAdded {
        subtask: SubtaskId,
        attempt: Attempt,
        splits: Vec<(SplitId, u64)>,
    },
}

#[derive(Clone, Copy, Debug, Serialize)]
pub enum EventTimeFact {
    /// A task's event time has advanced: a source says so to those behind it, another task has heard so on its channels.
    Advanced {
        subtask: SubtaskId,
        attempt: Attempt,
        watermark: EventTime,
    },
    /// Nothing holds back those behind it for now, or something does again.
    Idle {
        subtask: SubtaskId,
        attempt: Attempt,
        is_idle: bool,
    },
}
