//! The resolved scenario: every default filled in, every name checked, units turned into integers.
//!
//! Nothing below this room knows of files or defaults; nothing above it sees a scenario that is not whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::time::{Span, Time};

/// A whole drill, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub about: String,
    pub model: Model,
    pub seed: u64,
    /// Simulated length of the run.
    pub duration: Span,
    /// Real records that one simulated record stands for.
    pub weight: u32,
    pub switches: Switches,
    pub cluster: Cluster,
    pub profile: Profile,
    pub config: Config,
    pub topics: Vec<Topic>,
    pub jobs: Vec<Job>,
    pub monitor: Monitor,
    pub faults: Vec<Fault>,
    pub expect: Vec<super::expect::Expectation>,
}

/// A named bundle of defaults for the switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a model", rename_all = "kebab-case")]
#[schemars(rename = "Model")]
pub enum Model {
    /// ZooKeeper liveness, per-task reassignment, in-flight logs and deduplication.
    Story,
}

/// What a model decides; each may be set by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    pub liveness: Liveness,
    pub scope: RecoveryScope,
    pub placement: Placement,
    pub slots: Slots,
    pub rebalancing: Rebalancing,
}

/// How the leader learns that a TaskManager is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a kind of liveness", rename_all = "kebab-case")]
#[schemars(rename = "Liveness")]
pub enum Liveness {
    /// An ephemeral znode per TaskManager, watched by the leader.
    ZkEphemeral,
}

/// What restarts when a task fails (`recovery.scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a recovery scope", rename_all = "kebab-case")]
#[schemars(rename = "RecoveryScope")]
pub enum RecoveryScope {
    /// The failed tasks alone, with replay from in-flight logs and deduplication downstream.
    PerTask,
    /// The failed tasks alone, without either: what the story would be if taken literally.
    PerTaskNaive,
    /// The pipelined region of each failed task.
    Region,
    /// The whole job.
    Full,
}

/// Which TaskManager a task goes to (`placement.policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a placement policy", rename_all = "kebab-case")]
#[schemars(rename = "PlacementPolicy")]
pub enum Placement {
    /// The TaskManager with the most CPU and network left for what the task needs.
    LeastLoaded,
    /// TaskManagers in turn.
    RoundRobin,
}

/// Whether `taskmanager.numberOfTaskSlots` limits how many tasks a TaskManager may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a rule for slots", rename_all = "kebab-case")]
#[schemars(rename = "Slots")]
pub enum Slots {
    /// One task per slot at the most.
    Bind,
    /// Slots are only counted; resources decide.
    Ignore,
}

/// Whether the leader moves running tasks because of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a rebalancing policy", rename_all = "kebab-case")]
#[schemars(rename = "Rebalancing")]
pub enum Rebalancing {
    Off,
    OnPressure,
}

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
    pub link_latency: Range,
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
    pub commit_latency: Range,
}

/// Who is told of failure and recovery from outside (a webhook).
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    pub name: String,
    /// From a notification's arrival to the answer.
    pub latency: Range,
    /// Share of notifications that are lost, in thousandths.
    pub loss_per_mille: u32,
}

/// What the environment contributes: distributions, not settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: String,
    /// From `submitTask` at the TaskManager until the task starts to restore.
    pub task_deployment: Range,
    /// Task initialisation beside reading state.
    pub task_initialization: Range,
    /// From the start of a process to its first message.
    pub process_startup: Range,
    /// Building the restart plan in the leader.
    pub planning: Range,
}

/// Uniform in `[min, max]`; `min == max` is a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub min: Span,
    pub max: Span,
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
pub struct Topic {
    pub name: String,
    pub partitions: u32,
    /// Records per second and partition, before `weight`.
    pub rate_per_s: f64,
    pub arrivals: Arrivals,
    pub record_bytes: u32,
    /// Distinct keys of a record.
    pub keys: u32,
    /// How long a producer collects records before it appends them (`linger.ms`).
    pub linger: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a kind of arrivals", rename_all = "kebab-case")]
#[schemars(rename = "Arrivals")]
pub enum Arrivals {
    Constant,
    Poisson,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub name: String,
    /// In topological order: inputs name earlier operators by index.
    pub operators: Vec<Operator>,
    /// Tasks pinned at the start: (operator index, subtask) to TaskManager index.
    pub pins: BTreeMap<(usize, u32), usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    pub name: String,
    pub parallelism: u32,
    /// CPU per record, in nanoseconds on one whole core.
    pub cpu_per_record: Span,
    pub kind: OperatorKind,
    /// State of the operator in all, once every key has been seen, in bytes; zero: stateless.
    pub state_bytes: u64,
    /// Which key of the record a hash exchange into this operator uses; equal names, equal keys.
    pub key: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum OperatorKind {
    Source {
        topic: usize,
    },
    Transform {
        inputs: Vec<Input>,
    },
    Sink {
        inputs: Vec<Input>,
        guarantee: Guarantee,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Index of the producing operator in the same job.
    pub operator: usize,
    pub exchange: Exchange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "an exchange", rename_all = "kebab-case")]
#[schemars(rename = "Exchange")]
pub enum Exchange {
    /// Subtask to subtask; pointwise groups where the parallelism differs.
    Forward,
    /// Round-robin by record.
    Rebalance,
    /// By key group.
    Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a guarantee", rename_all = "kebab-case")]
#[schemars(rename = "Guarantee")]
pub enum Guarantee {
    /// Transactions that commit when their checkpoint has completed.
    ExactlyOnce,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// How often TaskManagers report.
    pub interval: Span,
    pub rebalance_when: RebalanceWhen,
}

/// When the `on-pressure` policy acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebalanceWhen {
    /// Latency into a task above which it counts as late.
    pub latency: Span,
    /// Share of time, in thousandths, that its producers are back-pressured above which it counts as late.
    pub back_pressure_per_mille: u32,
    /// How long that must last.
    pub lasting: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    pub target: Target,
    pub at: When,
    /// For faults that end by themselves.
    pub lasts: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// SIGKILL; with `lasts` the process starts again that long after.
    Kill,
    /// Starts a process that is not running: a dead one again, or a spare.
    Start,
    /// SIGSTOP for `lasts`.
    Hang,
    /// No packet in or out for `lasts`.
    CutOff,
    /// CPU divided by this factor, in thousandths, for `lasts` (or to the end).
    Slow { factor_per_mille: u32 },
}

/// A process, by its place in the scenario's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    JobManager(usize),
    TaskManager(usize),
    ZooKeeper(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    At(Time),
    /// Drawn per seed, uniform.
    Between(Time, Time),
}

impl Model {
    pub const ALL: &[Model] = &[Model::Story];

    /// As the file and the reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Model::Story => "story",
        }
    }
}

impl RecoveryScope {
    /// As the file and the reports have it.
    pub fn name(self) -> &'static str {
        match self {
            RecoveryScope::PerTask => "per-task",
            RecoveryScope::PerTaskNaive => "per-task-naive",
            RecoveryScope::Region => "region",
            RecoveryScope::Full => "full",
        }
    }
}

impl Scenario {
    /// The name of a process, as the scenario gives it (`zk-1`, `zk-2`, ... for ZooKeeper's servers).
    pub fn target_name(&self, target: Target) -> String {
        match target {
            Target::JobManager(i) => self.cluster.jobmanagers[i].clone(),
            Target::TaskManager(i) => self.cluster.taskmanagers[i].name.clone(),
            Target::ZooKeeper(i) => format!("zk-{}", i + 1),
        }
    }
}
