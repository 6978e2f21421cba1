//! One execution of a subtask: what it holds, how it works through its input, and how it takes part in checkpoints.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::{Attempt, Barrier, Snapshot, StateHandle};
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::ExecutionState;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::message::{TaskDeployment, Timer};
use crate::actor::settings::CheckpointingMode;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::job_graph::Service;
use crate::dataflow::sink::SinkSpec;
use crate::dataflow::topology::{SubtaskId, Topology};
use crate::kernel::{ActorId, SmallStream, Span, Time};
use crate::policy::RecoveryScope;

use super::buffers::{Buffers, Carried};
use super::channel_state::ChannelPart;
use super::event_time::TaskEventTime;
use super::input::{InputChannel, InputGate};
use super::meter::{Activity, Meter};
use super::output::{Outputs, Retention};
use super::sink::Writer;
pub use super::snapshots::SnapshotPart;
use super::source::SourceReader;
use super::state::OperatorState;

mod emission;
mod work;

#[derive(Clone, Debug)]
pub struct Task {
    pub subtask: SubtaskId,
    pub attempt: Attempt,
    pub state: ExecutionState,
    pub deployment: Box<TaskDeployment>,
    pub(super) blueprint: Arc<Blueprint>,
    /// Its number on this TaskManager.
    number: u32,
    cpu_per_record: Span,
    /// Of a source: records that it takes at once.
    pub batch_max: u32,
    carried: Carried,
    buffers: Buffers,
    pub input: InputGate,
    pub outputs: Outputs,
    pub source: Option<SourceReader>,
    /// Where the job has event time.
    pub(super) event_time: Option<Box<TaskEventTime>>,
    pub(super) operator_state: Option<OperatorState>,
    /// Of a sink with transactions of the database: what belongs to the open one.
    pub(super) transaction: Option<Vec<Batch>>,
    /// Of a sink that sends records on as they come.
    pub(super) writer: Option<Box<Writer>>,
    work: Option<Work>,
    /// CPU of it.
    work_cpu: Span,
    /// Where the CPU of single records is drawn.
    service: Option<SmallStream>,
    /// Waits for a core, or has one.
    on_cpu: bool,
    /// A checkpoint that the coordinator asked this source for.
    pub(super) triggered: Option<Barrier>,
    pub aborted_up_to: CheckpointId,
    pub(super) pending: BTreeMap<CheckpointId, PendingSnapshot>,
    /// A checkpoint that the coordinator has to be told will not complete.
    pub declined: Option<CheckpointId>,
    pub flush: Alarm,
    /// Of a source with a rate limit: when it looks again.
    pub held: Alarm,
    /// When barriers that wait for their turn go ahead.
    pub alignment: Alarm,
    /// The alarm is set.
    flush_due: bool,
    flush_phase: Span,
    pub meter: Meter,
    put_out: bool,
    /// The synchronous part of a snapshot keeps it from its records.
    pub(super) taking_snapshot: Option<CheckpointId>,
    /// Snapshots whose asynchronous part is under way or to come, in order.
    pub(super) to_serialize: VecDeque<CheckpointId>,
    /// A snapshot that was taken just now.
    pub(super) snapshot_taken: Option<(CheckpointId, Arc<Snapshot>)>,
    /// What it restores cannot be in memory before.
    pub restored_at_earliest: Time,
    /// Everything that it restores is in memory.
    pub state_loaded: bool,
    /// It works through the restored state of its channels, and runs afterwards.
    pub recovers_channels: bool,
    /// Why it is ending, where it was not cancelled.
    failure: Option<TaskFailure>,
    /// It has taken the savepoint with which its job stops, and handles nothing more.
    pub(super) stopping: Option<CheckpointId>,
    /// The savepoint is complete: it ends as soon as its writer has committed.
    pub(super) finishing: bool,
    /// Of a sink: the subtasks whose transactions it still has to take over in the database, its own among them.
    pub sinks_to_recover: BTreeSet<SubtaskId>,
}

/// What a core is busy with.
#[derive(Clone, Debug)]
enum Work {
    Batch {
        input: u16,
        emitted: Time,
        batch: Batch,
    },
    Source {
        records: u32,
    },
}

#[derive(Clone, Debug)]
pub(super) struct PendingSnapshot {
    pub(super) handle: StateHandle,
    /// Until it is on its way to storage.
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// Work of the asynchronous part.
    pub(super) cpu: Span,
    pub(super) written: bool,
    /// The task writes no faster.
    pub(super) written_at_earliest: Time,
    pub(super) prepared: bool,
    /// State of its channels.
    pub(super) channels: ChannelPart,
}

