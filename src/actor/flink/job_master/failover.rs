//! From a failure to the restart that follows it (`DefaultScheduler`, `ExecutionFailureHandler`).

use std::collections::BTreeSet;

use crate::actor::checkpoint::Attempt;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::message::Timer;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Span};
use crate::policy::RecoveryScope;
use crate::policy::defect::Defect;
use crate::policy::failover::{FailoverStrategy, Vertex, tasks_to_restart};

use super::{JobMaster, JobMasterTimer};

/// A restart that is planned: it begins when the back-off is over and every attempt to restart has ended.
#[derive(Clone, Debug)]
pub(super) struct Failover {
    pub(super) number: u32,
    /// With the versions that the vertices had: another version means that a later failover has taken over.
    vertices: Vec<(SubtaskId, u32)>,
    pub(super) delay: Alarm,
    delay_over: bool,
    global: bool,
}

impl JobMaster {
    /// An attempt has failed, whoever says so.
    pub(super) fn fail(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        detector: Detector,
        why: &TaskFailure,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(execution) = self.current(subtask, attempt) else {
            return;
        };
        match execution.state {
            state if state.is_terminal() => {}
            // Not a new failure: the attempt was on its way out.
            ExecutionState::Canceling => self.ended(subtask, ExecutionState::Canceled, office, ctx),
            _ => {
                let place = execution.slot.map(|slot| slot.taskmanager.actor);
                self.ended(subtask, ExecutionState::Failed, office, ctx);
                self.handle_failure(Some((subtask, place)), detector, why, office, ctx);
            }
        }
    }

    /// A failure of the whole job: a coordinator's, a restore's, too many failed checkpoints.
    pub(super) fn fail_globally(
        &mut self,
        detector: Detector,
        why: &TaskFailure,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.handle_failure(None, detector, why, office, ctx);
    }

    /// An attempt has ended: its part of the slot is free, and a restart may have waited for it.
    pub(super) fn ended(
        &mut self,
        subtask: SubtaskId,
        state: ExecutionState,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.execution(subtask).turn(state, ctx);
        self.drop_cancels_of(subtask, ctx);
        self.release_logical_slot(subtask, office, ctx);
        self.restart_what_is_ready(office, ctx);
    }

    fn handle_failure(
        &mut self,
        failed: Option<(SubtaskId, Option<ActorId>)>,
        detector: Detector,
        why: &TaskFailure,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if matches!(
            self.status,
            JobStatus::Failing | JobStatus::Failed | JobStatus::Suspended
        ) {
            return self.fail_when_all_ended(ctx);
        }
        let others_have_finished = self.give_stopping_up();
        let failed = failed.filter(|_| !others_have_finished);
        if self.adaptive.is_some() {
            return self.on_adaptive_failure(failed, detector, office, ctx);
        }
        let is_new = self.backoff.notify_failure(ctx.now(), &mut self.random);
        if !self.backoff.can_restart(ctx.now()) {
            let place = failed.and_then(|(_, place)| place);
            return self.fail_suppressed(detector, place, office, ctx);
        }
        if is_new {
            self.restarts += 1;
        }
        let (vertices, scope) = self.scope_of(failed.map(|(subtask, _)| subtask), why, office);
        let number = self.next_failover;
        self.next_failover += 1;
        ctx.state(Fact::RecoveryStarted {
            job: self.job,
            recovery: number,
            detector,
            scope,
            lost: failed.and_then(|(_, place)| place).into_iter().collect(),
            tasks: vertices.iter().copied().collect(),
        });
        // Some tasks may have run already: what follows is no first start any more.
        self.submission = false;
        self.drop_stale_deployments(&vertices, ctx);
        let versions = vertices
            .iter()
            .map(|subtask| {
                let execution = self.execution(*subtask);
                execution.version += 1;
                (*subtask, execution.version)
            })
            .collect();
        self.waiting_for_restart.extend(&vertices);
        let reason = format!("{}: {} tasks restart", detector.name(), vertices.len());
        self.turn(JobStatus::Restarting, reason, ctx);
        self.interrupt_checkpoints(office, ctx);
        let timer = JobMasterTimer::RestartDelay { failover: number };
        let mut delay = Alarm::new(Timer::JobMaster {
            job: self.job,
            timer,
        });
        let backoff = self.backoff.backoff(ctx.now());
        ctx.state(Fact::RestartDelayed {
            job: self.job,
            recovery: number,
            delay: backoff,
        });
        let handling = self.restart_handling(office);
        delay.set(backoff + handling, ctx);
        self.failovers.push(Failover {
            number,
            vertices: versions,
            delay,
            delay_over: false,
            global: failed.is_none(),
        });
        self.take_upon_itself(vertices.len(), office, ctx);
        for subtask in vertices {
            self.cancel(subtask, office, ctx);
        }
        self.restart_what_is_ready(office, ctx);
    }

    /// So much later than its delay a restart begins.
    pub(super) fn restart_handling(&mut self, office: &Office<'_>) -> Span {
        let profile = &office.blueprint.profile;
        profile.restart_handling.draw(&mut self.restart_random)
    }

    /// The main thread takes so many tasks through a failover.
    pub(super) fn take_upon_itself(
        &mut self,
        tasks: usize,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let profile = &office.blueprint.profile;
        let each = profile.failover_handling.draw(&mut self.random);
        self.busy += ctx.stretched(each * tasks as u64);
    }

