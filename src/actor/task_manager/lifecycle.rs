//! Tasks come and go: deployment, restore, cancellation, and their part in checkpoints.

use crate::actor::checkpoint::{Attempt, Blob, BlobKey};
use crate::actor::context::Context;
use std::sync::Arc;

use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::message::{Body, DatabaseRequest, TaskDeployment, TaskStep};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Distribution, Span};

use super::TaskManager;
use super::persisting::asynchronous;
use super::task::{SnapshotPart, Task};

impl TaskManager {
    /// A task is here, and begins to come up. `cold`: none of its job has run in this process before.
    pub(super) fn submit(
        &mut self,
        deployment: Box<TaskDeployment>,
        cold: bool,
        ctx: &mut Context<'_>,
    ) -> u32 {
        let number = self.tasks.len() as u32;
        let interval = self.blueprint.config.buffer_timeout;
        let phase = self.draw(Distribution::between(Span::ZERO, interval));
        let profile = Arc::clone(&self.blueprint);
        let mut work = Span::ZERO;
        if self.executor.is_some() {
            work = self.draw(profile.profile.task_deployment_cpu);
            let first = self.draw(profile.profile.first_task_deployment_cpu);
            work += if cold { first } else { Span::ZERO };
        }
        let task = Task::new(number, deployment, phase, ctx.now(), &self.blueprint);
        for (output, channel) in task.outputs.channels.iter().enumerate() {
            self.outputs.set(channel.channel, (number, output as u16));
        }
        self.tasks.push(Some(Box::new(task)));
        match &mut self.executor {
            Some(executor) => {
                if let Some(work) = executor.deployments.push(number, work) {
                    self.make(number, work, ctx);
                }
            }
            None => self.set_up(number, ctx),
        }
        number
    }

    /// A task's turn has come to be made.
    fn make(&mut self, number: u32, work: Span, ctx: &mut Context<'_>) {
        if work > Span::ZERO {
            ctx.work(number, work, true);
        } else {
            self.made(number, ctx);
        }
    }

    /// What a deployment takes of CPU is done: the next one's turn.
    pub(super) fn made(&mut self, number: u32, ctx: &mut Context<'_>) {
        self.set_up(number, ctx);
        self.make_next(number, ctx);
    }

    fn make_next(&mut self, done: u32, ctx: &mut Context<'_>) {
        let Some(executor) = &mut self.executor else {
            return;
        };
        if let Some((next, work)) = executor.deployments.done(done) {
            self.make(next, work, ctx);
        }
    }

    /// The rest of a deployment only takes time.
    fn set_up(&mut self, number: u32, ctx: &mut Context<'_>) {
        let delay = self.draw(self.blueprint.profile.task_deployment);
        ctx.after(
            delay,
            Body::TaskProgress {
                task: number,
                step: TaskStep::Deployed,
            },
        );
    }

    pub(super) fn on_progress(&mut self, number: u32, step: TaskStep, ctx: &mut Context<'_>) {
        if self.tasks[number as usize].is_none() {
            return;
        }
        match step {
            TaskStep::Ended => self.on_ended(number, ctx),
            _ if self.task(number).is_ending() => {}
            TaskStep::Deployed => self.begin_restore(number, ctx),
            TaskStep::Restored => self.on_state_restored(number, ctx),
            TaskStep::SnapshotTaken => self.on_snapshot_taken(number, ctx),
            TaskStep::Initialized if self.task(number).input.queued() > 0 => {
                self.recover_channels(number, ctx)
            }
            TaskStep::Initialized => self.run_task(number, ctx),
            TaskStep::WriterFlush | TaskStep::WriterPatience => {
                self.on_writer_step(number, step, ctx)
            }
        }
    }

    fn begin_restore(&mut self, number: u32, ctx: &mut Context<'_>) {
        let (database, storage) = (
            self.blueprint.directory.database,
            self.blueprint.directory.storage,
        );
        let task = self.task(number);
        task.state = ExecutionState::Initializing;
        let (subtask, attempt) = (task.subtask, task.attempt);
        let restored = task.deployment.restored_checkpoint;
        let state: Vec<_> = task
            .deployment
            .state
            .iter()
            .map(|handle| handle.key)
            .collect();
        let sinks = task.sinks_to_recover.clone();
        let is_local = self.executor.is_some() && self.prepare_restore(number, ctx);
        self.report_state(subtask, attempt, ExecutionState::Initializing, ctx);
        for sink in sinks {
            let request = DatabaseRequest::Recover {
                sink,
                attempt,
                restored,
            };
            ctx.send(database, Body::Database(request));
        }
        // Copies that stay on the machine hold no state of channels.
        let channels = self.task(number).deployment.channels.files.clone();
        let state = state.into_iter().filter(|_| !is_local);
        for key in state.chain(channels) {
            ctx.send(storage, Body::Read { key });
        }
        if self.task(number).has_loaded() {
            self.on_state_loaded(number, ctx);
        }
    }

