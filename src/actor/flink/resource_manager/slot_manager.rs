//! Which slots there are, whose they are, and what the jobs miss (`FineGrainedSlotManager`, `DefaultSlotStatusSyncer`).

use std::collections::BTreeMap;

use crate::actor::flink::rpc::Address;
use crate::actor::flink::rpc::call::{AllocationId, InstanceId, SlotIndex, SlotStatus};
use crate::actor::message::FencingToken;
use crate::dataflow::topology::JobId;
use crate::policy::LoadBalance;
use crate::policy::hash_order::HashOrder;
use crate::policy::slot_allocation::{LoadBalanceMode, Provider, allocate};

/// A ResourceManager allocates fewer slots than this power of two.
const ALLOCATION_BITS: u32 = 20;

/// `SlotState`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Free,
    /// Requested from the TaskManager, which has not answered.
    Pending(AllocationId, JobId),
    Allocated(AllocationId, JobId),
}

impl Slot {
    fn use_of(self) -> Option<(AllocationId, JobId)> {
        match self {
            Slot::Free => None,
            Slot::Pending(allocation, job) | Slot::Allocated(allocation, job) => {
                Some((allocation, job))
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Worker {
    instance: InstanceId,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Requirement {
    slots: u32,
    /// Where slots are to be offered.
    job_master: Address,
}

/// A slot that a TaskManager is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRequest {
    pub taskmanager: Address,
    pub slot: SlotIndex,
    pub allocation: AllocationId,
    pub job: JobId,
    pub job_master: Address,
}

#[derive(Clone, Debug)]
pub struct SlotManager {
    token: FencingToken,
    balance: LoadBalance,
    /// Of the hash map of registrations.
    order: HashOrder,
    workers: BTreeMap<Address, Worker>,
    required: BTreeMap<JobId, Requirement>,
    allocations: u64,
}

impl SlotManager {
    pub fn new(token: FencingToken, balance: LoadBalance, order: HashOrder) -> SlotManager {
        SlotManager {
            token,
            balance,
            order,
            workers: BTreeMap::new(),
            required: BTreeMap::new(),
            allocations: 0,
        }
    }

    /// `registerTaskManager`, with its first slot report: a TaskManager that has run for an earlier ResourceManager comes
    /// with slots in use.
    pub fn register(&mut self, taskmanager: Address, instance: InstanceId, report: &[SlotStatus]) {
        let slots = vec![Slot::Free; report.len()];
        self.workers.insert(taskmanager, Worker { instance, slots });
        self.reconcile(taskmanager, report);
    }

    /// Its slots are nobody's any more. False: it was not there.
    pub fn unregister(&mut self, taskmanager: Address) -> bool {
        self.workers.remove(&taskmanager).is_some()
    }

    pub fn knows(&self, taskmanager: Address) -> bool {
        self.workers.contains_key(&taskmanager)
    }

    /// What the TaskManager says of its slots counts, but for requests that it may not have seen yet. True: something has
    /// changed.
    pub fn reconcile(&mut self, taskmanager: Address, report: &[SlotStatus]) -> bool {
        let Some(worker) = self.workers.get_mut(&taskmanager) else {
            return false;
        };
        let mut changed = false;
        for status in report {
            let Some(slot) = worker.slots.get_mut(status.slot as usize) else {
                continue;
            };
            let reported = match (status.allocation, *slot) {
                (Some((allocation, job)), _) => Slot::Allocated(allocation, job),
                (None, pending @ Slot::Pending(..)) => pending,
                (None, _) => Slot::Free,
            };
            changed |= std::mem::replace(slot, reported) != reported;
        }
        changed
    }

    /// `notifySlotAvailable`, or a request that failed. True: the slot was in this very use.
    pub fn free(
        &mut self,
        taskmanager: Address,
        slot: SlotIndex,
        allocation: AllocationId,
    ) -> bool {
        let slot = self.slot(taskmanager, slot);
        let Some(slot) = slot.filter(|slot| slot.use_of().is_some_and(|(id, _)| id == allocation))
        else {
            return false;
        };
        *slot = Slot::Free;
        true
    }

    /// The TaskManager has answered that the slot is allocated.
    pub fn confirm(&mut self, taskmanager: Address, slot: SlotIndex, allocation: AllocationId) {
        if let Some(slot) = self.slot(taskmanager, slot)
            && let Slot::Pending(pending, job) = *slot
            && pending == allocation
        {
            *slot = Slot::Allocated(allocation, job);
        }
    }

    fn slot(&mut self, taskmanager: Address, slot: SlotIndex) -> Option<&mut Slot> {
        self.workers
            .get_mut(&taskmanager)?
            .slots
            .get_mut(slot as usize)
    }

    /// `processResourceRequirements`: slots that the job needs in all.
    pub fn require(&mut self, job: JobId, slots: u32, job_master: Address) {
        if slots == 0 {
            self.required.remove(&job);
        } else {
            self.required.insert(job, Requirement { slots, job_master });
        }
    }

    /// `clearResourceRequirements`
    pub fn forget(&mut self, job: JobId) {
        self.required.remove(&job);
    }

    /// Slots that count as the job's: allocated or requested, whatever has become of their TaskManager meanwhile.
    pub fn acquired(&self, job: JobId) -> u32 {
        let slots = self.workers.values().flat_map(|worker| &worker.slots);
        let of_job = slots.filter(|slot| slot.use_of().is_some_and(|(_, of)| of == job));
        of_job.count() as u32
    }

    /// `checkResourceRequirements`: slots for what is missing, and how many each job misses still.
    pub fn check(&mut self) -> (Vec<SlotRequest>, Vec<(JobId, u32)>) {
        let mut requests = Vec::new();
        let mut unfulfillable = Vec::new();
        let required = self.required.clone();
        for (job, requirement) in required {
            let missing = requirement.slots.saturating_sub(self.acquired(job));
            if missing == 0 {
                continue;
            }
            let found = self.take(job, missing, requirement.job_master);
            if (found.len() as u32) < missing {
                unfulfillable.push((job, missing - found.len() as u32));
            }
            requests.extend(found);
        }
        (requests, unfulfillable)
    }

    /// Marks up to `missing` free slots as requested.
    fn take(&mut self, job: JobId, missing: u32, job_master: Address) -> Vec<SlotRequest> {
        let mut workers: Vec<_> = self
            .workers
            .iter()
            .map(|(address, worker)| (*address, worker.instance))
            .collect();
        workers.sort_by_key(|(_, instance)| self.order.rank(*instance));
        let providers: Vec<_> = workers
            .iter()
            .map(|(address, _)| {
                let slots = &self.workers[address].slots;
                let free = slots.iter().filter(|slot| **slot == Slot::Free);
                Provider {
                    slots: slots.len() as u32,
                    free: free.count() as u32,
                }
            })
            .collect();
        let chosen = allocate(mode(self.balance), &providers, missing);
        let mut requests = Vec::with_capacity(chosen.len());
        for index in chosen {
            let taskmanager = workers[index].0;
            let allocation = self.next_allocation();
            let slots = &mut self
                .workers
                .get_mut(&taskmanager)
                .expect("it was listed a moment ago")
                .slots;
            let slot = slots
                .iter()
                .position(|slot| *slot == Slot::Free)
                .expect("a chosen TaskManager has a free slot");
            slots[slot] = Slot::Pending(allocation, job);
            requests.push(SlotRequest {
                taskmanager,
                slot: slot as SlotIndex,
                allocation,
                job,
                job_master,
            });
        }
        requests
    }

    fn next_allocation(&mut self) -> AllocationId {
        self.allocations += 1;
        assert!(
            self.allocations < 1 << ALLOCATION_BITS,
            "a ResourceManager allocates fewer than a million slots"
        );
        AllocationId((self.token << ALLOCATION_BITS) | self.allocations)
    }
}

fn mode(balance: LoadBalance) -> LoadBalanceMode {
    match balance {
        LoadBalance::None => LoadBalanceMode::None,
        LoadBalance::Slots => LoadBalanceMode::Slots,
        LoadBalance::MinResources => LoadBalanceMode::MinResources,
        LoadBalance::Tasks => LoadBalanceMode::Tasks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{ActorId, Streams};

    fn at(actor: u32) -> Address {
        Address {
            actor: ActorId(actor),
            incarnation: 0,
        }
    }

    fn report(uses: &[Option<(u64, JobId)>]) -> Vec<SlotStatus> {
        let slots = uses.iter().enumerate();
        slots
            .map(|(slot, of)| SlotStatus {
                slot: slot as SlotIndex,
                allocation: of.map(|(id, job)| (AllocationId(id), job)),
            })
            .collect()
    }

    fn manager(taskmanagers: u32, slots: usize) -> SlotManager {
        let order = HashOrder::new(&mut Streams::new(1).small("test", "order"));
        let mut manager = SlotManager::new(9, LoadBalance::None, order);
        for n in 1..=taskmanagers {
            manager.register(at(n), u64::from(n), &report(&vec![None; slots]));
        }
        manager
    }

    #[test]
    fn what_a_job_misses_is_taken_once() {
        let mut manager = manager(3, 2);
        manager.require(0, 5, at(9));
        let (requests, unfulfillable) = manager.check();
        assert_eq!(requests.len(), 5);
        assert!(unfulfillable.is_empty());
        let ids: std::collections::BTreeSet<_> = requests.iter().map(|r| r.allocation).collect();
        assert_eq!(ids.len(), 5);
        // Requested slots count.
        assert!(manager.check().0.is_empty());
        // As one that failed does not.
        let failed = requests[2];
        assert!(manager.free(failed.taskmanager, failed.slot, failed.allocation));
        assert!(!manager.free(failed.taskmanager, failed.slot, failed.allocation));
        assert_eq!(manager.check().0.len(), 1);
    }

    #[test]
    fn slots_of_a_dead_taskmanager_count_until_it_is_unregistered() {
        let mut manager = manager(3, 2);
        manager.require(0, 4, at(9));
        for request in manager.check().0 {
            manager.confirm(request.taskmanager, request.slot, request.allocation);
        }
        manager.require(0, 4, at(9));
        assert!(manager.check().0.is_empty());
        let used: Vec<_> = (1..=3)
            .filter(|n| manager.workers[&at(*n)].slots[0] != Slot::Free)
            .collect();
        assert_eq!(used.len(), 2, "one TaskManager is filled before the next");
        assert!(manager.unregister(at(used[0])));
        let (requests, unfulfillable) = manager.check();
        assert_eq!((requests.len(), unfulfillable.len()), (2, 0));
        assert!(
            requests
                .iter()
                .all(|r| !used.contains(&r.taskmanager.actor.0))
        );
    }

    #[test]
    fn what_is_free_is_taken_where_it_does_not_suffice() {
        let mut manager = manager(1, 2);
        manager.require(0, 5, at(9));
        let (requests, unfulfillable) = manager.check();
        assert_eq!(requests.len(), 2);
        assert_eq!(unfulfillable, [(0, 3)]);
        assert_eq!(manager.check().1, [(0, 3)]);
    }

    #[test]
    fn reports_teach_and_pending_requests_survive_them() {
        let mut manager = manager(1, 3);
        assert!(manager.reconcile(at(1), &report(&[Some((77, 0)), None, None])));
        assert_eq!(manager.acquired(0), 1);
        manager.require(0, 2, at(9));
        let request = manager.check().0[0];
        assert_eq!(request.slot, 1);
        assert!(!manager.reconcile(at(1), &report(&[Some((77, 0)), None, None])));
        assert_eq!(manager.acquired(0), 2);
        manager.confirm(at(1), request.slot, request.allocation);
        // The TaskManager has freed it since.
        assert!(manager.reconcile(at(1), &report(&[Some((77, 0)), None, None])));
        assert_eq!(manager.acquired(0), 1);
        assert!(!manager.reconcile(at(8), &report(&[None])));
    }
}