    /// What has to restart when this subtask has failed, or when everything has.
    fn scope_of(
        &self,
        failed: Option<SubtaskId>,
        why: &TaskFailure,
        office: &Office<'_>,
    ) -> (BTreeSet<SubtaskId>, RecoveryScope) {
        let strategy = office.blueprint.config.failover;
        let scope = match (failed, strategy) {
            (Some(_), FailoverStrategy::Region) => RecoveryScope::Region,
            _ => RecoveryScope::Full,
        };
        let vertices: Vec<_> = self
            .layout
            .subtasks
            .iter()
            .map(|subtask| Vertex {
                subtask: *subtask,
                region: self.layout.vertex(*subtask).region,
                created: self.peek(*subtask).state == ExecutionState::Created,
            })
            .collect();
        let (strategy, failed) = match failed {
            Some(subtask) => (strategy, BTreeSet::from([subtask])),
            None => (FailoverStrategy::Full, BTreeSet::new()),
        };
        // A partition that cannot be reached is as good as lost: its producer's region restarts too.
        let unavailable = match why {
            TaskFailure::PartitionConnection { producer }
            | TaskFailure::PartitionNotFound { producer } => BTreeSet::from([*producer]),
            _ => BTreeSet::new(),
        };
        let mut vertices = tasks_to_restart(strategy, &failed, &unavailable, &vertices);
        if office.blueprint.defects.has(Defect::RegionMissesEdge) {
            let topology = &office.blueprint.topology;
            vertices.retain(|subtask| !topology.is_sink(*subtask) || failed.contains(subtask));
        }
        (vertices, scope)
    }

    pub(super) fn on_delay_over(
        &mut self,
        failover: u32,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if let Some(failover) = self
            .failovers
            .iter_mut()
            .find(|planned| planned.number == failover)
        {
            failover.delay_over = true;
        }
        self.restart_what_is_ready(office, ctx);
    }

    pub(super) fn restart_what_is_ready(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if self.status == JobStatus::Failing {
            return self.fail_when_all_ended(ctx);
        }
        if self.adaptive.is_some() {
            return self.back_off_when_canceled(office, ctx);
        }
        let ready = |planned: &Failover| {
            planned.delay_over
                && planned.vertices.iter().all(|(subtask, version)| {
                    let execution = self.peek(*subtask);
                    execution.version != *version
                        || execution.state.is_terminal()
                        || execution.state == ExecutionState::Created
                })
        };
        if self.coordinator.is_finalizing() {
            return;
        }
        if let Some(at) = self.failovers.iter().position(ready) {
            let failover = self.failovers.remove(at);
            self.restart(failover, office, ctx);
            self.restart_what_is_ready(office, ctx);
        }
    }

    fn restart(&mut self, mut failover: Failover, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        failover.delay.release(ctx);
        let current: Vec<SubtaskId> = failover
            .vertices
            .iter()
            .filter(|(subtask, version)| self.peek(*subtask).version == *version)
            .map(|(subtask, _)| *subtask)
            .collect();
        // A later failover has taken all of them over.
        if current.is_empty() {
            return;
        }
        for subtask in &current {
            self.waiting_for_restart.remove(subtask);
        }
        if self.waiting_for_restart.is_empty() {
            // Before a slot is requested, before a task runs: so it is in Flink.
            self.turn(JobStatus::Running, "restarting begins".to_owned(), ctx);
        }
        let token = self.token;
        for subtask in &current {
            self.execution(*subtask).reset(token);
        }
        match failover.global {
            true => self.start_enumerators(office, ctx),
            false => {
                let (latest, topology) = (self.store.latest(), &office.blueprint.topology);
                self.enumerators.reset_readers(&current, latest, topology);
            }
        }
        self.schedule(current, failover.number, failover.global, office, ctx);
    }

    /// The strategy allows no restart (`ExecutionFailureHandler`'s message).
    pub(super) fn fail_suppressed(
        &mut self,
        detector: Detector,
        lost: Option<ActorId>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let strategy = office.blueprint.config.restart;
        let why = format!("Recovery is suppressed by {strategy}");
        self.fail_job(detector, lost, &why, office, ctx);
    }

    /// The job ends.
    pub(super) fn fail_job(
        &mut self,
        detector: Detector,
        lost: Option<ActorId>,
        why: &str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let lost = lost.into_iter().collect();
        ctx.state(Fact::JobGivenUp(self.job, detector, lost));
        self.turn(
            JobStatus::Failing,
            format!("{}: {why}", detector.name()),
            ctx,
        );
        self.stop_checkpoints(office, ctx);
        for failover in &mut self.failovers {
            failover.delay.release(ctx);
        }
        self.failovers.clear();
        let all: BTreeSet<_> = self
            .executions
            .iter()
            .map(|execution| execution.subtask)
            .collect();
        self.drop_stale_deployments(&all, ctx);
        for subtask in all {
            self.cancel(subtask, office, ctx);
        }
        self.fail_when_all_ended(ctx);
    }

    fn fail_when_all_ended(&mut self, ctx: &mut Context<'_>) {
        let ended = self.executions.iter().all(|execution| {
            execution.state.is_terminal() || execution.state == ExecutionState::Created
        });
        if self.status == JobStatus::Failing && ended {
            self.turn(JobStatus::Failed, "all tasks have ended".to_owned(), ctx);
            self.end("the job has failed", ctx);
        }
    }
}
