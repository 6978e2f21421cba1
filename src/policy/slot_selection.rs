//! Which of a JobMaster's free slots a slot request gets: Flink's `SlotSelectionStrategy` classes.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::ActorId;

/// A free slot in the JobMaster's pool. Callers pass free slots in the order of their pool, a hash map
/// ([`HashOrder`](super::hash_order::HashOrder)): where nothing else decides, the first one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSlot {
    /// Its `AllocationID`.
    pub allocation: u64,
    pub taskmanager: ActorId,
    /// The machine that the TaskManager runs on.
    pub host: ActorId,
    /// Slots of the pool on that TaskManager, and how many of them are in use: its utilization.
    pub taskmanager_slots: u32,
    pub taskmanager_slots_in_use: u32,
}

/// Where a subtask would like to run (`TaskManagerLocation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    pub taskmanager: ActorId,
    pub host: ActorId,
}

/// One request for the subtasks that share a slot (`SlotProfile`).
#[derive(Clone, Debug, Default)]
pub struct SlotProfile {
    /// The preferences of all its subtasks together: a location counts as often as it is named.
    pub preferred_locations: Vec<Location>,
    /// Allocations in which its subtasks ran before.
    pub preferred_allocations: Vec<u64>,
    /// Previous allocations of all subtasks that wait for slots, which others should leave alone.
    pub reserved_allocations: BTreeSet<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSelection {
    /// `execution.state-recovery.from-local`: a previous allocation comes first
    /// (`PreviousAllocationSlotSelectionStrategy`).
    pub local_recovery: bool,
    /// `taskmanager.load-balance.mode: SLOTS`: `EvenlySpreadOutLocationPreferenceSlotSelectionStrategy` instead of
    /// `DefaultLocationPreferenceSlotSelectionStrategy`.
    pub evenly_spread: bool,
}

impl SlotSelection {
    /// The index of the chosen slot (`selectBestSlotForProfile`); none where no slot is free, or all free ones
    /// are reserved for others.
    pub fn choose(self, profile: &SlotProfile, free: &[FreeSlot]) -> Option<usize> {
        if !self.local_recovery {
            return self.by_location(profile, free, &BTreeSet::new());
        }
        let previous = profile
            .preferred_allocations
            .iter()
            .find_map(|wanted| free.iter().position(|slot| slot.allocation == *wanted));
        previous.or_else(|| self.by_location(profile, free, &profile.reserved_allocations))
    }

    fn by_location(
        self,
        profile: &SlotProfile,
        free: &[FreeSlot],
        excluded: &BTreeSet<u64>,
    ) -> Option<usize> {
        let (mut taskmanagers, mut hosts) = (BTreeMap::new(), BTreeMap::new());
        for location in &profile.preferred_locations {
            *taskmanagers.entry(location.taskmanager).or_insert(0_u64) += 1;
            *hosts.entry(location.host).or_insert(0_u64) += 1;
        }
        let on_taskmanager = if self.evenly_spread { 20 } else { 10 };
        let on_host = if self.evenly_spread { 2 } else { 1 };
        let mut best: Option<(usize, u64, Utilization)> = None;
        for (at, slot) in free.iter().enumerate() {
            if excluded.contains(&slot.allocation) {
                continue;
            }
            let here = taskmanagers.get(&slot.taskmanager).copied().unwrap_or(0);
            let near = hosts.get(&slot.host).copied().unwrap_or(0);
            let score = on_taskmanager * here + on_host * near;
            // Flink subtracts the utilization, which is at most one, from a whole and even number.
            let utilization = Utilization::of(slot, self.evenly_spread);
            let better = best.as_ref().is_none_or(|(_, most, least)| {
                score > *most || (score == *most && utilization.is_less_than(*least))
            });
            if better {
                best = Some((at, score, utilization));
            }
        }
        best.map(|(at, ..)| at)
    }
}

/// A share between zero and one.
#[derive(Clone, Copy)]
struct Utilization {
    used: u64,
    of: u64,
}

impl Utilization {
    fn of(slot: &FreeSlot, matters: bool) -> Utilization {
        Utilization {
            used: if matters {
                u64::from(slot.taskmanager_slots_in_use)
            } else {
                0
            },
            of: u64::from(slot.taskmanager_slots.max(1)),
        }
    }

