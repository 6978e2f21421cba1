//! The TaskExecutor and its JobMasters: retrieval, registration, slot offers, heartbeats, and what their loss means
//! (`DefaultJobLeaderService`, `JobTable`).

use std::collections::btree_map::Entry;

use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::flink::leader_paths::{Component, LeaderInformation, LeaderRetrieval};
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex, TaskFailure};
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::registration::{Registration, Retry};
use crate::actor::flink::rpc::{Answer, Call, Endpoint, RpcError, line};
use crate::actor::message::{FencingToken, Timer};
use crate::actor::settings::RegistrationConfig;
use crate::dataflow::topology::JobId;

use super::slots::SlotState;
use super::{ExecutorAsk, TaskExecutor, TaskExecutorTimer, TaskManager};

/// A job that has slots here, and the way to its JobMaster.
#[derive(Clone, Debug)]
pub(super) struct JobLine {
    pub(super) retrieval: LeaderRetrieval,
    registration: Registration,
    /// The JobMaster that this TaskExecutor is registered at.
    connected: Option<LeaderInformation>,
    retry: Alarm,
    offer: Alarm,
    offers: u32,
    /// Slots were requested for it since they were last offered: that takes longer than to offer again what is held.
    requested: bool,
    /// What the latest offer holds.
    offered: Vec<(AllocationId, SlotIndex)>,
}

impl JobLine {
    fn new(job: JobId, config: RegistrationConfig) -> JobLine {
        let alarm = |timer| Alarm::new(Timer::TaskExecutor(timer));
        JobLine {
            retrieval: LeaderRetrieval::new(Component::JobMaster(job)),
            registration: Registration::new(config),
            connected: None,
            retry: alarm(TaskExecutorTimer::RegisterAtJobMaster { job }),
            offer: alarm(TaskExecutorTimer::OfferSlots { job }),
            offers: 0,
            requested: true,
            offered: Vec::new(),
        }
    }
}

impl TaskExecutor {
    /// The JobMaster that this TaskExecutor is connected to, with its JobMasterId.
    pub(super) fn job_master(&self, job: JobId) -> Option<(Peer, FencingToken)> {
        let (address, token) = self.jobs.get(&job)?.connected?;
        Some((
            TaskExecutor::leader_of(Component::JobMaster(job), address),
            token,
        ))
    }
}

impl TaskManager {
    /// A slot has been granted to the job: its JobMaster is looked for, and offered the slot.
    pub(super) fn watch_job(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let config = self.blueprint.config.registration;
        let allocation = self.blueprint.profile.slot_allocation;
        let executor = self.executor();
        if let Entry::Vacant(entry) = executor.jobs.entry(job) {
            entry.insert(JobLine::new(job, config));
            return self.retrieve(Component::JobMaster(job), ctx);
        }
        let connected = executor.job_master(job).is_some();
        let delay = ctx.stretched(allocation.draw(&mut executor.random));
        if let Some(line) = executor.jobs.get_mut(&job) {
            line.requested = true;
            if connected {
                line.offer.set(delay, ctx);
            }
        }
    }

    /// Another JobMaster leads the job, or none does.
    pub(super) fn on_job_leader(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let config = self.blueprint.config.registration;
        let Some(line) = self.executor().jobs.get_mut(&job) else {
            return;
        };
        line.registration = Registration::new(config);
        line.retry.cancel(ctx);
        let changed = line.connected.is_some() && line.connected != line.retrieval.known();
        // An answer of whoever led before is for nobody.
        self.executor()
            .asks
            .retain(|ask| *ask != ExecutorAsk::RegisterAtJobMaster(job), ctx);
        if changed {
            self.lose_job_master(job, "the job leader has lost its leadership", false, ctx);
        }
        self.register_at_job(job, ctx);
    }

    pub(super) fn register_at_job(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let session = u64::from(ctx.address().incarnation);
        let executor = self.executor();
        let Some(line) = executor.jobs.get(&job) else {
            return;
        };
        let Some((address, token)) = line.retrieval.known() else {
            return;
        };
        if line.connected.is_some() {
            return;
        }
        let timeout = line.registration.timeout();
        executor
            .asks
            .retain(|ask| *ask != ExecutorAsk::RegisterAtJobMaster(job), ctx);
        line::ask(
            &mut executor.asks,
            ExecutorAsk::RegisterAtJobMaster(job),
            timeout,
            TaskExecutor::leader_of(Component::JobMaster(job), address),
            Some(token),
            Call::RegisterTaskManager { session },
            ctx,
        );
    }

