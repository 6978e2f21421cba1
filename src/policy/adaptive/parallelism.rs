//! How wide a job runs with the slots that there are: Flink's `SlotSharingSlotAllocator` and its slot assigners.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataflow::key_groups::range_of_subtask;
use crate::policy::slot_sharing::{SharedSlot, SlotSharingGroupId};

/// What a vertex may and should have (`VertexInformation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VertexRequirements {
    pub slot_sharing_group: SlotSharingGroupId,
    /// The least parallelism with which the job may run at all.
    pub lower: u32,
    /// The parallelism that is wanted: of reactive mode the max parallelism.
    pub upper: u32,
}

/// Bounds of a slot-sharing group (`SlotSharingGroupMetaInfo`).
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    lower: u32,
    upper: u32,
}

fn groups(vertices: &[VertexRequirements]) -> BTreeMap<SlotSharingGroupId, Bounds> {
    let mut groups: BTreeMap<SlotSharingGroupId, Bounds> = BTreeMap::new();
    for vertex in vertices {
        let bounds = groups.entry(vertex.slot_sharing_group).or_default();
        bounds.lower = bounds.lower.max(vertex.lower);
        bounds.upper = bounds.upper.max(vertex.upper);
    }
    groups
}

/// Slots that the job declares as required and desires (`calculateRequiredSlots`).
pub fn desired_slots(vertices: &[VertexRequirements]) -> u32 {
    groups(vertices).values().map(|bounds| bounds.upper).sum()
}

/// The parallelism of each vertex with that many slots (`determineParallelism`); none where they do not even allow the
/// least. Slots beyond the least are shared out evenly; groups that need less leave theirs to the others.
pub fn parallelism(vertices: &[VertexRequirements], slots: u32) -> Option<Vec<u32>> {
    let groups = groups(vertices);
    let mut reserved: u32 = groups.values().map(|bounds| bounds.lower).sum();
    if reserved > slots {
        return None;
    }
    let mut by_range: Vec<_> = groups.into_iter().collect();
    by_range.sort_by_key(|(_, bounds)| bounds.upper - bounds.lower);
    let (mut unassigned, mut groups_left) = (slots, by_range.len() as u32);
    let mut slots_of: BTreeMap<SlotSharingGroupId, u32> = BTreeMap::new();
    for (group, bounds) in by_range {
        let share = (unassigned - reserved) / groups_left;
        let own = bounds.lower + share.min(bounds.upper - bounds.lower);
        slots_of.insert(group, own);
        reserved -= bounds.lower;
        unassigned -= own;
        groups_left -= 1;
    }
    let width =
        |vertex: &VertexRequirements| vertex.upper.min(slots_of[&vertex.slot_sharing_group]);
    Some(vertices.iter().map(width).collect())
}

/// Which subtasks share a slot: those with equal index, per slot-sharing group (`DefaultSlotSharingResolver`).
pub fn shared_slots(vertices: &[VertexRequirements], parallelism: &[u32]) -> Vec<SharedSlot> {
    let ids: BTreeSet<SlotSharingGroupId> = vertices.iter().map(|v| v.slot_sharing_group).collect();
    let mut shared = Vec::new();
    for slot_sharing_group in ids {
        let members: Vec<usize> = (0..vertices.len())
            .filter(|at| vertices[*at].slot_sharing_group == slot_sharing_group)
            .collect();
        let width = members.iter().map(|at| parallelism[*at]).max().unwrap_or(0);
        shared.extend((0..width).map(|index| {
            SharedSlot {
                slot_sharing_group,
                subtasks: members
                    .iter()
                    .filter(|at| index < parallelism[**at])
                    .map(|at| (*at, index))
                    .collect(),
            }
        }));
    }
    shared
}

/// Slots in the order of the pool, one for each shared slot (`DefaultSlotAssigner`).
pub fn assign_in_order(shared: &[SharedSlot], slots: &[u64]) -> Vec<u64> {
    assert!(
        slots.len() >= shared.len(),
        "the parallelism fits the slots"
    );
    slots[..shared.len()].to_vec()
}

/// Where a vertex' state was before, and how large it is (`JobAllocationsInformation`, `StateSizeEstimates`).
#[derive(Clone, Debug)]
pub struct PreviousVertex {
    pub parallelism: u32,
    pub max_parallelism: u32,
    /// Bytes of its state, over all subtasks.
    pub state_bytes: u64,
    /// Allocation of each subtask.
    pub allocations: Vec<u64>,
}

