//! What a run leaves behind: everything that reports draw from. All of it is simulated; none of it is wall-clock.

use serde::Serialize;

use super::explain::Explanation;

mod cast;
mod event_time;
mod recovery;
mod series;
mod spared;
mod works;

pub use cast::{Film, Machine, NodeState, PartitionLag};
pub use event_time::EventTimeSummary;
pub use recovery::{PlacementEntry, Recovery, RestartAttempt, Step};
pub use series::{LagPoint, LatencyPoint, MetricPoint, WatermarkLagPoint};
pub use spared::{Notable, Spared, Unprovoked};
pub use works::{CheckpointEntry, JobGraph, Rescale, Vertex, VertexInput, VertexIo};

/// The whole outcome of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub summary: Summary,
    pub timeline: Vec<TimelineEntry>,
    /// Who ran where, from when to when; in order of start, then task.
    pub tasks: Vec<TaskSpan>,
    /// Periodic measurements, in order of time; empty unless causes were remembered: only reports show them.
    pub metrics: Vec<MetricPoint>,
    /// End-to-end latency of records at the sink's writer, by the second in which they were handled.
    pub latency: Vec<LatencyPoint>,
    /// Consumer lag (records appended and not yet taken by a source), by time and partition.
    pub lag: Vec<LagPoint>,
    /// How far event time is behind at the sinks, of the job that is furthest behind; empty where no job has event time.
    pub watermark_lag: Vec<WatermarkLagPoint>,
    /// Phases as intervals of time, for shading; in order.
    pub phases: Vec<PhaseSpan>,
    /// Faults as intervals of time, for shading.
    pub faults: Vec<FaultSpan>,
    /// TaskManagers in the scenario's order, for lanes.
    pub taskmanagers: Vec<String>,
    /// Why each recovery took so long; empty unless causes were remembered.
    pub explanations: Vec<Explanation>,
    /// What a moving picture of the cluster shows.
    pub film: Film,
    /// The jobs as they are at the end.
    pub graphs: Vec<JobGraph>,
    /// Checkpoints in the order of their triggers; empty unless causes were remembered.
    pub checkpoints: Vec<CheckpointEntry>,
}

/// `summary.json`. Times are milliseconds since the start of the simulation, phases are durations.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub scenario: String,
    pub about: String,
    pub model: String,
    pub seed: u64,
    /// xxh3-128 over every traced event, in hexadecimal.
    pub digest: String,
    pub events: u64,
    pub simulated_ms: f64,
    pub weight: u32,
    /// How the run ended: `completed`, `interrupted`, `stalled`.
    pub ended: String,
    /// The stall guard's message, naming the actors in the loop.
    pub stall: Option<String>,
    pub recoveries: Vec<Recovery>,
    /// What had not recovered by the end: what happened last, and why; a line for each recovery or job.
    pub not_recovered: Vec<String>,
    /// What surprises: two leaders at once, writers that are refused, checkpoints that do not complete, ...
    pub notable: Vec<Notable>,
    /// Faults that hit a TaskManager without a task of the job: they have no recovery, and so no phases.
    pub spared: Vec<Spared>,
    /// Faults whose condition never came about, as a scenario file has them.
    pub waiting: Vec<String>,
    /// Restarts of jobs on which no fault is at work.
    pub unprovoked: Vec<Unprovoked>,
    pub delivery: Delivery,
    /// What the faults did to records: which share was delayed, by how much.
    pub interruption: Option<Interruption>,
    pub checkpoints: Checkpoints,
    pub rebalances: Vec<Rebalance>,
    pub notifications: Notifications,
    pub invariants: Vec<InvariantVerdict>,
    pub expectations: Vec<ExpectationVerdict>,
    /// Of the first job.
    pub job_status: String,
    pub jobs: Vec<JobSummary>,
    /// End-to-end latency at the sink's writer over the whole run.
    pub latency_ms: Quantiles,
    /// From a record's arrival in the topic until a reader of the sink can see it.
    pub visibility_latency_ms: Quantiles,
    /// The most that in-flight logs of all tasks held together, as they were measured.
    pub in_flight_log_max_bytes: u64,
    /// Of each job that has event time.
    pub event_time: Vec<EventTimeSummary>,
}

