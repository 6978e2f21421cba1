//! The TaskManager's slots (`TaskSlotTableImpl`): FREE, ALLOCATED, ACTIVE, RELEASING.

use serde::Serialize;

use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex, SlotStatus};
use crate::actor::message::Timer;
use crate::dataflow::topology::JobId;
use crate::kernel::Span;

use super::TaskExecutorTimer;

/// `TaskSlotState`; free is what a slot is otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SlotState {
    Free,
    /// Granted to a job, or left by its JobMaster: for `taskmanager.slot.timeout`.
    Allocated,
    /// The job uses it.
    Active,
    /// Its tasks are being stopped.
    Releasing,
}

#[derive(Clone, Debug)]
struct Slot {
    owner: Option<(AllocationId, JobId)>,
    state: SlotState,
    timeout: Option<Alarm>,
}

#[derive(Clone, Debug)]
pub(super) struct SlotTable {
    slots: Vec<Slot>,
    timeout: Span,
}

impl SlotTable {
    pub(super) fn new(slots: u32, timeout: Span) -> SlotTable {
        let free = Slot {
            owner: None,
            state: SlotState::Free,
            timeout: None,
        };
        SlotTable {
            slots: vec![free; slots as usize],
            timeout,
        }
    }

    /// `createSlotReport`
    pub(super) fn report(&self) -> Vec<SlotStatus> {
        self.slots
            .iter()
            .enumerate()
            .map(|(slot, held)| SlotStatus {
                slot: slot as SlotIndex,
                allocation: held.owner,
            })
            .collect()
    }

    pub(super) fn owner(&self, slot: SlotIndex) -> Option<(AllocationId, JobId)> {
        self.slots.get(slot as usize)?.owner
    }

    pub(super) fn find(&self, allocation: AllocationId) -> Option<SlotIndex> {
        self.slots
            .iter()
            .position(|slot| slot.owner.is_some_and(|(held, _)| held == allocation))
            .map(|slot| slot as SlotIndex)
    }

    pub(super) fn state(&self, slot: SlotIndex) -> SlotState {
        self.slots[slot as usize].state
    }

    /// Slots of a job in these states, in order.
    pub(super) fn of_job(
        &self,
        job: JobId,
        states: &[SlotState],
    ) -> Vec<(AllocationId, SlotIndex)> {
        let of_job = |(index, slot): (usize, &Slot)| match slot.owner {
            Some((allocation, owner)) if owner == job && states.contains(&slot.state) => {
                Some((allocation, index as SlotIndex))
            }
            _ => None,
        };
        self.slots.iter().enumerate().filter_map(of_job).collect()
    }

    /// The slot is the job's, for as long as the timeout unless it becomes active before.
    pub(super) fn allocate(
        &mut self,
        slot: SlotIndex,
        allocation: AllocationId,
        job: JobId,
        ctx: &mut Context<'_>,
    ) {
        assert_eq!(
            self.slots[slot as usize].state,
            SlotState::Free,
            "a slot has one owner at a time"
        );
        self.slots[slot as usize].owner = Some((allocation, job));
        self.turn(slot, SlotState::Allocated, ctx);
    }

    /// `markSlotActive`
    pub(super) fn activate(&mut self, slot: SlotIndex, ctx: &mut Context<'_>) {
        if self.slots[slot as usize].state == SlotState::Allocated {
            self.turn(slot, SlotState::Active, ctx);
        }
    }

    /// `markSlotInactive`: the JobMaster is lost, the slot is kept for its successor for a while.
    pub(super) fn deactivate(&mut self, slot: SlotIndex, ctx: &mut Context<'_>) {
        if self.slots[slot as usize].state == SlotState::Active {
            self.turn(slot, SlotState::Allocated, ctx);
        }
    }

    pub(super) fn begin_release(&mut self, slot: SlotIndex, ctx: &mut Context<'_>) {
        self.turn(slot, SlotState::Releasing, ctx);
    }

    /// Nobody's any more; whose it was.
    pub(super) fn free(
        &mut self,
        slot: SlotIndex,
        ctx: &mut Context<'_>,
    ) -> Option<(AllocationId, JobId)> {
        self.turn(slot, SlotState::Free, ctx);
        self.slots[slot as usize].owner.take()
    }

    fn turn(&mut self, index: SlotIndex, state: SlotState, ctx: &mut Context<'_>) {
        let slot = &mut self.slots[index as usize];
        slot.state = state;
        if let Some(mut alarm) = slot.timeout.take() {
            alarm.release(ctx);
        }
        let (allocation, job) = slot.owner.expect("only an owned slot changes its state");
        if state == SlotState::Allocated {
            let timer = TaskExecutorTimer::SlotTimeout {
                slot: index,
                allocation,
            };
            let mut alarm = Alarm::new(Timer::TaskExecutor(timer));
            alarm.set(self.timeout, ctx);
            slot.timeout = Some(alarm);
        }
        ctx.state(Fact::TaskSlotChanged {
            slot: index,
            allocation,
            job,
            state,
        });
    }
}
