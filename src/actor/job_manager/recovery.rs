//! From failed tasks to a restart: scope, cancellation, delay, the checkpoint to go back to.

use std::collections::BTreeSet;

use crate::actor::checkpoint::{Blob, BlobKey};
use crate::actor::context::Context;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::message::Body;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Span};
use crate::policy::RecoveryScope;
use crate::policy::defect::Defect;
use crate::policy::scope::{Situation, tasks_to_restart};

use super::job_master::{JobMaster, Phase};
use super::office::Office;

/// Storage that fails is not asked more often.
const RETRY_MIN: Span = Span::from_secs(1);

/// One restart, from the decision until all tasks run.
#[derive(Clone, Debug)]
pub struct Recovery {
    pub number: u32,
    pub detector: Detector,
    pub scope: RecoveryScope,
    /// TaskManagers lost since all tasks last ran.
    pub lost: Vec<ActorId>,
    pub tasks: BTreeSet<SubtaskId>,
    /// The first deployment of a job that nobody has run before.
    pub submission: bool,
    /// Where a task that is moved should go.
    pub target: Option<usize>,
}

impl Recovery {
    pub fn is_submission(&self) -> bool {
        self.submission
    }
}

impl JobMaster {
    pub(super) fn restart(
        &mut self,
        mut failed: BTreeSet<SubtaskId>,
        mut lost: Vec<ActorId>,
        detector: Detector,
        logs_gone: bool,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let earlier = self.recovery.take();
        let mut submission = false;
        let recovering = earlier.is_some();
        if let Some(earlier) = earlier {
            lost.extend(
                earlier
                    .lost
                    .iter()
                    .filter(|tm| !lost.contains(tm))
                    .copied()
                    .collect::<Vec<_>>(),
            );
            failed.extend(earlier.tasks);
            // Tasks that are on their way may have written before they fail: what starts then is a restart.
            submission = earlier.submission && self.phase != Phase::Deploying;
        }
        let situation = Situation {
            taskmanagers_lost: lost.len(),
            recovering,
            logs_gone,
        };
        self.moving = None;
        let recovery = Recovery {
            submission,
            ..self.decide(&failed, lost, detector, situation, office)
        };
        self.begin(recovery, office, ctx);
    }

    /// The next recovery: what restarts, by the configured scope and the situation.
    fn decide(
        &mut self,
        failed: &BTreeSet<SubtaskId>,
        lost: Vec<ActorId>,
        detector: Detector,
        situation: Situation,
        office: &Office<'_>,
    ) -> Recovery {
        let blueprint = office.blueprint;
        let (scope, tasks) = tasks_to_restart(
            blueprint.scope,
            failed,
            situation,
            self.job,
            &blueprint.topology,
        );
        self.recoveries += 1;
        Recovery {
            number: self.recoveries,
            detector,
            scope,
            lost,
            tasks,
            submission: false,
            target: None,
        }
    }

    /// Cancels what has to restart; what follows waits for it to end.
    pub(super) fn begin(
        &mut self,
        recovery: Recovery,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.delay.cancel(ctx);
        self.retry.cancel(ctx);
        self.abort_checkpoint("recovery", office, ctx);
        self.coordinator.pause(ctx);
        let reason = format!(
            "{}: {} tasks restart",
            recovery.detector.name(),
            recovery.tasks.len()
        );
        if !recovery.submission {
            ctx.state(Fact::RecoveryStarted {
                job: self.job,
                recovery: recovery.number,
                detector: recovery.detector,
                scope: recovery.scope,
                lost: recovery.lost.clone(),
                tasks: recovery.tasks.iter().copied().collect(),
            });
            self.turn(JobStatus::Restarting, reason, ctx);
        }
        self.phase = Phase::Canceling;
        for subtask in recovery.tasks.clone() {
            let token = office.token;
            let execution = self.execution(subtask);
            if !execution.is_live() || execution.state == ExecutionState::Canceling {
                continue;
            }
            let (attempt, taskmanager) = (
                execution.attempt,
                execution.taskmanager.expect("live means somewhere"),
            );
            execution.turn(ExecutionState::Canceling, ctx);
            ctx.send(
                taskmanager,
                Body::CancelTask {
                    token,
                    subtask,
                    attempt,
                },
            );
        }
        self.recovery = Some(recovery);
        self.go_on_when_canceled(office, ctx);
    }

