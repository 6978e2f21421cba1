//! From one state of the adaptive scheduler to the next: waiting for slots, failing over, changing the parallelism.

use crate::actor::context::Context;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::flink::office::Office;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Span};
use crate::policy::RecoveryScope;
use crate::policy::adaptive::transition::StateTransitionManager;
use crate::policy::defect::Defect;

use super::{AdaptiveTimer, JobMaster, State, while_waiting};

impl JobMaster {
    /// `startScheduling`: from Created to WaitingForResources.
    pub(in crate::actor::flink::job_master) fn start_adaptive(
        &mut self,
        recovery: u32,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.scheduler().recovery = recovery;
        let desired = self.desired_slots(office);
        self.pool.desire(desired);
        self.wait_for_resources(office, ctx);
    }

    pub(super) fn wait_for_resources(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        self.turn(JobStatus::Created, "waiting for slots".to_owned(), ctx);
        let (manager, actions) = StateTransitionManager::new(while_waiting(office), ctx.now());
        self.scheduler()
            .enter(State::WaitingForResources(manager), ctx);
        self.carry_out(actions, office, ctx);
        if let Some(timeout) = office.blueprint.config.adaptive.wait_timeout {
            self.set_timer(AdaptiveTimer::ResourceTimeout, timeout, ctx);
        }
        self.set_timer(AdaptiveTimer::Entered, Span::ZERO, ctx);
    }

    /// A task has failed, or the whole job. Where no graph executes the failure says nothing new.
    pub(in crate::actor::flink::job_master) fn on_adaptive_failure(
        &mut self,
        failed: Option<(SubtaskId, Option<ActorId>)>,
        detector: Detector,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if !matches!(self.scheduler().state, State::Executing { .. }) {
            return;
        }
        let is_new = self.backoff.notify_failure(ctx.now(), &mut self.random);
        if !self.backoff.can_restart(ctx.now()) {
            self.scheduler().end(ctx);
            let place = failed.and_then(|(_, place)| place);
            return self.fail_suppressed(detector, place, office, ctx);
        }
        self.restarts += u32::from(is_new);
        let backoff = self.backoff.backoff(ctx.now());
        let place = failed.and_then(|(_, place)| place);
        let reason = format!("{}: the job restarts", detector.name());
        self.restart_graph(backoff, None, detector, place, reason, office, ctx);
    }

    /// Restarts with another parallelism, without a back-off, from the checkpoint that has just completed.
    pub(super) fn rescale(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let available = self.available_parallelism(office);
        self.restarts += 1;
        self.scheduler().rescales += 1;
        let rescales = self.scheduler().rescales;
        let wide = |parallelism: &[u32]| {
            let texts: Vec<String> = parallelism.iter().map(u32::to_string).collect();
            texts.join(", ")
        };
        let reason = format!(
            "rescale {rescales}: from {} to {}",
            wide(&self.layout.parallelism),
            wide(available.as_deref().unwrap_or_default())
        );
        let detector = Detector::Rescaling;
        self.restart_graph(Span::ZERO, available, detector, None, reason, office, ctx);
    }

    /// Executing to Restarting: the whole graph is cancelled.
    #[expect(
        clippy::too_many_arguments,
        reason = "the reasons for a restart and its parameters"
    )]
    fn restart_graph(
        &mut self,
        backoff: Span,
        rescales_to: Option<Vec<u32>>,
        detector: Detector,
        lost: Option<ActorId>,
        reason: String,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let recovery = self.next_failover;
        self.next_failover += 1;
        let scheduler = self.scheduler();
        scheduler.recovery = recovery;
        let restarting = State::Restarting {
            backoff,
            rescales_to,
            canceled: false,
        };
        scheduler.enter(restarting, ctx);
        let tasks = self.layout.subtasks.clone();
        ctx.state(Fact::RecoveryStarted {
            job: self.job,
            recovery,
            detector,
            scope: RecoveryScope::Full,
            lost: lost.into_iter().collect(),
            tasks: tasks.clone(),
        });
        self.turn(JobStatus::Restarting, reason, ctx);
        self.stop_checkpoints(office, ctx);
        self.drop_stale_deployments(&tasks.iter().copied().collect(), ctx);
        self.take_upon_itself(tasks.len(), office, ctx);
        for subtask in tasks {
            self.cancel(subtask, office, ctx);
        }
        self.back_off_when_canceled(office, ctx);
    }

    /// The back-off begins when the last task has ended: the two add up.
    pub(in crate::actor::flink::job_master) fn back_off_when_canceled(
        &mut self,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let ended = self.layout.subtasks.iter().all(|subtask| {
            let state = self.peek(*subtask).state;
            state.is_terminal() || state == ExecutionState::Created
        });
        if !ended || self.coordinator.is_finalizing() {
            return;
        }
        let job = self.job;
        let scheduler = self.scheduler();
        let recovery = scheduler.recovery;
        let State::Restarting {
            backoff, canceled, ..
        } = &mut scheduler.state
        else {
            return;
        };
        if std::mem::replace(canceled, true) {
            return;
        }
        let delay = *backoff;
        ctx.state(Fact::RestartDelayed {
            job,
            recovery,
            delay,
        });
        let handling = self.restart_handling(office);
        self.set_timer(AdaptiveTimer::BackoffOver, delay + handling, ctx);
    }

    /// A rescale goes on with the parallelism that it was for, if that is still to be had; a failure looks at what there is.
    pub(super) fn on_backoff_over(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let State::Restarting { rescales_to, .. } = &self.scheduler().state else {
            return;
        };
        let wanted = rescales_to.clone();
        let recovery = self.scheduler().recovery;
        if wanted.is_some() && office.blueprint.defects.has(Defect::StaleRescale) {
            self.store.go_back();
        }
        self.retrieve_latest(recovery, ctx);
        if wanted.is_some() && wanted == self.available_parallelism(office) {
            self.create_graph(office, ctx);
        } else {
            self.wait_for_resources(office, ctx);
        }
    }
}
