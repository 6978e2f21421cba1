//! How far an operator can be rescaled never changes.

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId};
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 1] = [safety(
    "P5",
    "The max parallelism of an operator is the same in all its checkpoints and in whatever restores them.",
)];

#[derive(Clone, Debug)]
pub(super) struct Parallelism {
    constant: Tally,
    /// By operator with keyed state: the number of key groups in its checkpoints.
    known: BTreeMap<OperatorId, u32>,
    /// By checkpoint and task: the last key group in its snapshot.
    snapshots: BTreeMap<(CheckpointId, SubtaskId), u32>,
}

impl Parallelism {
    pub fn new() -> Parallelism {
        let [constant] = PROMISES.map(Tally::new);
        Parallelism {
            constant,
            known: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        }
    }

    fn completed(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId, scene: &Scene) {
        let topology = &scene.blueprint.topology;
        for operator in &topology.jobs[job as usize].operators {
            let info = &topology.operators[*operator as usize];
            let subtasks = info.first..info.first + info.widest;
            let last = subtasks.filter_map(|subtask| self.snapshots.get(&(checkpoint, subtask)));
            let Some(groups) = last.max().map(|last| last + 1) else {
                continue;
            };
            let known = *self.known.entry(*operator).or_insert(groups);
            self.constant.expect(known == groups, header, || {
                let name = &info.spec.name;
                format!("{name} has {groups} key groups in checkpoint {checkpoint}, before {known}")
            });
        }
        // Tasks of other jobs count their checkpoints by themselves.
        self.snapshots
            .retain(|(of, subtask), _| topology.job_of(*subtask) != job || *of > checkpoint);
    }

    /// The key groups of a task reach no further than in any checkpoint of its operator.
    fn restored(&mut self, header: &Header, subtask: SubtaskId, last: u32, scene: &Scene) {
        let operator = scene.blueprint.topology.subtasks[subtask as usize].operator;
        if let Some(known) = self.known.get(&operator) {
            self.constant.expect(last < *known, header, || {
                let task = scene.task(subtask);
                format!("{task} restores key group {last} of checkpoints with {known}")
            });
        }
    }
}

impl Checker for Parallelism {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::TaskSnapshot {
                subtask,
                checkpoint,
                key_groups: Some((_, last)),
                ..
            } => {
                self.snapshots.insert((*checkpoint, *subtask), *last);
            }
            Fact::TaskRestored {
                subtask,
                key_groups: Some((_, last)),
                ..
            } => self.restored(header, *subtask, *last, scene),
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            } => self.completed(header, *job, *checkpoint, scene),
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.constant.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{self, JM, Stage, TM};

    #[test]
    fn another_max_parallelism_is_noticed() {
        let completed = |stage: &mut Stage, checkpoint, last| {
            let (subtask, attempt) = (2, Attempt::new(100, 1));
            stage.says(
                TM(0),
                Fact::TaskSnapshot {
                    subtask,
                    attempt,
                    checkpoint,
                    applied: Default::default(),
                    key_groups: Some((0, last)),
                    offsets: Vec::new(),
                },
            );
            stage.acknowledges(checkpoint, subtask, attempt);
            stage.says(JM(0), stage::completed(checkpoint, &[]));
        };
        let mut stage = Stage::running();
        completed(&mut stage, 1, 127);
        completed(&mut stage, 2, 127);
        stage.broken("P5", 0);
        completed(&mut stage, 3, 255);
        stage.broken("P5", 1);
    }
}
