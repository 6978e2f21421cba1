//! What the tasks of an operator restore together, after a change of its parallelism.

use crate::actor::checkpoint::Attempt;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{OperatorId, SubtaskId};
use crate::invariant::scene::Scene;
use crate::kernel::Header;

use super::{Restore, Snapshot};

/// What one task restored.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) attempt: Attempt,
    pub(super) applied: Fingerprint,
    pub(super) offsets: Vec<(SplitId, u64)>,
}

impl Restore {
    /// What the tasks of an operator had in a checkpoint.
    fn held(
        &self,
        operator: OperatorId,
        checkpoint: CheckpointId,
        scene: &Scene,
    ) -> Vec<&Snapshot> {
        let info = &scene.blueprint.topology.operators[operator as usize];
        let subtasks = info.first..info.first + info.widest;
        subtasks
            .filter_map(|subtask| self.tasks[subtask as usize].of(checkpoint))
            .collect()
    }

    /// Once every task of a rescaled operator has restored: together they have what there was, each piece once.
    pub(super) fn check_together(
        &mut self,
        header: &Header,
        operator: OperatorId,
        checkpoint: CheckpointId,
        scene: &Scene,
    ) {
        let Some((_, leader)) = scene.current_leader() else {
            return;
        };
        let parts = &self.rescaled[&(operator, checkpoint)];
        let current = |subtask: SubtaskId| {
            let attempt = leader.tasks[subtask as usize].attempt;
            parts.get(&subtask).filter(|part| part.attempt == attempt)
        };
        let now: Option<Vec<&Part>> = members(operator, scene).map(current).collect();
        let Some(now) = now else {
            return;
        };
        let held = self.held(operator, checkpoint, scene);
        let had = together(held.iter().map(|s| (s.applied, &s.offsets)));
        let has = together(now.iter().map(|part| (part.applied, &part.offsets)));
        let name = &scene.blueprint.topology.operators[operator as usize]
            .spec
            .name;
        self.redistributed.expect(had.1 == has.1, header, || {
            format!("the tasks of {name} restore {:?} of {:?}", has.1, had.1)
        });
        self.faithful.expect(had == has, header, || {
            format!(
                "{name} restores {} records at {:?} from checkpoint {checkpoint}, which has {} at {:?}",
                has.0.records, has.1, had.0.records, had.1
            )
        });
        self.rescaled.remove(&(operator, checkpoint));
    }
}

/// The tasks of an operator in the execution graph in force.
pub(super) fn members(operator: OperatorId, scene: &Scene) -> std::ops::Range<SubtaskId> {
    let topology = &scene.blueprint.topology;
    let info = &topology.operators[operator as usize];
    let width = scene.layout(info.job).width_of(info.first, topology);
    info.first..info.first + width
}

fn together<'a>(
    parts: impl Iterator<Item = (Fingerprint, &'a Vec<(SplitId, u64)>)>,
) -> (Fingerprint, Vec<(SplitId, u64)>) {
    let (mut all, mut offsets) = (Fingerprint::default(), Vec::new());
    for (applied, of) in parts {
        all.merge(applied);
        offsets.extend(of.iter().copied());
    }
    offsets.sort_unstable();
    (all, offsets)
}
