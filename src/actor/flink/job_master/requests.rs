//! Slots for groups of subtasks: from the pool, or from the ResourceManager (`SlotSharingExecutionSlotAllocator`,
//! `PhysicalSlotProviderImpl`, `DeclarativeSlotPoolBridge`).

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::context::Context;
use crate::actor::fact::{Detector, Fact};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex, TaskFailure};
use crate::actor::flink::rpc::{Address, Answer, Call, RpcError, line};
use crate::dataflow::topology::SubtaskId;
use crate::policy::LoadBalance;
use crate::policy::slot_selection::{FreeSlot, Location, SlotProfile, SlotSelection};

use super::slot_groups::SharedSlot;
use super::slot_pool::SlotUse;
use super::{JobAsk, JobMaster};

impl JobMaster {
    pub(super) fn group_of(&self, subtask: SubtaskId) -> usize {
        self.group_of[(subtask - self.executions[0].subtask) as usize]
    }

    /// Gives every group of these subtasks a slot, at once or in the course of time.
    pub(super) fn request_slots(
        &mut self,
        subtasks: &[SubtaskId],
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let mut groups = BTreeSet::new();
        for subtask in subtasks {
            self.execution(*subtask).wants_slot = true;
            groups.insert(self.group_of(*subtask));
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        self.order.arrange(&mut groups, |group| *group as u64);
        for group in groups {
            if self.groups[group].slot == SharedSlot::None {
                let request = self.pool.request(ctx.now());
                self.groups[group].slot = SharedSlot::Requested(request);
            }
        }
        self.fulfil(office, ctx);
        // A check that is due for an older request comes first, and sees to these after it.
        if self.pool.pending().next().is_some() && !self.request_timeout.is_set(ctx) {
            self.request_timeout
                .set(office.blueprint.config.slots.request_timeout, ctx);
        }
        self.requirements_changed(office, ctx);
    }

    /// Matches open requests with free slots.
    fn fulfil(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let open: Vec<_> = self.pool.pending().map(|(request, _)| request).collect();
        for request in open {
            let group = self
                .groups
                .iter()
                .position(|group| group.slot == SharedSlot::Requested(request))
                .expect("a request belongs to a group");
            // What is free may be kept for others (local recovery).
            let Some(allocation) = self.choose_slot(group, office) else {
                continue;
            };
            self.pool.reserve(allocation, request);
            self.groups[group].slot = SharedSlot::Held(allocation);
            self.state_slot(allocation, "reserved", ctx);
        }
        self.deploy_when_all_slots_are_there(office, ctx);
        if self.adaptive.is_some() {
            self.on_resources_changed(office, ctx);
        }
    }

    /// Which of the free slots suits a group best.
    fn choose_slot(&self, group: usize, office: &Office<'_>) -> Option<AllocationId> {
        let config = &office.blueprint.config;
        let utilization = self.utilization();
        let mut free: Vec<_> = self
            .pool
            .free()
            .map(|(allocation, slot)| {
                let (slots, in_use) = utilization[&slot.taskmanager];
                FreeSlot {
                    allocation: allocation.0,
                    taskmanager: slot.taskmanager.actor,
                    // Each process has an address of its own.
                    host: slot.taskmanager.actor,
                    taskmanager_slots: slots,
                    taskmanager_slots_in_use: in_use,
                }
            })
            .collect();
        self.order.arrange(&mut free, |slot| slot.allocation);
        let selection = SlotSelection {
            local_recovery: config.local_recovery,
            evenly_spread: config.load_balance == LoadBalance::Slots,
        };
        selection
            .choose(&self.profile(group, config.local_recovery), &free)
            .map(|at| AllocationId(free[at].allocation))
    }

    /// `SlotProfile`: where the group's subtasks ran before, if they have state to restore.
    fn profile(&self, group: usize, local_recovery: bool) -> SlotProfile {
        let mut profile = SlotProfile::default();
        if local_recovery {
            profile.reserved_allocations = self.previous_allocations();
        }
        let restores = self.store.latest() != 0;
        for subtask in &self.groups[group].subtasks {
            let execution = self.peek(*subtask);
            let Some(previous) = execution.previous.filter(|_| execution.wants_slot) else {
                continue;
            };
            profile.preferred_allocations.push(previous.allocation.0);
            // A process that came back is another TaskManager.
            if restores && self.taskmanagers.contains_key(&previous.taskmanager) {
                profile.preferred_locations.push(Location {
                    taskmanager: previous.taskmanager.actor,
                    host: previous.taskmanager.actor,
                });
            }
        }
        profile
    }

    /// Of all groups that still wait: with local recovery nobody else takes them.
    fn previous_allocations(&self) -> BTreeSet<u64> {
        self.groups
            .iter()
            .filter(|group| matches!(group.slot, SharedSlot::Requested(_)))
            .flat_map(|group| &group.subtasks)
            .filter_map(|subtask| self.peek(*subtask).previous)
            .map(|previous| previous.allocation.0)
            .collect()
    }

    /// The pool's slots on each TaskManager, and how many of them are in use.
    fn utilization(&self) -> BTreeMap<Address, (u32, u32)> {
        let mut utilization = BTreeMap::new();
        for (_, slot) in self.pool.all() {
            let (slots, in_use) = utilization.entry(slot.taskmanager).or_insert((0, 0));
            *slots += 1;
            *in_use += u32::from(matches!(slot.use_, SlotUse::Reserved(_)));
        }
        utilization
    }

    pub(super) fn state_slot(
        &self,
        allocation: AllocationId,
        change: &'static str,
        ctx: &mut Context<'_>,
    ) {
        if let Some(slot) = self.pool.slot(allocation) {
            ctx.state(Fact::SlotPoolChanged {
                job: self.job,
                allocation,
                taskmanager: slot.taskmanager,
                change,
            });
        }
    }

    /// A subtask of the group has ended: with the last one the slot is free, or the request is dropped.
    pub(super) fn release_logical_slot(
        &mut self,
        subtask: SubtaskId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.execution(subtask).wants_slot = false;
        let group = self.group_of(subtask);
        let wanted = self.groups[group]
            .subtasks
            .iter()
            .any(|member| self.peek(*member).wants_slot);
        if wanted {
            return;
        }
        match std::mem::replace(&mut self.groups[group].slot, SharedSlot::None) {
            SharedSlot::None => {}
            SharedSlot::Requested(request) => self.pool.drop_request(request),
            SharedSlot::Held(allocation) => {
                self.pool.release(allocation, ctx.now());
                self.state_slot(allocation, "free", ctx);
                self.fulfil(office, ctx);
            }
        }
        self.requirements_changed(office, ctx);
    }

    /// `offerSlots`: takes what is wanted; while the job restarts, everything, since it will be.
    pub(super) fn on_offer(
        &mut self,
        from: Address,
        offered: &[(AllocationId, SlotIndex)],
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Answer, RpcError> {
        if !self.taskmanagers.contains_key(&from) {
            return Err(RpcError::Refused("the TaskManager is not registered"));
        }
        let mut accepted = Vec::new();
        for (allocation, index) in offered {
            let known = self.pool.slot(*allocation).is_some();
            let in_all = self.pool.all().count() as u32;
            if known || in_all < self.pool.required() || !self.waiting_for_restart.is_empty() {
                self.pool.accept(*allocation, from, *index, ctx.now());
                accepted.push(*allocation);
                if !known {
                    self.state_slot(*allocation, "accepted", ctx);
                }
            }
        }
        self.fulfil(office, ctx);
        Ok(Answer::AcceptedSlots(accepted))
    }

    /// `failSlot`: the TaskManager does not have it any more.
    pub(super) fn lose_slot(
        &mut self,
        allocation: AllocationId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.lose_slot_because(allocation, Detector::TaskFailure, office, ctx);
    }

    /// A slot is gone: whatever ran in it fails, or has thereby ended where it was being cancelled.
    pub(super) fn lose_slot_because(
        &mut self,
        allocation: AllocationId,
        detector: Detector,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.lose_slots(vec![allocation], detector, office, ctx);
    }

    /// Slots that go together are out of the pool before anybody hears of it: nobody is given one that is about to go
    /// (`DefaultDeclarativeSlotPool.releaseSlots`).
    pub(super) fn lose_slots(
        &mut self,
        mut allocations: Vec<AllocationId>,
        detector: Detector,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        for allocation in &allocations {
            self.state_slot(*allocation, "lost", ctx);
        }
        allocations.retain(|allocation| self.pool.remove(*allocation).is_some());
        for allocation in allocations {
            self.end_in_slot(allocation, detector, office, ctx);
        }
    }

    fn end_in_slot(
        &mut self,
        allocation: AllocationId,
        detector: Detector,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let held = self
            .groups
            .iter()
            .position(|group| group.slot == SharedSlot::Held(allocation));
        let Some(group) = held else {
            return;
        };
        self.groups[group].slot = SharedSlot::None;
        for subtask in self.groups[group].subtasks.clone() {
            let execution = self.peek(subtask);
            if execution.wants_slot {
                let attempt = execution.attempt;
                let why = TaskFailure::Other("its slot was lost");
                self.fail(subtask, attempt, detector, &why, office, ctx);
            }
        }
        self.requirements_changed(office, ctx);
    }

    /// Changes are declared together, a moment later.
    fn requirements_changed(&mut self, office: &Office<'_>, ctx: &mut Context<'_>) {
        // The adaptive scheduler wants the same number all the time.
        if self.adaptive.is_none() && !self.declare.is_set(ctx) {
            self.declare
                .set(office.blueprint.config.slots.request_max_interval, ctx);
        }
    }

    pub(super) fn declare_requirements(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let Some((peer, token)) = self.resource_manager() else {
            return;
        };
        if !self.is_registered() {
            return;
        }
        let call = Call::DeclareRequiredResources {
            job: self.job,
            job_master: self.token,
            slots: self.pool.required(),
        };
        let what = JobAsk::DeclareRequirements;
        let timeout = office.blueprint.config.rpc.ask_timeout;
        line::ask(&mut self.asks, what, timeout, peer, Some(token), call, ctx);
    }

    pub(super) fn on_declared(
        &mut self,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        // Declared again until it is heard (`DeclareResourceRequirementServiceConnectionManager`).
        if result.is_err() && self.is_registered() {
            self.declare
                .set(office.blueprint.config.slots.request_max_interval, ctx);
        }
    }

    /// Nobody can fulfil the open requests now: they fail at once.
    pub(super) fn on_not_enough_resources(
        &mut self,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        // The adaptive scheduler's pool has no requests that could fail.
        self.fail_requests(|_| true, office, ctx);
    }

    /// The bulk check: requests that nobody has fulfilled in `slot.request.timeout` fail.
    pub(super) fn check_requests(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let timeout = office.blueprint.config.slots.request_timeout;
        let now = ctx.now();
        self.fail_requests(|since| now.since(since) >= timeout, office, ctx);
        let next = self.pool.pending().map(|(_, since)| since + timeout).min();
        if let Some(next) = next {
            self.request_timeout.set_at(next.max(now), ctx);
        }
    }

    /// `NoResourceAvailableException` for the subtasks of every request that fails: one failure of the job.
    fn fail_requests(
        &mut self,
        fails: impl Fn(crate::kernel::Time) -> bool,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let failing: Vec<_> = self
            .pool
            .pending()
            .filter(|(_, since)| fails(*since))
            .map(|(request, _)| request)
            .collect();
        for request in failing {
            let group = self
                .groups
                .iter()
                .position(|group| group.slot == SharedSlot::Requested(request));
            // Gone meanwhile with the failover of an earlier one.
            let Some(group) = group else { continue };
            let waiting = self.groups[group]
                .subtasks
                .iter()
                .map(|subtask| self.peek(*subtask))
                .find(|execution| execution.wants_slot)
                .map(|execution| (execution.subtask, execution.attempt));
            let (subtask, attempt) = waiting.expect("somebody wants the slot of an open request");
            let why = TaskFailure::Other("NoResourceAvailableException");
            self.fail(subtask, attempt, Detector::NoResources, &why, office, ctx);
        }
    }

    /// Surplus slots go back when they have been free for `slot.idle.timeout`, checked once per that time
    /// (`DefaultDeclarativeSlotPool.releaseIdleSlots`).
    pub(super) fn return_idle_slots(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let config = &office.blueprint.config;
        self.idle.set(config.slots.idle_timeout, ctx);
        let now = ctx.now();
        let idle: Vec<_> = self
            .pool
            .free()
            .filter(|(_, slot)| match slot.use_ {
                SlotUse::Free { since } => now.since(since) >= config.slots.idle_timeout,
                SlotUse::Reserved(_) => false,
            })
            .map(|(allocation, slot)| (allocation, slot.taskmanager))
            .take(self.pool.surplus())
            .collect();
        for (allocation, taskmanager) in idle {
            self.state_slot(allocation, "returned", ctx);
            self.pool.remove(allocation);
            let call = Call::FreeSlot {
                allocation,
                reason: "the slot is not needed any more",
            };
            let what = JobAsk::FreeSlot(allocation);
            let peer = Self::executor(taskmanager);
            line::ask(
                &mut self.asks,
                what,
                config.rpc.ask_timeout,
                peer,
                None,
                call,
                ctx,
            );
        }
    }
}
