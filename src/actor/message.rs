//! Everything that actors say to each other, and what their timers say to them.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::dataflow::batch::{CheckpointId, Element};
use crate::dataflow::layout::Layout;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{ChannelId, JobId, OperatorId, SubtaskId};
use crate::kernel::{ActorId, Span, Time};
use crate::substrate::network::Way;

pub use super::fault_action::{
    ClientRequest, FaultAction, LinkFault, LinkTrouble, StorageTrouble, Whom,
};
pub use super::timer::Timer;
pub use super::transaction::{Batches, DatabaseAnswer, DatabaseRequest};

use super::checkpoint::{Attempt, Barrier, Blob, BlobKey, StateHandle};
use super::fact::ExecutionState;
use super::flink::rpc::{Endpoint, Rpc, RpcAnswer};
use super::kafka::brokers::{BrokerEvent, Request as KafkaClientRequest};
use super::kafka::protocol::{FetchedInTime, KafkaCall, KafkaReply, OffsetOutOfRange};
use super::kafka::topics::TopicChange;
use super::metric_report::MetricReport;
use super::state_assignment::ChannelFiles;
use super::zookeeper::protocol::ZkMessage;
pub use super::zookeeper::protocol::ZkTimer;

/// A message on its way. Incarnations make sure that it reaches the process it was meant for, or nobody.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub from: ActorId,
    pub from_incarnation: u32,
    pub to_incarnation: u32,
    pub way: Way,
    /// The sender means this very process and wants back what it refuses, as [`Body::Undeliverable`].
    pub returns: bool,
    pub body: Body,
}

/// The fencing token of a leader: the transaction id under which its address was published, so later leaders
/// have larger ones.
pub type FencingToken = u64;

