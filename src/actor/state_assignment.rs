//! Which part of a checkpoint each subtask of a new execution graph restores: Flink's `StateAssignmentOperation`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::dataflow::layout::Layout;
use crate::dataflow::record::SplitId;
use crate::dataflow::redistribution::redistribute;
use crate::dataflow::sink::SinkSpec;
use crate::dataflow::topology::{OperatorId, SubtaskId, Topology};

use super::checkpoint::{BlobKey, CompletedCheckpoint, StateHandle};
use super::message::TaskDeployment;

/// What a subtask is deployed with.
#[derive(Clone, Debug, Default)]
pub struct AssignedState {
    /// In the order of the subtasks that wrote them.
    pub state: Vec<StateHandle>,
    /// Of a source: its splits, and the offset from which it reads each.
    pub splits: Vec<(SplitId, u64)>,
    pub channels: ChannelFiles,
}

/// Files with state of channels, and what a task takes of them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelFiles {
    pub files: Vec<BlobKey>,
    /// The parallelism was another one: each task takes what is routed to it now (`InflightDataRescalingDescriptor`).
    pub redistributed: bool,
}

impl ChannelFiles {
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// The state of every subtask of the layout, by subtask. Without a checkpoint there is none, and sources begin their first
/// splits at the beginning.
pub fn assign_state(
    checkpoint: Option<&CompletedCheckpoint>,
    layout: &Layout,
    topology: &Topology,
) -> BTreeMap<SubtaskId, AssignedState> {
    let Some(checkpoint) = checkpoint else {
        let first = |subtask: &SubtaskId| {
            let splits = layout.vertex(*subtask).splits.iter();
            let splits = splits.map(|split| (*split, 0)).collect();
            let state = Vec::new();
            let channels = ChannelFiles::default();
            let assigned = AssignedState {
                state,
                splits,
                channels,
            };
            (*subtask, assigned)
        };
        return layout.subtasks.iter().map(first).collect();
    };
    let mut by_operator: BTreeMap<OperatorId, Vec<&StateHandle>> = BTreeMap::new();
    for handle in &checkpoint.handles {
        let operator = topology.subtasks[handle.subtask as usize].operator;
        by_operator.entry(operator).or_default().push(handle);
    }
    let mut assigned = BTreeMap::new();
    let mut rescaled = false;
    for operator in &topology.jobs[layout.job as usize].operators {
        let old = by_operator.remove(operator).unwrap_or_default();
        let first = topology.operators[*operator as usize].first;
        let width = layout.width_of(first, topology);
        let subtasks = first..first + width;
        if old.len() == width as usize {
            // Everybody restores what it wrote itself.
            assigned.extend(subtasks.zip(old).map(|(subtask, handle)| {
                let (state, splits) = (vec![handle.clone()], handle.offsets.clone());
                let channels = ChannelFiles {
                    files: handle.channels().into_iter().collect(),
                    redistributed: false,
                };
                let assigned = AssignedState {
                    state,
                    splits,
                    channels,
                };
                (subtask, assigned)
            }));
        } else {
            let transacts = topology
                .sink_of(first)
                .is_some_and(SinkSpec::is_transactional_kafka);
            assigned.extend(rescale(subtasks, &old, layout, transacts));
            rescaled = true;
        }
    }
    if rescaled {
        share_channels(&mut assigned, checkpoint, topology);
    }
    assigned
}

/// Another parallelism than before: whatever the channels held goes to those who consume it now. Each reads the files of its
/// operator's old subtasks and of their producers, and takes what is routed to it.
fn share_channels(
    assigned: &mut BTreeMap<SubtaskId, AssignedState>,
    checkpoint: &CompletedCheckpoint,
    topology: &Topology,
) {
    let operator_of = |subtask: SubtaskId| topology.subtasks[subtask as usize].operator;
    for (subtask, assigned) in assigned {
        let operator = operator_of(*subtask);
        let into = topology.inputs_of(operator);
        let producers: Vec<OperatorId> = into.map(|(producer, _)| producer).collect();
        let holds = |handle: &&StateHandle| {
            let of = operator_of(handle.subtask);
            of == operator || producers.contains(&of)
        };
        let handles = checkpoint.handles.iter().filter(holds);
        assigned.channels = ChannelFiles {
            files: handles.filter_map(StateHandle::channels).collect(),
            redistributed: true,
        };
    }
}

/// Another parallelism than before: key groups by range, list state (splits) in runs.
fn rescale<'a>(
    subtasks: std::ops::Range<SubtaskId>,
    old: &'a [&'a StateHandle],
    layout: &'a Layout,
    transacts: bool,
) -> impl Iterator<Item = (SubtaskId, AssignedState)> + 'a {
    let lists: Vec<Vec<(SplitId, u64)>> = old.iter().map(|handle| handle.offsets.clone()).collect();
    let splits = redistribute(&lists, subtasks.len() as u32);
    let width = subtasks.len();
    subtasks
        .zip(splits)
        .enumerate()
        .map(move |(index, (subtask, splits))| {
            let (first, last) = layout.vertex(subtask).key_groups;
            let needed = |handle: &&&StateHandle| {
                let keyed =
                    (handle.key_groups).is_some_and(|(from, to)| from <= last && first <= to);
                let listed = handle.offsets.iter().any(|entry| splits.contains(entry));
                keyed || listed
            };
            // Open transactions go to whoever takes over the subtask, one old subtask after the other.
            let taken_over = |at: usize| transacts && at % width == index;
            let state = old.iter().enumerate();
            let state = state.filter(|(at, handle)| taken_over(*at) || needed(handle));
            let state = state.map(|(_, handle)| (*handle).clone()).collect();
            let assigned = AssignedState {
                state,
                splits,
                channels: ChannelFiles::default(),
            };
            (subtask, assigned)
        })
}

