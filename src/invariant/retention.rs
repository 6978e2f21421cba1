//! What the checkpoint store holds.

use std::collections::BTreeSet;

use crate::actor::fact::Fact;
use crate::actor::message::FencingToken;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 2] = [
    safety(
        "C5",
        "The store keeps as many checkpoints as configured, and one more while a new one comes; a change of leader may leave others.",
    ),
    safety(
        "C9",
        "A checkpoint is called complete only once the store holds it.",
    ),
];

/// The job and the checkpoint whose pointer lies at this path.
pub(super) fn checkpoint_at(path: &str) -> Option<(JobId, CheckpointId)> {
    let (job, checkpoint) = path.strip_prefix("/jobs/")?.split_once("/checkpoints/")?;
    Some((job.parse().ok()?, checkpoint.parse().ok()?))
}

#[derive(Clone, Debug)]
pub(super) struct Retention {
    bounded: Tally,
    stored: Tally,
    jobs: Vec<Job>,
}

#[derive(Clone, Debug, Default)]
struct Job {
    held: BTreeSet<CheckpointId>,
    stored_max: CheckpointId,
    /// Who led when the store last held no more than it should.
    tidy_under: FencingToken,
    /// The newest that was taken out of the store: by nobody's rule, and perhaps before its leader has been answered.
    dropped: CheckpointId,
    /// The latest savepoint: no pointer leads to it.
    savepoint: CheckpointId,
}

impl Retention {
    pub fn new(scene: &Scene) -> Retention {
        let [bounded, stored] = PROMISES.map(Tally::new);
        Retention {
            bounded,
            stored,
            jobs: vec![Job::default(); scene.blueprint.topology.jobs.len()],
        }
    }

    fn completed(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId) {
        let known = &mut self.jobs[job as usize];
        let stored = known.held.contains(&checkpoint)
            || checkpoint < known.stored_max
            || [known.savepoint, known.dropped].contains(&checkpoint);
        self.stored.expect(stored, header, || {
            format!("checkpoint {checkpoint} of job {job} completes, but is not stored")
        });
    }
}

impl Checker for Retention {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let keep = scene.blueprint.config.checkpointing.retained.max(1) as usize;
        match fact {
            Fact::ZnodeCreated { path, .. } => {
                let Some((job, checkpoint)) = checkpoint_at(path) else {
                    return;
                };
                let Some(known) = self.jobs.get_mut(job as usize) else {
                    return;
                };
                known.held.insert(checkpoint);
                known.stored_max = known.stored_max.max(checkpoint);
                let held = known.held.len();
                let coming = scene.blueprint.config.checkpointing.max_concurrent as usize;
                let excused = known.tidy_under != scene.token_max;
                self.bounded
                    .expect(held <= keep + coming || excused, header, || {
                        format!("{held} checkpoints of job {job} are kept, {keep} wanted")
                    });
                if held <= keep {
                    known.tidy_under = scene.token_max;
                }
            }
            Fact::ZnodeDeleted { path, .. } => {
                let Some((job, checkpoint)) = checkpoint_at(path) else {
                    return;
                };
                let Some(known) = self.jobs.get_mut(job as usize) else {
                    return;
                };
                if known.held.last() == Some(&checkpoint) {
                    known.dropped = checkpoint;
                }
                known.held.remove(&checkpoint);
                if known.held.len() <= keep {
                    known.tidy_under = scene.token_max;
                }
            }
            Fact::SavepointTriggered(job, checkpoint) => {
                self.jobs[*job as usize].savepoint = *checkpoint;
            }
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            } => {
                self.completed(header, *job, *checkpoint);
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.bounded, &self.stored].map(Tally::verdict).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, ZK};
    use crate::kernel::Span;

    fn drop(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        let path = format!("/jobs/0/checkpoints/{checkpoint:019}");
        stage.says(
            ZK,
            Fact::ZnodeDeleted {
                zxid: 1_011 + 10 * checkpoint,
                path,
            },
        )
    }

    fn complete(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        stage.says(
            JM(0),
            Fact::CheckpointCompleted {
                job: 0,
                checkpoint,
                offsets: Vec::new(),
                bytes: 0,
                written_bytes: 0,
                persisted_bytes: 0,
                duration: Span::ZERO,
            },
        )
    }

    #[test]
    fn paths_are_read() {
        assert_eq!(
            checkpoint_at("/jobs/3/checkpoints/0000000000000000012"),
            Some((3, 12))
        );
        assert_eq!(checkpoint_at("/jobs/3/checkpoint_id_counter"), None);
    }

    #[test]
    fn the_store_is_kept_tidy() {
        let mut stage = Stage::running();
        stage.stores(1);
        stage.stores(2);
        drop(&mut stage, 1);
        stage.stores(3).broken("C5", 0).broken("Z3", 0);
        stage.stores(4).broken("C5", 1);
    }

    #[test]
    fn a_checkpoint_that_is_not_stored_is_noticed() {
        let mut stage = Stage::running();
        complete(stage.stores(1), 1).broken("C9", 0);
        complete(&mut stage, 2).broken("C9", 1);
        // It was, and somebody has taken it out before its leader was answered.
        drop(stage.stores(3), 3);
        complete(&mut stage, 3).broken("C9", 1);
    }
}