    fn is_less_than(self, other: Utilization) -> bool {
        self.used * other.of < other.used * self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: SlotSelection = SlotSelection {
        local_recovery: false,
        evenly_spread: false,
    };

    fn slot(allocation: u64, taskmanager: u32, in_use: u32) -> FreeSlot {
        FreeSlot {
            allocation,
            taskmanager: ActorId(taskmanager),
            // Two TaskManagers on each host.
            host: ActorId(100 + taskmanager / 2),
            taskmanager_slots: 4,
            taskmanager_slots_in_use: in_use,
        }
    }

    fn wants(taskmanagers: &[u32]) -> SlotProfile {
        SlotProfile {
            preferred_locations: taskmanagers
                .iter()
                .map(|taskmanager| Location {
                    taskmanager: ActorId(*taskmanager),
                    host: ActorId(100 + taskmanager / 2),
                })
                .collect(),
            ..SlotProfile::default()
        }
    }

    fn chosen(selection: SlotSelection, profile: &SlotProfile, free: &[FreeSlot]) -> Option<u64> {
        selection
            .choose(profile, free)
            .map(|at| free[at].allocation)
    }

    #[test]
    fn without_a_preference_the_first_slot_is_taken() {
        let free = [slot(5, 2, 3), slot(1, 0, 0)];
        assert_eq!(chosen(DEFAULT, &wants(&[]), &free), Some(5));
        assert_eq!(chosen(DEFAULT, &wants(&[]), &[]), None);
        // Nor where none of the preferred locations is left: the dead TaskManager's slice goes anywhere.
        assert_eq!(chosen(DEFAULT, &wants(&[9, 9]), &free), Some(5));
    }

    #[test]
    fn the_location_named_most_often_wins_and_its_host_counts_a_tenth() {
        let free = [slot(1, 4, 0), slot(2, 1, 0), slot(3, 2, 0), slot(4, 2, 0)];
        assert_eq!(chosen(DEFAULT, &wants(&[1, 2, 2]), &free), Some(3));
        assert_eq!(chosen(DEFAULT, &wants(&[0, 0]), &free), Some(2));
        // Ten neighbours weigh as much as one subtask that ran right there: eleven to ten and one.
        let neighbours = [vec![2], vec![0; 10]].concat();
        assert_eq!(chosen(DEFAULT, &wants(&neighbours), &free), Some(3));
        let neighbours = [vec![2], vec![0; 12]].concat();
        assert_eq!(chosen(DEFAULT, &wants(&neighbours), &free), Some(2));
    }

    #[test]
    fn spread_slots_go_to_the_least_used_taskmanager() {
        let spread = SlotSelection {
            evenly_spread: true,
            ..DEFAULT
        };
        let free = [slot(1, 0, 2), slot(2, 2, 1), slot(3, 4, 1)];
        assert_eq!(chosen(spread, &wants(&[]), &free), Some(2));
        // A preference outweighs any utilization; the host alone does too.
        assert_eq!(chosen(spread, &wants(&[0]), &free), Some(1));
        assert_eq!(chosen(spread, &wants(&[1]), &free), Some(1));
    }

    #[test]
    fn a_previous_allocation_comes_first_and_those_of_others_last() {
        let local = SlotSelection {
            local_recovery: true,
            ..DEFAULT
        };
        let free = [slot(1, 0, 0), slot(2, 2, 0), slot(3, 4, 0)];
        let mut profile = wants(&[0]);
        profile.preferred_allocations = vec![9, 3];
        profile.reserved_allocations = [1, 3].into();
        assert_eq!(chosen(local, &profile, &free), Some(3));
        assert_eq!(chosen(DEFAULT, &profile, &free), Some(1));
        profile.preferred_allocations = vec![9];
        assert_eq!(chosen(local, &profile, &free), Some(2));
        profile.reserved_allocations = [1, 2, 3].into();
        assert_eq!(chosen(local, &profile, &free), None);
    }
}
