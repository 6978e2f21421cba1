//! What the checkpoint store holds.

use std::collections::BTreeSet;

use crate::actor::fact::Fact;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::paths::checkpoint_at;
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

    fn completed(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId, scene: &Scene) {
        let known = &mut self.jobs[job as usize];
        let stored = known.held.contains(&checkpoint)
            || checkpoint < known.stored_max
            || known.dropped == checkpoint
            // No pointer leads to it.
            || scene.is_savepoint(job, checkpoint);
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
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            } => {
                self.completed(header, *job, *checkpoint, scene);
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
    use crate::actor::zookeeper::paths;
    use crate::invariant::stage::{JM, Stage, ZK, completed};

    fn drop(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        let path = paths::pointer(0, checkpoint);
        stage.says(
            ZK,
            Fact::ZnodeDeleted {
                zxid: 1_011 + 10 * checkpoint,
                path,
            },
        )
    }

    fn complete(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        stage.says(JM(0), completed(checkpoint, &[]))
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
