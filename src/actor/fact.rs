//! What actors (processes: `actor` in the header) state about themselves. Checkers, timelines and plots are made of these; actors never read them.

use super::checkpoint::{Attempt, BlobKey, HeldRecords};
use super::flink::leader_paths::Component;
use super::flink::rpc::call::{AllocationId, InstanceId, SlotIndex};
use super::flink::rpc::heartbeat::{Peer, Verdict};
use super::flink::rpc::{Address, Endpoint, RpcError};
pub use super::kafka::protocol::AppendTimes;
use super::message::{Batches, FencingToken};
use super::metric_report::TaskMetrics;
use super::sink_fact::{OffsetReset, SinkFact};
use super::source_fact::{EventTimeFact, SourceFact};
pub use super::status::{Detector, ExecutionState, JobStatus};
use super::task_manager::executor::SlotState;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{ChannelId, JobId, SubtaskId};
use crate::kernel::{ActorId, Span, Time};
use crate::policy::RecoveryScope;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub enum Fact {
    FaultInjected {
        what: &'static str,
    },
    FaultHealed {
        what: &'static str,
    },
    /// The process has ended itself.
    ProcessExited,
    ProcessStarted {
        incarnation: u32,
    },
    // ZooKeeper. A leader states a commit when it learns of it: one that was stopped, and its successor, state the same.
    SessionOpened {
        zxid: u64,
        session: u64,
        owner: ActorId,
        timeout: Span,
    },
    SessionExpired {
        session: u64,
        owner: ActorId,
        last_heard: Time,
        timeout: Span,
    },
    /// Closed in order by its client, or ended by force.
    SessionClosed {
        session: u64,
        owner: ActorId,
    },
    /// The leader lets a client that is back go on with its session.
    SessionRevived {
        session: u64,
    },
    /// A quorum has agreed that the session is over.
    SessionEnded {
        zxid: u64,
        session: u64,
        owner: ActorId,
    },
    EnsembleLeader {
        epoch: u64,
    },
    ZnodeCreated {
        zxid: u64,
        path: String,
        owner: Option<u64>,
    },
    ZnodeDeleted {
        zxid: u64,
        path: String,
    },
    // Leadership of the JobManagers.
    LeadershipGranted,
    LeaderPublished {
        token: FencingToken,
    },
    LeadershipLost {
        token: FencingToken,
    },
    /// The new leader has read jobs and checkpoints back.
    JobsRecovered {
        token: FencingToken,
        jobs: u32,
    },
    // Membership.
    TaskManagerRegistered {
        taskmanager: ActorId,
    },
    TaskManagerLost {
        taskmanager: ActorId,
        detector: Detector,
    },
    RegisteredAtLeader {
        leader: ActorId,
    },
    // Flink's endpoints.
    /// An endpoint begins to exchange heartbeats with a peer, under a fresh monitor.
    PeerMonitored {
        owner: Endpoint,
        peer: Peer,
    },
    /// A heartbeat message of a peer was processed.
    PeerHeard {
        owner: Endpoint,
        peer: Peer,
    },
    /// The monitor is cancelled: nothing more is expected of the peer.
    PeerUnmonitored {
        owner: Endpoint,
        peer: Peer,
    },
    /// An endpoint has given a peer up with which it exchanged heartbeats.
    PeerLost {
        owner: Endpoint,
        peer: Peer,
        verdict: Verdict,
    },
    /// A slot has come into the JobMaster's pool, changed its use there, or left it.
    SlotPoolChanged {
        job: JobId,
        allocation: AllocationId,
        taskmanager: Address,
        change: &'static str,
    },
    /// A TaskExecutor's slot has changed its state.
    TaskSlotChanged {
        slot: SlotIndex,
        allocation: AllocationId,
        job: JobId,
        state: SlotState,
    },
    /// A TaskExecutor is registered at a job's JobMaster.
    RegisteredAtJobMaster {
        job: JobId,
        token: FencingToken,
    },
    /// A TaskExecutor has lost a job's JobMaster, and fails its tasks.
    JobMasterLost {
        job: JobId,
        token: FencingToken,
    },
    /// A task was submitted to a TaskExecutor by this JobMaster.
    TaskStarted {
        subtask: SubtaskId,
        attempt: Attempt,
        job_master: FencingToken,
        allocation: AllocationId,
    },
    /// A task was told to stop, or has failed: it works no more.
    TaskStopping {
        subtask: SubtaskId,
        attempt: Attempt,
    },
    /// A task's resources on its TaskExecutor are freed.
    TaskEnded {
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
    },
    /// The restart strategy's back-off for a failover begins.
    RestartDelayed {
        job: JobId,
        recovery: u32,
        delay: Span,
    },

    /// A component's leader stands in ZooKeeper for everybody to find.
    LeaderInformationWritten {
        component: Component,
        token: FencingToken,
    },
    /// A process ends itself: Flink's `FatalErrorHandler`.
    FatalError {
        reason: &'static str,
    },
    // The ResourceManager.
    /// A TaskExecutor is registered; its slots count from its first report on.
    TaskExecutorRegistered {
        taskmanager: Address,
        instance: InstanceId,
    },
    /// A TaskExecutor is not registered any more, and its slots are gone.
    TaskExecutorUnregistered {
        taskmanager: Address,
        instance: InstanceId,
        reason: &'static str,
    },
    JobMasterRegistered {
        job: JobId,
        job_master: FencingToken,
    },
    JobMasterUnregistered {
        job: JobId,
        job_master: FencingToken,
        reason: &'static str,
    },
    /// Slots that a job needs in all, as its JobMaster says.
    RequirementsDeclared {
        job: JobId,
        slots: u32,
    },
    /// A TaskManager is asked for a slot. It counts as the job's from now on.
    SlotRequested {
        job: JobId,
        allocation: AllocationId,
        taskmanager: Address,
        slot: SlotIndex,
    },
    SlotRequestFailed {
        job: JobId,
        allocation: AllocationId,
        taskmanager: Address,
        error: RpcError,
    },
    /// A TaskManager has said that it holds the slot for the job: by its answer, or when it registered.
    SlotKnown {
        job: JobId,
        allocation: AllocationId,
        taskmanager: Address,
    },
    /// So many slots are missing, and nobody has them (`notifyNotEnoughResourcesAvailable`).
    NotEnoughResources {
        job: JobId,
        missing: u32,
    },
    // Jobs and executions, as the JobMaster sees them.
    JobStatusChanged {
        job: JobId,
        status: JobStatus,
        reason: String,
    },
    /// The job has another execution graph than at first: the parallelism of each of its operators.
    ExecutionGraphCreated {
        job: JobId,
        parallelism: Vec<u32>,
    },
    ExecutionChanged {
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
        taskmanager: Option<ActorId>,
    },
    // A recovery, step by step, as the JobMaster sees it.
    RecoveryStarted {
        job: JobId,
        recovery: u32,
        detector: Detector,
        scope: RecoveryScope,
        lost: Vec<ActorId>,
        tasks: Vec<SubtaskId>,
    },
    RetrievalStarted {
        job: JobId,
        recovery: u32,
        checkpoint: CheckpointId,
    },
    RetrievalDone {
        job: JobId,
        recovery: u32,
        checkpoint: CheckpointId,
        offsets: Vec<(SplitId, u64)>,
        bytes: u64,
    },
    /// No TaskManager can take the tasks now.
    ResourcesMissing {
        job: JobId,
        recovery: u32,
    },
    TaskPlaced {
        job: JobId,
        recovery: u32,
        subtask: SubtaskId,
        from: Option<ActorId>,
        to: ActorId,
    },
    RecoveryDeployed {
        job: JobId,
        recovery: u32,
    },
    /// Every task of the recovery runs.
    RecoveryRunning {
        job: JobId,
        recovery: u32,
    },

    /// Checkpoint storage could not write a file.
    WriteRefused {
        key: BlobKey,
    },

    // Checkpoints, as the coordinator sees them.
    CheckpointTriggered {
        job: JobId,
        checkpoint: CheckpointId,
    },
    CheckpointAcknowledged {
        job: JobId,
        checkpoint: CheckpointId,
        subtask: SubtaskId,
        attempt: Attempt,
    },
    CheckpointCompleted {
        job: JobId,
        checkpoint: CheckpointId,
        offsets: Vec<(SplitId, u64)>,
        /// What a restore reads.
        bytes: u64,
        /// What was written for it; less, where snapshots build on earlier ones.
        written_bytes: u64,
        /// Of these, what barriers have overtaken.
        persisted_bytes: u64,
        duration: Span,
    },
    CheckpointAborted {
        job: JobId,
        checkpoint: CheckpointId,
        reason: &'static str,
    },

    // Tasks, as they see themselves.
    TaskSnapshot {
        subtask: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
        applied: Fingerprint,
        /// First and last, of a task with keyed state.
        key_groups: Option<(u32, u32)>,
        offsets: Vec<(SplitId, u64)>,
    },
    TaskRestored {
        subtask: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
        applied: Fingerprint,
        /// First and last, of a task with keyed state.
        key_groups: Option<(u32, u32)>,
        offsets: Vec<(SplitId, u64)>,
    },
    /// A source hands out `records` records of a split from `first` on.
    SourceEmitted {
        subtask: SubtaskId,
        attempt: Attempt,
        split: SplitId,
        first: u64,
        records: u32,
    },
    /// Barriers of a checkpoint have overtaken what the channels of a task held: that is part of the checkpoint.
    ChannelsOvertaken {
        subtask: SubtaskId,
        attempt: Attempt,
        checkpoint: CheckpointId,
        bytes: u64,
        channels: HeldRecords,
    },
    FirstOutput {
        subtask: SubtaskId,
        attempt: Attempt,
    },
    /// The sink's writer has handled a batch.
    SinkWritten {
        subtask: SubtaskId,
        attempt: Attempt,
        batch: Batch,
    },
    /// A producer sends again what its consumer lost.
    Replayed {
        channel: ChannelId,
        records: u64,
    },
    /// A consumer dropped records that it had already.
    Deduplicated {
        channel: ChannelId,
        records: u64,
    },
    /// A channel was emptied beyond its credit: must not happen.
    CreditExceeded {
        channel: ChannelId,
        queued: u32,
        credits: u32,
    },
    TaskManagerStopped {
        reason: &'static str,
    },

    // Kafka and the sink's database.
    /// Records appended to a split: arrival times from offset `first` on.
    Appended {
        split: SplitId,
        first: u64,
        times: AppendTimes,
    },
    /// A transaction's records become visible to readers.
    TransactionCommitted {
        sink: SubtaskId,
        checkpoint: CheckpointId,
        batches: Batches,
    },
    TransactionAborted {
        sink: SubtaskId,
        checkpoint: CheckpointId,
        records: u64,
    },
    TaskMeasured {
        metrics: TaskMetrics,
    },
    MachineMeasured {
        cpu_per_mille: u32,
    },
    /// The leader decides to move a running task.
    RebalanceDecided {
        subtask: SubtaskId,
        from: ActorId,
        to: ActorId,
        reason: String,
    },
    NotificationSent {
        id: u64,
        attempt: u32,
        text: String,
    },
    /// A notification stands in ZooKeeper, for successors too.
    NotificationStored {
        id: u64,
    },
    NotificationDelivered {
        id: u64,
    },
    Sink(SinkFact),
    /// A source goes on elsewhere: what lay at its offset is not kept any more.
    OffsetReset(OffsetReset),
    /// `JobResultStore` has the result of a job: from now on it is globally terminal for every leader (FLIP-194).
    JobResultStored(JobId),
    Source(SourceFact),
    ResourceManagerSought,
    /// The checkpoint that is triggered next is a savepoint: it is not added to the store.
    SavepointTriggered(JobId, CheckpointId),
    /// Handed in again, to start from the savepoint with which it was stopped: to Flink this is another job.
    JobResubmitted(JobId, CheckpointId),
    EventTime(EventTimeFact),
    /// A JobManager's connection to ZooKeeper is SUSPENDED (Curator's `ConnectionState`).
    ZooKeeperSuspended,
    /// A job is let fail for good, after the failure of a task on `lost` if it was one.
    JobGivenUp(JobId, Detector, Vec<ActorId>),
    /// Something comes for a channel that is blocked, and no barrier is awaited: must not happen.
    BlockedForNothing(ChannelId),
}