    pub(super) fn on_state_read(
        &mut self,
        key: BlobKey,
        blob: Option<Blob>,
        ctx: &mut Context<'_>,
    ) {
        let wants = |task: &Task| {
            task.state == ExecutionState::Initializing && task.deployment.restores(key)
        };
        let found = self
            .tasks
            .iter()
            .position(|task| task.as_ref().is_some_and(|task| wants(task)));
        let Some(number) = found else { return };
        let task = self.task(number as u32);
        match blob {
            Some(Blob::State(snapshot)) => {
                task.load(&snapshot);
                task.deployment.state.retain(|handle| handle.key != key);
                if task.has_loaded() {
                    self.on_state_loaded(number as u32, ctx);
                }
            }
            Some(Blob::Channels(state)) => {
                let redistributed = task.deployment.channels.redistributed;
                task.load_channels(&state, redistributed, ctx.now());
                task.deployment.channels.files.retain(|file| *file != key);
                if task.has_loaded() {
                    self.on_state_loaded(number as u32, ctx);
                }
            }
            // The file is gone, or cannot be read: an ordinary failure.
            _ => self.fail_task(number as u32, TaskFailure::StateRestore, ctx),
        }
    }

    /// Everything has been read that the task restores.
    fn on_state_loaded(&mut self, number: u32, ctx: &mut Context<'_>) {
        let wait = self.task(number).restored_at_earliest;
        if wait > ctx.now() {
            let step = TaskStep::Restored;
            let body = Body::TaskProgress { task: number, step };
            return ctx.after(wait.since(ctx.now()), body);
        }
        self.on_state_restored(number, ctx);
    }

    /// Everything is there that the task restores; a sink waits for its database too.
    fn on_state_restored(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        task.state_loaded = true;
        if task.deployment.restored_checkpoint > 0 {
            task.note_restored(ctx);
        }
        if let Some(writer) = &mut task.writer {
            writer.recover(ctx);
            return self.follow_writer(number, ctx);
        }
        if task.sinks_to_recover.is_empty() {
            self.initialize(number, ctx);
        }
    }

    pub(super) fn initialize(&mut self, number: u32, ctx: &mut Context<'_>) {
        let profile = Arc::clone(&self.blueprint);
        let mut work = Span::ZERO;
        let subtask = self.task(number).subtask;
        if let Some(executor) = &mut self.executor {
            let operator = profile.topology.subtasks[subtask as usize].operator;
            let cold = executor.deployments.is_first_of_operator(operator);
            work = self.draw(profile.profile.task_initialization_cpu);
            let first = self.draw(profile.profile.first_task_initialization_cpu);
            work += if cold { first } else { Span::ZERO };
        }
        if work > Span::ZERO {
            ctx.work(number, work, true);
        } else {
            self.open_operators(number, ctx);
        }
    }

    /// What an initialisation takes of CPU is done; the rest only takes time.
    pub(super) fn open_operators(&mut self, number: u32, ctx: &mut Context<'_>) {
        let delay = self.draw(self.blueprint.profile.task_initialization);
        ctx.after(
            delay,
            Body::TaskProgress {
                task: number,
                step: TaskStep::Initialized,
            },
        );
    }

    pub(super) fn run_task(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        task.start(ctx.now());
        let (subtask, attempt) = (task.subtask, task.attempt);
        self.start_watermarks(number, ctx);
        self.advance(number, ctx);
        self.connect_inputs(number, ctx);
        self.serve_parked(number, ctx);
        self.report_state(subtask, attempt, ExecutionState::Running, ctx);
    }

    pub(super) fn report_state(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        state: ExecutionState,
        ctx: &mut Context<'_>,
    ) {
        if self.executor.is_some() {
            return self.tell_state(subtask, attempt, state, None, ctx);
        }
        if let Some(leader) = self.membership.registered_leader() {
            ctx.send(
                leader,
                Body::UpdateTaskExecutionState {
                    subtask,
                    attempt,
                    state,
                },
            );
        }
    }

