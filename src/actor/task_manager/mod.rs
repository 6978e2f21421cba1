//! The TaskManager: keeps its ephemeral znode, registers at the leader, runs tasks and moves their data.

pub mod executor;
pub mod input;
pub mod meter;
pub mod output;
mod sink;
pub mod source;
pub mod state;
pub mod task;

mod buffers;
mod channel_state;
mod channels;
mod event_time;
mod kafka_client;
mod lifecycle;
mod membership;
mod misfortune;
mod persisting;
mod reporting;
mod requests;
mod routes;
mod sending;
mod snapshots;
mod writing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::dataflow::topology::ChannelId;
use crate::kernel::{ActorId, Distribution, SmallStream, Span};
use crate::policy::Liveness;

use super::blueprint::Blueprint;
use super::context::{Alarm, Context};
use super::fact::ExecutionState;
use super::message::{Body, DatabaseAnswer, Envelope, Timer};
use super::zookeeper::client::Client;
use channels::Handed;
use executor::TaskExecutor;
use membership::Membership;
pub use membership::{LEADER_PATH, MEMBERS_PATH};
use output::ParkedRequest;
use routes::{Connections, Routes};
use sending::Unwritten;
use task::{SnapshotPart, Task};

/// Connections that one incarnation may open before their numbers run into the next one's.
const CONNECTION_BITS: u32 = 20;

#[derive(Clone, Debug)]
pub struct TaskManager {
    me: ActorId,
    blueprint: Arc<Blueprint>,
    millicores: u64,
    /// By number; a number is used once in the life of the process.
    tasks: Vec<Option<Box<Task>>>,
    connections: Connections,
    outputs: Routes,
    /// Requests for the output of tasks that are not there yet: the latest one for each channel.
    parked: BTreeMap<ChannelId, ParkedRequest>,
    /// Empty between two events.
    handed: VecDeque<Handed>,
    /// Empty between two events.
    unwritten: Unwritten,
    random: SmallStream,
    /// Of requests to Kafka that were refused.
    retries: SmallStream,
    /// The story's way of belonging to a cluster.
    membership: Membership,
    /// Flink's.
    executor: Option<Box<TaskExecutor>>,
    report: Alarm,
}

impl TaskManager {
    pub fn new(me: ActorId, blueprint: Arc<Blueprint>) -> TaskManager {
        let index = blueprint
            .directory
            .taskmanager_index(me)
            .expect("a TaskManager is in the directory");
        let settings = &blueprint.cluster.taskmanagers[index];
        let name = &settings.name;
        let channels = blueprint.topology.channels.len();
        let config = &blueprint.config;
        let client = Client::new(
            name,
            &blueprint.directory.zookeeper,
            config.ha.session_timeout,
            config.ha.connection_timeout,
            &blueprint.streams,
        );
        TaskManager {
            me,
            millicores: u64::from(settings.cpu_millicores),
            tasks: Vec::new(),
            connections: Connections::default(),
            outputs: Routes::new(channels),
            parked: BTreeMap::new(),
            handed: VecDeque::new(),
            unwritten: Unwritten::default(),
            random: blueprint.streams.small("task-start", name),
            retries: blueprint.streams.small("kafka-retry", name),
            executor: (blueprint.liveness == Liveness::RpcHeartbeats).then(|| {
                Box::new(TaskExecutor::new(
                    name,
                    settings.slots,
                    client.clone().retrying(config.ha.retries()),
                    &blueprint,
                ))
            }),
            membership: Membership::new(client),
            report: Alarm::new(Timer::MetricReport),
            blueprint,
        }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        let from = envelope.from;
        match envelope.body {
            Body::Data {
                connection,
                emitted,
                element,
                ..
            } => self.on_data(from, connection, emitted, element, ctx),
            Body::Events(events) => self.on_events(from, *events, ctx),
            Body::WorkDone { task } => self.on_work_done(task, ctx),
            Body::Credit {
                channel,
                connection,
                credits,
            } => self.on_credit(from, channel, connection, credits, ctx),
            Body::Fetched {
                split,
                first,
                records,
                log_end,
                task,
            } => {
                if let Some(source) = self.tasks[task as usize]
                    .as_mut()
                    .and_then(|task| task.source.as_mut())
                {
                    source.on_fetched(split, first, records, log_end);
                    self.advance(task, ctx);
                }
            }
            _ => self.take_message(envelope, ctx),
        }
        self.take_handed(ctx);
    }

