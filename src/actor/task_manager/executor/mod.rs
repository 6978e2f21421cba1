//! The TaskExecutor: the RPC endpoint of a TaskManager, with its slots and its connections to the ResourceManager and
//! to JobMasters.

mod job_masters;
mod resource_manager;
mod slots;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::flink::leader_paths::{Component, LeaderRetrieval};
use crate::actor::flink::rpc::asks::Asks;
use crate::actor::flink::rpc::call::{AllocationId, InstanceId, SlotIndex};
use crate::actor::flink::rpc::heartbeat::{Heartbeats, Peer};
use crate::actor::flink::rpc::main_thread::{Admission, MainThread};
use crate::actor::flink::rpc::{
    Address, Answer, AskId, Call, Endpoint, Rpc, RpcAnswer, RpcError, line,
};
use crate::actor::message::{Body, Envelope, Timer};
use crate::actor::zookeeper::client::{Client, ClientEvent};
use crate::actor::zookeeper::desk::Desk;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, SmallStream};

use super::TaskManager;
use job_masters::JobLine;
use resource_manager::ResourceManagerLine;
pub use slots::SlotState;
use slots::SlotTable;

/// What a TaskExecutor's own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TaskExecutorTimer {
    /// `taskmanager.registration.timeout`
    RegistrationTimeout,
    /// The next attempt to register at the ResourceManager.
    RegisterAtResourceManager,
    /// The next attempt to register at a JobMaster.
    RegisterAtJobMaster { job: JobId },
    /// Slots that were requested are offered to the JobMaster.
    OfferSlots { job: JobId },
    /// `taskmanager.slot.timeout`
    SlotTimeout {
        slot: SlotIndex,
        allocation: AllocationId,
    },
}

/// Work for the main thread.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Rpc(Peer, Box<Rpc>),
    Answer(AskId, Result<Answer, RpcError>),
    Timer(TaskExecutorTimer),
    HeartbeatTimeout(Peer),
}

/// What an open ask is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExecutorAsk {
    RegisterAtResourceManager,
    SlotReport,
    RegisterAtJobMaster(JobId),
    /// With the offer's number: a newer offer supersedes the answer to an older one.
    Offer(JobId, u32),
    TaskState(SubtaskId, Attempt),
}

/// The endpoint's own part of a TaskManager.
#[derive(Clone, Debug)]
pub struct TaskExecutor {
    pub(super) desk: Desk<Component>,
    thread: MainThread<Work>,
    asks: Asks<ExecutorAsk>,
    heartbeats: Heartbeats,
    resource_manager: ResourceManagerLine,
    /// Jobs that have slots here (`JobLeaderService`, `JobTable`).
    jobs: BTreeMap<JobId, JobLine>,
    slots: SlotTable,
    /// The slot of each task.
    allocations: BTreeMap<u32, AllocationId>,
    /// Jobs whose tasks have run in this process: their classes are loaded.
    warm: BTreeSet<JobId>,
    random: SmallStream,
}

impl TaskExecutor {
    pub(super) fn new(
        name: &str,
        slots: u32,
        client: Client,
        blueprint: &Blueprint,
    ) -> TaskExecutor {
        let config = &blueprint.config;
        TaskExecutor {
            desk: Desk::new(client),
            thread: MainThread::default(),
            asks: Asks::new(Endpoint::TaskExecutor),
            // A responder has nobody to count failures of: only silence tells.
            heartbeats: Heartbeats::new(Endpoint::TaskExecutor, config.heartbeat.timeout, None),
            resource_manager: ResourceManagerLine::new(config.registration),
            jobs: BTreeMap::new(),
            slots: SlotTable::new(slots, config.slots.timeout),
            allocations: BTreeMap::new(),
            warm: BTreeSet::new(),
            random: blueprint.streams.small("task-executor", name),
        }
    }

    /// The endpoint of a component's leader.
    fn leader_of(component: Component, address: Address) -> Peer {
        let endpoint = match component {
            Component::JobMaster(job) => Endpoint::JobMaster(job),
            Component::Dispatcher | Component::RestServer => Endpoint::Dispatcher,
            Component::ResourceManager => Endpoint::ResourceManager,
        };
        Peer { address, endpoint }
    }

