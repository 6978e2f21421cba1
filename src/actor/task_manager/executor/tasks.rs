//! Tasks as the TaskExecutor sees them: submitted, cancelled, failed, and reported to their JobMaster.

use crate::actor::checkpoint::{Attempt, StateHandle};
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::{AllocationId, TaskFailure};
use crate::actor::flink::rpc::{Answer, Call, Endpoint, RpcError, line};
use crate::actor::message::{Body, FencingToken, TaskDeployment, TaskStep, Timer};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::Span;
use crate::policy::defect::Defect;

use super::slots::SlotState;
use super::{ExecutorAsk, TaskExecutorTimer, TaskManager};

impl TaskManager {
    pub(super) fn on_submit(
        &mut self,
        job_master: FencingToken,
        allocation: AllocationId,
        task: Box<TaskDeployment>,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let job = self.blueprint.topology.job_of(task.subtask);
        let fences = !self.blueprint.defects.has(Defect::NoFencing);
        let executor = self.executor();
        if fences && executor.job_master(job).map(|(_, token)| token) != Some(job_master) {
            return Err(RpcError::Refused("another JobMaster leads the job"));
        }
        let slot = executor.slots.find(allocation);
        let usable = |state| matches!(state, SlotState::Allocated | SlotState::Active);
        let Some(slot) = slot.filter(|slot| usable(executor.slots.state(*slot))) else {
            return Err(RpcError::Refused("no such slot is allocated to the job"));
        };
        executor.slots.activate(slot, ctx);
        let (subtask, attempt) = (task.subtask, task.attempt);
        let cold = executor.deployments.is_first_of_job(job);
        let number = self.submit(task, cold, ctx);
        self.executor().allocations.insert(number, allocation);
        ctx.state(Fact::TaskStarted {
            subtask,
            attempt,
            job_master,
            allocation,
        });
        Ok(Answer::Ack)
    }

    pub(super) fn on_cancel(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let Some(number) = self.find(subtask, attempt) else {
            return Err(RpcError::Refused("no such task is here"));
        };
        self.end_task(number, None, ctx);
        Ok(Answer::Ack)
    }

    /// A task stops working at once; its resources are freed, and its end is reported, a little later.
    pub(in crate::actor::task_manager) fn end_task(
        &mut self,
        number: u32,
        failure: Option<TaskFailure>,
        ctx: &mut Context<'_>,
    ) {
        let takes = match failure {
            Some(_) => self.blueprint.profile.task_failure,
            None => self.blueprint.profile.task_cancellation,
        };
        let watchdog = self.blueprint.config.task.cancellation_timeout;
        let task = self.task(number);
        if task.is_ending() {
            return;
        }
        let (subtask, attempt) = (task.subtask, task.attempt);
        let from_outside = failure.as_ref().is_none_or(is_from_outside);
        task.end(failure);
        ctx.state(Fact::TaskStopping { subtask, attempt });
        let delay = self.draw(takes);
        let now = ctx.now();
        let executor = self.executor();
        if from_outside && let Some(timeout) = watchdog {
            let timer = TaskExecutorTimer::CancellationTimeout { task: number };
            let mut alarm = Alarm::new(Timer::TaskExecutor(timer));
            alarm.set(timeout, ctx);
            executor.watchdogs.insert(number, alarm);
        }
        let step = TaskStep::Ended;
        let body = Body::TaskProgress { task: number, step };
        match executor.stubborn.get(&subtask) {
            Some(None) => {}
            Some(Some(until)) => ctx.after(delay.max(until.since(now)), body),
            None => ctx.after(delay, body),
        }
    }

    /// From now on the subtask does not react when it is to end, however often its thread is interrupted
    /// (`task.cancellation.interval`): for so long, or for ever. The story's tasks end at once, whatever they run.
    pub fn resist_cancellation(
        &mut self,
        subtask: SubtaskId,
        lasts: Option<Span>,
        ctx: &Context<'_>,
    ) {
        let until = lasts.map(|lasts| ctx.now() + lasts);
        if let Some(executor) = &mut self.executor {
            executor.stubborn.insert(subtask, until);
        }
    }

    /// The user's code throws in whatever attempt of the subtask runs here. False: none does.
    pub fn throw(&mut self, subtask: SubtaskId, ctx: &mut Context<'_>) -> bool {
        let runs = |number: &u32| {
            let task = self.tasks[*number as usize].as_ref();
            task.is_some_and(|task| task.subtask == subtask && task.is_running())
        };
        let Some(number) = self.numbers().into_iter().find(runs) else {
            return false;
        };
        self.end_task(number, Some(TaskFailure::UserException), ctx);
        true
    }

