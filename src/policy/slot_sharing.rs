//! Which subtasks share a slot: Flink's `SlotSharingStrategy` classes of the default scheduler.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::dataflow::job_graph::Exchange;
use crate::dataflow::routing::consumers;

/// Vertices of one slot-sharing group may share slots (`SlotSharingGroup`).
pub type SlotSharingGroupId = u32;

/// A vertex as the strategies see it; vertices are in topological order.
#[derive(Clone, Debug)]
pub struct Vertex {
    pub parallelism: u32,
    pub slot_sharing_group: SlotSharingGroupId,
    /// Subtasks with equal index of the vertices in one co-location group run in one slot.
    pub co_location_group: Option<u32>,
    /// Producing vertex and pattern of each exchange into it, in their order.
    pub inputs: Vec<(usize, Exchange)>,
}

/// A subtask by vertex and index.
pub type VertexSubtask = (usize, u32);

/// Subtasks that share one slot: at most one of each vertex (`ExecutionSlotSharingGroup`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSlot {
    pub slot_sharing_group: SlotSharingGroupId,
    /// In the order in which they joined.
    pub subtasks: Vec<VertexSubtask>,
}

/// `LocalInputPreferredSlotSharingStrategy`: a subtask joins, in this order, the group of its co-location constraint,
/// the group of one of its producers, the first group without a subtask of its vertex, or a new one.
pub fn local_input_preferred(vertices: &[Vertex]) -> Vec<SharedSlot> {
    let mut builder = Builder::new(vertices);
    for (id, vertex) in vertices.iter().enumerate() {
        let mut producers = Producers::of(id, vertices);
        let mut remaining = Vec::new();
        for index in 0..vertex.parallelism {
            let found = builder
                .co_located(id, index)
                .or_else(|| builder.with_a_producer(id, index, &mut producers));
            match found {
                Some(group) => builder.add((id, index), group),
                None => remaining.push(index),
            }
        }
        builder.add_to_first_free(id, &remaining);
        builder.remember_constraints(id);
    }
    builder.groups
}

/// `TaskBalancedPreferredSlotSharingStrategy` (`taskmanager.load-balance.mode: TASKS`): each slot-sharing group has as many
/// shared slots as its widest vertex; narrower vertices take turns, each where the last one stopped.
pub fn task_balanced_preferred(vertices: &[Vertex]) -> Vec<SharedSlot> {
    let mut builder = Builder::new(vertices);
    let mut slots: BTreeMap<SlotSharingGroupId, Vec<usize>> = BTreeMap::new();
    let mut widths: BTreeMap<SlotSharingGroupId, u32> = BTreeMap::new();
    for vertex in vertices {
        let width = widths.entry(vertex.slot_sharing_group).or_default();
        *width = (*width).max(vertex.parallelism);
    }
    for (group, width) in &widths {
        let created = (0..*width).map(|_| builder.create(*group)).collect();
        slots.insert(*group, created);
    }
    let mut turns: BTreeMap<SlotSharingGroupId, usize> = BTreeMap::new();
    for (id, vertex) in vertices.iter().enumerate() {
        let slots = &slots[&vertex.slot_sharing_group];
        let remaining: Vec<u32> = (0..vertex.parallelism)
            .filter(|index| match builder.co_located(id, *index) {
                Some(group) => {
                    builder.add((id, *index), group);
                    false
                }
                None => true,
            })
            .collect();
        // A vertex as wide as the group begins at the first slot and moves nobody's turn.
        let fills = remaining.len() == slots.len();
        let mut turn = match turns.get(&vertex.slot_sharing_group) {
            Some(turn) if !fills => *turn,
            _ => 0,
        };
        for index in remaining {
            builder.add((id, index), slots[turn]);
            turn = (turn + 1) % slots.len();
        }
        if !fills {
            turns.insert(vertex.slot_sharing_group, turn);
        }
        builder.remember_constraints(id);
    }
    builder.groups
}

struct Builder<'a> {
    vertices: &'a [Vertex],
    groups: Vec<SharedSlot>,
    /// Group of each subtask, by vertex.
    group_of: Vec<Vec<Option<usize>>>,
    /// Vertices that have a subtask in a group already.
    taken: BTreeSet<(usize, usize)>,
    /// Group of each co-location constraint: co-location group and index.
    constraints: BTreeMap<(u32, u32), usize>,
}

