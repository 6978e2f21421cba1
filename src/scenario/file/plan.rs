//! `monitor` and `faults`: what is watched, and what goes wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named::At;
use super::values::{Bandwidth, Decimal, DelayRange, Duration, Share};

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "monitor", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Monitor")]
pub struct MonitorFile {
    /// How often TaskManagers report. Default: 1 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebalance_when: Option<RebalanceWhenFile>,
    /// A record that takes longer than this to the sink's writer is late: a recovery is over when none is any more. Default: 1 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<Duration>,
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

/// One fault: what happens, to whom, and when. Beside the name of a process, a target may be `leader`, the JobManager that leads
/// at that moment, or `taskmanager-of Parse JSON 2`, where that task runs at that moment.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a fault", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub struct FaultFile {
    /// SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill: Option<At<String>>,
    /// SIGTERM: an orderly shutdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<At<String>>,
    /// Starts a process that is not running: a spare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<At<String>>,
    /// Starts a process that was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<At<String>>,
    /// A process that is gone; `with` names the spare that starts in its stead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<At<String>>,
    /// SIGSTOP, for a while or until `resume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang: Option<At<String>>,
    /// SIGCONT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<At<String>>,
    /// The machine of a process, or a host, goes dark: nobody closes a connection, nobody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_off: Option<At<String>>,
    /// No packet in or out, for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<At<String>>,
    /// CPU divided by `factor`, for a while or to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<At<String>>,
    /// So many `cores` of the machine go to other work, for a while or to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take_cpu: Option<At<String>>,
    /// ZooKeeper ends the session of a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_session: Option<At<String>>,
    /// Checkpoint storage, by name, is slower by `factor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_storage: Option<At<String>>,
    /// Checkpoint storage answers with errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_storage: Option<At<String>>,
    /// Checkpoint storage does not answer, for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lose_storage: Option<At<String>>,
    /// Word that a checkpoint has completed does not reach the tasks of a TaskManager, or of all `taskmanagers`, for a while or to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lose_notifications: Option<At<String>>,
    /// It comes late, `by` so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_notifications: Option<At<String>>,
    /// It comes twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub double_notifications: Option<At<String>>,
    /// The user's code of a task throws an exception: an operator, and `subtask n` where it is not the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throw: Option<At<String>>,
    /// A task that does not react to being cancelled, for a while or ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck_cancel: Option<At<String>>,
    /// `taskmanagers`: each is stopped in order and started again, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_restart: Option<At<String>>,
    /// A job takes a savepoint and starts again from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savepoint_and_restart: Option<At<String>>,
    /// Somebody deletes the pointer to a job's newest checkpoint in ZooKeeper by hand: whoever leads next starts from an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_checkpoint: Option<At<String>>,
    /// A topic gets `count` more partitions, with the rate that the others have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_partitions: Option<At<String>>,
    /// Producers write nothing to a `partition` of a topic, for a while or to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence: Option<At<String>>,
    /// No packet between two groups, for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<At<CutFile>>,
    /// Packets between two groups take longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_link: Option<At<SlowLinkFile>>,
    /// Some packets between two groups are lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lossy_link: Option<At<LossyLinkFile>>,
    /// Connections between two groups are reset, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_connections: Option<At<ResetConnectionsFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<At<String>>,
    /// Since the start of the run; `50 s .. 70 s` draws one per seed. With `when`: from then on the condition counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<At<String>>,
    /// What has to happen first: `checkpoint 5 triggered`, `checkpoint 5 completed`, `leader granted`, `any task is INITIALIZING`,
    /// `job is RESTARTING`, `kill tm-3`, `hang tm-3 over`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<At<String>>,
    /// How long after it; a range draws one per seed. Default: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<At<DelayRange>>,
    /// How long it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#for: Option<At<Duration>>,
    /// Of kill, stop and power-off: how long after it the process, or the machine, starts again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_after: Option<At<Duration>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<At<Decimal>>,
    /// Of take-cpu.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<At<Decimal>>,
    /// Of delay-notifications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<At<Duration>>,
    /// Of add-partitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<At<u32>>,
    /// Of silence: its number, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<At<u32>>,
    /// Of rolling-restart: from the start of one until the next is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<At<Duration>>,
}

/// Two groups between which no packet gets through.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a cut", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Cut")]
pub struct CutFile {
    /// Names of processes and hosts, `taskmanagers`, `jobmanagers`, `zookeeper` or `leader`.
    pub from: At<Vec<At<String>>>,
    /// Default: everybody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<At<Vec<At<String>>>>,
    /// Only what goes from `from` to `to`. Default: both ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_way: Option<bool>,
}

/// Two groups between which packets take longer.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename = "a slow link", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "SlowLink")]
pub struct SlowLinkFile {
    /// Names of processes and hosts, `taskmanagers`, `jobmanagers`, `zookeeper` or `leader`.
    pub from: At<Vec<At<String>>>,
    /// Default: everybody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<At<Vec<At<String>>>>,
    /// Only what goes from `from` to `to`. Default: both ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_way: Option<bool>,
    /// One way, on top of the usual one. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<At<DelayRange>>,
    /// What they share. Default: as much as ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<At<Bandwidth>>,
}

/// Two groups whose connections with each other are reset.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    rename = "connections to reset",
    rename_all = "kebab-case",
    deny_unknown_fields
)]
#[schemars(rename = "ResetConnections")]
pub struct ResetConnectionsFile {
    /// Names of processes and hosts, `taskmanagers`, `jobmanagers`, `zookeeper` or `leader`.
    pub from: At<Vec<At<String>>>,
    /// Default: all other JobManagers, TaskManagers and ZooKeeper servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<At<Vec<At<String>>>>,
}

/// Two groups between which packets are lost.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(
    rename = "a lossy link",
    rename_all = "kebab-case",
    deny_unknown_fields
)]
#[schemars(rename = "LossyLink")]
pub struct LossyLinkFile {
    /// Names of processes and hosts, `taskmanagers`, `jobmanagers`, `zookeeper` or `leader`.
    pub from: At<Vec<At<String>>>,
    /// Default: everybody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<At<Vec<At<String>>>>,
    /// Only what goes from `from` to `to`. Default: both ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_way: Option<bool>,
    /// Share of the packets.
    pub loss: At<Share>,
}
