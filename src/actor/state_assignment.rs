//! Which part of a checkpoint each subtask of a new execution graph restores: Flink's `StateAssignmentOperation`.

use std::collections::BTreeMap;

use crate::dataflow::layout::Layout;
use crate::dataflow::record::SplitId;
use crate::dataflow::redistribution::redistribute;
use crate::dataflow::topology::{OperatorId, SubtaskId, Topology};

use super::checkpoint::{CompletedCheckpoint, StateHandle};

/// What a subtask is deployed with.
#[derive(Clone, Debug, Default)]
pub struct AssignedState {
    /// In the order of the subtasks that wrote them.
    pub state: Vec<StateHandle>,
    /// Of a source: its splits, and the offset from which it reads each.
    pub splits: Vec<(SplitId, u64)>,
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
            (*subtask, AssignedState { state, splits })
        };
        return layout.subtasks.iter().map(first).collect();
    };
    let mut by_operator: BTreeMap<OperatorId, Vec<&StateHandle>> = BTreeMap::new();
    for handle in &checkpoint.handles {
        let operator = topology.subtasks[handle.subtask as usize].operator;
        by_operator.entry(operator).or_default().push(handle);
    }
    let mut assigned = BTreeMap::new();
    for operator in &topology.jobs[layout.job as usize].operators {
        let old = by_operator.remove(operator).unwrap_or_default();
        let first = topology.operators[*operator as usize].first;
        let width = layout.width_of(first, topology);
        let subtasks = first..first + width;
        if old.len() == width as usize {
            // Everybody restores what it wrote itself.
            assigned.extend(subtasks.zip(old).map(|(subtask, handle)| {
                let (state, splits) = (vec![handle.clone()], handle.offsets.clone());
                (subtask, AssignedState { state, splits })
            }));
        } else {
            assigned.extend(rescale(subtasks, &old, layout));
        }
    }
    assigned
}

/// Another parallelism than before: key groups by range, list state (splits) in runs.
fn rescale<'a>(
    subtasks: std::ops::Range<SubtaskId>,
    old: &'a [&'a StateHandle],
    layout: &'a Layout,
) -> impl Iterator<Item = (SubtaskId, AssignedState)> + 'a {
    let lists: Vec<Vec<(SplitId, u64)>> = old.iter().map(|handle| handle.offsets.clone()).collect();
    let splits = redistribute(&lists, subtasks.len() as u32);
    subtasks.zip(splits).map(|(subtask, splits)| {
        let (first, last) = layout.vertex(subtask).key_groups;
        let needed = |handle: &&&StateHandle| {
            let keyed = (handle.key_groups).is_some_and(|(from, to)| from <= last && first <= to);
            let listed = handle.offsets.iter().any(|entry| splits.contains(entry));
            keyed || listed
        };
        let state = old.iter().filter(needed).map(|handle| (*handle).clone());
        let state = state.collect();
        (subtask, AssignedState { state, splits })
    })
}