impl<'a> Builder<'a> {
    fn new(vertices: &'a [Vertex]) -> Builder<'a> {
        Builder {
            vertices,
            groups: Vec::new(),
            group_of: vertices
                .iter()
                .map(|vertex| vec![None; vertex.parallelism as usize])
                .collect(),
            taken: BTreeSet::new(),
            constraints: BTreeMap::new(),
        }
    }

    fn create(&mut self, slot_sharing_group: SlotSharingGroupId) -> usize {
        self.groups.push(SharedSlot {
            slot_sharing_group,
            subtasks: Vec::new(),
        });
        self.groups.len() - 1
    }

    fn add(&mut self, (vertex, index): VertexSubtask, group: usize) {
        let fresh = self.taken.insert((group, vertex));
        assert!(fresh, "a slot holds one subtask of a vertex");
        self.groups[group].subtasks.push((vertex, index));
        self.group_of[vertex][index as usize] = Some(group);
    }

    fn co_located(&self, vertex: usize, index: u32) -> Option<usize> {
        let group = self.vertices[vertex].co_location_group?;
        self.constraints.get(&(group, index)).copied()
    }

    /// The first of its producers' groups that is free for it. A group that was looked at in vain has a subtask of
    /// this vertex, so it is no candidate for the others either.
    fn with_a_producer(
        &self,
        vertex: usize,
        index: u32,
        producers: &mut Producers,
    ) -> Option<usize> {
        for (input, (producer, _)) in self.vertices[vertex].inputs.iter().enumerate() {
            let same = self.vertices[*producer].slot_sharing_group
                == self.vertices[vertex].slot_sharing_group;
            if !same {
                continue;
            }
            let candidates = producers.of_subtask(input, index);
            while let Some(candidate) = candidates.pop_front() {
                let group = self.group_of[*producer][candidate as usize]
                    .expect("producers come first in topological order");
                if !self.taken.contains(&(group, vertex)) {
                    return Some(group);
                }
            }
        }
        None
    }

    fn add_to_first_free(&mut self, vertex: usize, indexes: &[u32]) {
        let slot_sharing_group = self.vertices[vertex].slot_sharing_group;
        let mut next = 0;
        for index in indexes {
            let free = |group: &usize| {
                self.groups[*group].slot_sharing_group == slot_sharing_group
                    && !self.taken.contains(&(*group, vertex))
            };
            let found = (next..self.groups.len()).find(free);
            let group = found.unwrap_or_else(|| self.create(slot_sharing_group));
            self.add((vertex, *index), group);
            next = group + 1;
        }
    }

    fn remember_constraints(&mut self, vertex: usize) {
        let Some(co_location_group) = self.vertices[vertex].co_location_group else {
            return;
        };
        for (index, group) in self.group_of[vertex].iter().enumerate() {
            let group = group.expect("every subtask has a group now");
            self.constraints
                .insert((co_location_group, index as u32), group);
        }
    }
}

/// The producers that a vertex' subtasks may still join, per input: one queue for all subtasks where they consume the
/// same partitions (a `ConsumedPartitionGroup`), else one each.
struct Producers {
    queues: Vec<Vec<VecDeque<u32>>>,
    /// By input and subtask: its queue.
    queue_of: Vec<Vec<usize>>,
}

impl Producers {
    fn of(vertex: usize, vertices: &[Vertex]) -> Producers {
        let consumer = &vertices[vertex];
        let (mut queues, mut queue_of) = (Vec::new(), Vec::new());
        for (producer, exchange) in &consumer.inputs {
            let width = vertices[*producer].parallelism;
            if *exchange != Exchange::Forward {
                queues.push(vec![(0..width).collect()]);
                queue_of.push(vec![0; consumer.parallelism as usize]);
                continue;
            }
            let mut own = vec![VecDeque::new(); consumer.parallelism as usize];
            for index in 0..width {
                for target in consumers(*exchange, index, width, consumer.parallelism) {
                    own[target as usize].push_back(index);
                }
            }
            // Several consumers of one producer share its partition group.
            let shared: Vec<usize> = (0..own.len())
                .map(|at| own.iter().position(|other| *other == own[at]).unwrap_or(at))
                .collect();
            queues.push(own);
            queue_of.push(shared);
        }
        Producers { queues, queue_of }
    }

