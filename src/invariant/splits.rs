//! Enumerators and readers agree, in each checkpoint, on who has which split.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::Fact;
use crate::actor::source_fact::SourceFact;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, OperatorId};
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 2] = [
    safety(
        "C7",
        "A completed checkpoint holds each split that enumerators had given to readers, and no other, exactly once, at an offset that never goes back.",
    ),
    safety(
        "C12",
        "Coordinators of sources take their snapshot of a checkpoint before any of their readers does.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Splits {
    whole: Tally,
    first: Tally,
    jobs: Vec<Job>,
}

#[derive(Clone, Debug, Default)]
struct Job {
    /// What enumerators have in checkpoints that are not over.
    taken: BTreeMap<CheckpointId, BTreeMap<OperatorId, Taken>>,
    /// The latest completed checkpoint.
    latest: CheckpointId,
    offsets: Vec<(SplitId, u64)>,
}

#[derive(Clone, Debug, Default)]
struct Taken {
    assigned: Vec<SplitId>,
    unassigned: BTreeSet<SplitId>,
}

impl Splits {
    pub fn new(scene: &Scene) -> Splits {
        let [whole, first] = PROMISES.map(Tally::new);
        Splits {
            whole,
            first,
            jobs: vec![Job::default(); scene.blueprint.topology.jobs.len()],
        }
    }

    fn completed(
        &mut self,
        header: &Header,
        job: JobId,
        checkpoint: CheckpointId,
        offsets: &[(SplitId, u64)],
        scene: &Scene,
    ) {
        let known = &mut self.jobs[job as usize];
        let read: Vec<SplitId> = offsets.iter().map(|(split, _)| *split).collect();
        let taken = known.taken.get(&checkpoint);
        let enumerators = || taken.into_iter().flat_map(BTreeMap::values);
        let mut given: Vec<SplitId> = match taken {
            Some(_) => enumerators().flat_map(|e| &e.assigned).copied().collect(),
            None => scene.blueprint.topology.initial_splits(job).collect(),
        };
        given.sort_unstable();
        let both = enumerators().any(|e| e.assigned.iter().any(|s| e.unassigned.contains(s)));
        self.whole.expect(given == read && !both, header, || {
            format!(
                "checkpoint {checkpoint} of job {job}: enumerators gave away {given:?}, readers have {offsets:?}"
            )
        });
        // Whoever was stopped may state an early one late, or one that its successor did not find any more.
        if checkpoint <= known.latest || scene.has_successor(header.actor) {
            return;
        }
        let reached = |split: &SplitId| {
            let at = known
                .offsets
                .binary_search_by_key(split, |(split, _)| *split);
            at.ok().map(|at| known.offsets[at].1)
        };
        let back = offsets.iter().find_map(|(split, to)| {
            let from = reached(split).filter(|from| to < from)?;
            Some((*split, from, *to))
        });
        self.whole.expect(back.is_none(), header, || {
            let (split, from, to) = back.unwrap_or_default();
            format!("split {split} goes back from {from} to {to} in checkpoint {checkpoint} of job {job}")
        });
        known.latest = checkpoint;
        known.offsets = offsets.to_vec();
        known.taken = known.taken.split_off(&checkpoint);
    }
}

impl Checker for Splits {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::Source(SourceFact::EnumeratorSnapshot {
                job,
                operator,
                checkpoint,
                assigned,
                unassigned,
            }) => {
                let taken = Taken {
                    assigned: assigned.clone(),
                    unassigned: unassigned.iter().copied().collect(),
                };
                let known = &mut self.jobs[*job as usize].taken;
                known
                    .entry(*checkpoint)
                    .or_default()
                    .insert(*operator, taken);
            }
            Fact::TaskSnapshot {
                subtask,
                checkpoint,
                ..
            } if scene.blueprint.topology.is_source(*subtask) => {
                let topology = &scene.blueprint.topology;
                let job = topology.job_of(*subtask);
                let operator = topology.subtasks[*subtask as usize].operator;
                let job = &self.jobs[job as usize];
                let known = job.taken.get(checkpoint);
                // One that is over is forgotten: a reader that was stopped may be late.
                let is_over = *checkpoint <= job.latest;
                let has = known.is_some_and(|known| known.contains_key(&operator));
                self.first.expect(has || is_over, header, || {
                    format!(
                        "{} is in checkpoint {checkpoint} before its coordinator is",
                        scene.task(*subtask)
                    )
                });
            }
            Fact::CheckpointCompleted {
                job,
                checkpoint,
                offsets,
                ..
            } => self.completed(header, *job, *checkpoint, offsets, scene),
            // Behind what was completed before: somebody has taken that out of the store.
            Fact::RetrievalStarted {
                job, checkpoint, ..
            } => {
                let known = &mut self.jobs[*job as usize];
                if *checkpoint < known.latest {
                    known.offsets.clear();
                }
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.whole, &self.first].map(Tally::verdict).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{JM, Stage, TM, completed};

    fn enumerators(stage: &mut Stage, assigned: &[SplitId], unassigned: &[SplitId]) {
        stage.says(
            JM(0),
            Fact::Source(SourceFact::EnumeratorSnapshot {
                job: 0,
                operator: 0,
                checkpoint: 1,
                assigned: assigned.to_vec(),
                unassigned: unassigned.to_vec(),
            }),
        );
    }

    fn reader(stage: &mut Stage) {
        stage.says(
            TM(0),
            Fact::TaskSnapshot {
                subtask: 0,
                attempt: Attempt::new(100, 1),
                checkpoint: 1,
                applied: Default::default(),
                key_groups: None,
                offsets: vec![(0, 5)],
            },
        );
    }

    fn complete(stage: &mut Stage, checkpoint: CheckpointId, offsets: &[(SplitId, u64)]) {
        stage.says(JM(0), completed(checkpoint, offsets));
    }

    #[test]
    fn what_was_given_away_is_read_once_and_nothing_else_is() {
        for (assigned, unassigned, read, broken) in [
            (&[0, 1][..], &[][..], &[(0, 5), (1, 7)][..], 0),
            (&[0, 1], &[2], &[(0, 5), (1, 7)], 0),
            // A split that was given back and forgotten, one that two have, one that nobody was given.
            (&[0, 1, 2], &[], &[(0, 5), (1, 7)], 1),
            (&[0, 1], &[], &[(0, 5), (1, 7), (1, 7)], 1),
            (&[0], &[1], &[(0, 5), (1, 7)], 1),
            (&[0, 1], &[1], &[(0, 5), (1, 7)], 1),
        ] {
            let mut stage = Stage::running();
            enumerators(&mut stage, assigned, unassigned);
            complete(&mut stage, 1, read);
            stage.broken("C7", broken);
        }
    }

    #[test]
    fn offsets_go_forward() {
        let mut stage = Stage::running();
        complete(&mut stage, 1, &[(0, 5), (1, 5)]);
        complete(&mut stage, 2, &[(0, 5), (1, 9)]);
        stage.broken("C7", 0);
        complete(&mut stage, 3, &[(0, 4), (1, 9)]);
        stage.broken("C7", 1);
        complete(&mut stage, 4, &[(0, 9)]);
        stage.broken("C7", 2);
        complete(&mut stage, 5, &[(0, 9), (0, 9), (1, 9)]);
        stage.broken("C7", 3);
    }

    #[test]
    fn what_a_deposed_leader_states_late_holds_its_successor_to_nothing() {
        let mut stage = Stage::running();
        complete(&mut stage, 1, &[(0, 5), (1, 5)]);
        stage.at(60).says(JM(1), Fact::LeadershipGranted);
        complete(&mut stage, 2, &[(0, 8), (1, 8)]);
        stage.says(JM(1), completed(3, &[(0, 6), (1, 6)]));
        stage.broken("C7", 0);
        stage.says(JM(1), completed(4, &[(0, 5), (1, 7)]));
        stage.broken("C7", 1);
    }

    #[test]
    fn readers_come_behind_their_coordinator() {
        let mut stage = Stage::running();
        enumerators(&mut stage, &[0, 1], &[]);
        reader(&mut stage);
        stage.broken("C12", 0);
        let mut stage = Stage::running();
        reader(&mut stage);
        enumerators(&mut stage, &[0, 1], &[]);
        stage.broken("C12", 1);
    }
}
