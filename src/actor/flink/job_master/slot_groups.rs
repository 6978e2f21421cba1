//! Which subtasks share a slot, and the slot of each such group (`SharedSlot`).

use crate::actor::flink::rpc::call::AllocationId;
use crate::dataflow::layout::Layout;
use crate::dataflow::topology::{SubtaskId, Topology};
use crate::policy::LoadBalance;
use crate::policy::slot_sharing::{Vertex, local_input_preferred, task_balanced_preferred};

use super::slot_pool::RequestId;

/// Subtasks that share a slot (`ExecutionSlotSharingGroup`, `SharedSlot`).
#[derive(Clone, Debug)]
pub(super) struct SlotGroup {
    pub(super) subtasks: Vec<SubtaskId>,
    pub(super) slot: SharedSlot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SharedSlot {
    None,
    Requested(RequestId),
    Held(AllocationId),
}

/// The groups of a job's subtasks, and the group of each subtask, from the job's first on.
pub(super) fn groups(
    layout: &Layout,
    topology: &Topology,
    load_balance: LoadBalance,
) -> (Vec<SlotGroup>, Vec<usize>) {
    let info = &topology.jobs[layout.job as usize];
    let first_operator = info.operators[0];
    let sharing = topology.slot_sharing_groups(layout.job);
    let vertices: Vec<_> = info
        .operators
        .iter()
        .zip(&layout.parallelism)
        .zip(sharing)
        .map(|((operator, parallelism), slot_sharing_group)| {
            let spec = &topology.operators[*operator as usize].spec;
            Vertex {
                parallelism: *parallelism,
                slot_sharing_group,
                co_location_group: None,
                inputs: spec
                    .kind
                    .inputs()
                    .iter()
                    .map(|input| (input.operator, input.exchange))
                    .collect(),
            }
        })
        .collect();
    let shared = match load_balance {
        LoadBalance::Tasks => task_balanced_preferred(&vertices),
        _ => local_input_preferred(&vertices),
    };
    let mut group_of = vec![0; info.subtasks.len()];
    let mut groups = Vec::new();
    for slot in shared {
        let subtask = |(vertex, index): &(usize, u32)| {
            let operator = first_operator + *vertex as u32;
            topology.subtask(operator, *index)
        };
        let subtasks: Vec<SubtaskId> = slot.subtasks.iter().map(subtask).collect();
        for subtask in &subtasks {
            group_of[(subtask - info.subtasks[0]) as usize] = groups.len();
        }
        groups.push(SlotGroup {
            subtasks,
            slot: SharedSlot::None,
        });
    }
    (groups, group_of)
}