    fn instance(&self) -> Option<InstanceId> {
        self.resource_manager.instance
    }
}

impl TaskManager {
    pub(super) fn executor(&mut self) -> &mut TaskExecutor {
        self.executor
            .as_mut()
            .expect("Flink's TaskManagers have a TaskExecutor")
    }

    /// The process has started.
    pub(super) fn start_executor(&mut self, ctx: &mut Context<'_>) {
        let interval = self.blueprint.monitor.interval;
        self.report.set(interval, ctx);
        let timeout = self.blueprint.config.taskmanager_registration_timeout;
        let executor = self.executor();
        executor.desk.client.open(ctx);
        executor.resource_manager.overdue.set(timeout, ctx);
        self.retrieve(Component::ResourceManager, ctx);
    }

    /// True: the message was for the endpoint.
    pub(super) fn on_executor_message(
        &mut self,
        envelope: Envelope,
        ctx: &mut Context<'_>,
    ) -> Option<Envelope> {
        let address = Address {
            actor: envelope.from,
            incarnation: envelope.from_incarnation,
        };
        match envelope.body {
            Body::Rpc(rpc) => {
                let peer = Peer {
                    address,
                    endpoint: rpc.from,
                };
                self.admit(Work::Rpc(peer, rpc), ctx);
            }
            Body::RpcAnswer(answer) => {
                let RpcAnswer { ask, result, .. } = *answer;
                self.admit(Work::Answer(ask, result), ctx);
            }
            Body::Undeliverable(body) => self.on_undeliverable(*body, envelope.from, ctx),
            Body::MainThreadFree { .. } => self.work_off(ctx),
            Body::Zk(message) => {
                let client = &mut self.executor().desk.client;
                let event = client.on_message(envelope.from, *message, ctx);
                self.on_executor_zookeeper(event, ctx);
            }
            _ => return Some(envelope),
        }
        None
    }

    /// Nobody is where it was sent to: dead letters.
    fn on_undeliverable(&mut self, body: Body, peer: ActorId, ctx: &mut Context<'_>) {
        match body {
            Body::Rpc(rpc) => {
                if let Some(ask) = rpc.ask {
                    self.admit(Work::Answer(ask, Err(RpcError::Unreachable)), ctx);
                }
            }
            Body::RpcAnswer(_) => {}
            _ => self.on_executor_reset(peer, true, ctx),
        }
    }