#[derive(Clone, Debug, Serialize)]
pub enum Body {
    /// The process has started.
    Start,
    /// The operating system reset the connection: the peer's process died. Which incarnation of it, the envelope says.
    ConnectionReset {
        peer: ActorId,
    },
    /// Nobody listens at the peer.
    ConnectionRefused {
        peer: ActorId,
    },
    /// What was sent to a particular process, which is not there: its address, as far as it matters, is the envelope's sender.
    Undeliverable(Box<Body>),
    Fault(FaultAction),
    /// SIGTERM: the process says goodbye to whom it concerns, closes its ZooKeeper session and ends (`Context::exit`).
    Shutdown,
    /// To the leading ZooKeeper server: ends whatever sessions this process has.
    ExpireSessionsOf {
        owner: ActorId,
    },
    /// To a TaskManager: the user's code in this task throws an exception. The task is reported FAILED.
    Throw {
        subtask: SubtaskId,
    },
    /// To a TaskManager: when this task is cancelled it does not react for so long, or ever.
    StickCancel {
        subtask: SubtaskId,
        lasts: Option<Span>,
    },
    /// To the leading JobManager, at its REST endpoint.
    Client(ClientRequest),
    Zk(Box<ZkMessage>),
    /// A call of one of Flink's endpoints to another.
    Rpc(Box<Rpc>),
    RpcAnswer(Box<RpcAnswer>),
    /// An endpoint's main thread is free again.
    MainThreadFree {
        endpoint: Endpoint,
    },
    // Data plane, TaskManager to TaskManager.
    /// `PartitionRequest`: the consumer of a channel asks its producer to send.
    PartitionRequest(Box<PartitionRequest>),
    /// `BufferResponse`
    Data {
        channel: ChannelId,
        connection: u32,
        emitted: Time,
        element: Element,
    },
    /// `AddCredit`
    Credit {
        channel: ChannelId,
        connection: u32,
        credits: u32,
    },
    /// The consumer of a channel is gone, its machine is not.
    PartitionClosed {
        channel: ChannelId,
        connection: u32,
    },
    /// A request has waited too long for its producer (`PartitionRequestListener`).
    PartitionRequestExpired {
        consumer: ActorId,
        channel: ChannelId,
        connection: u32,
    },
    /// `PartitionNotFoundException`, to the consumer that asked.
    PartitionNotFound {
        channel: ChannelId,
        connection: u32,
    },
    /// A consumer's back-off is over.
    RequestPartitionAgain {
        channel: ChannelId,
        connection: u32,
    },
    /// A task's work on the CPU is done.
    WorkDone {
        task: u32,
    },
    /// A task is deployed and begins to restore, or has restored.
    TaskProgress {
        task: u32,
        step: TaskStep,
    },
    // Sources and Kafka.
    /// `task`: the reader's number on its TaskManager. Nothing leaves the reader before its flusher's next `tick`, unless
    /// `records_min` are there: until then the broker may keep the answer.
    Fetch {
        split: SplitId,
        offset: u64,
        records_min: u16,
        records_max: u16,
        task: u32,
        tick: Time,
    },
    /// A fetch that a broker kept is to be answered.
    FetchDue(super::kafka::HeldFetch),
    /// Kafka's own clock: producers append.
    AppendDue,
    Fetched {
        split: SplitId,
        first: u64,
        records: u32,
        log_end: u64,
        task: u32,
    },
    // Checkpoint storage.
    Write {
        key: BlobKey,
        bytes: u64,
        blob: Blob,
    },
    Written {
        key: BlobKey,
    },
    /// Storage answered with an error.
    WriteFailed {
        key: BlobKey,
    },
    Read {
        key: BlobKey,
    },
    /// Nothing there: `blob` is none.
    ReadDone {
        key: BlobKey,
        blob: Option<Blob>,
    },
    Delete {
        key: BlobKey,
    },
    // The sink's database.
    Database(DatabaseRequest),
    DatabaseDone {
        sink: SubtaskId,
        attempt: Attempt,
        what: DatabaseAnswer,
    },
    // TaskManager to JobMaster.
    RegisterTaskManager(Box<Registration>),
    UpdateTaskExecutionState {
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
    },
    AcknowledgeCheckpoint {
        job: JobId,
        checkpoint: CheckpointId,
        attempt: Attempt,
        handle: Box<StateHandle>,
    },
    /// A task cannot take part: an input's producer is gone.
    DeclineCheckpoint {
        job: JobId,
        checkpoint: CheckpointId,
    },
    MetricReport(Box<MetricReport>),
    // JobMaster to TaskManager; each carries the sender's fencing token.
    TaskManagerRegistered {
        token: FencingToken,
    },
    SubmitTask {
        token: FencingToken,
        task: Box<TaskDeployment>,
    },
    CancelTask {
        token: FencingToken,
        subtask: SubtaskId,
        attempt: Attempt,
    },
    /// A producer of surviving consumers was restored elsewhere.
    UpdatePartition {
        token: FencingToken,
        update: Box<PartitionUpdate>,
    },
    TriggerCheckpoint {
        token: FencingToken,
        subtask: SubtaskId,
        attempt: Attempt,
        barrier: Box<Barrier>,
    },
    NotifyCheckpointComplete {
        token: FencingToken,
        job: JobId,
        checkpoint: CheckpointId,
    },
    NotifyCheckpointAborted {
        token: FencingToken,
        job: JobId,
        checkpoint: CheckpointId,
    },
    // The world outside.
    Notify {
        id: u64,
        text: String,
    },
    NotifyReceived {
        id: u64,
    },
    // Sinks and Kafka.
    /// Kafka's own clock: it looks for transactions whose time is over.
    AbortExpired,
    /// Something happens to one broker, or a time of its is over.
    Broker {
        number: u32,
        event: BrokerEvent,
    },
    /// A client asks again.
    KafkaRetry(Box<KafkaClientRequest>),
    /// A client loses its patience with a broker that does not answer.
    KafkaRequestTimeout(u64),
    /// A sink to the brokers.
    Kafka(Box<KafkaCall>),
    KafkaDone(Box<KafkaReply>),
    /// A fetch asks for what is not kept any more.
    OffsetOutOfRange(Box<OffsetOutOfRange>),
    /// To the leading ZooKeeper server: the pointer to the newest checkpoint of a job goes, by hand.
    DropCheckpoint {
        job: JobId,
    },
    /// The answer to a fetch of a source that makes watermarks.
    FetchedInTime(Box<FetchedInTime>),
    /// Somebody changes a topic, or its producers.
    Topic(TopicChange),
    /// An enumerator to any broker: which partitions does the topic have? (`AdminClient.describeTopics`)
    ListPartitions {
        topic: u32,
        job: JobId,
        operator: OperatorId,
    },
    Partitions {
        job: JobId,
        operator: OperatorId,
        partitions: u32,
    },
    /// The story's JobMaster gives a source more splits (`AddSplitEvent`).
    AddSplits {
        token: FencingToken,
        subtask: SubtaskId,
        attempt: Attempt,
        splits: Box<[SplitId]>,
    },
    /// To itself: an answer of the storage that was held back may be due.
    StorageDue,
    /// To a client: its request was not taken. Its broker is gone, or leads the partition no more
    /// (`NOT_LEADER_OR_FOLLOWER`, `NOT_COORDINATOR`).
    KafkaRefused(Box<KafkaClientRequest>),
    /// A client's own clock: it asks again, if somebody still wants to know.
    KafkaRetryDue(Box<KafkaClientRequest>),
    /// `BufferResponse`s that are written at once: the same barrier or mark on several channels of one connection.
    Events(Box<ChannelEvents>),
    /// Storage answered with an error: whether the file is there, nobody knows.
    ReadFailed {
        key: BlobKey,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TaskStep {
    Deployed,
    Initialized,
    /// It was ending, and its resources are freed.
    Ended,
    /// What it restores is in memory.
    Restored,
    /// The synchronous part of a snapshot is over.
    SnapshotTaken,
    /// A sink's writer sends what it has collected.
    WriterFlush,
    /// A sink's writer looks whether answers are overdue.
    WriterPatience,
}

#[derive(Clone, Debug, Serialize)]
pub struct PartitionRequest {
    pub channel: ChannelId,
    /// The consumer's number for this connection: what arrives under another is not for it.
    pub connection: u32,
    pub producer_attempt: Attempt,
    pub consumer_attempt: Attempt,
    pub from: ReplayFrom,
    pub credits: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChannelEvents {
    pub emitted: Time,
    pub element: Element,
    /// Each with the number of its connection.
    pub channels: Vec<(ChannelId, u32)>,
}

/// Where in a channel's log a consumer wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ReplayFrom {
    /// Behind the barrier of this checkpoint; 0: from the very beginning.
    Checkpoint(CheckpointId),
    /// Whatever comes from now on.
    Now,
}

/// `TaskDeploymentDescriptor`
#[derive(Clone, Debug, Serialize)]
pub struct TaskDeployment {
    pub subtask: SubtaskId,
    pub attempt: Attempt,
    /// 0: the initial state.
    pub restored_checkpoint: CheckpointId,
    /// The execution graph that it is part of.
    #[serde(serialize_with = "serialize_layout")]
    pub layout: Arc<Layout>,
    /// What it restores: one file, or after a change of parallelism those that hold some of its key groups or splits.
    pub state: Vec<StateHandle>,
    /// Files with state of its channels.
    #[serde(skip_serializing_if = "ChannelFiles::is_empty")]
    pub channels: ChannelFiles,
    /// Of a source: its splits, and the offset from which it reads each.
    pub splits: Vec<(SplitId, u64)>,
    /// Barriers of this checkpoint and of earlier ones that did not complete are void.
    pub aborted_up_to: CheckpointId,
    /// By input channel, in the subtask's order: where its producer runs.
    pub producers: Vec<(ActorId, Attempt)>,
    /// In the same order: which life of the producer's process is meant. Empty: whichever is there (the story's).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incarnations: Vec<u32>,
    pub inputs_from: ReplayFrom,
}

/// The parallelism of the operators: the rest follows from it.
fn serialize_layout<S: Serializer>(layout: &Arc<Layout>, to: S) -> Result<S::Ok, S::Error> {
    layout.parallelism.serialize(to)
}

#[derive(Clone, Debug, Serialize)]
pub struct PartitionUpdate {
    pub channel: ChannelId,
    pub consumer_attempt: Attempt,
    pub producer: ActorId,
    pub producer_attempt: Attempt,
    pub from: ReplayFrom,
    /// Whether what the predecessor already sent is dropped when it comes again.
    pub deduplicate: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Registration {
    pub token: FencingToken,
    /// The ZooKeeper session that owns the TaskManager's znode.
    pub session: u64,
    /// Attempts that run here, for a leader that is new.
    pub attempts: Vec<(SubtaskId, Attempt)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each message is moved several times on its way.
    #[test]
    fn messages_stay_small() {
        assert!(size_of::<Body>() <= 48, "{}", size_of::<Body>());
        assert!(size_of::<Envelope>() <= 64, "{}", size_of::<Envelope>());
    }
}
