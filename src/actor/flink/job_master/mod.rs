//! The JobMaster: one job, from its execution graph to its checkpoints.

mod adaptive;
mod checkpoint_failures;
mod checkpoints;
mod connections;
mod coordinator;
mod deployment;
mod ending;
mod events;
mod execution;
mod failover;
mod requests;
mod savepoint;
mod slot_groups;
mod slot_pool;
mod sources;
mod store;
mod tasks;
mod triggering;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::checkpoint::{Attempt, Blob, BlobKey};
use crate::actor::context::{Alarm, Context};
use crate::actor::enumerator::SplitEnumerators;
use crate::actor::fact::{Fact, JobStatus};
use crate::actor::message::{FencingToken, Timer};
use crate::actor::settings::SchedulerKind;
use crate::actor::zookeeper::protocol::{Answer as ZkAnswer, ZkError};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::layout::Layout;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, SmallStream, Span};
use crate::policy::hash_order::HashOrder;
use crate::policy::restart::RestartBackoff;

use super::office::{Fatal, Office, StoreAsk};
use super::rpc::asks::Asks;
use super::rpc::heartbeat::{Heartbeats, Peer};
use super::rpc::{Address, Answer, AskId, Call, Endpoint, Rpc, RpcError, line};
use adaptive::AdaptiveScheduler;
pub use adaptive::AdaptiveTimer;
use connections::ResourceManagerLine;
use coordinator::Coordinator;
use deployment::Deployment;
pub(super) use events::JobAsk;
pub use events::JobMasterTimer;
use execution::Execution;
use failover::Failover;
use savepoint::Stopping;
pub use savepoint::Used;
use slot_groups::SlotGroup;
use slot_pool::SlotPool;
use store::Store;

#[derive(Clone, Debug)]
pub struct JobMaster {
    pub job: JobId,
    /// The leader session id, which is the JobMasterId.
    pub token: FencingToken,
    /// Nobody has run the job before.
    submission: bool,
    status: JobStatus,
    started: bool,
    /// The execution graph in force.
    layout: Arc<Layout>,
    /// By subtask of any layout of the job.
    executions: Vec<Execution>,
    pool: SlotPool,
    /// Subtasks that share a slot, and the group of each subtask.
    groups: Vec<SlotGroup>,
    group_of: Vec<usize>,
    /// Of the hash maps that slots and groups are kept in.
    order: HashOrder,
    /// TaskManagers that have registered here.
    taskmanagers: BTreeMap<Address, u64>,
    heartbeats: Heartbeats,
    round: Alarm,
    asks: Asks<JobAsk>,
    resource_manager: ResourceManagerLine,
    backoff: RestartBackoff,
    /// `jobmanager.scheduler: adaptive`
    adaptive: Option<AdaptiveScheduler>,
    failovers: Vec<Failover>,
    next_failover: u32,
    /// Vertices between failure and restart (`verticesWaitingForRestart`).
    waiting_for_restart: BTreeSet<SubtaskId>,
    deployments: Vec<Deployment>,
    next_deployment: u32,
    coordinator: Coordinator,
    /// One for each source.
    enumerators: SplitEnumerators,
    store: Store,
    /// `numRestarts`
    restarts: u32,
    /// A client has asked for it to be stopped.
    stopping: Option<Stopping>,
    /// What it starts from where its store is empty; 0: nothing.
    starts_from: CheckpointId,
    begins_from_savepoint: bool,
    created: Alarm,
    idle: Alarm,
    request_timeout: Alarm,
    declare: Alarm,
    random: SmallStream,
    /// How long restarts take to begin.
    restart_random: SmallStream,
    /// How late the timer of the checkpoints fires.
    trigger_random: SmallStream,
    /// What the first deployment takes of the main thread, in a process that has deployed nothing before.
    first_deployment: Option<Span>,
    /// What the main thread is busy with beyond what every message takes.
    busy: Span,
}

