//! One recovery: what it answers, how long it took, its restarts and its steps.

use serde::Serialize;

use super::Phases;

/// One recovery: a fault, or several whose recoveries overlap.
#[derive(Clone, Debug, Serialize)]
pub struct Recovery {
    /// What happened, as `kill tm-3`; joined with ` + ` where recoveries overlap.
    pub fault: String,
    pub job: String,
    pub at_ms: f64,
    /// What noticed: `zookeeper-session`, `new-leader`, `connection-reset`, ...
    pub detector: Option<String>,
    pub detected_ms: Option<f64>,
    pub restored_checkpoint: Option<u64>,
    /// Tasks that restarted, each counted once.
    pub restarted_tasks: u64,
    /// Restarts that it took; deployments on a TaskManager that nobody knows to be dead are wasted.
    pub restarts: u32,
    /// What restarted: `per-task`, `per-task-naive`, `region`, `full`, or null where nothing did.
    pub scope: Option<String>,
    pub phases_ms: Phases,
    /// Null while the run ends before "caught up".
    pub total_ms: Option<f64>,
    /// The longest time meanwhile in which event time did not advance at the sinks; null where the job has none.
    pub event_time_stall_ms: Option<f64>,
    /// Where the job failed for good: its restart strategy allowed no more.
    pub failed_ms: Option<f64>,
    pub placement: Vec<PlacementEntry>,
    /// Sent again out of in-flight logs.
    pub replayed_records: u64,
    /// Read again by sources that were restored to before them.
    pub reprocessed_records: u64,
    /// Records that survivors dropped because they had them already.
    pub deduplicated_records: u64,
    /// What was not recovered and why: what happened last, what was waited for; null where it was.
    pub why_not: Option<String>,
    /// Each restart, and what became of it.
    pub attempts: Vec<RestartAttempt>,
    /// How the steps tell it: `seven-steps` of the story, or Flink's `restarts`.
    pub told_as: &'static str,
    /// What was done, in order. Of the story's seven steps one that did not happen is absent.
    pub steps: Vec<Step>,
}

impl Recovery {
    /// Restarts that another one took over before their tasks ran.
    pub fn wasted(&self) -> usize {
        let wasted = |attempt: &&RestartAttempt| attempt.outcome == "wasted";
        self.attempts.iter().filter(wasted).count()
    }
}

/// One step: of the story's seven detection, reassignment, retrieval, redistribution, resumption, monitoring, reporting; of
/// Flink's, numbered in order of time, what a restart waited for.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub number: u8,
    pub name: String,
    pub from_ms: f64,
    pub to_ms: f64,
    /// One line: what was done.
    pub what: String,
}

/// One restart of a job within a recovery. Times are milliseconds since the start of the simulation; null where it did not come to that.
#[derive(Clone, Debug, Serialize)]
pub struct RestartAttempt {
    /// From 1, in order of time.
    pub number: u32,
    pub at_ms: f64,
    /// What made the leader restart: `data-plane`, `deployment-unreachable`, ...
    pub detector: String,
    /// The JobManager that restarts.
    pub leader: String,
    /// TaskManagers on which tasks had failed.
    pub failed_on: Vec<String>,
    pub scope: String,
    pub tasks: u64,
    /// What the restart strategy asked for.
    pub delay_ms: Option<f64>,
    pub checkpoint: Option<u64>,
    /// Slots that it needed, and those in the JobMaster's pool when the delay was over: of TaskManagers too that nobody
    /// knew to be dead.
    pub slots_needed: Option<u32>,
    pub slots_pooled: Option<u32>,
    /// When it was found first that there is no room, and for how many slots where they are counted.
    pub no_room_ms: Option<f64>,
    pub missing_slots: Option<u32>,
    /// Orders were out.
    pub deployed_ms: Option<f64>,
    pub running_ms: Option<f64>,
    /// When a later restart took its tasks over before they ran.
    pub overtaken_ms: Option<f64>,
    /// `running`, `wasted` (overtaken), `stopped` (by a client with a savepoint), `failed` (the job failed for good) or `unfinished`
    pub outcome: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct PlacementEntry {
    /// `Parse JSON (3/5)`
    pub task: String,
    pub operator: String,
    /// From 0.
    pub subtask: u32,
    /// Of a source: the partitions that it reads.
    pub partitions: Vec<u32>,
    pub from: Option<String>,
    pub to: String,
}