    /// The delay runs once every task to restart has ended, and no checkpoint is on its way into the store.
    pub(super) fn go_on_when_canceled(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let Some(recovery) = self
            .recovery
            .as_ref()
            .filter(|_| self.phase == Phase::Canceling)
        else {
            return;
        };
        let ended = recovery
            .tasks
            .iter()
            .all(|subtask| !self.peek(*subtask).is_live());
        let hasty = office.blueprint.defects.has(Defect::RestartBeforeCanceled);
        if !(ended || hasty) || self.coordinator.is_storing() {
            return;
        }
        self.phase = Phase::Delaying;
        let waits =
            !recovery.scope.spares_survivors() && !matches!(recovery.detector, Detector::NewLeader);
        let delay = if waits {
            office.blueprint.config.restart_delay
        } else {
            Span::ZERO
        };
        self.delay.set(delay, ctx);
    }

    pub fn on_delay_over(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        match self.phase {
            Phase::Delaying => self.retrieve(office, ctx),
            Phase::Planning => {
                self.phase = Phase::WaitingForResources;
                self.place(office, ctx);
            }
            _ => {}
        }
    }

    /// Reads the metadata of the latest completed checkpoint.
    fn retrieve(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let recovery = self
            .recovery
            .as_ref()
            .expect("something is being recovered");
        let checkpoint = self.latest;
        if !recovery.submission {
            ctx.state(Fact::RetrievalStarted {
                job: self.job,
                recovery: recovery.number,
                checkpoint,
            });
        }
        self.phase = Phase::Retrieving;
        if checkpoint == 0 {
            self.metadata = None;
            return self.plan(office, ctx);
        }
        let key = BlobKey::Metadata {
            job: self.job,
            checkpoint,
        };
        ctx.send(office.blueprint.directory.storage, Body::Read { key });
    }

    pub(super) fn on_metadata(
        &mut self,
        blob: Option<Blob>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.phase != Phase::Retrieving {
            return;
        }
        match blob {
            Some(Blob::Metadata(metadata)) if metadata.id == self.latest => {
                self.metadata = Some(metadata)
            }
            // Storage is in trouble: it is asked again.
            _ => {
                self.phase = Phase::Delaying;
                return self
                    .delay
                    .set(office.blueprint.config.restart_delay.max(RETRY_MIN), ctx);
            }
        }
        self.plan(office, ctx);
    }

    fn plan(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let recovery = self
            .recovery
            .as_ref()
            .expect("something is being recovered");
        if !recovery.submission {
            let metadata = self.metadata.as_ref();
            let handles = || {
                metadata
                    .iter()
                    .flat_map(|m| &m.handles)
                    .filter(|h| recovery.tasks.contains(&h.subtask))
            };
            ctx.state(Fact::RetrievalDone {
                job: self.job,
                recovery: recovery.number,
                checkpoint: self.latest,
                offsets: handles()
                    .flat_map(|handle| handle.offsets.iter().copied())
                    .collect(),
                bytes: handles().map(|handle| handle.bytes).sum(),
            });
        }
        self.restore_enumerators(office, ctx);
        self.phase = Phase::Planning;
        let planning = self
            .coordinator
            .draw(office.blueprint.profile.planning, office.blueprint);
        self.delay.set(planning, ctx);
    }

    /// A running task goes elsewhere: behind a checkpoint, so that little has to be replayed.
    pub fn begin_move(
        &mut self,
        subtask: SubtaskId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.moving = Some(subtask);
        self.coordinator.hurry();
        self.trigger_checkpoint(office, ctx);
    }

    /// The checkpoint that a move waited for has completed.
    pub(super) fn continue_move(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let Some(subtask) = self.moving.take() else {
            return;
        };
        let from = self
            .peek(subtask)
            .taskmanager
            .expect("a steady job runs somewhere");
        let Some(target) = self.better_place(subtask, office) else {
            return;
        };
        let to = super::members::Members::actor(office.blueprint, target);
        if to == from {
            return;
        }
        let name = office.blueprint.topology.task_name(subtask);
        let reason = format!("{name} is late where it runs");
        ctx.state(Fact::RebalanceDecided {
            subtask,
            from,
            to,
            reason,
        });
        let failed = BTreeSet::from([subtask]);
        let situation = Situation {
            taskmanagers_lost: 0,
            recovering: false,
            logs_gone: false,
        };
        let recovery = Recovery {
            target: Some(target),
            ..self.decide(
                &failed,
                Vec::new(),
                Detector::Rebalancing,
                situation,
                office,
            )
        };
        self.begin(recovery, office, ctx);
    }
}
