//! What passes between an event and the one that led to it: a message on its way, work, a timer.

use crate::actor::fault_action::FaultAction;
use crate::actor::flink::job_manager::JobManagerTimer;
use crate::actor::flink::job_master::{AdaptiveTimer, JobMasterTimer};
use crate::actor::flink::resource_manager::ResourceManagerTimer;
use crate::actor::message::{Body, Envelope, TaskStep, Timer, ZkTimer};
use crate::actor::task_manager::executor::TaskExecutorTimer;
use crate::kernel::ActorId;
use crate::policy::adaptive::transition::TransitionTimer;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    // The plan of faults, and the operating system.
    Fault,
    ProcessStartup,
    SocketTeardown,
    // Messages.
    ZooKeeper,
    Rpc,
    Connection,
    MainThread,
    Notification,
    // ZooKeeper's own times.
    Tick,
    ServerElection,
    ServerSync,
    ClientPing,
    ClientReadTimeout,
    ClientReconnect,
    ClientLost,
    ClientRetries,
    // Flink's control plane.
    AskTimeout,
    HeartbeatTimeout,
    HeartbeatInterval,
    LeaderServices,
    JobSubmission,
    JobRecovery,
    JobMasterStartup,
    Registration,
    RegistrationTimeout,
    RequirementsSent,
    RequirementsChecked,
    ResourceManagerStartup,
    JobTimeout,
    SlotIdle,
    SlotRequestTimeout,
    SlotAllocation,
    SlotTimeout,
    RestartDelay,
    Scheduling,
    SubmissionResources,
    SubmissionStabilization,
    RescaleCooldown,
    RescaleDelay,
    SchedulerState,
    // Checkpoints.
    CheckpointInterval,
    CheckpointTimeout,
    CheckpointFinalization,
    CheckpointSync,
    AlignmentTimeout,
    // Tasks.
    TaskDeployment,
    TaskInitialization,
    TaskEnd,
    CancellationTimeout,
    ExitLimit,
    StateRead,
    StorageRead,
    StorageWrite,
    Cpu,
    // Data.
    Records,
    BufferTimeout,
    SourceHeld,
    Kafka,
    Append,
    Database,
    Linger,
    Delivery,
    TransactionTimeout,
    PartitionBackoff,
    PartitionTimeout,
    // The story's leader.
    Delay,
    Settle,
    Register,
    MetricReport,
    PartitionDiscovery,
    Watermark,
}

impl Wait {
    pub fn of_message(message: &Envelope, to: ActorId) -> Wait {
        match &message.body {
            Body::Fault(FaultAction::Boot { .. }) => Wait::ProcessStartup,
            Body::Fault(FaultAction::CloseSockets { .. }) => Wait::SocketTeardown,
            Body::Start
            | Body::Fault(_)
            | Body::Shutdown
            | Body::Throw { .. }
            | Body::StickCancel { .. }
            | Body::Client(_)
            | Body::ExpireSessionsOf { .. } => Wait::Fault,
            Body::ConnectionReset { .. } | Body::ConnectionRefused { .. } => Wait::Connection,
            Body::Undeliverable(_) => Wait::Connection,
            Body::Zk(_) => Wait::ZooKeeper,
            Body::MainThreadFree { .. } => Wait::MainThread,
            Body::PartitionRequest(_)
            | Body::Data { .. }
            | Body::Events(_)
            | Body::Credit { .. }
            | Body::PartitionClosed { .. }
            | Body::PartitionNotFound { .. } => Wait::Records,
            Body::PartitionRequestExpired { .. } => Wait::PartitionTimeout,
            Body::RequestPartitionAgain { .. } => Wait::PartitionBackoff,
            Body::WorkDone { .. } => Wait::Cpu,
            Body::TaskProgress { step, .. } => match step {
                TaskStep::Deployed => Wait::TaskDeployment,
                TaskStep::Initialized => Wait::TaskInitialization,
                TaskStep::Ended => Wait::TaskEnd,
                TaskStep::Restored => Wait::StateRead,
                TaskStep::SnapshotTaken => Wait::CheckpointSync,
                TaskStep::WriterFlush => Wait::Linger,
                TaskStep::WriterPatience => Wait::Delivery,
            },
            Body::Fetch { .. }
            | Body::FetchDue(_)
            | Body::Fetched { .. }
            | Body::FetchedInTime(_)
            | Body::OffsetOutOfRange(_)
            | Body::Kafka(_)
            | Body::KafkaDone(_) => Wait::Kafka,
            Body::Broker { .. }
            | Body::KafkaRefused(_)
            | Body::KafkaRetryDue(_)
            | Body::KafkaRetry(_)
            | Body::KafkaRequestTimeout { .. } => Wait::Kafka,
            Body::Topic(_) | Body::DropCheckpoint { .. } => Wait::Fault,
            Body::ListPartitions { .. } | Body::Partitions { .. } => Wait::Kafka,
            Body::AbortExpired => Wait::TransactionTimeout,
            Body::AppendDue => Wait::Append,
            Body::Read { .. }
            | Body::ReadDone { .. }
            | Body::ReadFailed { .. }
            | Body::StorageDue => Wait::StorageRead,
            Body::Write { .. } | Body::WriteFailed { .. } | Body::Delete { .. } => {
                Wait::StorageWrite
            }
            // What a task tells itself comes when its own throughput allows.
            Body::Written { .. } if message.from == to => Wait::CheckpointSync,
            Body::Written { .. } => Wait::StorageWrite,
            Body::Database(_) | Body::DatabaseDone { .. } => Wait::Database,
            Body::Notify { .. } | Body::NotifyReceived { .. } => Wait::Notification,
            Body::Rpc(_)
            | Body::RpcAnswer(_)
            | Body::RegisterTaskManager(_)
            | Body::UpdateTaskExecutionState { .. }
            | Body::AcknowledgeCheckpoint { .. }
            | Body::DeclineCheckpoint { .. }
            | Body::MetricReport(_)
            | Body::TaskManagerRegistered { .. }
            | Body::SubmitTask { .. }
            | Body::CancelTask { .. }
            | Body::UpdatePartition { .. }
            | Body::TriggerCheckpoint { .. }
            | Body::AddSplits { .. }
            | Body::NotifyCheckpointComplete { .. }
            | Body::NotifyCheckpointAborted { .. } => Wait::Rpc,
        }
    }

