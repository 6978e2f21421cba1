//! What a JobMaster's gauges say of its job. They begin anew with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId, Topology};
use crate::kernel::Time;

use super::Reading;

/// Flink's gauges of what has not been yet.
const NONE: f64 = -1.0;

#[derive(Clone, Debug)]
pub struct Job {
    status: Option<(JobStatus, Time)>,
    /// When it came to be FAILING.
    failing: Option<Time>,
    restarts: u64,
    /// The adaptive scheduler's.
    rescales: Option<u64>,
    /// Of the present graph.
    subtasks: usize,
    executions: BTreeMap<(SubtaskId, Attempt), ExecutionState>,
    /// Since when some are DEPLOYING, and since when all are RUNNING.
    deploying: Option<Time>,
    all_run: Option<Time>,
    triggered: u64,
    in_progress: BTreeSet<CheckpointId>,
    completed: u64,
    failed: u64,
    restored_ms: f64,
    last: Option<Checkpoint>,
}

#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    id: CheckpointId,
    completed_ms: f64,
    duration_ms: f64,
    bytes: u64,
    written_bytes: u64,
    persisted_bytes: u64,
}

/// The job that a fact is about.
pub fn job_of(fact: &Fact, topology: &Topology) -> Option<JobId> {
    match fact {
        Fact::JobStatusChanged { job, .. }
        | Fact::RecoveryStarted { job, .. }
        | Fact::RetrievalStarted { job, .. }
        | Fact::ExecutionGraphCreated { job, .. }
        | Fact::CheckpointTriggered { job, .. }
        | Fact::CheckpointCompleted { job, .. }
        | Fact::CheckpointAborted { job, .. } => Some(*job),
        Fact::ExecutionChanged { subtask, .. } => Some(topology.job_of(*subtask)),
        _ => None,
    }
}

/// A JobMaster has come to have a job that was run before.
pub fn is_beginning(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::RecoveryStarted {
            detector: Detector::NewLeader | Detector::Resubmission,
            ..
        }
    )
}

impl Job {
    pub fn new(subtasks: usize) -> Job {
        Job {
            status: None,
            failing: None,
            restarts: 0,
            rescales: None,
            subtasks,
            executions: BTreeMap::new(),
            deploying: None,
            all_run: None,
            triggered: 0,
            in_progress: BTreeSet::new(),
            completed: 0,
            failed: 0,
            restored_ms: NONE,
            last: None,
        }
    }

    pub fn fact(&mut self, now: Time, fact: &Fact) {
        match fact {
            Fact::JobStatusChanged { status, .. } => {
                self.status = Some((*status, now));
                if *status == JobStatus::Failing {
                    self.failing = Some(now);
                }
            }
            Fact::RecoveryStarted { detector, .. } => match detector {
                Detector::NewLeader | Detector::Resubmission | Detector::StopWithSavepoint => {}
                Detector::Rescaling => {
                    self.restarts += 1;
                    self.rescales = Some(self.rescales.unwrap_or(0) + 1);
                }
                _ => self.restarts += 1,
            },
            Fact::RetrievalStarted { checkpoint, .. } if *checkpoint > 0 => {
                self.restored_ms = now.as_ms();
            }
            Fact::ExecutionGraphCreated { parallelism, .. } => {
                self.subtasks = parallelism.iter().sum::<u32>() as usize;
                self.look_at_executions(now);
            }
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                ..
            } => {
                match state.is_terminal() {
                    true => self.executions.remove(&(*subtask, *attempt)),
                    false => self.executions.insert((*subtask, *attempt), *state),
                };
                self.look_at_executions(now);
            }
            Fact::CheckpointTriggered { checkpoint, .. } => {
                self.triggered += 1;
                self.in_progress.insert(*checkpoint);
            }
            Fact::CheckpointCompleted {
                checkpoint,
                bytes,
                written_bytes,
                persisted_bytes,
                duration,
                ..
            } => {
                self.in_progress.remove(checkpoint);
                self.completed += 1;
                self.last = Some(Checkpoint {
                    id: *checkpoint,
                    completed_ms: now.as_ms(),
                    duration_ms: duration.as_ms(),
                    bytes: *bytes,
                    written_bytes: *written_bytes,
                    persisted_bytes: *persisted_bytes,
                });
            }
            Fact::CheckpointAborted { checkpoint, .. } => {
                self.in_progress.remove(checkpoint);
                self.failed += 1;
            }
            _ => {}
        }
    }

    /// `DeploymentStateTimeMetrics` and `AllSubTasksRunningOrFinishedStateTimeMetrics`
    fn look_at_executions(&mut self, now: Time) {
        let count = |wanted| self.executions.values().filter(|s| **s == wanted).count();
        let since = |before: Option<Time>, holds: bool| holds.then(|| before.unwrap_or(now));
        let deploys = count(ExecutionState::Deploying) > 0;
        let all_run = count(ExecutionState::Running) == self.subtasks;
        self.deploying = since(self.deploying, deploys);
        self.all_run = since(self.all_run, all_run);
    }

    /// No JobMaster has it any more.
    pub fn is_over(&self) -> bool {
        matches!(
            self.status,
            Some((
                JobStatus::Failed | JobStatus::Finished | JobStatus::Suspended,
                _
            ))
        )
    }

    pub fn readings(&self) -> Vec<(&'static str, Reading)> {
        let since = |at: Option<Time>| at.map_or(Reading::Is(0.0), Reading::Since);
        let in_status = |wanted: JobStatus| {
            let status = self.status.filter(|(status, _)| *status == wanted);
            since(status.map(|(_, at)| at))
        };
        let count = |count: u64| Reading::Is(count as f64);
        let last = |of: fn(&Checkpoint) -> f64| Reading::Is(self.last.as_ref().map_or(NONE, of));
        let runs = matches!(self.status, Some((JobStatus::Running, _)));
        let mut readings = vec![
            ("numRestarts", count(self.restarts)),
            ("uptime", in_status(JobStatus::Running)),
            ("downtime", since(self.failing.filter(|_| !runs))),
            ("createdTime", in_status(JobStatus::Created)),
            ("runningTime", in_status(JobStatus::Running)),
            ("restartingTime", in_status(JobStatus::Restarting)),
            ("failingTime", in_status(JobStatus::Failing)),
            ("deployingTime", since(self.deploying)),
            ("allSubTasksRunningOrFinishedTime", since(self.all_run)),
            ("totalNumberOfCheckpoints", count(self.triggered)),
            (
                "numberOfInProgressCheckpoints",
                count(self.in_progress.len() as u64),
            ),
            ("numberOfCompletedCheckpoints", count(self.completed)),
            ("numberOfFailedCheckpoints", count(self.failed)),
            ("lastCompletedCheckpointId", last(|c| c.id as f64)),
            ("lastCheckpointCompletedTimestamp", last(|c| c.completed_ms)),
            ("lastCheckpointDuration", last(|c| c.duration_ms)),
            ("lastCheckpointSize", last(|c| c.written_bytes as f64)),
            ("lastCheckpointFullSize", last(|c| c.bytes as f64)),
            (
                "lastCheckpointPersistedData",
                last(|c| c.persisted_bytes as f64),
            ),
            (
                "lastCheckpointRestoreTimestamp",
                Reading::Is(self.restored_ms),
            ),
        ];
        if let Some(rescales) = self.rescales {
            readings.push(("numRescales", count(rescales)));
        }
        readings
    }
}