/// With local recovery each shared slot goes, best match first, to the allocation that held most of the key groups that its
/// subtasks will own, weighed by the size of the state; the others in the order of the pool
/// (`StateLocalitySlotAssigner`).
pub fn assign_by_state(
    shared: &[SharedSlot],
    parallelism: &[u32],
    slots: &[u64],
    previous: &[Option<PreviousVertex>],
) -> Vec<u64> {
    assert!(
        slots.len() >= shared.len(),
        "the parallelism fits the slots"
    );
    let mut scores: Vec<(u64, usize, u64)> = Vec::new();
    for (at, slot) in shared.iter().enumerate() {
        let mut of_allocation: BTreeMap<u64, u64> = BTreeMap::new();
        for (vertex, index) in &slot.subtasks {
            let Some(before) = &previous[*vertex] else {
                continue;
            };
            for (old, allocation) in before.allocations.iter().enumerate() {
                let groups = overlap(
                    range_of_subtask(*index, parallelism[*vertex], before.max_parallelism),
                    range_of_subtask(old as u32, before.parallelism, before.max_parallelism),
                );
                let bytes = before.state_bytes / u64::from(before.max_parallelism);
                *of_allocation.entry(*allocation).or_default() += u64::from(groups) * bytes;
            }
        }
        scores.extend(
            of_allocation
                .into_iter()
                .filter(|(_, score)| *score > 0)
                .map(|(allocation, score)| (score, at, allocation)),
        );
    }
    scores.sort_by_key(|(score, at, allocation)| (std::cmp::Reverse(*score), *at, *allocation));
    let mut free: Vec<u64> = slots.to_vec();
    let mut assigned: Vec<Option<u64>> = vec![None; shared.len()];
    let take = |allocation: u64, free: &mut Vec<u64>| {
        let at = free.iter().position(|slot| *slot == allocation)?;
        Some(free.remove(at))
    };
    for (_, at, allocation) in scores {
        if assigned[at].is_none() {
            assigned[at] = take(allocation, &mut free);
        }
    }
    let mut rest = free.into_iter();
    assigned
        .into_iter()
        .map(|slot| {
            slot.or_else(|| rest.next())
                .expect("there are as many slots as shared slots")
        })
        .collect()
}

/// How many key groups two inclusive ranges share.
fn overlap(a: (u32, u32), b: (u32, u32)) -> u32 {
    let (first, last) = (a.0.max(b.0), a.1.min(b.1));
    (last + 1).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertex(slot_sharing_group: u32, lower: u32, upper: u32) -> VertexRequirements {
        VertexRequirements {
            slot_sharing_group,
            lower,
            upper,
        }
    }

    #[test]
    fn a_job_shrinks_with_its_slots() {
        let job = [vertex(0, 1, 10), vertex(0, 1, 5), vertex(0, 1, 5)];
        assert_eq!(desired_slots(&job), 10);
        assert_eq!(parallelism(&job, 12), Some(vec![10, 5, 5]));
        assert_eq!(parallelism(&job, 8), Some(vec![8, 5, 5]));
        assert_eq!(parallelism(&job, 3), Some(vec![3, 3, 3]));
        assert_eq!(parallelism(&job, 0), None);
    }

    #[test]
    fn a_lower_bound_is_kept() {
        let job = [vertex(0, 4, 10), vertex(0, 1, 5)];
        assert_eq!(parallelism(&job, 3), None);
        assert_eq!(parallelism(&job, 4), Some(vec![4, 4]));
    }

    #[test]
    fn reactive_mode_takes_all_slots_up_to_the_max_parallelism() {
        let job = [vertex(0, 1, 128), vertex(0, 1, 6)];
        assert_eq!(parallelism(&job, 40), Some(vec![40, 6]));
        assert_eq!(parallelism(&job, 400), Some(vec![128, 6]));
    }

    #[test]
    fn groups_share_what_is_beyond_the_least() {
        let job = [vertex(0, 1, 10), vertex(1, 1, 2), vertex(2, 3, 8)];
        assert_eq!(desired_slots(&job), 20);
        assert_eq!(parallelism(&job, 4), None);
        assert_eq!(parallelism(&job, 5), Some(vec![1, 1, 3]));
        // Nine beyond the least: group 1 needs one of its three, then half of eight each.
        assert_eq!(parallelism(&job, 14), Some(vec![5, 2, 7]));
        assert_eq!(parallelism(&job, 20), Some(vec![10, 2, 8]));
    }

    #[test]
    fn equal_indexes_share_a_slot() {
        let job = [vertex(0, 1, 3), vertex(1, 1, 2), vertex(0, 1, 2)];
        let shared = shared_slots(&job, &[3, 2, 2]);
        let contents: Vec<_> = shared.iter().map(|s| s.subtasks.clone()).collect();
        let expected = [
            vec![(0, 0), (2, 0)],
            vec![(0, 1), (2, 1)],
            vec![(0, 2)],
            vec![(1, 0)],
            vec![(1, 1)],
        ];
        assert_eq!(contents, expected);
        assert_eq!(
            assign_in_order(&shared, &[9, 8, 7, 6, 5, 4]),
            [9, 8, 7, 6, 5]
        );
    }

    #[test]
    fn state_stays_where_most_of_it_was() {
        let job = [vertex(0, 1, 4)];
        // Four subtasks of 32 key groups each, on allocations 10 to 13; allocation 11 is gone.
        let previous = [Some(PreviousVertex {
            parallelism: 4,
            max_parallelism: 128,
            state_bytes: 128_000,
            allocations: vec![10, 11, 12, 13],
        })];
        let shared = shared_slots(&job, &[3]);
        // Subtask 0 owns groups 0 to 42, 1 owns 43 to 85, 2 owns 86 to 127.
        let assigned = assign_by_state(&shared, &[3], &[13, 12, 10], &previous);
        assert_eq!(assigned, [10, 12, 13]);
        // Without state nothing holds them.
        let assigned = assign_by_state(&shared, &[3], &[13, 12, 10], &[None]);
        assert_eq!(assigned, [13, 12, 10]);
    }
}