    pub fn of_timer(timer: Timer) -> Wait {
        match timer {
            Timer::Zk(timer) => match timer {
                ZkTimer::Tick => Wait::Tick,
                ZkTimer::FollowerPing | ZkTimer::Sync => Wait::ServerSync,
                ZkTimer::Election => Wait::ServerElection,
                ZkTimer::Ping => Wait::ClientPing,
                ZkTimer::ReadTimeout => Wait::ClientReadTimeout,
                ZkTimer::Reconnect => Wait::ClientReconnect,
                ZkTimer::Lost => Wait::ClientLost,
                ZkTimer::GiveUp => Wait::ClientRetries,
            },
            Timer::Ask { .. } => Wait::AskTimeout,
            Timer::HeartbeatTimeout { .. } => Wait::HeartbeatTimeout,
            Timer::HeartbeatRound { .. } => Wait::HeartbeatInterval,
            Timer::JobManager(timer) => match timer {
                JobManagerTimer::ServicesStarted => Wait::LeaderServices,
                JobManagerTimer::JobSubmitted { .. } => Wait::JobSubmission,
                JobManagerTimer::JobRecovered { .. } => Wait::JobRecovery,
                JobManagerTimer::Closing => Wait::ClientRetries,
            },
            Timer::ResourceManager(timer) => match timer {
                ResourceManagerTimer::CheckRequirements => Wait::RequirementsChecked,
                ResourceManagerTimer::StartUpOver => Wait::ResourceManagerStartup,
                ResourceManagerTimer::JobTimeout { .. } => Wait::JobTimeout,
            },
            Timer::JobMaster { timer, .. } => match timer {
                JobMasterTimer::Created => Wait::JobMasterStartup,
                JobMasterTimer::RegisterAtResourceManager => Wait::Registration,
                JobMasterTimer::DeclareRequirements => Wait::RequirementsSent,
                JobMasterTimer::IdleSlots => Wait::SlotIdle,
                JobMasterTimer::RequestTimeout => Wait::SlotRequestTimeout,
                JobMasterTimer::RestartDelay { .. } => Wait::RestartDelay,
                JobMasterTimer::Deploy { .. } => Wait::Scheduling,
                JobMasterTimer::CheckpointTrigger => Wait::CheckpointInterval,
                JobMasterTimer::CheckpointExpiry { .. } => Wait::CheckpointTimeout,
                JobMasterTimer::CheckpointFinalized { .. } => Wait::CheckpointFinalization,
                JobMasterTimer::PartitionDiscovery { .. } => Wait::PartitionDiscovery,
                JobMasterTimer::Adaptive { what, .. } => match what {
                    AdaptiveTimer::Entered => Wait::SchedulerState,
                    AdaptiveTimer::ResourceTimeout => Wait::SubmissionResources,
                    AdaptiveTimer::Transition { timer, .. } => match timer {
                        TransitionTimer::CooldownOver => Wait::RescaleCooldown,
                        TransitionTimer::Stabilized => Wait::SubmissionStabilization,
                        TransitionTimer::MaxTriggerDelay => Wait::RescaleDelay,
                    },
                    AdaptiveTimer::GraphCreated => Wait::Scheduling,
                    AdaptiveTimer::BackoffOver => Wait::RestartDelay,
                },
            },
            Timer::TaskExecutor(timer) => match timer {
                TaskExecutorTimer::RegistrationTimeout => Wait::RegistrationTimeout,
                TaskExecutorTimer::RegisterAtResourceManager
                | TaskExecutorTimer::RegisterAtJobMaster { .. } => Wait::Registration,
                TaskExecutorTimer::OfferSlots { .. } => Wait::SlotAllocation,
                TaskExecutorTimer::SlotTimeout { .. } => Wait::SlotTimeout,
                TaskExecutorTimer::CancellationTimeout { .. } => Wait::CancellationTimeout,
                TaskExecutorTimer::ExitLimit => Wait::ExitLimit,
            },
            Timer::Flush { .. } => Wait::BufferTimeout,
            Timer::SourceHeld { .. } => Wait::SourceHeld,
            Timer::AlignmentTimeout { .. } => Wait::AlignmentTimeout,
            Timer::MetricReport => Wait::MetricReport,
            Timer::Register => Wait::Register,
            Timer::CheckpointTrigger { .. } => Wait::CheckpointInterval,
            Timer::CheckpointTimeout { .. } => Wait::CheckpointTimeout,
            Timer::RestartDelay { .. } => Wait::Delay,
            Timer::Retry { .. } => Wait::Settle,
            Timer::Notify => Wait::Notification,
            Timer::Watermark { .. } => Wait::Watermark,
            Timer::PartitionDiscovery { .. } => Wait::PartitionDiscovery,
        }
    }
}
