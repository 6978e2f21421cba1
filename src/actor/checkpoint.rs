//! What a checkpoint consists of: the snapshot of each subtask, and the metadata that binds them together.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::dataflow::batch::{Alignment, Batch, CheckpointId, Element};
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{ChannelId, JobId, SubtaskId};
use crate::kernel::Time;

use super::enumerator::EnumeratorState;
use super::kafka::protocol::Producer;

/// One execution of a subtask (`ExecutionAttemptID`): ordered, never used twice, across leaders too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Attempt(u64);

const NUMBER_BITS: u32 = 20;

impl Attempt {
    /// The `number`-th attempt that the leader with this fencing token deploys.
    pub fn new(token: u64, number: u32) -> Attempt {
        assert!(
            number < 1 << NUMBER_BITS,
            "a leader deploys fewer than a million attempts of one subtask"
        );
        Attempt((token << NUMBER_BITS) | u64::from(number))
    }

    /// The fencing token of whoever deployed it.
    pub fn token(self) -> u64 {
        self.0 >> NUMBER_BITS
    }

    pub fn number(self) -> u32 {
        (self.0 & ((1 << NUMBER_BITS) - 1)) as u32
    }
}

/// A checkpoint as a task meets it (`CheckpointMetaData` and `CheckpointOptions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Barrier {
    pub checkpoint: CheckpointId,
    pub alignment: Alignment,
    /// When the coordinator triggered it.
    pub triggered_at: Time,
}

impl Barrier {
    /// As it stands in a channel: emitted, as far as that goes, when its checkpoint was triggered.
    pub fn in_channel(element: &Element, emitted: Time) -> Option<Barrier> {
        match element {
            Element::Barrier(checkpoint, alignment) => Some(Barrier {
                checkpoint: *checkpoint,
                alignment: *alignment,
                triggered_at: emitted,
            }),
            Element::Records(_) | Element::Mark(_) => None,
        }
    }
}

/// Records that a barrier has overtaken, by channel and in order.
pub type Overtaken = Vec<(ChannelId, Vec<Batch>)>;

/// What the channels of a task held when an unaligned barrier went ahead of it (`InputChannelStateHandle`,
/// `ResultSubpartitionStateHandle`).
#[derive(Clone, Debug, Default)]
pub struct ChannelState {
    pub inputs: Overtaken,
    pub outputs: Overtaken,
}

impl ChannelState {
    /// Everything in it, whichever side of a channel it was on.
    pub fn batches(&self) -> impl Iterator<Item = (ChannelId, &Batch)> {
        let channels = self.inputs.iter().chain(&self.outputs);
        channels.flat_map(|(channel, batches)| batches.iter().map(|batch| (*channel, batch)))
    }

    pub fn records(&self) -> u64 {
        self.batches().map(|(_, batch)| batch.len() as u64).sum()
    }
}

impl Serialize for ChannelState {
    /// What there is of it; the batches are in the digest on every way that they take.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.inputs.len(), self.outputs.len(), self.records()).serialize(serializer)
    }
}

/// The same, as watchers are told of it.
#[derive(Clone, Debug)]
pub struct HeldRecords(pub Arc<ChannelState>);

impl Serialize for HeldRecords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The state of one subtask at a barrier.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Of a source: the next offset of each split.
    pub offsets: Vec<(SplitId, u64)>,
    /// Of a stateful operator: the first key group of its range.
    pub first_group: u32,
    /// Of a stateful operator: what has been applied, by key group from the first of its range.
    pub applied: Arc<Vec<Fingerprint>>,
    /// Of a KafkaSink: transactions that are closed for writing, and not committed.
    pub committables: Vec<Committable>,
    /// What a restore reads: all of it.
    pub bytes: u64,
    /// What the snapshot adds to storage: less, where it builds on an earlier one.
    pub written_bytes: u64,
    /// Of a savepoint, whose files are nobody's to build on.
    pub is_savepoint: bool,
}

/// A transaction to be committed when a checkpoint from this one on has completed (`KafkaCommittable`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committable {
    pub checkpoint: CheckpointId,
    pub producer: Producer,
}

