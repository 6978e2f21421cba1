//! `cluster` and `profile`: what the drill runs on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::either::Either;
use super::named::At;
use super::values::{Bandwidth, Decimal, Delay, DelayRange, Duration, Share};

/// The processes, and what they talk to.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "the cluster", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Cluster")]
pub struct ClusterFile {
    /// In the order in which they join the election. Default: jm-1, jm-2, jm-3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobmanagers: Option<At<Vec<At<Either<JobManagerFile>>>>>,
    pub taskmanagers: At<Vec<TaskManagerFile>>,
    /// Machines that several processes share; a process without a `host` has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<HostFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zookeeper: Option<ZooKeeperFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<ReceiverFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<LinksFile>,
}

/// A machine.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a host", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Host")]
pub struct HostFile {
    pub name: At<String>,
    /// Cores. Default: 2.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<At<Decimal>>,
}

/// A JobManager that lives on a host; else its name is enough.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    rename = "a JobManager",
    rename_all = "kebab-case",
    deny_unknown_fields
)]
#[schemars(rename = "JobManager")]
pub struct JobManagerFile {
    pub name: At<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<At<String>>,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    rename = "a TaskManager",
    rename_all = "kebab-case",
    deny_unknown_fields
)]
#[schemars(rename = "TaskManager")]
pub struct TaskManagerFile {
    pub name: At<String>,
    /// Under `story` slots are only counted, unless `placement.slots: bind`; Flink's are a hard limit, and too few of them are
    /// something to rehearse. Default: `taskmanager.numberOfTaskSlots` of `config`, else 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<At<u32>>,
    /// Cores of a machine of its own. Default: 2.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<At<Decimal>>,
    /// The machine that it shares with others, one of `hosts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<At<String>>,
    /// Each way. Default: 1 Gbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Bandwidth>,
    /// False for a spare that a fault starts. Default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<bool>,
}

/// The ensemble: zk-1, zk-2, ...; zk-1 leads at the start.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "zookeeper", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "ZooKeeper")]
pub struct ZooKeeperFile {
    /// Default: 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<At<u32>>,
    /// ZooKeeper's `tickTime`. Default: 2 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick_time: Option<Duration>,
    /// The machine on which the servers are, one of `hosts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<At<String>>,
}

/// Where checkpoints are kept.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "storage", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Storage")]
pub struct StorageFile {
    /// Default: hdfs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<At<String>>,
    /// Default: 200 MB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Bandwidth>,
    /// Default: 150 MB/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Bandwidth>,
    /// Before the first byte of a request. Default: 5 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Delay>,
}

/// What the sinks write to.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "database", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Database")]
pub struct DatabaseFile {
    /// Default: database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<At<String>>,
    /// From a commit's arrival until readers see it. Default: 5 ms .. 20 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_latency: Option<DelayRange>,
}

/// The brokers that sources read from and Kafka sinks write to.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "kafka", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Kafka")]
pub struct KafkaFile {
    /// How many brokers there are: `broker-1`, `broker-2`, ... Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brokers: Option<At<u32>>,
    /// Brokers that hold each partition, its leader among them. Default: 3, or as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<At<u32>>,
    /// `min.insync.replicas`: a write is refused while fewer are in sync. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_insync_replicas: Option<At<u32>>,
    /// `broker.session.timeout.ms`: a silent broker's partitions get other leaders then. Default: 9 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_session_timeout: Option<Duration>,
    /// From a broker's start until it is registered. Default: 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_start_up: Option<Delay>,
    /// `request.timeout.ms` of sources and sinks. Default: 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<Duration>,
    /// `retry.backoff.ms` of sources and sinks; doubled with each try. Default: 100 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_backoff: Option<At<Duration>>,
    /// `retry.backoff.max.ms`. Default: 1 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_backoff_max: Option<Duration>,
    /// The brokers' `transaction.max.timeout.ms`. Default: 15 min.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_max_timeout: Option<Duration>,
    /// How often brokers look for transactions whose time is over
    /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`). Default: 10 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_interval: Option<At<Duration>>,
    /// From a sink's request until brokers have replicated and answered it. Default: 1 ms .. 5 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<DelayRange>,
}

/// Who is told of failure and recovery.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "receiver", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Receiver")]
pub struct ReceiverFile {
    /// Default: prometheus-webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<At<String>>,
    /// From a notification's arrival to the answer. Default: 20 ms .. 200 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<DelayRange>,
    /// Share of notifications that are lost. Default: 5 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
}

/// The network between hosts.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "links", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Links")]
pub struct LinksFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<LinkFile>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a link", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Link")]
pub struct LinkFile {
    /// One way. Default: 0.3 ms .. 0.8 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<DelayRange>,
}