    /// One of those that come now and then.
    #[inline(never)]
    fn take_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        let is_flink = self.executor.is_some();
        let envelope = match is_flink {
            true => match self.on_executor_message(envelope, ctx) {
                Some(envelope) => envelope,
                None => return,
            },
            false => envelope,
        };
        let from = envelope.from;
        match envelope.body {
            Body::FetchedInTime(fetched) => self.on_fetched_in_time(*fetched, ctx),
            Body::PartitionRequest(request) => self.on_partition_request(from, *request, ctx),
            Body::PartitionClosed {
                channel,
                connection,
            } => self.on_partition_closed(from, channel, connection, ctx),
            Body::PartitionRequestExpired {
                consumer,
                channel,
                connection,
            } => self.on_request_expired(consumer, channel, connection, ctx),
            Body::PartitionNotFound {
                channel,
                connection,
            } => self.on_partition_not_found(channel, connection, ctx),
            Body::RequestPartitionAgain { connection, .. } => self.request_again(connection, ctx),
            Body::TaskProgress { task, step } => self.on_progress(task, step, ctx),
            Body::Written { key } => self.on_written(key, ctx),
            Body::ReadDone { key, blob } => self.on_state_read(key, blob, ctx),
            Body::ReadFailed { key } => self.on_state_read(key, None, ctx),
            Body::DatabaseDone {
                sink,
                attempt,
                what,
            } => self.on_database(sink, attempt, what, ctx),
            Body::OffsetOutOfRange(what) => self.on_offset_out_of_range(*what, ctx),
            Body::KafkaDone(reply) => self.on_kafka(*reply, ctx),
            Body::KafkaRefused(request) => self.on_kafka_refused(request, ctx),
            Body::KafkaRetryDue(request) => self.on_kafka_retry_due(request, ctx),
            Body::SubmitTask { token, task } => {
                if self.takes_tasks(token) {
                    self.submit(task, false, ctx);
                }
            }
            Body::CancelTask {
                token,
                subtask,
                attempt,
            } => {
                if self.obeys(token) {
                    self.cancel(subtask, attempt, from, ctx);
                }
            }
            Body::UpdatePartition { token, update } => {
                if self.obeys(token) {
                    self.update_partition(*update, ctx);
                }
            }
            Body::TriggerCheckpoint {
                token,
                subtask,
                attempt,
                barrier,
            } => {
                if self.obeys(token)
                    && let Some(number) = self.find(subtask, attempt)
                {
                    self.task(number).trigger(*barrier);
                    self.advance(number, ctx);
                }
            }
            Body::AddSplits {
                token,
                subtask,
                attempt,
                splits,
            } => {
                if self.obeys(token) {
                    self.add_splits(subtask, attempt, &splits, ctx);
                }
            }
            Body::NotifyCheckpointComplete {
                token,
                job,
                checkpoint,
            } => {
                if self.obeys(token) {
                    self.on_checkpoint_complete(job, checkpoint, ctx);
                }
            }
            Body::NotifyCheckpointAborted {
                token,
                job,
                checkpoint,
            } => {
                if self.obeys(token) {
                    self.on_checkpoint_aborted(job, checkpoint, ctx);
                }
            }
            Body::TaskManagerRegistered { token } => self.on_registered(token, from, ctx),
            Body::Start => {
                // Connections of different incarnations have different numbers.
                let base = envelope.to_incarnation << CONNECTION_BITS;
                self.connections = Connections::numbered_from(base);
                match is_flink {
                    true => self.start_executor(ctx),
                    false => self.start(ctx),
                }
            }
            Body::Shutdown => self.shut_down(ctx),
            Body::Throw { subtask } => self.suffer_exception(subtask, ctx),
            Body::StickCancel { subtask, lasts } => self.resist_cancellation(subtask, lasts, ctx),
            Body::WriteFailed { key } => self.on_write_failed(key, ctx),
            Body::Zk(message) => {
                let event = self.membership.client.on_message(from, *message, ctx);
                self.on_zookeeper(event, ctx);
            }
            Body::ConnectionReset { peer } | Body::ConnectionRefused { peer }
                if self.writes_to(peer) =>
            {
                self.repeat_writes(peer, ctx)
            }
            Body::ConnectionReset { peer } | Body::ConnectionRefused { peer } if is_flink => {
                self.on_executor_reset(peer, envelope.from_incarnation, ctx)
            }
            Body::ConnectionReset { peer } | Body::ConnectionRefused { peer } => {
                self.on_reset(peer, envelope.from_incarnation, ctx)
            }
            body => unreachable!("TaskManagers do not receive {body:?}"),
        }
    }

    pub fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        self.handle_timer(timer, ctx);
        self.take_handed(ctx);
    }

    fn handle_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        match timer {
            // It may have come due while the process was stopped, before something that ended the task.
            Timer::Flush { task }
            | Timer::SourceHeld { task }
            | Timer::AlignmentTimeout { task }
            | Timer::Watermark { task }
                if self.tasks[task as usize].is_none() => {}
            Timer::Flush { task } => self.flush(task, ctx),
            Timer::SourceHeld { task } => self.advance(task, ctx),
            Timer::AlignmentTimeout { task } => self.on_alignment_timeout(task, ctx),
            Timer::Watermark { task } => self.on_watermark_due(task, ctx),
            Timer::MetricReport => self.send_report(ctx),
            timer if self.executor.is_some() => self.on_executor_timer(timer, ctx),
            Timer::Register => self.register(ctx),
            Timer::Zk(timer) => {
                let event = self.membership.client.on_timer(timer, ctx);
                self.on_zookeeper(event, ctx);
            }
            timer => unreachable!("TaskManagers set no {timer:?}"),
        }
    }

    fn task(&mut self, number: u32) -> &mut Task {
        self.tasks[number as usize]
            .as_mut()
            .expect("the task is there")
    }

    /// The number of an execution that is here.
    fn find(&self, subtask: u32, attempt: super::checkpoint::Attempt) -> Option<u32> {
        let is = |task: &Option<Box<Task>>| {
            task.as_ref()
                .is_some_and(|t| t.subtask == subtask && t.attempt == attempt)
        };
        self.tasks.iter().position(is).map(|number| number as u32)
    }

    fn numbers(&self) -> Vec<u32> {
        (0..self.tasks.len() as u32)
            .filter(|number| self.tasks[*number as usize].is_some())
            .collect()
    }

    /// Lets a task do what it can, and sends what came of it at once: barriers on, or a refusal back.
    fn advance(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        task.advance(ctx);
        if !task.is_plain() {
            self.follow_up(number, ctx);
        }
    }

    /// What a task has come to besides working on its records.
    fn follow_up(&mut self, number: u32, ctx: &mut Context<'_>) {
        if let Some(checkpoint) = self.task(number).declined.take() {
            self.decline(number, checkpoint, ctx);
        }
        let taken = self.task(number).snapshot_taken.take();
        self.write_outgoing(number, ctx);
        if let Some((checkpoint, snapshot)) = taken {
            self.persist(number, checkpoint, snapshot, ctx);
        }
        self.settle_channels(number, ctx);
        if self.has_recovered_channels(number) {
            self.run_task(number, ctx);
        }
    }

    fn on_work_done(&mut self, number: u32, ctx: &mut Context<'_>) {
        if let Some(number) = persisting::task_of_asynchronous(number) {
            return self.on_serialized(number, ctx);
        }
        if !ctx.is_work_done(number) {
            return;
        }
        let deployed = self.tasks[number as usize]
            .as_ref()
            .filter(|task| !task.is_at_work());
        if let Some(task) = deployed {
            // What the CPU was wanted for was to come up.
            let state = task.state;
            ctx.release_core(number);
            match state {
                ExecutionState::Deploying => self.made(number, ctx),
                ExecutionState::Initializing => self.open_operators(number, ctx),
                _ => {}
            }
            return;
        }
        if self.tasks[number as usize].is_some() {
            let task = self.task(number);
            if let Some(input) = task.finish_work(ctx) {
                task.input.channels[input as usize].consume();
                self.return_credits(number, input, ctx);
            }
            self.write_outgoing(number, ctx);
        }
        // The core goes to whoever waits before the task asks for it again.
        ctx.release_core(number);
        if self.tasks[number as usize].is_some() {
            self.advance(number, ctx);
        }
    }

    fn flush(&mut self, number: u32, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let task = self.task(number);
        let was_blocked = task.outputs.is_blocked();
        task.flush(now);
        self.write_outgoing(number, ctx);
        // Otherwise nothing has changed for it.
        if self.task(number).outputs.is_blocked() != was_blocked {
            self.advance(number, ctx);
        }
    }

    fn on_database(
        &mut self,
        sink: u32,
        attempt: super::checkpoint::Attempt,
        what: DatabaseAnswer,
        ctx: &mut Context<'_>,
    ) {
        match what {
            DatabaseAnswer::Recovered => self.on_sink_recovered(sink, attempt, ctx),
            DatabaseAnswer::Prepared(checkpoint) => {
                if let Some(number) = self.find(sink, attempt) {
                    self.on_durable(number, checkpoint, SnapshotPart::Transaction, ctx);
                }
            }
            DatabaseAnswer::Written(request) => {
                self.on_records_written(sink, attempt, request, ctx)
            }
            DatabaseAnswer::Committed(_) => {}
            // A successor has taken over: what this attempt does is for nobody.
            DatabaseAnswer::Fenced => {}
        }
    }

    fn draw(&mut self, distribution: Distribution) -> Span {
        distribution.draw(&mut self.random)
    }
}