/// Where the snapshot of one subtask lies (`OperatorStateHandle`, `KeyedStateHandle`).
#[derive(Clone, Debug, Serialize)]
pub struct StateHandle {
    pub subtask: SubtaskId,
    pub key: BlobKey,
    /// What a restore reads (`getStateSize`).
    pub bytes: u64,
    /// What was written for it (`getCheckpointedSize`).
    pub written_bytes: u64,
    /// Of these, state of its channels, in a file of its own; 0: no file.
    pub channel_bytes: u64,
    pub offsets: Vec<(SplitId, u64)>,
    /// Of a stateful operator: first and last key group in it.
    pub key_groups: Option<(u32, u32)>,
}

impl StateHandle {
    /// The file with the state of its channels.
    pub fn channels(&self) -> Option<BlobKey> {
        match self.key {
            BlobKey::State {
                subtask,
                attempt,
                checkpoint,
            } if self.channel_bytes > 0 => Some(BlobKey::Channels {
                subtask,
                attempt,
                checkpoint,
            }),
            _ => None,
        }
    }

    /// All its files.
    pub fn files(&self) -> impl Iterator<Item = BlobKey> {
        std::iter::once(self.key).chain(self.channels())
    }
}

/// A completed checkpoint's metadata (`_metadata`).
#[derive(Clone, Debug, Serialize)]
pub struct CompletedCheckpoint {
    pub job: JobId,
    pub id: CheckpointId,
    /// By subtask, in order.
    pub handles: Vec<StateHandle>,
    /// What coordinators had when it was triggered: one state for each source.
    pub enumerators: Vec<EnumeratorState>,
}

impl CompletedCheckpoint {
    pub fn handle(&self, subtask: SubtaskId) -> Option<&StateHandle> {
        self.handles
            .binary_search_by_key(&subtask, |handle| handle.subtask)
            .ok()
            .map(|at| &self.handles[at])
    }

    /// What a restore reads.
    pub fn bytes(&self) -> u64 {
        self.handles.iter().map(|handle| handle.bytes).sum()
    }

    /// What it added to storage.
    pub fn written_bytes(&self) -> u64 {
        self.handles.iter().map(|handle| handle.written_bytes).sum()
    }

    /// What of it was overtaken by barriers (`getPersistedData`).
    pub fn persisted_bytes(&self) -> u64 {
        self.handles.iter().map(|handle| handle.channel_bytes).sum()
    }

    /// The offsets that the sources had reached, by split.
    pub fn offsets(&self) -> Vec<(SplitId, u64)> {
        let mut offsets: Vec<_> = self
            .handles
            .iter()
            .flat_map(|handle| handle.offsets.iter().copied())
            .collect();
        offsets.sort_unstable();
        offsets
    }
}

/// The name of a file in checkpoint storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum BlobKey {
    /// The execution plan of a job.
    Plan { job: JobId },
    /// How a job that is over for good has ended (`JobResultStore`).
    JobResult { job: JobId },
    /// The metadata of a checkpoint.
    Metadata {
        job: JobId,
        checkpoint: CheckpointId,
    },
    /// The state of one attempt of a subtask in a checkpoint.
    State {
        subtask: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
    },
    /// What barriers have overtaken in the channels of that attempt.
    Channels {
        subtask: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
    },
}

/// A file in checkpoint storage.
#[derive(Clone, Debug)]
pub enum Blob {
    /// With the savepoint that the job starts from; 0: none.
    Plan(CheckpointId),
    /// With the savepoint that was taken when the job was stopped; 0: none.
    JobResult(CheckpointId),
    Metadata(Arc<CompletedCheckpoint>),
    State(Arc<Snapshot>),
    Channels(Arc<ChannelState>),
}

impl Serialize for Blob {
    /// What kind of file it is; the content is traced where it is made.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Blob::Plan(_) => serializer.serialize_unit_variant("Blob", 0, "Plan"),
            Blob::Metadata(checkpoint) => {
                serializer.serialize_newtype_variant("Blob", 1, "Metadata", &checkpoint.id)
            }
            Blob::JobResult(_) => serializer.serialize_unit_variant("Blob", 3, "JobResult"),
            Blob::State(snapshot) => {
                serializer.serialize_newtype_variant("Blob", 2, "State", &snapshot.bytes)
            }
            Blob::Channels(channels) => {
                serializer.serialize_newtype_variant("Blob", 4, "Channels", &**channels)
            }
        }
    }
}