impl JobMaster {
    /// A JobMaster that has been granted leadership and knows nothing yet. `submission`: nobody has run the job before.
    pub fn new(
        job: JobId,
        token: FencingToken,
        submission: bool,
        office: &Office<'_>,
    ) -> JobMaster {
        let blueprint = office.blueprint;
        let config = &blueprint.config;
        let info = &blueprint.topology.jobs[job as usize];
        let owner = Endpoint::JobMaster(job);
        let alarm = |timer| Alarm::new(Timer::JobMaster { job, timer });
        let layout = Arc::clone(&info.layout);
        let topology = &blueprint.topology;
        let (groups, group_of) = slot_groups::groups(&layout, topology, config.load_balance);
        let stream = format!("{}@{token}", info.name);
        let mut random = blueprint.streams.small("job-master", &stream);
        JobMaster {
            job,
            token,
            submission,
            status: JobStatus::Initializing,
            started: false,
            layout,
            executions: info
                .subtasks
                .iter()
                .map(|subtask| Execution::new(*subtask, token))
                .collect(),
            pool: SlotPool::default(),
            groups,
            group_of,
            order: HashOrder::new(&mut random),
            taskmanagers: BTreeMap::new(),
            heartbeats: Heartbeats::new(
                owner,
                config.heartbeat.timeout,
                config.heartbeat.rpc_failure_threshold,
            )
            .with(blueprint.defects),
            round: Alarm::new(Timer::HeartbeatRound { owner }),
            asks: Asks::of_leader(owner, token),
            resource_manager: ResourceManagerLine::new(
                config.registration,
                alarm(JobMasterTimer::RegisterAtResourceManager),
            ),
            backoff: RestartBackoff::new(config.restart).with(blueprint.defects),
            adaptive: (config.scheduler == SchedulerKind::Adaptive).then(AdaptiveScheduler::new),
            failovers: Vec::new(),
            next_failover: 0,
            waiting_for_restart: BTreeSet::new(),
            deployments: Vec::new(),
            next_deployment: 0,
            coordinator: Coordinator::new(job),
            enumerators: SplitEnumerators::new(
                job,
                topology,
                config.partition_discovery,
                |operator| Timer::JobMaster {
                    job,
                    timer: JobMasterTimer::PartitionDiscovery { operator },
                },
            ),
            store: Store::default(),
            restarts: 0,
            stopping: None,
            starts_from: 0,
            begins_from_savepoint: false,
            created: alarm(JobMasterTimer::Created),
            idle: alarm(JobMasterTimer::IdleSlots),
            request_timeout: alarm(JobMasterTimer::RequestTimeout),
            declare: alarm(JobMasterTimer::DeclareRequirements),
            random,
            restart_random: blueprint.streams.small("restart", &stream),
            trigger_random: blueprint.streams.small("checkpoint-trigger", &stream),
            first_deployment: None,
            busy: Span::ZERO,
        }
    }

    /// Builds the JobMaster, which takes a while, then opens its checkpoint store. When it is done,
    /// [`JobMaster::has_started`] holds. `is_first`: the process has made none before.
    pub fn start(&mut self, is_first: bool, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let profile = &office.blueprint.profile;
        let mut creation = profile.jobmaster_startup.draw(&mut self.random);
        if is_first {
            creation += profile.first_jobmaster_startup.draw(&mut self.random);
            let deployment = profile.first_jobmaster_deployment.draw(&mut self.random);
            self.first_deployment = Some(ctx.stretched(deployment));
        }
        let creation = ctx.stretched(creation);
        self.created.set(creation, ctx);
    }

    /// What the main thread has taken upon itself in the message that was handled last.
    pub fn take_busy(&mut self) -> Span {
        std::mem::take(&mut self.busy)
    }

    /// Ready to be confirmed: its `connection_info` may be published.
    pub fn has_started(&self) -> bool {
        self.started
    }

    /// Ended for good (FAILED, FINISHED): never to run again.
    pub fn has_ended(&self) -> bool {
        matches!(self.status, JobStatus::Failed | JobStatus::Finished)
    }

    fn me(&self) -> Endpoint {
        Endpoint::JobMaster(self.job)
    }

    fn execution(&mut self, subtask: SubtaskId) -> &mut Execution {
        let first = self.executions[0].subtask;
        &mut self.executions[(subtask - first) as usize]
    }

    fn peek(&self, subtask: SubtaskId) -> &Execution {
        &self.executions[(subtask - self.executions[0].subtask) as usize]
    }

    /// The current attempt of a subtask, if this is it.
    fn current(&mut self, subtask: SubtaskId, attempt: Attempt) -> Option<&mut Execution> {
        let execution = self.execution(subtask);
        (execution.attempt == attempt).then_some(execution)
    }

    fn turn(&mut self, status: JobStatus, reason: String, ctx: &mut Context<'_>) {
        if status != self.status {
            self.status = status;
            ctx.state(Fact::JobStatusChanged {
                job: self.job,
                status,
                reason,
            });
        }
    }

    /// A call whose token is right. The caller is answered where it asked.
    pub fn on_rpc(&mut self, from: Peer, rpc: Rpc, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let ack = Ok(Answer::Ack);
        let result = match rpc.call {
            Call::RegisterTaskManager { session } => self.register(from, session, office, ctx),
            Call::OfferSlots { slots } => self.on_offer(from.address, &slots, office, ctx),
            Call::FailSlot { allocation, .. } => {
                self.lose_slot(allocation, office, ctx);
                ack
            }
            Call::UpdateTaskExecutionState {
                subtask,
                attempt,
                state,
                failure,
            } => self.on_task_state(subtask, attempt, state, failure, office, ctx),
            Call::AcknowledgeCheckpoint {
                checkpoint,
                attempt,
                handle,
            } => {
                self.on_acknowledge(checkpoint, attempt, *handle, office, ctx);
                ack
            }
            Call::DeclineCheckpoint {
                checkpoint,
                subtask,
                attempt,
                reason,
            } => {
                self.on_decline(checkpoint, subtask, attempt, reason, office, ctx);
                ack
            }
            Call::HeartbeatFromTaskManager { deployed } => {
                self.on_heartbeat(from, &deployed, office, ctx);
                ack
            }
            Call::GoodbyeFromTaskManager { reason } => {
                self.on_goodbye(from.address, reason, office, ctx);
                ack
            }
            Call::RequestPartitionState { subtask, attempt } => {
                let state = self
                    .current(subtask, attempt)
                    .map(|execution| execution.state);
                Ok(Answer::PartitionState(state))
            }
            Call::RequestHeartbeatFromJobMaster => {
                self.answer_heartbeat(from, ctx);
                ack
            }
            Call::DisconnectTaskManager { taskmanager, .. } => {
                self.on_resource_manager_lost(taskmanager, office, ctx);
                ack
            }
            Call::NotifyNotEnoughResources => {
                self.on_not_enough_resources(office, ctx);
                ack
            }
            Call::DisconnectResourceManager { .. } => {
                self.reconnect_resource_manager(office, ctx);
                ack
            }
            call => unreachable!("JobMasters do not receive {call:?}"),
        };
        line::answer(from, rpc.ask, result, ctx);
    }

