//! The slots that the JobMaster holds, and how many it wants (`DefaultDeclarativeSlotPool`, `DeclarativeSlotPoolBridge`).

use std::collections::BTreeMap;

use crate::actor::flink::rpc::Address;
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex};
use crate::kernel::Time;

/// Numbers the groups of subtasks that want a slot (`PhysicalSlotRequest`).
pub type RequestId = u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PooledSlot {
    pub taskmanager: Address,
    pub index: SlotIndex,
    pub use_: SlotUse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotUse {
    Free {
        since: Time,
    },
    /// It fulfils a request, until the last subtask in it has ended.
    Reserved(RequestId),
}

#[derive(Clone, Debug, Default)]
pub struct SlotPool {
    slots: BTreeMap<AllocationId, PooledSlot>,
    /// Requests without a slot, oldest first, and since when they wait.
    pending: BTreeMap<RequestId, Time>,
    next_request: RequestId,
    /// Slots wanted whatever is requested (adaptive scheduler).
    desired: Option<u32>,
}

impl SlotPool {
    /// Slots wanted in all: `declareRequiredResources` carries it.
    pub fn required(&self) -> u32 {
        if let Some(desired) = self.desired {
            return desired;
        }
        let reserved = self
            .slots
            .values()
            .filter(|slot| matches!(slot.use_, SlotUse::Reserved(_)));
        (reserved.count() + self.pending.len()) as u32
    }

    /// Slots beyond what is wanted.
    pub fn surplus(&self) -> usize {
        self.slots.len().saturating_sub(self.required() as usize)
    }

    /// From now on so many slots are wanted.
    pub fn desire(&mut self, slots: u32) {
        self.desired = Some(slots);
    }

    pub fn slot(&self, allocation: AllocationId) -> Option<&PooledSlot> {
        self.slots.get(&allocation)
    }

    pub fn free(&self) -> impl Iterator<Item = (AllocationId, &PooledSlot)> {
        self.slots
            .iter()
            .filter(|(_, slot)| matches!(slot.use_, SlotUse::Free { .. }))
            .map(|(allocation, slot)| (*allocation, slot))
    }

    pub fn all(&self) -> impl Iterator<Item = (AllocationId, &PooledSlot)> {
        self.slots
            .iter()
            .map(|(allocation, slot)| (*allocation, slot))
    }

    pub fn of(&self, taskmanager: Address) -> Vec<AllocationId> {
        self.all()
            .filter(|(_, slot)| slot.taskmanager == taskmanager)
            .map(|(allocation, _)| allocation)
            .collect()
    }

    /// Opens a request; it waits until it is fulfilled or dropped.
    pub fn request(&mut self, now: Time) -> RequestId {
        self.next_request += 1;
        self.pending.insert(self.next_request, now);
        self.next_request
    }

    pub fn pending(&self) -> impl Iterator<Item = (RequestId, Time)> + '_ {
        self.pending
            .iter()
            .map(|(request, since)| (*request, *since))
    }

    pub fn drop_request(&mut self, request: RequestId) {
        self.pending.remove(&request);
    }

    /// A free slot fulfils a request.
    pub fn reserve(&mut self, allocation: AllocationId, request: RequestId) {
        self.pending.remove(&request);
        let slot = self
            .slots
            .get_mut(&allocation)
            .expect("only slots of the pool are reserved");
        assert!(
            matches!(slot.use_, SlotUse::Free { .. }),
            "a slot serves one request at a time"
        );
        slot.use_ = SlotUse::Reserved(request);
    }

    /// The last subtask in the slot has ended.
    pub fn release(&mut self, allocation: AllocationId, now: Time) {
        if let Some(slot) = self.slots.get_mut(&allocation) {
            slot.use_ = SlotUse::Free { since: now };
        }
    }

    /// An offered slot is taken in, where it is not known yet.
    pub fn accept(
        &mut self,
        allocation: AllocationId,
        taskmanager: Address,
        index: SlotIndex,
        now: Time,
    ) {
        let free = SlotUse::Free { since: now };
        self.slots.entry(allocation).or_insert(PooledSlot {
            taskmanager,
            index,
            use_: free,
        });
    }

    pub fn remove(&mut self, allocation: AllocationId) -> Option<PooledSlot> {
        self.slots.remove(&allocation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::ActorId;

    #[test]
    fn what_is_wanted_is_what_is_reserved_and_what_waits() {
        let mut pool = SlotPool::default();
        let taskmanager = Address {
            actor: ActorId(1),
            incarnation: 0,
        };
        let (one, two) = (pool.request(Time(0)), pool.request(Time(1)));
        assert_eq!(pool.required(), 2);
        pool.accept(AllocationId(7), taskmanager, 0, Time(2));
        pool.accept(AllocationId(8), taskmanager, 1, Time(2));
        assert_eq!((pool.required(), pool.free().count()), (2, 2));
        pool.reserve(AllocationId(8), one);
        assert_eq!((pool.required(), pool.free().count()), (2, 1));
        pool.drop_request(two);
        pool.release(AllocationId(8), Time(3));
        assert_eq!((pool.required(), pool.free().count()), (0, 2));
        assert_eq!(pool.of(taskmanager), [AllocationId(7), AllocationId(8)]);
    }
}
