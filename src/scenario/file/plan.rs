//! `monitor` and `faults`: what is watched, and what goes wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named::At;
use super::values::{Decimal, Duration, Share};

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "monitor", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Monitor")]
pub struct MonitorFile {
    /// How often TaskManagers report. Default: 1 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebalance_when: Option<RebalanceWhenFile>,
}

/// When `rebalancing: on-pressure` acts.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(
    rename = "rebalance-when",
    rename_all = "kebab-case",
    deny_unknown_fields
)]
#[schemars(rename = "RebalanceWhen")]
pub struct RebalanceWhenFile {
    /// Into a task. Default: 2 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Duration>,
    /// Share of time that a task's producers are held back. Default: 50 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_pressure: Option<Share>,
    /// How long that must last. Default: 10 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#for: Option<Duration>,
}

/// One fault: one of kill, start, restart, replace, hang, cut-off and slow, with a process's name, and when.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a fault", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub struct FaultFile {
    /// SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill: Option<At<String>>,
    /// Starts a process that is not running: a spare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<At<String>>,
    /// Starts a process that was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<At<String>>,
    /// A process that is gone; `with` names the spare that starts in its stead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<At<String>>,
    /// SIGSTOP, for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang: Option<At<String>>,
    /// No packet in or out, for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<At<String>>,
    /// CPU divided by `factor`, for a while or to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<At<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<At<String>>,
    /// Since the start of the run; `50 s .. 70 s` draws one per seed.
    pub at: At<String>,
    /// How long it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#for: Option<At<Duration>>,
    /// Of kill: how long after it the process starts again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_after: Option<At<Duration>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<At<Decimal>>,
}
