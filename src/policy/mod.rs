//! Floor 2: what is decided, apart from who carries it out: one file per decision.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::time::Span;

pub mod adaptive;
pub mod defect;
pub mod exact_power;
pub mod failover;
pub mod hash_order;
pub mod placement;
pub mod rebalancing;
pub mod restart;
pub mod scope;
pub mod slot_allocation;
pub mod slot_selection;
pub mod slot_sharing;

/// How the leader learns that a TaskManager is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a kind of liveness", rename_all = "kebab-case")]
#[schemars(rename = "Liveness")]
pub enum Liveness {
    /// An ephemeral znode per TaskManager, watched by the leader.
    ZkEphemeral,
    /// Flink's own: RPC heartbeats between the endpoints, and broken connections of the data plane.
    RpcHeartbeats,
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
    /// The TaskManager with the fewest tasks.
    Spread,
    /// The TaskManager with the most tasks that still has what the task needs.
    Pack,
    /// The TaskManager with the most of the tasks that the task exchanges records with.
    Locality,
    /// The TaskManager with the most CPU left by what its tasks were seen to use.
    LoadAware,
    /// Any TaskManager.
    Random,
}

impl Placement {
    pub const ALL: &[Placement] = &[
        Placement::LeastLoaded,
        Placement::RoundRobin,
        Placement::Spread,
        Placement::Pack,
        Placement::Locality,
        Placement::LoadAware,
        Placement::Random,
    ];
}

/// `taskmanager.load-balance.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBalance {
    None,
    Slots,
    MinResources,
    Tasks,
}

/// Flink's scheduler (`jobmanager.scheduler`, `scheduler-mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a scheduler", rename_all = "kebab-case")]
#[schemars(rename = "Scheduler")]
pub enum Scheduler {
    /// The parallelism that the job asks for, or nothing.
    Default,
    /// As much of it as there are slots for.
    Adaptive,
    /// All slots that there are, up to the maximum parallelism.
    Reactive,
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

impl RecoveryScope {
    pub fn name(self) -> &'static str {
        match self {
            RecoveryScope::PerTask => "per-task",
            RecoveryScope::PerTaskNaive => "per-task-naive",
            RecoveryScope::Region => "region",
            RecoveryScope::Full => "full",
        }
    }

    /// Whether only the failed tasks restart, the others running on.
    pub fn spares_survivors(self) -> bool {
        matches!(self, RecoveryScope::PerTask | RecoveryScope::PerTaskNaive)
    }
}
