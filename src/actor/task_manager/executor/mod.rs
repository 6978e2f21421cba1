//! The TaskExecutor: the RPC endpoint of a TaskManager, with its slots and its connections to the ResourceManager and
//! to JobMasters.

mod deployments;
mod dispatch;
mod job_masters;
mod leaders;
mod local_state;
mod partitions;
mod resource_manager;
mod shutdown;
mod slots;
mod tasks;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::Attempt;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::rpc::asks::Asks;
use crate::actor::flink::rpc::call::{AllocationId, InstanceId, SlotIndex, TaskFailure};
use crate::actor::flink::rpc::heartbeat::{Heartbeats, Peer};
use crate::actor::flink::rpc::main_thread::{Admission, MainThread};
use crate::actor::flink::rpc::{
    Address, Answer, AskId, Call, Endpoint, Rpc, RpcAnswer, RpcError, line,
};
use crate::actor::message::{Body, Envelope, Timer};
use crate::actor::zookeeper::client::Client;
use crate::actor::zookeeper::desk::Desk;
use crate::dataflow::topology::{ChannelId, JobId, SubtaskId};
use crate::kernel::{ActorId, SmallStream, Time};

use super::TaskManager;
use deployments::Deployments;
use job_masters::JobLine;
use local_state::LocalStates;
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
    /// `task.cancellation.timeout`
    CancellationTimeout { task: u32 },
    /// Tasks that have not ended do not keep the process from ending any longer.
    ExitLimit,
}

/// Work for the main thread.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Rpc(Peer, Box<Rpc>),
    Answer(AskId, Result<Answer, RpcError>),
    Timer(TaskExecutorTimer),
    HeartbeatTimeout(Peer),
}

impl Work {
    fn is_heartbeat(&self) -> bool {
        let Work::Rpc(_, rpc) = self else {
            return false;
        };
        matches!(
            rpc.call,
            Call::HeartbeatFromJobManager { .. } | Call::HeartbeatFromResourceManager
        )
    }
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
    /// Is the producer of this channel alive? With the number of the connection that was to be made.
    PartitionState(ChannelId, u32),
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
    pub(super) deployments: Deployments,
    local_states: LocalStates,
    /// Watchdogs of tasks that are being ended.
    watchdogs: BTreeMap<u32, Alarm>,
    /// Subtasks that do not react to cancellation, and until when; none: for ever.
    stubborn: BTreeMap<SubtaskId, Option<Time>>,
    /// The endpoint has ended; the process waits for its tasks.
    stopping: Option<&'static str>,
    exit_limit: Alarm,
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
            heartbeats: Heartbeats::new(Endpoint::TaskExecutor, config.heartbeat.timeout, None)
                .with(blueprint.defects),
            resource_manager: ResourceManagerLine::new(config.registration),
            jobs: BTreeMap::new(),
            slots: SlotTable::new(slots, config.slots.timeout),
            allocations: BTreeMap::new(),
            deployments: Deployments::default(),
            local_states: LocalStates::default(),
            watchdogs: BTreeMap::new(),
            stubborn: BTreeMap::new(),
            stopping: None,
            exit_limit: Alarm::new(Timer::TaskExecutor(TaskExecutorTimer::ExitLimit)),
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
            Body::PartitionRequest(request) => {
                self.on_producer_unreachable(request.channel, request.connection, ctx)
            }
            body => unreachable!("TaskExecutors do not want {body:?} back from {peer:?}"),
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
        let profile = &self.blueprint.profile;
        let (ordinary, heartbeat) = (profile.rpc_handling, profile.heartbeat_handling);
        let takes = if work.is_heartbeat() {
            heartbeat
        } else {
            ordinary
        };
        let executor = self.executor();
        let span = takes.draw(&mut executor.random);
        executor.thread.occupy(span, ctx.now());
        if executor.stopping.is_some() {
            return self.handle_while_stopping(work, ctx);
        }
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

    /// `heartbeat.timeout` has passed without a sign of life of the ResourceManager or a JobMaster.
    fn on_peer_silent(&mut self, peer: Peer, ctx: &mut Context<'_>) {
        let Some(verdict) = self.executor().heartbeats.on_timeout(peer, ctx) else {
            return;
        };
        ctx.state(Fact::PeerLost {
            owner: Endpoint::TaskExecutor,
            peer,
            verdict,
        });
        match peer.endpoint {
            Endpoint::ResourceManager => {
                self.reconnect_resource_manager("no heartbeat of the ResourceManager", ctx)
            }
            Endpoint::JobMaster(job) => {
                self.lose_job_master(job, "no heartbeat of the JobMaster", true, ctx)
            }
            endpoint => unreachable!("{endpoint:?} is not monitored"),
        }
    }
}

#[cfg(test)]
mod tests;
