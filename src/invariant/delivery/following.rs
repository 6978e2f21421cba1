//! The ledger follows restarts, sources that pass over records, and sinks other than transactions of the database.

use crate::actor::message::Batches;
use crate::actor::sink_fact::SinkFact;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::Header;

use super::naming::{by_split, named};
use super::{Delivery, Skipped, ledger_of};

impl Delivery {
    /// Records are visible as soon as they are written.
    fn write(&mut self, header: &Header, sink: SubtaskId, batch: &Batch) {
        let topology = &self.blueprint.topology;
        let ledger = ledger_of(&mut self.sinks, sink, topology);
        self.written_checked += batch.len() as u64;
        let duplicates = ledger.show(batch);
        if !duplicates.is_empty() {
            let what = format!(
                "{} records are written again that no restart has gone back to: {}",
                duplicates.len(),
                named(&by_split(&duplicates), topology),
            );
            self.unaccounted.push((header.time, header.event.0, what));
        }
    }

    /// A source passes over what is not kept any more.
    pub(super) fn skip(
        &mut self,
        header: &Header,
        source: SubtaskId,
        split: SplitId,
        offsets: std::ops::Range<u64>,
    ) {
        let job = self.blueprint.topology.job_of(source);
        let mut records = Fingerprint::default();
        for offset in offsets.clone() {
            records.add(Record::new(split, offset));
        }
        let to = offsets.end;
        let skipped = self.skipped.entry((job, split)).or_default();
        // What is read again from before a gap may find it smaller, or larger.
        skipped.retain(|skipped| skipped.to <= offsets.start);
        skipped.push(Skipped { to, records });
        for ledger in self.sinks.iter_mut().filter(|ledger| ledger.job == job) {
            if self.ways[ledger.operator as usize].contains_key(&split) {
                ledger.skip(split, offsets.clone(), header);
            }
        }
    }

    /// What the sinks do that are not transactions of the database.
    pub(super) fn sink(&mut self, header: &Header, fact: &SinkFact) {
        let topology = &self.blueprint.topology;
        match fact {
            SinkFact::Written { sink, batches, .. } => {
                let is_kafka = self.raw(*sink, batches);
                ledger_of(&mut self.sinks, *sink, &self.blueprint.topology).withheld +=
                    i64::from(is_kafka) * batches.records() as i64;
                for batch in batches.0.iter() {
                    self.write(header, *sink, batch);
                }
            }
            SinkFact::TransactionCommitted {
                sink,
                covered_by,
                batches,
                ..
            } => {
                self.raw(*sink, batches);
                ledger_of(&mut self.sinks, *sink, &self.blueprint.topology).withheld +=
                    batches.records() as i64;
                self.show(header, *sink, *covered_by, &batches.0);
            }
            SinkFact::TransactionAborted {
                sink,
                cause,
                batches,
                ..
            } => {
                self.raw(*sink, batches);
                let topology = &self.blueprint.topology;
                ledger_of(&mut self.sinks, *sink, topology).abort(header, *cause, batches);
            }
            SinkFact::Readable { operator, batches } => {
                let mut ledgers = self.sinks.iter_mut();
                if let Some(ledger) = ledgers.find(|ledger| ledger.operator == *operator) {
                    ledger.withheld -= batches.records() as i64;
                    if ledger.withheld < 0 {
                        let what = format!(
                            "readers of committed records get {} that nobody has committed",
                            -ledger.withheld
                        );
                        self.early.push((header.time, header.event.0, what));
                    }
                }
            }
            SinkFact::CommitFailed { sink, .. } => {
                ledger_of(&mut self.sinks, *sink, topology).failed_commits += 1;
            }
            SinkFact::CommitterDone {
                sink, checkpoint, ..
            } => self.settle(header, *sink, *checkpoint),
            _ => {}
        }
    }

    /// Readers of uncommitted records get everything that is in the log. True: the sink has such readers.
    fn raw(&mut self, sink: SubtaskId, batches: &Batches) -> bool {
        let ledger = ledger_of(&mut self.sinks, sink, &self.blueprint.topology);
        if ledger.spec.kafka().is_none() {
            return false;
        }
        for batch in batches.0.iter() {
            ledger.raw.show(batch);
        }
        true
    }

    /// A restart goes back to a checkpoint.
    pub(super) fn restore(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId) {
        // Later ones are behind it: what they cover is still to come again.
        let mut undoes = false;
        for (_, later) in self
            .completed
            .range_mut((job, checkpoint + 1)..=(job, CheckpointId::MAX))
        {
            later.undone = true;
            undoes = true;
        }
        let cut = self.cuts.get(&(job, checkpoint));
        for ledger in self.sinks.iter_mut().filter(|ledger| ledger.job == job) {
            ledger.restore(checkpoint, undoes, cut, header);
        }
    }
}