    /// `TaskCancelerWatchDog`: a task that will not end is fatal for the whole process.
    pub(super) fn on_cancellation_overdue(&mut self, number: u32, ctx: &mut Context<'_>) {
        if self.executor().watchdogs.contains_key(&number) {
            self.fail_fatally("a task did not end within task.cancellation.timeout", ctx);
        }
    }

    /// The task's resources are freed.
    pub(in crate::actor::task_manager) fn on_ended(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        let (subtask, attempt) = (task.subtask, task.attempt);
        let (state, failure) = task.ending();
        self.remove_task(number, ctx);
        ctx.state(Fact::TaskEnded {
            subtask,
            attempt,
            state,
        });
        if let Some(mut watchdog) = self.executor().watchdogs.remove(&number) {
            watchdog.release(ctx);
        }
        self.tell_state(subtask, attempt, state, failure, ctx);
        if let Some(allocation) = self.executor().allocations.remove(&number) {
            self.free_if_empty(allocation, ctx);
        }
        self.exit_when_idle(ctx);
    }

    /// `updateTaskExecutionState`
    pub(in crate::actor::task_manager) fn tell_state(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
        failure: Option<TaskFailure>,
        ctx: &mut Context<'_>,
    ) {
        let ask_timeout = self.blueprint.config.rpc.ask_timeout;
        let job = self.blueprint.topology.job_of(subtask);
        let executor = self.executor();
        let Some((peer, token)) = executor.job_master(job) else {
            return;
        };
        let call = Call::UpdateTaskExecutionState {
            subtask,
            attempt,
            state,
            failure,
        };
        let what = ExecutorAsk::TaskState(subtask, attempt);
        line::ask(
            &mut executor.asks,
            what,
            ask_timeout,
            peer,
            Some(token),
            call,
            ctx,
        );
    }

    /// A JobMaster that does not know the attempt, or does not answer: the task is nobody's.
    pub(super) fn on_state_heard(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        if let (Err(_), Some(number)) = (result, self.find(subtask, attempt)) {
            self.end_task(number, Some(TaskFailure::UpdateRefused), ctx);
        }
    }

    /// Calls that nobody waits for, to the JobMaster of a job.
    pub(super) fn tell_job_master(&mut self, job: JobId, call: Call, ctx: &mut Context<'_>) {
        if let Some((peer, token)) = self.executor().job_master(job) {
            line::tell(Endpoint::TaskExecutor, peer, Some(token), call, ctx);
        }
    }

    pub(in crate::actor::task_manager) fn tell_acknowledged(
        &mut self,
        job: JobId,
        checkpoint: CheckpointId,
        attempt: Attempt,
        handle: StateHandle,
        ctx: &mut Context<'_>,
    ) {
        let call = Call::AcknowledgeCheckpoint {
            checkpoint,
            attempt,
            handle: Box::new(handle),
        };
        self.tell_job_master(job, call, ctx);
    }

    pub(in crate::actor::task_manager) fn tell_declined(
        &mut self,
        job: JobId,
        checkpoint: CheckpointId,
        (subtask, attempt): (SubtaskId, Attempt),
        ctx: &mut Context<'_>,
    ) {
        let call = Call::DeclineCheckpoint {
            checkpoint,
            subtask,
            attempt,
            reason: "declined by a task",
        };
        self.tell_job_master(job, call, ctx);
    }

    /// What is deployed here of a job (`TaskExecutorToJobManagerHeartbeatPayload`).
    pub(super) fn deployed(&self, job: JobId) -> Vec<(SubtaskId, Attempt)> {
        let topology = &self.blueprint.topology;
        self.tasks
            .iter()
            .flatten()
            .filter(|task| topology.job_of(task.subtask) == job)
            .map(|task| (task.subtask, task.attempt))
            .collect()
    }

    pub(super) fn fail_tasks_of(&mut self, job: JobId, why: TaskFailure, ctx: &mut Context<'_>) {
        for number in self.numbers() {
            let subtask = self.task(number).subtask;
            if self.blueprint.topology.job_of(subtask) == job {
                self.end_task(number, Some(why.clone()), ctx);
            }
        }
    }

    pub(super) fn fail_tasks_in(&mut self, allocation: AllocationId, ctx: &mut Context<'_>) {
        let here: Vec<u32> = self
            .executor()
            .allocations
            .iter()
            .filter(|(_, held)| **held == allocation)
            .map(|(number, _)| *number)
            .collect();
        for number in here {
            self.end_task(number, Some(TaskFailure::SlotFreed), ctx);
        }
    }
}

/// Whether somebody else makes the task end: its own thread has to be stopped then, and is watched.
fn is_from_outside(failure: &TaskFailure) -> bool {
    matches!(
        failure,
        TaskFailure::JobMasterLost
            | TaskFailure::SlotFreed
            | TaskFailure::UpdateRefused
            | TaskFailure::Other(_)
    )
}
