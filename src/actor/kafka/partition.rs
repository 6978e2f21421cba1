//! One partition of a topic that sinks write to: the last stable offset, and what readers of committed records get.

use std::collections::{BTreeMap, VecDeque};

use crate::actor::message::Batches;
use crate::dataflow::topology::OperatorId;
use crate::kernel::Time;

/// A transaction, by the order of their beginnings over all topics.
pub type TransactionNumber = u64;

#[derive(Clone, Debug, Default)]
pub struct SinkPartition {
    end: u64,
    /// From the last stable offset on.
    entries: VecDeque<Entry>,
    /// Undecided transactions: their first offset here, and when that was written.
    open: BTreeMap<TransactionNumber, (u64, Time)>,
}

#[derive(Clone, Debug)]
struct Entry {
    first: u64,
    writer: OperatorId,
    transaction: Option<TransactionNumber>,
    aborted: bool,
    batches: Batches,
}

impl SinkPartition {
    /// The first offset of the oldest open transaction, or the end.
    pub fn last_stable_offset(&self) -> u64 {
        let firsts = self.open.values().map(|(first, _)| *first);
        firsts.min().unwrap_or(self.end)
    }

    /// Since when readers of committed records are held back.
    pub fn held_since(&self) -> Option<Time> {
        self.open.values().map(|(_, since)| *since).min()
    }

    /// What readers can get past now, and who wrote it.
    pub fn append(
        &mut self,
        writer: OperatorId,
        transaction: Option<TransactionNumber>,
        batches: Batches,
        now: Time,
    ) -> Vec<(OperatorId, Batches)> {
        if let Some(transaction) = transaction {
            self.open.entry(transaction).or_insert((self.end, now));
        }
        let first = self.end;
        self.end += batches.records();
        self.entries.push_back(Entry {
            first,
            writer,
            transaction,
            aborted: false,
            batches,
        });
        self.advance()
    }

    /// A marker is written: the transaction is over.
    pub fn decide(
        &mut self,
        transaction: TransactionNumber,
        commits: bool,
    ) -> Vec<(OperatorId, Batches)> {
        self.open.remove(&transaction);
        if !commits {
            let of_it = |entry: &&mut Entry| entry.transaction == Some(transaction);
            for entry in self.entries.iter_mut().filter(of_it) {
                entry.aborted = true;
            }
        }
        // The marker takes an offset of its own.
        self.end += 1;
        self.advance()
    }

    fn advance(&mut self) -> Vec<(OperatorId, Batches)> {
        let stable = self.last_stable_offset();
        let mut readable = Vec::new();
        let is_stable = |entry: &Entry| entry.first < stable;
        while self.entries.front().is_some_and(is_stable)
            && let Some(entry) = self.entries.pop_front()
        {
            if !entry.aborted {
                readable.push((entry.writer, entry.batches));
            }
        }
        readable
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dataflow::batch::Batch;
    use crate::dataflow::record::Record;

    fn records(offsets: std::ops::Range<u64>) -> Batches {
        let records: Vec<_> = offsets.map(|offset| Record::new(0, offset)).collect();
        Batches(Arc::new(vec![Batch::new(&records)]))
    }

    fn offsets(readable: &[(OperatorId, Batches)]) -> Vec<u64> {
        let batches = readable.iter().flat_map(|(_, batches)| batches.0.iter());
        let records = batches.flat_map(|batch| batch.records().into_owned());
        records.map(|record| record.offset()).collect()
    }

    #[test]
    fn an_open_transaction_holds_back_what_others_have_committed() {
        let mut partition = SinkPartition::default();
        assert_eq!(
            offsets(&partition.append(0, None, records(0..2), Time(1))),
            [0, 1]
        );
        assert!(
            partition
                .append(0, Some(7), records(2..4), Time(2))
                .is_empty()
        );
        assert!(
            partition
                .append(0, Some(8), records(4..6), Time(3))
                .is_empty()
        );
        assert!(partition.append(0, None, records(6..7), Time(4)).is_empty());
        assert!(partition.decide(8, true).is_empty());
        assert_eq!(
            (partition.last_stable_offset(), partition.held_since()),
            (2, Some(Time(2)))
        );
        assert_eq!(offsets(&partition.decide(7, true)), [2, 3, 4, 5, 6]);
        assert_eq!(partition.held_since(), None);
    }

    #[test]
    fn readers_skip_what_was_aborted() {
        let mut partition = SinkPartition::default();
        partition.append(0, Some(1), records(0..3), Time(1));
        partition.append(0, Some(2), records(3..5), Time(1));
        assert!(partition.decide(1, false).is_empty());
        assert_eq!(offsets(&partition.decide(2, true)), [3, 4]);
    }
}
