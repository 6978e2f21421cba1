//! What the actors are told at the start: machines, distances, Flink's keys.

use std::collections::BTreeMap;

use crate::kernel::time::{Span, SpanRange};
use crate::policy::RebalanceWhen;

#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// In the order in which they join the election.
    pub jobmanagers: Vec<String>,
    pub taskmanagers: Vec<TaskManager>,
    pub zookeeper: ZooKeeper,
    pub storage: Storage,
    pub database: Database,
    pub receiver: Receiver,
    /// One-way latency of a message between two hosts, uniform in this range.
    pub link_latency: SpanRange,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TaskManager {
    pub name: String,
    pub slots: u32,
    /// CPU in thousandths of a core.
    pub cpu_millicores: u32,
    /// Network in bytes per second, each way.
    pub network_bytes_per_s: u64,
    /// False for a spare that only starts when a fault plan starts it.
    pub starts: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ZooKeeper {
    /// zk-1, zk-2, ...; zk-1 leads the ensemble at the start.
    pub servers: u32,
    pub tick_time: Span,
}

/// Checkpoint storage (HDFS, say).
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    pub name: String,
    pub read_bytes_per_s: u64,
    pub write_bytes_per_s: u64,
    /// Before the first byte of a request.
    pub latency: Span,
}

/// The database that the sinks write to.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    pub name: String,
    /// From a commit's arrival until readers see it.
    pub commit_latency: SpanRange,
}

/// Who is told of failure and recovery from outside (a webhook).
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    pub name: String,
    /// From a notification's arrival to the answer.
    pub latency: SpanRange,
    /// Share of notifications that are lost, in thousandths.
    pub loss_per_mille: u32,
}

/// What the environment contributes: distributions, not settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: String,
    /// From `submitTask` at the TaskManager until the task starts to restore.
    pub task_deployment: SpanRange,
    /// Task initialisation beside reading state.
    pub task_initialization: SpanRange,
    /// From the start of a process to its first message.
    pub process_startup: SpanRange,
    /// Building the restart plan in the leader.
    pub planning: SpanRange,
}

/// The Flink keys that this model uses, resolved. Each field names its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `execution.checkpointing.interval`; none: no checkpoints.
    pub checkpoint_interval: Option<Span>,
    /// `execution.checkpointing.timeout`
    pub checkpoint_timeout: Span,
    /// `execution.checkpointing.min-pause`
    pub checkpoint_min_pause: Span,
    /// `execution.checkpointing.tolerable-failed-checkpoints`
    pub tolerable_failed_checkpoints: u32,
    /// `execution.checkpointing.num-retained`
    pub retained_checkpoints: u32,
    /// `execution.buffer-timeout.interval`
    pub buffer_timeout: Span,
    /// `high-availability.zookeeper.client.session-timeout`
    pub session_timeout: Span,
    /// `high-availability.zookeeper.client.connection-timeout`
    pub zk_connection_timeout: Span,
    /// `taskmanager.memory.segment-size`
    pub segment_bytes: u64,
    /// `taskmanager.network.memory.buffers-per-channel`
    pub buffers_per_channel: u32,
    /// `taskmanager.network.memory.floating-buffers-per-gate`
    pub floating_buffers_per_gate: u32,
    /// `pekko.ask.timeout`
    pub ask_timeout: Span,
    /// `restart-strategy.fixed-delay.delay`, used where a region or the job restarts.
    pub restart_delay: Span,
    /// `pipeline.max-parallelism`; none: from the parallelism, by Flink's rule.
    pub max_parallelism: Option<u32>,
    /// Firedrill's own `recovery.in-flight-log.size`: bytes of output that a task keeps for replay.
    pub in_flight_log_bytes: u64,
    /// The whole `config` section of the resolved file: every key above under its name in Flink 2, and the keys
    /// that this model does not use as the user wrote them.
    pub keys: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// How often TaskManagers report.
    pub interval: Span,
    pub rebalance_when: RebalanceWhen,
}
