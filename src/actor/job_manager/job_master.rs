//! The JobMaster: runs one job for as long as its JobManager leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::{Attempt, CompletedCheckpoint};
use crate::actor::context::{Alarm, Context};
use crate::actor::enumerator::SplitEnumerators;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::message::{Body, FencingToken, Timer};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::ActorId;

use super::coordinator::Coordinator;
use super::execution::Execution;
use super::notifier::Notice;
use super::office::Office;
use super::recovery::Recovery;

#[derive(Clone, Debug)]
pub struct JobMaster {
    pub(super) job: JobId,
    pub(super) status: JobStatus,
    pub(super) executions: Vec<Execution>,
    pub(super) phase: Phase,
    pub(super) recovery: Option<Recovery>,
    pub(super) recoveries: u32,
    /// The latest completed checkpoint; 0: none.
    pub(super) latest: CheckpointId,
    /// Its metadata, once read or written.
    pub(super) metadata: Option<Arc<CompletedCheckpoint>>,
    pub(super) coordinator: Coordinator,
    /// One for each source.
    pub(super) enumerators: SplitEnumerators,
    /// Executions of an earlier leader that have to stop first, and where they are.
    pub(super) leftovers: BTreeMap<(SubtaskId, Attempt), ActorId>,
    pub(super) delay: Alarm,
    pub(super) retry: Alarm,
    /// A task that moves once the next checkpoint has completed.
    pub(super) moving: Option<SubtaskId>,
}

/// What the JobMaster waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Plan, checkpoints and counter are read back.
    Loading,
    /// Old executions end.
    Canceling,
    /// The restart delay.
    Delaying,
    /// The latest checkpoint's metadata.
    Retrieving,
    /// The restart plan is made.
    Planning,
    /// TaskManagers that can take the tasks.
    WaitingForResources,
    /// Tasks come up.
    Deploying,
    /// Nothing: the job runs.
    Steady,
}

impl JobMaster {
    pub fn new(job: JobId, token: FencingToken, blueprint: &Blueprint) -> JobMaster {
        let subtasks = &blueprint.topology.jobs[job as usize].subtasks;
        JobMaster {
            job,
            status: JobStatus::Created,
            executions: subtasks
                .iter()
                .map(|subtask| Execution::new(*subtask, token))
                .collect(),
            phase: Phase::Loading,
            recovery: None,
            recoveries: 0,
            latest: 0,
            metadata: None,
            coordinator: Coordinator::new(job),
            enumerators: SplitEnumerators::new(
                job,
                &blueprint.topology,
                blueprint.config.partition_discovery,
                |operator| Timer::PartitionDiscovery { job, operator },
            ),
            leftovers: BTreeMap::new(),
            delay: Alarm::new(Timer::RestartDelay { job }),
            retry: Alarm::new(Timer::Retry { job }),
            moving: None,
        }
    }

    pub fn is_loaded(&self) -> bool {
        self.phase != Phase::Loading
    }

    pub fn is_steady(&self) -> bool {
        self.phase == Phase::Steady && self.moving.is_none()
    }

    pub(super) fn execution(&mut self, subtask: SubtaskId) -> &mut Execution {
        let first = self.executions[0].subtask;
        &mut self.executions[(subtask - first) as usize]
    }

    pub(super) fn peek(&self, subtask: SubtaskId) -> &Execution {
        &self.executions[(subtask - self.executions[0].subtask) as usize]
    }

    pub(super) fn turn(&mut self, status: JobStatus, reason: String, ctx: &mut Context<'_>) {
        if status != self.status {
            self.status = status;
            ctx.state(Fact::JobStatusChanged {
                job: self.job,
                status,
                reason,
            });
        }
    }

    pub fn suspend(&mut self, ctx: &mut Context<'_>) {
        self.turn(JobStatus::Suspended, "leadership lost".to_owned(), ctx);
        self.delay.release(ctx);
        self.retry.release(ctx);
        self.coordinator.stop(ctx);
        self.enumerators.stop(ctx);
    }

