//! The TaskExecutor and its ResourceManager: registration, slot reports, heartbeats, slot requests.

use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::flink::leader_paths::{Component, LeaderRetrieval};
use crate::actor::flink::rpc::call::{AllocationId, InstanceId, SlotIndex};
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::registration::{Registration, Retry};
use crate::actor::flink::rpc::{Answer, Call, Endpoint, RpcError, line};
use crate::actor::message::{FencingToken, Timer};
use crate::actor::settings::RegistrationConfig;
use crate::dataflow::topology::JobId;

use super::slots::SlotState;
use super::{ExecutorAsk, TaskExecutor, TaskExecutorTimer, TaskManager};

/// The connection to the ResourceManager (`TaskExecutorToResourceManagerConnection`).
#[derive(Clone, Debug)]
pub(super) struct ResourceManagerLine {
    pub(super) retrieval: LeaderRetrieval,
    config: RegistrationConfig,
    registration: Registration,
    /// Of the registration that holds.
    pub(super) instance: Option<InstanceId>,
    /// The leader that holds it.
    connected: Option<(Peer, FencingToken)>,
    retry: Alarm,
    /// `taskmanager.registration.timeout` runs while there is no registration.
    pub(super) overdue: Alarm,
}

impl ResourceManagerLine {
    pub(super) fn new(config: RegistrationConfig) -> ResourceManagerLine {
        let alarm = |timer| Alarm::new(Timer::TaskExecutor(timer));
        ResourceManagerLine {
            retrieval: LeaderRetrieval::new(Component::ResourceManager),
            config,
            registration: Registration::new(config),
            instance: None,
            connected: None,
            retry: alarm(TaskExecutorTimer::RegisterAtResourceManager),
            overdue: alarm(TaskExecutorTimer::RegistrationTimeout),
        }
    }

    pub(super) fn peer(&self) -> Option<(Peer, FencingToken)> {
        let (address, token) = self.retrieval.known()?;
        Some((
            TaskExecutor::leader_of(Component::ResourceManager, address),
            token,
        ))
    }
}

impl TaskManager {
    /// The leader has changed, or the connection to it is lost: tasks run on, a new registration is tried
    /// (`reconnectToResourceManager`).
    pub(super) fn reconnect_resource_manager(
        &mut self,
        reason: &'static str,
        ctx: &mut Context<'_>,
    ) {
        let timeout = self.blueprint.config.taskmanager_registration_timeout;
        self.close_resource_manager(reason, ctx);
        self.executor().resource_manager.overdue.set(timeout, ctx);
        ctx.state(Fact::ResourceManagerSought);
        self.register_there(ctx);
    }

    /// `closeResourceManagerConnection`: a ResourceManager at which we are registered is told.
    pub(super) fn close_resource_manager(&mut self, reason: &'static str, ctx: &mut Context<'_>) {
        let executor = self.executor();
        if let Some((peer, token)) = executor.resource_manager.connected.take() {
            executor.heartbeats.unmonitor(peer, ctx);
            let call = Call::GoodbyeFromTaskExecutor { reason };
            line::tell(Endpoint::TaskExecutor, peer, Some(token), call, ctx);
        }
        executor.asks.retain(
            |ask| {
                !matches!(
                    ask,
                    ExecutorAsk::RegisterAtResourceManager | ExecutorAsk::SlotReport
                )
            },
            ctx,
        );
        let line = &mut executor.resource_manager;
        line.instance = None;
        line.retry.cancel(ctx);
        line.overdue.cancel(ctx);
        line.registration = Registration::new(line.config);
    }

    pub(super) fn register_there(&mut self, ctx: &mut Context<'_>) {
        let executor = self.executor();
        let Some((peer, token)) = executor.resource_manager.peer() else {
            return;
        };
        if executor.instance().is_some() {
            return;
        }
        let slots = executor.slots.report().len() as u32;
        let timeout = executor.resource_manager.registration.timeout();
        line::ask(
            &mut executor.asks,
            ExecutorAsk::RegisterAtResourceManager,
            timeout,
            peer,
            Some(token),
            Call::RegisterTaskExecutor { slots },
            ctx,
        );
    }