    pub(super) fn on_registered_at_job(
        &mut self,
        job: JobId,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        let profile = &self.blueprint.profile;
        let (allocation, held) = (profile.slot_allocation, profile.slot_offer);
        let executor = self.executor();
        let Some(line) = executor.jobs.get_mut(&job) else {
            return;
        };
        match result {
            Ok(_) => {
                line.connected = line.retrieval.known();
                let delay = match line.requested {
                    true => allocation.draw(&mut executor.random),
                    false => held.draw(&mut executor.random),
                };
                line.offer.set(ctx.stretched(delay), ctx);
                if let Some((peer, token)) = executor.job_master(job) {
                    executor.heartbeats.monitor(peer, ctx);
                    ctx.state(Fact::RegisteredAtJobMaster { job, token });
                }
            }
            Err(error) => {
                if let Retry::After(pause) = line.registration.on_error(error) {
                    line.retry.set(pause, ctx);
                }
            }
        }
    }

    /// `offerSlots`: everything that is allocated for the job and not active yet.
    pub(super) fn offer_slots(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let ask_timeout = self.blueprint.config.rpc.ask_timeout;
        let executor = self.executor();
        let slots = executor.slots.of_job(job, &[SlotState::Allocated]);
        let Some((peer, token)) = executor.job_master(job) else {
            return;
        };
        if slots.is_empty() {
            return;
        }
        let line = executor
            .jobs
            .get_mut(&job)
            .expect("a connected job is watched");
        line.requested = false;
        line.offers += 1;
        line.offered.clone_from(&slots);
        let what = ExecutorAsk::Offer(job, line.offers);
        let call = Call::OfferSlots { slots };
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

    pub(super) fn on_offer_answered(
        &mut self,
        job: JobId,
        offer: u32,
        result: Result<Answer, RpcError>,
        ctx: &mut Context<'_>,
    ) {
        let executor = self.executor();
        let current = executor
            .jobs
            .get_mut(&job)
            .filter(|line| line.offers == offer && line.connected.is_some());
        let Some(line) = current else { return };
        let offered = std::mem::take(&mut line.offered);
        let accepted = match result {
            Ok(Answer::AcceptedSlots(accepted)) => accepted,
            Ok(answer) => unreachable!("an offer is not answered by {answer:?}"),
            Err(RpcError::Timeout) => return self.offer_slots(job, ctx),
            Err(_) => Vec::new(),
        };
        for (allocation, slot) in offered {
            let executor = self.executor();
            let held = executor.slots.find(allocation) == Some(slot)
                && executor.slots.state(slot) != SlotState::Releasing;
            match (accepted.contains(&allocation), held) {
                (true, true) => executor.slots.activate(slot, ctx),
                // It went while the offer was on its way.
                (true, false) => {
                    let call = Call::FailSlot {
                        allocation,
                        reason: "the slot is not allocated here any more",
                    };
                    self.tell_job_master(job, call, ctx);
                }
                (false, _) => self.free_slot(allocation, ctx),
            }
        }
    }

    /// A request of the JobMaster: it hears what runs here, and both sides' slots are made equal.
    pub(super) fn answer_job_master(
        &mut self,
        from: Peer,
        job: JobId,
        job_master: FencingToken,
        owned: &[AllocationId],
        ctx: &mut Context<'_>,
    ) {
        let executor = self.executor();
        if executor.job_master(job) != Some((from, job_master)) {
            return;
        }
        executor.heartbeats.heard(from, ctx);
        let me = Endpoint::TaskExecutor;
        for allocation in owned {
            if executor.slots.find(*allocation).is_none() {
                let call = Call::FailSlot {
                    allocation: *allocation,
                    reason: "the slot is not allocated here",
                };
                line::tell(me, from, Some(job_master), call, ctx);
            }
        }
        for (allocation, _) in executor.slots.of_job(job, &[SlotState::Active]) {
            if !owned.contains(&allocation) {
                self.free_slot(allocation, ctx);
            }
        }
        let deployed = self.deployed(job);
        let call = Call::HeartbeatFromTaskManager { deployed };
        line::tell(me, from, Some(job_master), call, ctx);
    }

    pub(super) fn on_goodbye_of_job_master(
        &mut self,
        from: Peer,
        job: JobId,
        ctx: &mut Context<'_>,
    ) {
        if self
            .executor()
            .job_master(job)
            .is_some_and(|(peer, _)| peer == from)
        {
            self.lose_job_master(job, "the JobMaster said goodbye", true, ctx);
        }
    }

    /// The JobMaster is lost: every task of the job fails, its slots are kept for a while. `reconnect`: the one that led
    /// may still lead (`disconnectAndTryConnectToJobManager`).
    pub(super) fn lose_job_master(
        &mut self,
        job: JobId,
        reason: &'static str,
        reconnect: bool,
        ctx: &mut Context<'_>,
    ) {
        self.close_job(job, reason, ctx);
        if reconnect {
            self.register_at_job(job, ctx);
        }
    }

    /// `disconnectJobManagerConnection`
    pub(super) fn close_job(&mut self, job: JobId, reason: &'static str, ctx: &mut Context<'_>) {
        let config = self.blueprint.config.registration;
        let executor = self.executor();
        let Some((peer, token)) = executor.job_master(job) else {
            return;
        };
        executor.heartbeats.unmonitor(peer, ctx);
        executor.asks.retain(
            |ask| !matches!(ask, ExecutorAsk::Offer(of, _) if *of == job),
            ctx,
        );
        if let Some(line) = executor.jobs.get_mut(&job) {
            line.connected = None;
            line.offer.cancel(ctx);
            line.registration = Registration::new(config);
        }
        ctx.state(Fact::JobMasterLost { job, token });
        self.fail_tasks_of(job, TaskFailure::JobMasterLost, ctx);
        for (_, slot) in self.executor().slots.of_job(job, &[SlotState::Active]) {
            self.executor().slots.deactivate(slot, ctx);
        }
        let call = Call::GoodbyeFromTaskManager { reason };
        line::tell(Endpoint::TaskExecutor, peer, Some(token), call, ctx);
    }

    /// The slot was kept for a job that has not taken it.
    pub(super) fn on_slot_timeout(
        &mut self,
        slot: SlotIndex,
        allocation: AllocationId,
        ctx: &mut Context<'_>,
    ) {
        let executor = self.executor();
        let held = executor.slots.owner(slot).map(|(held, _)| held);
        if held == Some(allocation) && executor.slots.state(slot) == SlotState::Allocated {
            self.free_slot(allocation, ctx);
        }
    }

    /// `freeSlot`: its tasks fail; when the last one has ended the slot is nobody's.
    pub(super) fn free_slot(&mut self, allocation: AllocationId, ctx: &mut Context<'_>) {
        let Some(slot) = self.executor().slots.find(allocation) else {
            return;
        };
        if self.executor().slots.state(slot) == SlotState::Releasing {
            return;
        }
        self.executor().slots.begin_release(slot, ctx);
        self.fail_tasks_in(allocation, ctx);
        self.free_if_empty(allocation, ctx);
    }

    /// A slot that is being released is free when nothing runs in it any more.
    pub(super) fn free_if_empty(&mut self, allocation: AllocationId, ctx: &mut Context<'_>) {
        let executor = self.executor();
        let Some(slot) = executor.slots.find(allocation) else {
            return;
        };
        let occupied = executor
            .allocations
            .values()
            .any(|held| *held == allocation);
        if occupied || executor.slots.state(slot) != SlotState::Releasing {
            return;
        }
        executor.local_states.release(allocation);
        let freed = executor.slots.free(slot, ctx);
        let (_, job) = freed.expect("a slot that is released was somebody's");
        self.announce_free(slot, allocation, ctx);
        self.unwatch_if_unused(job, ctx);
    }

    /// Without a slot here the job is not followed any more.
    fn unwatch_if_unused(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let held = [
            SlotState::Allocated,
            SlotState::Active,
            SlotState::Releasing,
        ];
        let executor = self.executor();
        if !executor.slots.of_job(job, &held).is_empty() {
            return;
        }
        if let Some((peer, token)) = executor.job_master(job) {
            executor.heartbeats.unmonitor(peer, ctx);
            let call = Call::GoodbyeFromTaskManager {
                reason: "no slot of the job is left here",
            };
            line::tell(Endpoint::TaskExecutor, peer, Some(token), call, ctx);
        }
        if let Some(mut line) = executor.jobs.remove(&job) {
            line.retry.release(ctx);
            line.offer.release(ctx);
        }
        executor.asks.retain(
            |ask| {
                !matches!(ask, ExecutorAsk::Offer(of, _) | ExecutorAsk::RegisterAtJobMaster(of) if *of == job)
            },
            ctx,
        );
    }
}
