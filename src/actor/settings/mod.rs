//! What the actors are told at the start: machines, distances, Flink's keys.

mod config;
mod profile;

use crate::kernel::time::{Span, SpanRange};
use crate::policy::RebalanceWhen;

pub use config::*;
pub use profile::*;

#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// In the order in which they join the election.
    pub jobmanagers: Vec<String>,
    pub taskmanagers: Vec<TaskManager>,
    pub zookeeper: ZooKeeper,
    pub storage: Storage,
    pub kafka: KafkaCluster,
    pub database: Database,
    pub receiver: Receiver,
    /// Machines that several processes share. A TaskManager that lives on none of them has one of its own.
    pub hosts: Vec<Host>,
    /// One-way latency of a message between two hosts, uniform in this range.
    pub link_latency: SpanRange,
}

impl Cluster {
    /// Slots of the TaskManagers that are there from the start.
    pub fn slots_at_start(&self) -> u64 {
        let there = self.taskmanagers.iter().filter(|tm| tm.starts);
        there.map(|tm| u64::from(tm.slots)).sum()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    pub name: String,
    /// CPU in thousandths of a core.
    pub cpu_millicores: u32,
    /// Names of the processes that live there.
    pub processes: Vec<String>,
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

/// The Kafka cluster, as far as it is not a topic's own.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaCluster {
    pub brokers: u32,
    /// Brokers that hold each partition (`replication.factor`).
    pub replication_factor: u32,
    /// `min.insync.replicas`
    pub min_insync_replicas: u32,
    /// After so long without a heartbeat the controller gives a broker up (`broker.session.timeout.ms`).
    pub session_timeout: Span,
    /// From a broker's start until it is registered.
    pub start_up: Span,
    /// Clients wait so long for an answer (`request.timeout.ms`).
    pub request_timeout: Span,
    /// `retry.backoff.ms`
    pub retry_backoff: Span,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max: Span,
    /// The longest timeout that a transaction may ask for (`transaction.max.timeout.ms`).
    pub transaction_timeout_max: Span,
    /// How often expired transactions are looked for (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
    pub abort_interval: Span,
    /// From a request's arrival at a broker until it is replicated and answered.
    pub replication_latency: SpanRange,
}

impl Default for KafkaCluster {
    fn default() -> KafkaCluster {
        KafkaCluster {
            brokers: 1,
            replication_factor: 3,
            min_insync_replicas: 1,
            session_timeout: Span::from_secs(9),
            start_up: Span::from_secs(5),
            request_timeout: Span::from_secs(30),
            retry_backoff: Span::from_ms(100),
            retry_backoff_max: Span::from_secs(1),
            transaction_timeout_max: Span::from_secs(15 * 60),
            abort_interval: Span::from_secs(10),
            replication_latency: SpanRange {
                min: Span::from_ms(1),
                max: Span::from_ms(5),
            },
        }
    }
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

#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// How often TaskManagers report.
    pub interval: Span,
    pub rebalance_when: RebalanceWhen,
    /// A record is late when it takes longer than this to the sink's writer.
    pub late: Span,
}
