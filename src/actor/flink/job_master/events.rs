//! What a JobMaster's timers and its open asks are for.

use serde::Serialize;

use crate::actor::checkpoint::Attempt;
use crate::actor::flink::rpc::call::AllocationId;
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{OperatorId, SubtaskId};

use super::adaptive::AdaptiveTimer;

/// What a JobMaster's own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum JobMasterTimer {
    /// The JobMaster has been built: its checkpoint store may be opened.
    Created,
    /// The next attempt to register at the ResourceManager.
    RegisterAtResourceManager,
    /// Changed requirements go out together (`slot.request.max-interval`).
    DeclareRequirements,
    /// Free slots are looked through (`slot.idle.timeout`).
    IdleSlots,
    /// Requests that nobody can fulfil are looked for (`slot.request.timeout`).
    RequestTimeout,
    /// The restart back-off of a failover is over.
    RestartDelay { failover: u32 },
    /// All slots are there and the deployment descriptors are made.
    Deploy { deployment: u32 },
    /// `execution.checkpointing.interval`
    CheckpointTrigger,
    /// `execution.checkpointing.timeout`
    CheckpointExpiry { checkpoint: CheckpointId },
    /// The pointer may go into the store: the checkpoint is finalized.
    CheckpointFinalized { checkpoint: CheckpointId },
    /// Of the adaptive scheduler's state with that number.
    Adaptive { state: u32, what: AdaptiveTimer },
    /// `partition.discovery.interval.ms`, or the patience with an answer, of a source.
    PartitionDiscovery { operator: OperatorId },
}

/// What an open ask is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAsk {
    RegisterAtResourceManager,
    DeclareRequirements,
    Heartbeat(Peer),
    Submit(SubtaskId, Attempt),
    /// With the tries that are left.
    Cancel(SubtaskId, Attempt, u32),
    TriggerCheckpoint(CheckpointId),
    FreeSlot(AllocationId),
    AddSplits(SubtaskId, Attempt),
}
