//! What timers say to those who set them.

use serde::Serialize;

use crate::dataflow::topology::{JobId, OperatorId};

use super::flink::job_manager::JobManagerTimer;
use super::flink::job_master::JobMasterTimer;
use super::flink::resource_manager::ResourceManagerTimer;
use super::flink::rpc::heartbeat::Peer;
use super::flink::rpc::{AskId, Endpoint};
use super::task_manager::executor::TaskExecutorTimer;
use super::zookeeper::protocol::ZkTimer;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Timer {
    Zk(ZkTimer),
    /// An answer is overdue.
    Ask {
        owner: Endpoint,
        ask: AskId,
    },
    /// A peer has been silent for `heartbeat.timeout`.
    HeartbeatTimeout {
        owner: Endpoint,
        peer: Peer,
    },
    /// Time for the owner's next round of heartbeat requests.
    HeartbeatRound {
        owner: Endpoint,
    },
    /// Of the JobManager process and its leader services.
    JobManager(JobManagerTimer),
    ResourceManager(ResourceManagerTimer),
    JobMaster {
        job: JobId,
        timer: JobMasterTimer,
    },
    TaskExecutor(TaskExecutorTimer),
    /// `OutputFlusher`
    Flush {
        task: u32,
    },
    /// A source's rate limiter lets records through again.
    SourceHeld {
        task: u32,
    },
    /// `aligned-checkpoint-timeout` is over.
    AlignmentTimeout {
        task: u32,
    },
    /// Which TaskManager or JobManager duty is due.
    MetricReport,
    Register,
    CheckpointTrigger {
        job: JobId,
    },
    CheckpointTimeout {
        job: JobId,
    },
    RestartDelay {
        job: JobId,
    },
    Retry {
        job: JobId,
    },
    Notify,
    /// `pipeline.auto-watermark-interval`
    Watermark {
        task: u32,
    },
    /// `partition.discovery.interval.ms`, or the patience with an answer, of a source of the story.
    PartitionDiscovery {
        job: JobId,
        operator: OperatorId,
    },
}