    pub fn on_answer(
        &mut self,
        ask: AskId,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(what) = self.asks.close(ask, ctx) else {
            return;
        };
        match what {
            JobAsk::RegisterAtResourceManager => self.on_registered(result, office, ctx),
            JobAsk::DeclareRequirements => self.on_declared(result, office, ctx),
            JobAsk::Heartbeat(peer) => self.on_heartbeat_rpc(peer, result, office, ctx),
            JobAsk::Submit(subtask, attempt) => {
                self.on_submitted(subtask, attempt, result, office, ctx)
            }
            JobAsk::Cancel(subtask, attempt, tries) => {
                self.on_cancel_answered(subtask, attempt, tries, result, office, ctx)
            }
            JobAsk::TriggerCheckpoint(checkpoint) => {
                self.on_trigger_answered(checkpoint, result, office, ctx)
            }
            // A TaskManager that has not heard learns from the next heartbeat that the slot is not ours.
            JobAsk::FreeSlot(_) => {}
            JobAsk::AddSplits(subtask, attempt) => {
                self.on_splits_added(subtask, attempt, result, office, ctx)
            }
        }
    }

    pub fn on_timer(
        &mut self,
        timer: JobMasterTimer,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match timer {
            JobMasterTimer::Created => self.open_store(office, ctx),
            JobMasterTimer::RegisterAtResourceManager => {
                self.register_at_resource_manager(office, ctx)
            }
            JobMasterTimer::DeclareRequirements => self.declare_requirements(office, ctx),
            JobMasterTimer::IdleSlots => self.return_idle_slots(office, ctx),
            JobMasterTimer::RequestTimeout => self.check_requests(office, ctx),
            JobMasterTimer::RestartDelay { failover } => self.on_delay_over(failover, office, ctx),
            JobMasterTimer::Deploy { deployment } => self.deploy(deployment, office, ctx),
            JobMasterTimer::CheckpointTrigger => self.on_trigger_due(office, ctx),
            JobMasterTimer::CheckpointExpiry { checkpoint } => {
                self.on_checkpoint_expired(checkpoint, office, ctx)
            }
            JobMasterTimer::CheckpointFinalized { checkpoint } => {
                self.add_to_store(checkpoint, office, ctx)
            }
            JobMasterTimer::PartitionDiscovery { operator } => {
                self.on_discovery_due(operator, office, ctx)
            }
            JobMasterTimer::Adaptive { state, what } => {
                self.on_adaptive_timer(state, what, office, ctx)
            }
        }
    }

    /// An answer of ZooKeeper to a request of its checkpoint store.
    pub fn on_store(
        &mut self,
        ask: StoreAsk,
        result: Result<ZkAnswer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        match ask {
            StoreAsk::List => self.on_listed(result, office, ctx),
            StoreAsk::Counter => self.on_counter(result, office, ctx),
            StoreAsk::NewCounter => self.on_opened(office, ctx),
            StoreAsk::AddSavepoint => self.read_counter(office, ctx),
            StoreAsk::CountUp(id) => self.on_counted(id, result, office, ctx),
            StoreAsk::Add(id) => self.on_added(id, result, office, ctx),
        }
    }

    pub fn on_read(
        &mut self,
        key: BlobKey,
        blob: Option<Blob>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<(), Fatal> {
        match key {
            BlobKey::Metadata { checkpoint, .. } => self.on_metadata(checkpoint, blob, office, ctx),
            key => unreachable!("JobMasters read no {key:?}"),
        }
    }

    pub fn on_written(&mut self, key: BlobKey, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        match key {
            BlobKey::Metadata { checkpoint, .. } => {
                self.on_metadata_written(checkpoint, office, ctx)
            }
            key => unreachable!("JobMasters write no {key:?}"),
        }
    }

    /// TaskManagers that are registered here, for whom it may concern.
    pub fn taskmanagers(&self) -> Vec<ActorId> {
        self.taskmanagers
            .keys()
            .map(|address| address.actor)
            .collect()
    }
}
