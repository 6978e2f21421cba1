//! The names of messages and timers, as the trace has them.

use crate::actor::flink::rpc::call::Call;
use crate::actor::message::{Body, Timer};
use crate::actor::zookeeper::protocol::ZkMessage;

/// The name of each variant: its own.
macro_rules! names {
    ($value:expr, $($type:ident::{$($variant:ident),* $(,)?}),*) => {
        match $value {
            $($($type::$variant { .. } => stringify!($variant),)*)*
        }
    };
}

pub fn of_body(body: &Body) -> &'static str {
    match body {
        Body::Zk(message) => of_zookeeper(message),
        Body::Rpc(rpc) => of_call(&rpc.call),
        Body::Undeliverable(body) => match **body {
            Body::Rpc(_) => "RpcUndeliverable",
            _ => "Undeliverable",
        },
        body => names!(
            body,
            Body::{
                Start, ConnectionReset, ConnectionRefused, Undeliverable, Fault, Shutdown, ExpireSessionsOf, Throw,
                StickCancel, Client, Zk, Rpc, RpcAnswer, MainThreadFree, PartitionRequest, Data, Credit,
                PartitionClosed, PartitionRequestExpired, PartitionNotFound, RequestPartitionAgain, WorkDone,
                TaskProgress, Fetch, FetchDue, AppendDue, Fetched, Write, Written, WriteFailed, Read, ReadDone, Delete, Database,
                DatabaseDone, RegisterTaskManager, UpdateTaskExecutionState, AcknowledgeCheckpoint, DeclineCheckpoint,
                MetricReport, TaskManagerRegistered, SubmitTask, CancelTask, UpdatePartition, TriggerCheckpoint,
                NotifyCheckpointComplete, NotifyCheckpointAborted, Notify, NotifyReceived, AbortExpired, Broker, KafkaRetry,
                KafkaRequestTimeout, Kafka, KafkaDone,
                OffsetOutOfRange, DropCheckpoint, FetchedInTime, Topic, ListPartitions, Partitions, AddSplits, StorageDue, KafkaRefused,
                KafkaRetryDue, Events, ReadFailed,
            }
        ),
    }
}

fn of_zookeeper(message: &ZkMessage) -> &'static str {
    names!(
        message,
        ZkMessage::{
            CloseSession, Connect, Ping, Request, Connected, Expired, Pong, Reply, WatchFired, NotServing, Forward,
            Propose, AckProposal, Commit, FollowerPing, Touched, Vote, LeaderInfo, AckEpoch, NewLeader, AckNewLeader, UpToDate, Revived, Moved,
        }
    )
}

fn of_call(call: &Call) -> &'static str {
    names!(
        call,
        Call::{
            RegisterTaskExecutor, SendSlotReport, NotifySlotAvailable, HeartbeatFromTaskExecutor,
            GoodbyeFromTaskExecutor, RegisterJobMaster, DeclareRequiredResources, HeartbeatFromJobMaster,
            GoodbyeFromJobMaster, HeartbeatFromResourceManager, RequestSlot, GoodbyeFromResourceManager,
            RequestHeartbeatFromJobMaster, DisconnectTaskManager, NotifyNotEnoughResources, DisconnectResourceManager,
            RegisterTaskManager, OfferSlots, FailSlot, UpdateTaskExecutionState, AcknowledgeCheckpoint,
            DeclineCheckpoint, HeartbeatFromTaskManager, GoodbyeFromTaskManager, RequestPartitionState,
            HeartbeatFromJobManager, SubmitTask, CancelTask, TriggerCheckpoint, NotifyCheckpointComplete,
            NotifyCheckpointAborted, FreeSlot, GoodbyeFromJobManager, AddSplits,
        }
    )
}

pub fn of_timer(timer: Timer) -> &'static str {
    names!(
        timer,
        Timer::{
            Zk, Ask, HeartbeatTimeout, HeartbeatRound, JobManager, ResourceManager, JobMaster, TaskExecutor, Flush,
            SourceHeld, AlignmentTimeout, MetricReport, Register, CheckpointTrigger, CheckpointTimeout, RestartDelay, Retry, Notify,
            Watermark, PartitionDiscovery,
        }
    )
}