    fn of_subtask(&mut self, input: usize, index: u32) -> &mut VecDeque<u32> {
        let queue = self.queue_of[input][index as usize];
        &mut self.queues[input][queue]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertex(parallelism: u32, inputs: &[(usize, Exchange)]) -> Vertex {
        Vertex {
            parallelism,
            slot_sharing_group: 0,
            co_location_group: None,
            inputs: inputs.to_vec(),
        }
    }

    /// Ten sources, then four vertices of five, each behind a shuffle: the job of the measured placements.
    fn measured_job() -> Vec<Vertex> {
        let mut vertices = vec![vertex(10, &[])];
        vertices.extend((0..4).map(|at| vertex(5, &[(at, Exchange::Hash)])));
        vertices
    }

    fn contents(slots: &[SharedSlot]) -> Vec<Vec<VertexSubtask>> {
        slots.iter().map(|slot| slot.subtasks.clone()).collect()
    }

    #[test]
    fn one_slot_holds_a_slice_of_the_pipeline() {
        let slots = contents(&local_input_preferred(&measured_job()));
        let expected: Vec<Vec<VertexSubtask>> = (0..10)
            .map(|index| {
                let width = if index < 5 { 5 } else { 1 };
                (0..width).map(|vertex| (vertex, index)).collect()
            })
            .collect();
        assert_eq!(slots, expected);
    }

    /// Measured on Flink 2.3: sources with Parse JSON and Detect Fraud in the first five slots, Enrich Data and the
    /// sink in the others.
    #[test]
    fn balanced_tasks_go_round_the_slots() {
        let slots = contents(&task_balanced_preferred(&measured_job()));
        let expected: Vec<Vec<VertexSubtask>> = (0..10)
            .map(|index| match index {
                0..5 => vec![(0, index), (1, index), (3, index)],
                _ => vec![(0, index), (2, index - 5), (4, index - 5)],
            })
            .collect();
        assert_eq!(slots, expected);
    }

    #[test]
    fn a_balanced_vertex_as_wide_as_the_group_begins_at_the_first_slot() {
        let vertices = [
            vertex(3, &[]),
            vertex(2, &[(0, Exchange::Hash)]),
            vertex(3, &[(1, Exchange::Hash)]),
            vertex(1, &[(2, Exchange::Hash)]),
        ];
        let slots = contents(&task_balanced_preferred(&vertices));
        let expected = [
            vec![(0, 0), (1, 0), (2, 0)],
            vec![(0, 1), (1, 1), (2, 1)],
            vec![(0, 2), (2, 2), (3, 0)],
        ];
        assert_eq!(slots, expected);
    }

    #[test]
    fn pointwise_consumers_join_their_own_producers() {
        // Two sources feed five maps pointwise: maps 0 and 1 read source 0, the others source 1.
        let vertices = [vertex(2, &[]), vertex(5, &[(0, Exchange::Forward)])];
        let slots = contents(&local_input_preferred(&vertices));
        let expected = [
            vec![(0, 0), (1, 0)],
            vec![(0, 1), (1, 2)],
            vec![(1, 1)],
            vec![(1, 3)],
            vec![(1, 4)],
        ];
        assert_eq!(slots, expected);
        // Five sources feed two maps: map 0 reads sources 0 to 2.
        let vertices = [vertex(5, &[]), vertex(2, &[(0, Exchange::Forward)])];
        let slots = contents(&local_input_preferred(&vertices));
        assert_eq!(slots[0], [(0, 0), (1, 0)]);
        assert_eq!(slots[3], [(0, 3), (1, 1)]);
    }

    #[test]
    fn explicit_groups_add_up() {
        let mut vertices = measured_job();
        vertices[4].slot_sharing_group = 7;
        let slots = local_input_preferred(&vertices);
        assert_eq!(slots.len(), 15);
        assert_eq!(
            slots.iter().filter(|s| s.slot_sharing_group == 7).count(),
            5
        );
        assert_eq!(task_balanced_preferred(&vertices).len(), 15);
    }

    #[test]
    fn co_located_subtasks_share_a_slot_index_by_index() {
        // The second source's subtasks would join the first free groups; co-location with the map says otherwise.
        let mut vertices = vec![
            vertex(4, &[]),
            vertex(2, &[(0, Exchange::Forward)]),
            vertex(2, &[]),
        ];
        vertices[1].co_location_group = Some(1);
        vertices[2].co_location_group = Some(1);
        for slots in [
            local_input_preferred(&vertices),
            task_balanced_preferred(&vertices),
        ] {
            let of = |subtask: VertexSubtask| {
                slots
                    .iter()
                    .position(|slot| slot.subtasks.contains(&subtask))
            };
            assert_eq!(of((1, 0)), of((2, 0)));
            assert_eq!(of((1, 1)), of((2, 1)));
            assert_ne!(of((2, 0)), of((2, 1)));
        }
    }
}