    pub(super) fn on_executor_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        match timer {
            Timer::TaskExecutor(timer) => self.admit(Work::Timer(timer), ctx),
            Timer::Ask { ask, .. } => self.admit(Work::Answer(ask, Err(RpcError::Timeout)), ctx),
            Timer::HeartbeatTimeout { peer, .. } => self.admit(Work::HeartbeatTimeout(peer), ctx),
            Timer::Zk(timer) => {
                let event = self.executor().desk.client.on_timer(timer, ctx);
                self.on_executor_zookeeper(event, ctx);
            }
            timer => unreachable!("TaskExecutors set no {timer:?}"),
        }
    }

    fn admit(&mut self, work: Work, ctx: &mut Context<'_>) {
        match self.executor().thread.admit(work, ctx.now()) {
            Admission::Now(work) => self.handle(work, ctx),
            Admission::WakeAfter(span) => ctx.after(
                span,
                Body::MainThreadFree {
                    endpoint: Endpoint::TaskExecutor,
                },
            ),
            Admission::Waits => {}
        }
    }

    /// The main thread is free: on with what waits.
    fn work_off(&mut self, ctx: &mut Context<'_>) {
        while let Some(work) = self.executor().thread.next(ctx.now()) {
            self.handle(work, ctx);
        }
        if let Some(span) = self.executor().thread.sleep(ctx.now()) {
            let endpoint = Endpoint::TaskExecutor;
            ctx.after(span, Body::MainThreadFree { endpoint });
        }
    }

    fn handle(&mut self, work: Work, ctx: &mut Context<'_>) {
        let takes = self.blueprint.profile.rpc_handling;
        let executor = self.executor();
        let span = takes.draw(&mut executor.random);
        executor.thread.occupy(span, ctx.now());
        match work {
            Work::Rpc(from, rpc) => {
                let ask = rpc.ask;
                let result = self.on_call(from, rpc.call, ctx);
                line::answer(from, ask, result, ctx);
            }
            Work::Answer(ask, result) => {
                if let Some(what) = self.executor().asks.close(ask, ctx) {
                    self.on_answer(what, result, ctx);
                }
            }
            Work::Timer(timer) => self.on_own_timer(timer, ctx),
            Work::HeartbeatTimeout(peer) => self.on_peer_silent(peer, ctx),
        }
    }

    fn on_call(
        &mut self,
        from: Peer,
        call: Call,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let ack = Ok(Answer::Ack);
        match call {
            Call::HeartbeatFromResourceManager => {
                self.answer_resource_manager(from, ctx);
                ack
            }
            Call::RequestSlot {
                slot,
                allocation,
                job,
                resource_manager,
                ..
            } => self.on_slot_request(from, slot, allocation, job, resource_manager, ctx),
            Call::GoodbyeFromResourceManager { .. } => {
                self.on_goodbye_of_resource_manager(from, ctx);
                ack
            }
            Call::HeartbeatFromJobManager {
                job,
                job_master,
                owned,
            } => {
                self.answer_job_master(from, job, job_master, &owned, ctx);
                ack
            }
            Call::GoodbyeFromJobManager { job, .. } => {
                self.on_goodbye_of_job_master(from, job, ctx);
                ack
            }
            Call::FreeSlot { allocation, .. } => {
                self.free_slot(allocation, ctx);
                ack
            }
            Call::SubmitTask {
                job_master,
                allocation,
                task,
            } => self.on_submit(job_master, allocation, task, ctx),
            Call::CancelTask { subtask, attempt } => self.on_cancel(subtask, attempt, ctx),
            Call::TriggerCheckpoint {
                subtask,
                attempt,
                checkpoint,
            } => {
                let Some(number) = self.find(subtask, attempt) else {
                    return Err(RpcError::Refused("the task is not here"));
                };
                self.task(number).trigger(checkpoint);
                self.advance(number, ctx);
                ack
            }
            Call::NotifyCheckpointComplete {
                subtask,
                attempt,
                checkpoint,
            } => {
                if let Some(number) = self.find(subtask, attempt) {
                    self.checkpoint_complete(number, checkpoint, ctx);
                }
                ack
            }
            Call::NotifyCheckpointAborted {
                subtask,
                attempt,
                checkpoint,
            } => {
                if let Some(number) = self.find(subtask, attempt) {
                    self.task(number).checkpoint_aborted(checkpoint);
                    self.advance(number, ctx);
                }
                ack
            }
            call => unreachable!("TaskExecutors do not receive {call:?}"),
        }
    }

    fn on_answer(
        &mut self,
        what: ExecutorAsk,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        match what {
            ExecutorAsk::RegisterAtResourceManager => self.on_registered_there(result, ctx),
            ExecutorAsk::SlotReport => self.on_report_heard(result, ctx),
            ExecutorAsk::RegisterAtJobMaster(job) => self.on_registered_at_job(job, result, ctx),
            ExecutorAsk::Offer(job, offer) => self.on_offer_answered(job, offer, result, ctx),
            ExecutorAsk::TaskState(subtask, attempt) => {
                self.on_state_heard(subtask, attempt, result, ctx)
            }
        }
    }

    fn on_own_timer(&mut self, timer: TaskExecutorTimer, ctx: &mut Context<'_>) {
        match timer {
            TaskExecutorTimer::RegistrationTimeout => self.on_registration_overdue(ctx),
            TaskExecutorTimer::RegisterAtResourceManager => self.register_there(ctx),
            TaskExecutorTimer::RegisterAtJobMaster { job } => self.register_at_job(job, ctx),
            TaskExecutorTimer::OfferSlots { job } => self.offer_slots(job, ctx),
            TaskExecutorTimer::SlotTimeout { slot, allocation } => {
                self.on_slot_timeout(slot, allocation, ctx)
            }
        }
    }

    /// `heartbeat.timeout` has passed without a sign of life of the ResourceManager or a JobMaster.
    fn on_peer_silent(&mut self, peer: Peer, ctx: &mut Context<'_>) {
        let Some(verdict) = self.executor().heartbeats.on_timeout(peer, ctx) else {
            return;
        };
        ctx.state(crate::actor::fact::Fact::PeerLost {
            owner: Endpoint::TaskExecutor,
            peer,
            verdict,
        });
        match peer.endpoint {
            Endpoint::ResourceManager => self.reconnect_resource_manager(ctx),
            Endpoint::JobMaster(job) => self.lose_job_master(job, true, ctx),
            endpoint => unreachable!("{endpoint:?} is not monitored"),
        }
    }

    /// Reads who leads, and watches.
    fn retrieve(&mut self, component: Component, ctx: &mut Context<'_>) {
        let op = LeaderRetrieval::new(component).read();
        self.executor().desk.ask(op, component, ctx);
    }

    pub(super) fn on_executor_zookeeper(
        &mut self,
        event: Option<ClientEvent>,
        ctx: &mut Context<'_>,
    ) {
        match event {
            Some(ClientEvent::Connected { .. }) => {
                self.executor().desk.forget_asks();
                let jobs: Vec<_> = self.executor().jobs.keys().copied().collect();
                self.retrieve(Component::ResourceManager, ctx);
                for job in jobs {
                    self.retrieve(Component::JobMaster(job), ctx);
                }
            }
            Some(ClientEvent::Suspended) if self.blueprint.config.ha.tolerate_suspended => {}
            Some(ClientEvent::Suspended | ClientEvent::Lost) => self.forget_leaders(ctx),
            Some(ClientEvent::Reply { xid, result }) => match self.executor().desk.take_ask(xid) {
                Some(Component::JobMaster(job)) => {
                    if let Some(line) = self.executor().jobs.get_mut(&job)
                        && line.retrieval.on_answer(result)
                    {
                        self.on_job_leader(job, ctx);
                    }
                }
                Some(_) => {
                    if self.executor().resource_manager.retrieval.on_answer(result) {
                        self.reconnect_resource_manager(ctx);
                    }
                }
                None => {}
            },
            Some(ClientEvent::WatchFired { path }) => {
                let jobs = self.executor().jobs.keys().copied();
                let component = jobs
                    .map(Component::JobMaster)
                    .chain([Component::ResourceManager])
                    .find(|component| component.path() == path);
                if let Some(component) = component {
                    self.retrieve(component, ctx);
                }
            }
            None => {}
        }
    }

    /// Without a line to ZooKeeper nobody is known to lead.
    fn forget_leaders(&mut self, ctx: &mut Context<'_>) {
        if self.executor().resource_manager.retrieval.forget() {
            self.reconnect_resource_manager(ctx);
        }
        let jobs: Vec<_> = self.executor().jobs.keys().copied().collect();
        for job in jobs {
            let line = self.executor().jobs.get_mut(&job);
            if line.is_some_and(|line| line.retrieval.forget()) {
                self.on_job_leader(job, ctx);
            }
        }
    }

    /// A process died: if it is the ZooKeeper server in use, the line is suspended; if it is a TaskManager, its tasks'
    /// consumers here fail.
    pub(super) fn on_executor_reset(
        &mut self,
        peer: ActorId,
        refused: bool,
        ctx: &mut Context<'_>,
    ) {
        if self.executor().desk.client.is_server(peer) {
            let event = self.executor().desk.client.on_reset(peer, ctx);
            self.on_executor_zookeeper(event, ctx);
        } else if self.blueprint.directory.taskmanagers.contains(&peer) {
            self.lose_data_connection(peer, refused, ctx);
        }
    }
}