    pub(super) fn cancel(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        leader: ActorId,
        ctx: &mut Context<'_>,
    ) {
        if let Some(number) = self.find(subtask, attempt) {
            self.remove_task(number, ctx);
        }
        // Also where there is no such task: then it has ended before.
        let state = ExecutionState::Canceled;
        ctx.send(
            leader,
            Body::UpdateTaskExecutionState {
                subtask,
                attempt,
                state,
            },
        );
    }

    pub(super) fn remove_task(&mut self, number: u32, ctx: &mut Context<'_>) {
        let mut task = self.tasks[number as usize]
            .take()
            .expect("the task is there");
        if let Some(writer) = &mut task.writer {
            writer.close(ctx);
        }
        task.flush.release(ctx);
        task.held.release(ctx);
        task.alignment.release(ctx);
        task.stop_watermarks(ctx);
        ctx.forget_work(number);
        ctx.forget_work(asynchronous(number));
        self.make_next(number, ctx);
        for channel in &task.input.channels {
            if channel.connection != 0 {
                let (channel, connection, producer) =
                    (channel.channel, channel.connection, channel.producer);
                ctx.send(
                    producer,
                    Body::PartitionClosed {
                        channel,
                        connection,
                    },
                );
            }
        }
        for channel in &task.outputs.channels {
            self.outputs.remove(channel.channel, number);
        }
    }

    /// Everything stops: the cluster counts this TaskManager as gone.
    pub(super) fn stop_all(&mut self, reason: &'static str, ctx: &mut Context<'_>) {
        ctx.state(Fact::TaskManagerStopped { reason });
        for number in self.numbers() {
            self.remove_task(number, ctx);
        }
        self.parked.clear();
    }

    pub(super) fn on_durable(
        &mut self,
        number: u32,
        checkpoint: CheckpointId,
        part: SnapshotPart,
        ctx: &mut Context<'_>,
    ) {
        let task = self.task(number);
        let (subtask, attempt) = (task.subtask, task.attempt);
        let Some(handle) = task.durable(checkpoint, part) else {
            return;
        };
        let job = self.blueprint.topology.job_of(subtask);
        if self.executor.is_some() {
            return self.tell_acknowledged(job, checkpoint, attempt, handle, ctx);
        }
        if let Some(leader) = self.membership.registered_leader() {
            ctx.send(
                leader,
                Body::AcknowledgeCheckpoint {
                    job,
                    checkpoint,
                    attempt,
                    handle: Box::new(handle),
                },
            );
        }
    }

    pub(super) fn on_checkpoint_complete(
        &mut self,
        job: JobId,
        checkpoint: CheckpointId,
        ctx: &mut Context<'_>,
    ) {
        for number in self.tasks_of(job) {
            self.checkpoint_complete(number, checkpoint, ctx);
        }
    }

    /// A task hears that a checkpoint has completed. One that does not run yet, or any more, takes no notice
    /// (`Task.notifyCheckpoint`).
    pub(super) fn checkpoint_complete(
        &mut self,
        number: u32,
        checkpoint: CheckpointId,
        ctx: &mut Context<'_>,
    ) {
        let database = self.blueprint.directory.database;
        let task = self.task(number);
        if !task.is_running() {
            return;
        }
        task.checkpoint_complete(checkpoint);
        task.finishing |= task.stopping == Some(checkpoint);
        if let Some(writer) = &mut task.writer {
            writer.checkpoint_complete(checkpoint, ctx);
            return self.follow_writer(number, ctx);
        }
        if task.is_sink() {
            let request = DatabaseRequest::Commit {
                sink: task.subtask,
                attempt: task.attempt,
                checkpoint,
            };
            ctx.send(database, Body::Database(request));
        }
        self.finish_or_advance(number, ctx);
    }

    /// A task that has stopped with a savepoint ends by itself; any other goes on.
    pub(super) fn finish_or_advance(&mut self, number: u32, ctx: &mut Context<'_>) {
        match self.task(number).is_finished() {
            true => self.end_task(number, None, ctx),
            false => self.advance(number, ctx),
        }
    }

    pub(super) fn on_checkpoint_aborted(
        &mut self,
        job: JobId,
        checkpoint: CheckpointId,
        ctx: &mut Context<'_>,
    ) {
        for number in self.tasks_of(job) {
            self.task(number).checkpoint_aborted(checkpoint);
            self.advance(number, ctx);
        }
    }

    fn tasks_of(&self, job: JobId) -> Vec<u32> {
        let topology = &self.blueprint.topology;
        let of_job = |number: &u32| {
            let task = self.tasks[*number as usize].as_ref();
            task.is_some_and(|task| topology.job_of(task.subtask) == job)
        };
        self.numbers().into_iter().filter(of_job).collect()
    }
}