    pub(super) fn on_registered_there(
        &mut self,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        let ask_timeout = self.blueprint.config.rpc.ask_timeout;
        let executor = self.executor();
        let Some((peer, token)) = executor.resource_manager.peer() else {
            return;
        };
        match result {
            Ok(Answer::RegisteredTaskExecutor { instance }) => {
                executor.resource_manager.instance = Some(instance);
                executor.resource_manager.connected = Some((peer, token));
                executor.resource_manager.overdue.cancel(ctx);
                executor.heartbeats.monitor(peer, ctx);
                ctx.state(Fact::RegisteredAtLeader {
                    leader: peer.address.actor,
                });
                let slots = executor.slots.report();
                let call = Call::SendSlotReport { instance, slots };
                let what = ExecutorAsk::SlotReport;
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
            Ok(answer) => unreachable!("a registration is not answered by {answer:?}"),
            Err(error) => {
                match executor.resource_manager.registration.on_error(error) {
                    Retry::After(pause) => executor.resource_manager.retry.set(pause, ctx),
                    // Rejected: fatal for a TaskManager.
                    Retry::Never => {
                        self.fail_fatally("the ResourceManager rejected the registration", ctx)
                    }
                }
            }
        }
    }

    pub(super) fn on_report_heard(
        &mut self,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        if result.is_err() {
            self.reconnect_resource_manager("the slot report was not taken", ctx);
        }
    }

    /// No ResourceManager for too long: fatal.
    pub(super) fn on_registration_overdue(&mut self, ctx: &mut Context<'_>) {
        if self.executor().instance().is_none() {
            self.fail_fatally(
                "no ResourceManager within taskmanager.registration.timeout",
                ctx,
            );
        }
    }

    pub(super) fn answer_resource_manager(&mut self, from: Peer, ctx: &mut Context<'_>) {
        let executor = self.executor();
        if executor.heartbeats.heard(from, ctx)
            && let Some((peer, token)) = executor.resource_manager.peer()
        {
            let slots = executor.slots.report();
            let call = Call::HeartbeatFromTaskExecutor { slots };
            line::tell(Endpoint::TaskExecutor, peer, Some(token), call, ctx);
        }
    }

    pub(super) fn on_goodbye_of_resource_manager(&mut self, from: Peer, ctx: &mut Context<'_>) {
        if self.executor().heartbeats.monitors(from) {
            self.reconnect_resource_manager("the ResourceManager said goodbye", ctx);
        }
    }

    /// `requestSlot`: the slot is the job's, and is offered to its JobMaster as soon as there is a connection.
    pub(super) fn on_slot_request(
        &mut self,
        from: Peer,
        slot: SlotIndex,
        allocation: AllocationId,
        job: JobId,
        resource_manager: FencingToken,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        let executor = self.executor();
        let current = executor.resource_manager.peer();
        if current != Some((from, resource_manager)) || executor.instance().is_none() {
            return Err(RpcError::Refused("not connected to this ResourceManager"));
        }
        match executor.slots.owner(slot) {
            Some((held, _)) if held == allocation => return Ok(Answer::Ack),
            Some(_) => return Err(RpcError::Refused("SlotOccupiedException")),
            None => {}
        }
        executor.slots.allocate(slot, allocation, job, ctx);
        self.watch_job(job, ctx);
        Ok(Answer::Ack)
    }

    /// A slot is nobody's any more: the ResourceManager learns at once.
    pub(super) fn announce_free(
        &mut self,
        slot: SlotIndex,
        allocation: AllocationId,
        ctx: &mut Context<'_>,
    ) {
        let executor = self.executor();
        assert_eq!(executor.slots.state(slot), SlotState::Free, "it was freed");
        if let (Some((peer, token)), Some(instance)) =
            (executor.resource_manager.peer(), executor.instance())
        {
            let call = Call::NotifySlotAvailable {
                instance,
                slot,
                allocation,
            };
            line::tell(Endpoint::TaskExecutor, peer, Some(token), call, ctx);
        }
    }
}