impl Summary {
    /// Share of the simulated time in which a checkpoint was under way, by the median duration of the completed ones.
    pub fn checkpoint_overhead(&self) -> Option<f64> {
        let median = self.checkpoints.duration_ms.p50?;
        Some(median * self.checkpoints.completed as f64 / self.simulated_ms)
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct JobSummary {
    pub name: String,
    pub status: String,
    pub history: Vec<StatusChange>,
    pub rescales: Vec<Rescale>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StatusChange {
    pub at_ms: f64,
    pub status: String,
    pub reason: String,
}

/// Durations in milliseconds; they add up to `total_ms`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Phases {
    pub detection: f64,
    pub leadership: f64,
    pub cancellation: f64,
    pub backoff: f64,
    pub resources: f64,
    pub deployment: f64,
    pub restore: f64,
    pub first_output: f64,
    pub catch_up: f64,
}

/// A phase's name and how to read it.
pub type PhaseOf = (&'static str, fn(&Phases) -> f64);

impl Phases {
    /// In the order in which a recovery passes through them.
    pub const ALL: [PhaseOf; 9] = [
        ("detection", |phases| phases.detection),
        ("leadership", |phases| phases.leadership),
        ("cancellation", |phases| phases.cancellation),
        ("backoff", |phases| phases.backoff),
        ("resources", |phases| phases.resources),
        ("deployment", |phases| phases.deployment),
        ("restore", |phases| phases.restore),
        ("first_output", |phases| phases.first_output),
        ("catch_up", |phases| phases.catch_up),
    ];
}

#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    pub guarantee: String,
    /// Records appended to the topics.
    pub produced: u64,
    /// Distinct records that a reader of the sink can see.
    pub visible: u64,
    /// Records below the offsets of a committed checkpoint that no reader sees.
    pub lost: u64,
    /// Records that a reader sees more than once, counted per extra copy.
    pub duplicated: u64,
    /// Produced and neither visible nor lost: still on their way at the end.
    pub pending: u64,
    /// Which ones, by partition: at most a few ranges each.
    pub lost_records: Vec<RecordRanges>,
    pub duplicated_records: Vec<RecordRanges>,
    pub sinks: Vec<SinkDelivery>,
}

/// What the readers of one sink operator got.
#[derive(Clone, Debug, Serialize)]
pub struct SinkDelivery {
    pub sink: String,
    /// `database`, `upsert`, `append` or `kafka`
    pub kind: String,
    pub guarantee: String,
    /// Distinct records, also those that an open transaction still keeps from readers.
    pub written: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Of an upsert: records written again over themselves.
    pub overwritten: u64,
    /// Of Kafka: committed, but behind an open transaction, where readers of committed records do not get.
    pub withheld: u64,
    /// Transactions whose commit came too late: Flink's `numCommittablesFailure`.
    pub failed_commits: u64,
    /// Of Kafka: what a reader without `isolation.level=read_committed` gets.
    pub read_uncommitted: Option<ReadUncommitted>,
    pub losses: Vec<LossEntry>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReadUncommitted {
    pub records: u64,
    pub duplicated: u64,
}

/// Records that no reader will see.
#[derive(Clone, Debug, Serialize)]
pub struct LossEntry {
    /// The first moment from which nothing could bring them back, and the event of it.
    pub at_ms: f64,
    pub event: u64,
    pub cause: String,
    /// The guarantee does not cover it.
    pub excused: bool,
    pub records: Vec<RecordRanges>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RecordRanges {
    pub topic: String,
    pub partition: u32,
    /// Inclusive ranges of offsets, as `[first, last]`.
    pub offsets: Vec<[u64; 2]>,
    /// Records in all, also those beyond the ranges listed.
    pub records: u64,
}

/// A record is delayed when it reaches the sink's writer later than the p99 before the first fault plus 100 ms.
#[derive(Clone, Debug, Serialize)]
pub struct Interruption {
    /// The latency above which a record counts as delayed.
    pub threshold_ms: f64,
    /// Records that arrived from the first fault on and were handled.
    pub records: u64,
    pub all: DelayedShare,
    /// Records whose path led through a failed task.
    pub through_failed_tasks: DelayedShare,
    pub others: DelayedShare,
}

#[derive(Clone, Debug, Serialize)]
pub struct DelayedShare {
    pub records: u64,
    pub delayed: u64,
    /// Share delayed of `records`; null where there are none.
    pub share: Option<f64>,
    /// Of the delayed records: their latency.
    pub delay_ms: Quantiles,
}

/// Null where nothing was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Checkpoints {
    pub triggered: u64,
    pub completed: u64,
    pub failed: u64,
    pub latest_completed: Option<u64>,
    /// What a restore from the latest one reads.
    pub state_bytes: Option<u64>,
    /// What all of them wrote to storage.
    pub written_bytes: u64,
    pub duration_ms: Quantiles,
}

/// A running task moved because of load.
#[derive(Clone, Debug, Serialize)]
pub struct Rebalance {
    pub at_ms: f64,
    pub task: String,
    pub from: String,
    pub to: String,
    pub reason: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Notifications {
    pub sent: u64,
    /// However often each came.
    pub delivered: u64,
    pub retried: u64,
    /// Those that came and had come before.
    pub repeated: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct InvariantVerdict {
    pub id: String,
    /// `safety` or `liveness`
    pub kind: String,
    /// The statement, in one sentence.
    pub statement: String,
    /// How often it was checked.
    pub checked: u64,
    pub violations: Vec<Violation>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    pub at_ms: f64,
    /// The number of the event in the trace.
    pub event: u64,
    pub what: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ExpectationVerdict {
    pub text: String,
    pub met: bool,
    /// The measured value(s), as text with units.
    pub measured: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct TimelineEntry {
    pub at_ms: f64,
    /// The number of the event in the trace.
    pub event: u64,
    /// Who says so: `jm-1`, `zk-1`, `tm-3`, `faults`.
    pub actor: String,
    /// `fault`, `detection`, `reassignment`, `retrieval`, `redistribution`, `resumption`, `monitoring`, `reporting`,
    /// `checkpoint`, `leadership`, `membership`, `job-status`
    pub kind: String,
    pub text: String,
    /// Index into `summary.recoveries` where it belongs to one.
    pub recovery: Option<usize>,
    /// What led to it, latest first; empty unless causes were remembered.
    #[serde(skip)]
    pub causes: Vec<Reason>,
}

/// An event that led to another.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    pub event: u64,
    pub at_ms: f64,
    pub actor: String,
    /// Who sent it, or whom it is about.
    pub from: String,
    /// The message's or the timer's name.
    pub what: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct TaskSpan {
    pub job: String,
    pub task: String,
    pub operator: String,
    pub subtask: u32,
    /// Space-separated in the file; empty for tasks that read no partition.
    pub partitions: Vec<u32>,
    pub attempt: u32,
    pub taskmanager: String,
    /// Its slot there; null where slots are only counted.
    pub slot: Option<u32>,
    pub from_ms: f64,
    /// When it came to run; null if it never did.
    pub running_ms: Option<f64>,
    /// Null where it still runs at the end.
    pub to_ms: Option<f64>,
    /// `RUNNING`, `CANCELED`, `FAILED`, ...
    pub state: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct PhaseSpan {
    pub recovery: usize,
    /// A field of [`Phases`].
    pub phase: &'static str,
    pub from_ms: f64,
    pub to_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct FaultSpan {
    /// `kill tm-3`
    pub fault: String,
    pub target: String,
    pub at_ms: f64,
    /// When the process was back to normal; null if never.
    pub until_ms: Option<f64>,
}
