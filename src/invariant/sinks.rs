//! The sinks' transactions: visible only behind a completed checkpoint, and never both committed and aborted.

use std::collections::BTreeSet;

use crate::actor::fact::Fact;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::retention::checkpoint_at;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety(
        "S2-store",
        "A sink commits only behind a checkpoint that the store holds.",
    ),
    safety("S4", "No transaction is both committed and aborted."),
    safety(
        "S3",
        "What a sink makes visible belongs to ever later checkpoints.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Sinks {
    complete: Tally,
    decided: Tally,
    forward: Tally,
    /// By job: checkpoints that were stored.
    stored: Vec<BTreeSet<CheckpointId>>,
    /// By subtask.
    sinks: Vec<Sink>,
}

#[derive(Clone, Debug, Default)]
struct Sink {
    committed: CheckpointId,
    aborted: BTreeSet<CheckpointId>,
}

impl Sinks {
    pub fn new(scene: &Scene) -> Sinks {
        let [complete, decided, forward] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        let stored = vec![BTreeSet::new(); topology.jobs.len()];
        Sinks {
            complete,
            decided,
            forward,
            stored,
            sinks: vec![Sink::default(); topology.subtasks.len()],
        }
    }

    fn committed(
        &mut self,
        header: &Header,
        sink: SubtaskId,
        checkpoint: CheckpointId,
        empty: bool,
        scene: &Scene,
    ) {
        let stored = &self.stored[scene.blueprint.topology.job_of(sink) as usize];
        let complete = if checkpoint == 0 {
            empty
        } else {
            stored.contains(&checkpoint)
        };
        let name = || scene.task(sink);
        self.complete.expect(complete, header, || {
            format!(
                "{} commits checkpoint {checkpoint}, which did not complete",
                name()
            )
        });
        let known = &mut self.sinks[sink as usize];
        self.decided
            .expect(!known.aborted.contains(&checkpoint), header, || {
                format!(
                    "{} commits checkpoint {checkpoint}, whose transaction was aborted",
                    name()
                )
            });
        // A committer that was replaced may repeat itself: it commits nothing that was not visible.
        let before = known.committed;
        self.forward
            .expect(empty || checkpoint > before, header, || {
                format!(
                    "{} makes records of checkpoint {checkpoint} visible after those of {before}",
                    name()
                )
            });
        known.committed = before.max(checkpoint);
    }
}

impl Checker for Sinks {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::ZnodeCreated { path, .. } => {
                if let Some((job, checkpoint)) = checkpoint_at(path)
                    && let Some(stored) = self.stored.get_mut(job as usize)
                {
                    stored.insert(checkpoint);
                }
            }
            Fact::TransactionCommitted {
                sink,
                checkpoint,
                batches,
            } => {
                self.committed(header, *sink, *checkpoint, batches.0.is_empty(), scene);
            }
            Fact::TransactionAborted {
                sink, checkpoint, ..
            } => {
                let known = &mut self.sinks[*sink as usize];
                let committed = known.committed;
                self.decided.expect(*checkpoint > committed, header, || {
                    format!(
                        "{} aborts checkpoint {checkpoint}, {committed} is committed",
                        scene.task(*sink)
                    )
                });
                known.aborted.insert(*checkpoint);
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.complete, &self.decided, &self.forward]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::actor::message::Batches;
    use crate::dataflow::batch::Batch;
    use crate::dataflow::record::Record;
    use crate::invariant::stage::{DB, Stage, ZK};

    fn store(stage: &mut Stage, checkpoint: u64) {
        let path = format!("/jobs/0/checkpoints/{checkpoint:019}");
        stage.says(
            ZK,
            Fact::ZnodeCreated {
                zxid: 1_000 + checkpoint,
                path,
                owner: None,
            },
        );
    }

    fn commit(stage: &mut Stage, checkpoint: u64, records: u64) -> &mut Stage {
        let batches = (0..records)
            .map(|offset| Batch::new(&[Record::new(0, offset)]))
            .collect();
        let batches = Batches(Arc::new(batches));
        stage.says(
            DB,
            Fact::TransactionCommitted {
                sink: 4,
                checkpoint,
                batches,
            },
        )
    }

    fn abort(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        stage.says(
            DB,
            Fact::TransactionAborted {
                sink: 4,
                checkpoint,
                records: 1,
            },
        )
    }

    #[test]
    fn transactions_follow_their_checkpoints() {
        let mut stage = Stage::running();
        commit(&mut stage, 0, 0);
        store(&mut stage, 1);
        commit(&mut stage, 1, 2);
        abort(&mut stage, 2);
        store(&mut stage, 3);
        commit(commit(&mut stage, 3, 2), 1, 0)
            .broken("S2-store", 0)
            .broken("S3", 0)
            .broken("S4", 0);
    }

    #[test]
    fn records_of_no_checkpoint_are_noticed() {
        commit(&mut Stage::running(), 1, 1).broken("S2-store", 1);
        commit(&mut Stage::running(), 0, 1).broken("S2-store", 1);
    }

    #[test]
    fn a_transaction_with_two_ends_is_noticed() {
        let mut stage = Stage::running();
        store(&mut stage, 1);
        commit(abort(&mut stage, 1), 1, 1).broken("S4", 1);
        abort(&mut stage, 1).broken("S4", 2);
    }

    #[test]
    fn what_becomes_visible_late_is_noticed() {
        let mut stage = Stage::running();
        store(&mut stage, 1);
        store(&mut stage, 2);
        commit(commit(&mut stage, 2, 1), 1, 1).broken("S3", 1);
    }
}