impl Task {
    pub fn new(
        number: u32,
        deployment: Box<TaskDeployment>,
        flush_phase: Span,
        now: Time,
        blueprint: &Arc<Blueprint>,
    ) -> Task {
        let topology = &blueprint.topology;
        let vertex = deployment.layout.vertex(deployment.subtask);
        let operator = topology.operator_of(deployment.subtask);
        let config = &blueprint.config;
        let restored = deployment.restored_checkpoint;
        let weight = u64::from(blueprint.weight);
        let retention = match blueprint.scope {
            RecoveryScope::PerTask => Retention::UntilCheckpoint {
                bytes_max: config.in_flight_log_bytes,
            },
            RecoveryScope::PerTaskNaive => Retention::Nothing,
            RecoveryScope::Region | RecoveryScope::Full => Retention::UntilSent,
        };
        let buffers = Buffers::new(
            config.segment_bytes,
            operator.record_bytes,
            blueprint.weight,
        );
        let mut carried = 0;
        let mut outputs = Outputs::new(
            vertex
                .outputs
                .iter()
                .flat_map(|output| output.channels.iter().copied()),
            retention,
            operator.record_bytes,
            buffers,
            u64::from(config.floating_buffers_per_gate),
            restored,
        );
        outputs.defects = blueprint.defects;
        let mut channels: Vec<_> = vertex
            .inputs
            .iter()
            .zip(&deployment.producers)
            .map(|(channel, (taskmanager, attempt))| {
                InputChannel::new(*channel, *taskmanager, *attempt, restored)
            })
            .collect();
        for (channel, incarnation) in channels.iter_mut().zip(&deployment.incarnations) {
            channel.upstream.incarnation = Some(*incarnation);
        }
        let floating = config
            .floating_buffers_per_gate
            .div_ceil(channels.len().max(1) as u32);
        let window = buffers.instead_of(u64::from(config.buffers_per_channel + floating));
        let window = (window as u32).max(2);
        let remembers = blueprint.scope == RecoveryScope::PerTask;
        let aligns = config.checkpointing.mode == CheckpointingMode::ExactlyOnce;
        let mut input = InputGate::new(channels, window, remembers, aligns);
        input.defects = blueprint.defects;
        let is_source = topology.is_source(deployment.subtask);
        let prepares = topology
            .sink_of(deployment.subtask)
            .is_some_and(SinkSpec::prepares);
        let sinks_to_recover = if prepares {
            predecessors(&deployment, topology)
        } else {
            BTreeSet::new()
        };
        let pace = operator.spec.max_rate_per_s;
        let pace = pace.map(|rate| Span((weight as f64 * 1e9 / rate) as u64));
        let service = (operator.spec.service == Service::Exponential).then(|| {
            let attempt = deployment.attempt;
            let name = format!(
                "{} {}.{}",
                deployment.subtask,
                attempt.token(),
                attempt.number()
            );
            blueprint.streams.small("service", &name)
        });
        Task {
            subtask: deployment.subtask,
            attempt: deployment.attempt,
            state: ExecutionState::Deploying,
            number,
            cpu_per_record: operator.spec.cpu_per_record * weight,
            batch_max: buffers.next(&mut carried),
            carried,
            buffers,
            input,
            outputs,
            source: is_source.then(|| {
                SourceReader::new(
                    blueprint.directory.kafka,
                    &deployment.splits,
                    pace,
                    blueprint.weight,
                    now,
                )
            }),
            event_time: None,
            operator_state: OperatorState::new(operator, vertex.key_groups, blueprint),
            transaction: prepares.then(Vec::new),
            writer: Writer::new(
                deployment.subtask,
                deployment.attempt,
                number,
                deployment.layout.width_of(deployment.subtask, topology),
                restored,
                blueprint,
            ),
            work: None,
            work_cpu: Span::ZERO,
            service,
            on_cpu: false,
            triggered: None,
            aborted_up_to: deployment.aborted_up_to,
            pending: BTreeMap::new(),
            declined: None,
            flush: Alarm::new(Timer::Flush { task: number }),
            held: Alarm::new(Timer::SourceHeld { task: number }),
            alignment: Alarm::new(Timer::AlignmentTimeout { task: number }),
            flush_due: false,
            flush_phase,
            meter: Meter::default(),
            put_out: false,
            taking_snapshot: None,
            to_serialize: VecDeque::new(),
            snapshot_taken: None,
            restored_at_earliest: Time::ZERO,
            state_loaded: false,
            recovers_channels: false,
            failure: None,
            stopping: None,
            finishing: false,
            sinks_to_recover,
            blueprint: Arc::clone(blueprint),
            deployment,
        }
        .in_event_time()
    }