impl TaskDeployment {
    /// The file is one that it has yet to restore.
    pub fn restores(&self, file: BlobKey) -> bool {
        let state = self.state.iter().any(|handle| handle.key == file);
        state || self.channels.files.contains(&file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::{Attempt, BlobKey};
    use crate::dataflow::job_graph::{Exchange, Input, Job, Operator, OperatorKind};
    use crate::dataflow::samples;
    use crate::dataflow::split_owner::SplitOwner;
    use crate::dataflow::topology::{Elasticity, TopologyOptions};

    /// Five sources of ten partitions and a keyed operator of four subtasks.
    fn topology() -> Topology {
        let topic = samples::topic("events", 10);
        let operator = |name: &str, parallelism, kind| Operator {
            state_bytes: 1_000,
            ..samples::operator(name, parallelism, kind)
        };
        let inputs = vec![Input {
            operator: 0,
            exchange: Exchange::Hash,
        }];
        let operators = vec![
            operator("source", 5, OperatorKind::Source { topic: 0 }),
            operator("count", 4, OperatorKind::Transform { inputs }),
        ];
        let job = Job {
            name: "job".into(),
            operators,
            pins: Default::default(),
            event_time: None,
        };
        let options = TopologyOptions {
            elasticity: Elasticity::Shrinks,
            split_owner: SplitOwner::KafkaSource,
            ..TopologyOptions::default()
        };
        Topology::new(&[topic], &[job], options, 1)
    }

    /// A checkpoint of the first layout: each split at ten times its number.
    fn checkpoint(topology: &Topology) -> CompletedCheckpoint {
        let layout = &topology.jobs[0].layout;
        let handle = |subtask: &SubtaskId| {
            let vertex = layout.vertex(*subtask);
            let keyed = topology.operator_of(*subtask).selector.is_some();
            StateHandle {
                subtask: *subtask,
                key: BlobKey::State {
                    subtask: *subtask,
                    attempt: Attempt::new(1, 1),
                    checkpoint: 7,
                },
                bytes: 100,
                written_bytes: 100,
                channel_bytes: 0,
                offsets: vertex
                    .splits
                    .iter()
                    .map(|s| (*s, u64::from(*s) * 10))
                    .collect(),
                key_groups: keyed.then_some(vertex.key_groups),
            }
        };
        CompletedCheckpoint {
            job: 0,
            id: 7,
            handles: layout.subtasks.iter().map(handle).collect(),
            enumerators: Vec::new(),
        }
    }

    fn restored(parallelism: &[u32]) -> BTreeMap<SubtaskId, AssignedState> {
        let topology = topology();
        let layout = Layout::new(&topology, 0, parallelism);
        assign_state(Some(&checkpoint(&topology)), &layout, &topology)
    }

    fn partitions(assigned: &BTreeMap<SubtaskId, AssignedState>, subtask: SubtaskId) -> Vec<u32> {
        assigned[&subtask]
            .splits
            .iter()
            .map(|(split, _)| *split)
            .collect()
    }

    fn writers(
        assigned: &BTreeMap<SubtaskId, AssignedState>,
        subtask: SubtaskId,
    ) -> Vec<SubtaskId> {
        assigned[&subtask]
            .state
            .iter()
            .map(|handle| handle.subtask)
            .collect()
    }

    #[test]
    fn without_a_checkpoint_everything_begins_at_the_beginning() {
        let topology = topology();
        let assigned = assign_state(None, &topology.jobs[0].layout, &topology);
        assert_eq!(assigned[&2].splits, [(0, 0), (5, 0)]);
        assert!(assigned.values().all(|assigned| assigned.state.is_empty()));
    }

    #[test]
    fn with_the_same_parallelism_everybody_gets_its_own() {
        let assigned = restored(&[5, 4]);
        assert_eq!(assigned[&2].splits, [(0, 0), (5, 50)]);
        for subtask in 0..9 {
            assert_eq!(writers(&assigned, subtask), [subtask]);
        }
    }

    #[test]
    fn fewer_subtasks_share_the_splits_and_the_key_groups() {
        let assigned = restored(&[3, 3]);
        // The distribution that Flink's own classes compute from this assignment.
        assert_eq!(partitions(&assigned, 0), [3, 8, 4, 9]);
        assert_eq!(partitions(&assigned, 1), [0, 5, 1]);
        assert_eq!(partitions(&assigned, 2), [6, 2, 7]);
        assert_eq!(assigned[&2].splits[2], (7, 70));
        assert_eq!(writers(&assigned, 1), [2, 3]);
        // Key groups 43 to 85 were with the second (32 to 63) and the third (64 to 95).
        assert_eq!(writers(&assigned, 5), [5, 6]);
        assert_eq!(writers(&assigned, 6), [6, 7]);
        assert!(!assigned.contains_key(&7) || !assigned.contains_key(&8));
    }

    #[test]
    fn an_operator_that_keeps_its_parallelism_keeps_its_state() {
        let assigned = restored(&[3, 4]);
        assert_eq!(partitions(&assigned, 0), [3, 8, 4, 9]);
        for subtask in 5..9 {
            assert_eq!(writers(&assigned, subtask), [subtask]);
        }
    }
}