    /// TaskManagers that host executions of the job.
    pub(super) fn hosts(&self) -> BTreeSet<ActorId> {
        self.executions
            .iter()
            .filter(|e| e.is_live())
            .filter_map(|e| e.taskmanager)
            .collect()
    }

    pub fn on_taskmanager_lost(
        &mut self,
        taskmanager: ActorId,
        detector: Detector,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        // Its tasks died with it, or will stop by themselves: its session is over.
        self.leftovers.retain(|_, host| *host != taskmanager);
        let lost = |execution: &&mut Execution| {
            execution.is_live() && execution.taskmanager == Some(taskmanager)
        };
        let mut failed = BTreeSet::new();
        for execution in self.executions.iter_mut().filter(lost) {
            let end = match execution.state {
                ExecutionState::Canceling => ExecutionState::Canceled,
                _ => ExecutionState::Failed,
            };
            execution.turn(end, ctx);
            failed.insert(execution.subtask);
        }
        if self.phase == Phase::Loading {
            return;
        }
        if failed.is_empty() {
            return self.go_on_when_canceled(office, ctx);
        }
        self.restart(failed, vec![taskmanager], detector, false, office, ctx);
    }

    pub fn on_task_state(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.leftovers.remove(&(subtask, attempt)).is_some() {
            return self.place_if_waiting(office, ctx);
        }
        let execution = self.execution(subtask);
        if execution.attempt != attempt
            || execution.state.is_terminal()
            || execution.taskmanager.is_none()
        {
            return;
        }
        match (execution.state, state) {
            (ExecutionState::Canceling, ExecutionState::Canceled | ExecutionState::Failed) => {
                execution.turn(ExecutionState::Canceled, ctx);
                self.go_on_when_canceled(office, ctx);
            }
            // On its way out: what it still reports of its way in does not matter.
            (ExecutionState::Canceling, _) => {}
            (_, ExecutionState::Failed) => {
                execution.turn(ExecutionState::Failed, ctx);
                let failed = BTreeSet::from([subtask]);
                self.restart(failed, Vec::new(), Detector::TaskFailure, true, office, ctx);
            }
            (_, ExecutionState::Running) => {
                execution.turn(ExecutionState::Running, ctx);
                self.assign_splits(office, ctx);
                self.on_running(office, ctx);
            }
            (_, state) => execution.turn(state, ctx),
        }
    }

    /// Executions that a TaskManager still has of an earlier leader are stopped.
    pub fn on_leftovers(
        &mut self,
        taskmanager: ActorId,
        attempts: &[(SubtaskId, Attempt)],
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        for (subtask, attempt) in attempts {
            let ours = office.blueprint.topology.job_of(*subtask) == self.job;
            if ours && self.peek(*subtask).attempt != *attempt {
                self.leftovers.insert((*subtask, *attempt), taskmanager);
                let body = Body::CancelTask {
                    token: office.token,
                    subtask: *subtask,
                    attempt: *attempt,
                };
                ctx.send(taskmanager, body);
            }
        }
    }

    pub(super) fn on_running(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let all_running = self
            .executions
            .iter()
            .all(|execution| execution.state == ExecutionState::Running);
        if self.phase == Phase::Deploying && all_running {
            self.phase = Phase::Steady;
            let recovery = self.recovery.take().expect("tasks come up for a reason");
            ctx.state(Fact::RecoveryRunning {
                job: self.job,
                recovery: recovery.number,
            });
            self.turn(JobStatus::Running, "all tasks run".to_owned(), ctx);
            if !recovery.is_submission() {
                let notice = Notice::RunsAgain {
                    job: self.job,
                    tasks: recovery.tasks.len() as u32,
                };
                office
                    .notifier
                    .notify(notice, office.desk, office.blueprint, ctx);
            }
            self.coordinator
                .resume(recovery.is_submission(), office.blueprint, ctx);
        }
    }
}
