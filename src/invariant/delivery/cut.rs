//! Whether a checkpoint is a consistent cut: what operators have applied, against what their sources had emitted.

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::JobId;
use crate::kernel::Header;

use super::Delivery;

impl Delivery {
    /// C6: at a completed checkpoint, what each operator has applied is, with what channels on the way to it held, exactly
    /// what its sources had emitted.
    pub(super) fn check_cut(
        &mut self,
        header: &Header,
        job: JobId,
        checkpoint: CheckpointId,
        offsets: &[(SplitId, u64)],
    ) {
        let topology = &self.blueprint.topology;
        for operator in &topology.jobs[job as usize].operators {
            let info = &topology.operators[*operator as usize];
            if info.selector.is_none() {
                continue;
            }
            self.cut_checked += 1;
            let mut expected = Fingerprint::default();
            for (split, offset) in offsets {
                let ways = self.ways[*operator as usize]
                    .get(split)
                    .copied()
                    .unwrap_or(0);
                let mut prefix = if ways > 0 {
                    self.prefixes.of(*split, *offset)
                } else {
                    Fingerprint::default()
                };
                let skipped = self.skipped.get(&(job, *split)).filter(|_| ways > 0);
                for skipped in skipped.into_iter().flatten() {
                    if skipped.to <= *offset {
                        prefix.remove(skipped.records);
                    }
                }
                for _ in 0..ways {
                    expected.merge(prefix);
                }
            }
            let mut applied = Fingerprint::default();
            let subtasks = topology.jobs[job as usize].subtasks.iter();
            for subtask in
                subtasks.filter(|s| topology.subtasks[**s as usize].operator == *operator)
            {
                applied.merge(
                    self.snapshots
                        .get(&(*subtask, checkpoint))
                        .copied()
                        .unwrap_or_default(),
                );
            }
            applied.merge(self.on_the_way(job, checkpoint, *operator));
            // Records behind a barrier that holds nothing up may have got into the snapshot, and come again.
            let broken = match self.aligns {
                true => applied != expected,
                false => applied.records < expected.records,
            };
            if broken {
                let what = format!(
                    "checkpoint {checkpoint}: {} has applied {} records, its sources have emitted {}{}",
                    info.spec.name,
                    applied.records,
                    expected.records,
                    if applied.records == expected.records {
                        ", and they are not the same ones"
                    } else {
                        ""
                    },
                );
                self.cut_broken.push((header.time, header.event.0, what));
            }
        }
    }
}
