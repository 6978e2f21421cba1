//! The calls (methods of Flink's gateways), their answers and errors.

use serde::Serialize;

use crate::actor::checkpoint::{Attempt, Barrier, StateHandle};
use crate::actor::fact::ExecutionState;
use crate::actor::message::{FencingToken, TaskDeployment};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, SubtaskId};

use super::Address;

/// One grant of a slot to a job (`AllocationID`): the ResourceManager's token and a count, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AllocationId(pub u64);

/// A slot's place on its TaskManager.
pub type SlotIndex = u32;

/// One registration of a TaskExecutor at a ResourceManager (`InstanceID`).
pub type InstanceId = u64;

/// A slot as its TaskExecutor reports it (`SlotStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SlotStatus {
    pub slot: SlotIndex,
    /// Whose it is, if it is anybody's.
    pub allocation: Option<(AllocationId, JobId)>,
}

#[derive(Clone, Debug, Serialize)]
pub enum Call {
    // TaskExecutor to ResourceManager (`ResourceManagerGateway`).
    /// `registerTaskExecutor`; answered by `RegisteredTaskExecutor` or an error.
    RegisterTaskExecutor {
        slots: u32,
    },
    /// `sendSlotReport`, right after registering.
    SendSlotReport {
        instance: InstanceId,
        slots: Vec<SlotStatus>,
    },
    /// `notifySlotAvailable`: a slot was freed.
    NotifySlotAvailable {
        instance: InstanceId,
        slot: SlotIndex,
        allocation: AllocationId,
    },
    /// `heartbeatFromTaskManager`: the answer to a request, with a slot report.
    HeartbeatFromTaskExecutor {
        slots: Vec<SlotStatus>,
    },
    /// `disconnectTaskManager`: goodbye.
    GoodbyeFromTaskExecutor {
        reason: &'static str,
    },

    // JobMaster to ResourceManager.
    /// `registerJobMaster`
    RegisterJobMaster {
        job: JobId,
        job_master: FencingToken,
    },
    /// `declareRequiredResources`: slots that the job needs in all.
    DeclareRequiredResources {
        job: JobId,
        job_master: FencingToken,
        slots: u32,
    },
    HeartbeatFromJobMaster {
        job: JobId,
    },
    /// `disconnectJobManager`
    GoodbyeFromJobMaster {
        job: JobId,
        /// The job has ended for good: its requirements go too.
        terminal: bool,
    },

    // ResourceManager to TaskExecutor (`TaskExecutorGateway`).
    HeartbeatFromResourceManager,
    /// `requestSlot`: allocate the slot and offer it to the JobMaster.
    RequestSlot {
        slot: SlotIndex,
        allocation: AllocationId,
        job: JobId,
        job_master: Address,
        resource_manager: FencingToken,
    },
    /// `disconnectResourceManager`
    GoodbyeFromResourceManager {
        reason: &'static str,
    },

    // ResourceManager to JobMaster (`JobMasterGateway`).
    RequestHeartbeatFromJobMaster,
    /// `disconnectTaskManager`: the ResourceManager has lost it.
    DisconnectTaskManager {
        taskmanager: Address,
        reason: &'static str,
    },
    /// `notifyNotEnoughResourcesAvailable`
    NotifyNotEnoughResources,
    /// `disconnectResourceManager`
    DisconnectResourceManager {
        reason: &'static str,
    },

    // TaskExecutor to JobMaster.
    /// `registerTaskManager`; `session` tells a process that came back from one that registers again.
    RegisterTaskManager {
        session: u64,
    },
    /// `offerSlots`; answered by the accepted ones.
    OfferSlots {
        slots: Vec<(AllocationId, SlotIndex)>,
    },
    /// `failSlot`
    FailSlot {
        allocation: AllocationId,
        reason: &'static str,
    },
    /// `updateTaskExecutionState`
    UpdateTaskExecutionState {
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
        failure: Option<TaskFailure>,
    },
    AcknowledgeCheckpoint {
        checkpoint: CheckpointId,
        attempt: Attempt,
        handle: Box<StateHandle>,
    },
    DeclineCheckpoint {
        checkpoint: CheckpointId,
        subtask: SubtaskId,
        attempt: Attempt,
        reason: &'static str,
    },
    /// The answer to a request, with the attempts that run there (`TaskExecutorToJobManagerHeartbeatPayload`).
    HeartbeatFromTaskManager {
        deployed: Vec<(SubtaskId, Attempt)>,
    },
    GoodbyeFromTaskManager {
        reason: &'static str,
    },
    /// `requestPartitionState`: is the producer that a consumer cannot find alive?
    RequestPartitionState {
        subtask: SubtaskId,
        attempt: Attempt,
    },

    // JobMaster to TaskExecutor.
    /// The request, with the slots that the JobMaster counts as its own there (`AllocatedSlotReport`).
    HeartbeatFromJobManager {
        job: JobId,
        job_master: FencingToken,
        owned: Vec<AllocationId>,
    },
    SubmitTask {
        job_master: FencingToken,
        allocation: AllocationId,
        task: Box<TaskDeployment>,
    },
    CancelTask {
        subtask: SubtaskId,
        attempt: Attempt,
    },
    TriggerCheckpoint {
        subtask: SubtaskId,
        attempt: Attempt,
        barrier: Barrier,
    },
    /// `confirmCheckpoint`
    NotifyCheckpointComplete {
        subtask: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
    },
    NotifyCheckpointAborted {
        subtask: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
    },
    FreeSlot {
        allocation: AllocationId,
        reason: &'static str,
    },
    /// `disconnectJobManager`
    GoodbyeFromJobManager {
        job: JobId,
        reason: &'static str,
    },
    /// `sendOperatorEventToTask` with an `AddSplitEvent`: a source gets more splits, from their beginning on.
    AddSplits {
        subtask: SubtaskId,
        attempt: Attempt,
        splits: Vec<SplitId>,
    },
}

/// Why a task failed, as far as somebody draws conclusions from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum TaskFailure {
    /// `RemoteTransportException`: the connection to a producer's TaskManager was closed.
    RemoteTransport,
    /// `PartitionConnectionException`: no connection to the producer's TaskManager.
    PartitionConnection { producer: SubtaskId },
    /// `PartitionNotFoundException`
    PartitionNotFound { producer: SubtaskId },
    /// The TaskExecutor lost the JobMaster.
    JobMasterLost,
    /// The slot was freed under it.
    SlotFreed,
    /// State could not be read.
    StateRestore,
    /// Thrown by the user's code.
    UserException,
    /// A report of its state was refused, or timed out.
    UpdateRefused,
    /// Anything else, in words.
    Other(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Answer {
    /// `Acknowledge`
    Ack,
    RegisteredTaskExecutor {
        instance: InstanceId,
    },
    RegisteredJobMaster,
    RegisteredTaskManager,
    /// Offered slots that the JobMaster took.
    AcceptedSlots(Vec<AllocationId>),
    /// State of a producer, none where the attempt is unknown.
    PartitionState(Option<ExecutionState>),
}

/// Why an ask failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RpcError {
    /// `RecipientUnreachableException`: dead letters, here or there.
    Unreachable,
    /// `pekko.ask.timeout`
    Timeout,
    /// `FencingTokenException`
    Fenced,
    /// The endpoint is not there (yet), or does not know the caller.
    Refused(&'static str),
    /// `RegistrationResponse.Rejection`: final.
    Rejected(&'static str),
}