    pub(super) fn storage(&self) -> ActorId {
        self.blueprint.directory.storage
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub fn is_sink(&self) -> bool {
        self.transaction.is_some() || self.writer.is_some()
    }

    pub fn is_running(&self) -> bool {
        self.state == ExecutionState::Running
    }

    /// It handles records.
    pub fn works(&self) -> bool {
        self.is_running() || (self.recovers_channels && !self.is_ending())
    }

    /// Stops working, on the way to CANCELED, or to FAILED with a cause.
    pub fn end(&mut self, failure: Option<TaskFailure>) {
        self.state = ExecutionState::Canceling;
        self.failure = failure;
    }

    /// It waits for a core for records, or has one.
    pub fn is_at_work(&self) -> bool {
        self.on_cpu
    }

    pub fn is_ending(&self) -> bool {
        self.state == ExecutionState::Canceling
    }

    /// What an ending task has ended as.
    pub fn ending(&mut self) -> (ExecutionState, Option<TaskFailure>) {
        match self.failure.take() {
            Some(failure) => (ExecutionState::Failed, Some(failure)),
            None if self.finishing => (ExecutionState::Finished, None),
            None => (ExecutionState::Canceled, None),
        }
    }

    pub fn start(&mut self, now: Time) {
        self.state = ExecutionState::Running;
        self.recovers_channels = false;
        self.meter.start(now);
    }

    /// Nothing keeps it from ending: its savepoint is complete, and what it had to commit is committed.
    pub fn is_finished(&self) -> bool {
        self.finishing && self.is_running() && !self.writes()
    }

    /// Its writer keeps it from its records.
    fn writes(&self) -> bool {
        self.writer
            .as_ref()
            .is_some_and(|writer| writer.is_blocking())
    }

    /// It works on its records, and nothing else is to be done about it.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.declined.is_none()
            && self.snapshot_taken.is_none()
            && self.pending.is_empty()
            && !self.recovers_channels
            && !self.outputs.has_outgoing()
    }

    /// Does what can be done now: control elements at once, records as soon as a core is free.
    pub fn advance(&mut self, ctx: &mut Context<'_>) {
        if !self.works() || self.on_cpu || self.taking_snapshot.is_some() || self.writes() {
            return;
        }
        if self.stopping.is_some() {
            return self.meter.turn(Activity::Idle, ctx.now());
        }
        if let Some(barrier) = self.triggered.take() {
            self.meter
                .start_delay(ctx.now().since(barrier.triggered_at));
            self.snapshot(barrier, ctx);
        }
        match self.input.take_urgent(self.aborted_up_to) {
            Some(Ok(barrier)) => self.begin_overtaking(barrier, ctx),
            Some(Err(checkpoint)) => self.decline(checkpoint),
            None => {}
        }
        let is_blocked = self.outputs.is_blocked();
        if self.taking_snapshot.is_none() && !is_blocked && self.find_work(ctx) {
            self.on_cpu = true;
            self.work_cpu = self.cpu_of_work();
            ctx.work(self.number, self.work_cpu, false);
        }
        let activity = if self.on_cpu || self.taking_snapshot.is_some() {
            Activity::Busy
        } else if is_blocked {
            Activity::BackPressured
        } else {
            Activity::Idle
        };
        self.meter.turn(activity, ctx.now());
    }

    /// A checkpoint cannot reach this task: its barriers are void from now on, and the coordinator is told.
    fn decline(&mut self, checkpoint: CheckpointId) {
        self.aborted_up_to = self.aborted_up_to.max(checkpoint);
        self.input.abort(self.aborted_up_to);
        self.declined = Some(checkpoint);
    }

    /// A process that produced for this task died.
    pub fn lose_producer(&mut self, producer: ActorId, incarnation: u32) {
        if let Some(checkpoint) = self.input.lose_producer(producer, incarnation) {
            self.decline(checkpoint);
        }
    }
}

/// The subtasks whose transactions a sink takes over: its own, and of those that no longer exist every one that lies a
/// multiple of the parallelism further on (`TransactionAborter` of the Kafka sink).
fn predecessors(deployment: &TaskDeployment, topology: &Topology) -> BTreeSet<SubtaskId> {
    let operator = topology.operator_of(deployment.subtask);
    let width = deployment.layout.width_of(deployment.subtask, topology);
    (deployment.subtask..operator.first + operator.widest)
        .step_by(width as usize)
        .collect()
}
