//! What travels in a channel: batches of records, and checkpoint barriers between them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::event_time::Mark;
use super::record::Record;

/// Checkpoint ids count from 1; 0 stands for "before the first", the initial state.
pub type CheckpointId = u64;

/// One element of a channel, in order.
#[derive(Clone, Debug, Serialize)]
pub enum Element {
    /// A network buffer's worth of records. Shared, never changed: in-flight logs keep the same batch.
    Records(Batch),
    /// Separates the records before checkpoint `n` from those after it (`CheckpointBarrier`).
    Barrier(CheckpointId, Alignment),
    /// How far event time is.
    Mark(Mark),
}

/// How a barrier gets past records that wait (`CheckpointOptions.AlignmentType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Alignment {
    /// It waits for its turn in every queue.
    #[default]
    Aligned,
    /// It waits until `aligned-checkpoint-timeout` is over, and then goes ahead.
    Timeoutable,
    /// It goes ahead of whatever waits, which becomes state of the channel.
    Unaligned,
    /// Of a savepoint with which the job stops: it waits for its turn, and whoever has taken it does nothing more.
    Stopping,
}

/// Every so-many-th record of a split: what a source deals out in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    first: Record,
    records: u32,
    stride: u32,
}

impl Run {
    pub const EMPTY: Run = Run {
        first: Record::ZERO,
        records: 0,
        stride: 1,
    };

    pub fn new(first: Record, records: u32, stride: u32) -> Run {
        assert!(stride > 0, "a run goes on");
        Run {
            first,
            records,
            stride,
        }
    }

    #[inline]
    pub fn len(self) -> usize {
        self.records as usize
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.records == 0
    }

    #[inline]
    fn at(self, index: u32) -> Record {
        self.first.ahead(u64::from(index) * u64::from(self.stride))
    }

    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Record> {
        (0..self.records).map(move |index| self.at(index))
    }

    /// Cuts off its first records.
    pub fn split_to(&mut self, records: usize) -> Run {
        let records = self.records.min(records as u32);
        let rest = Run {
            first: self.at(records),
            records: self.records - records,
            ..*self
        };
        Run {
            records,
            ..std::mem::replace(self, rest)
        }
    }

    /// Takes another one in, if it goes on where this one ends.
    #[must_use]
    pub fn extend(&mut self, next: Run) -> bool {
        if self.is_empty() {
            *self = next;
            return true;
        }
        let goes_on = self.at(self.records) == next.first && self.stride == next.stride;
        if goes_on {
            self.records += next.records;
        }
        goes_on
    }
}

/// The records of one buffer.
#[derive(Clone, Debug)]
pub struct Batch(Content);

#[derive(Clone, Debug)]
pub enum Content {
    Run(Run),
    Listed(List),
}

/// Records, and behind them what stands for them in the digest: a batch is digested on every way that it takes.
#[derive(Clone, Debug)]
pub struct List(Arc<[Record]>);

impl List {
    #[inline]
    pub fn records(&self) -> &[Record] {
        &self.0[..self.len()]
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len() - 1
    }
}

impl Batch {
    pub fn new(records: &[Record]) -> Batch {
        Batch::take(&mut records.to_vec())
    }

    pub fn of_run(run: Run) -> Batch {
        assert!(!run.is_empty(), "a batch has records");
        Batch(Content::Run(run))
    }

    /// Takes the records out of a buffer, which can be filled again.
    pub fn take(records: &mut Vec<Record>) -> Batch {
        assert!(!records.is_empty(), "a batch has records");
        if let [only] = records[..] {
            // Where one stands for many, a buffer seldom holds two: no memory of its own for one.
            records.clear();
            return Batch::of_run(Run::new(only, 1, 1));
        }
        records.push(Record::from_raw(hash(records)));
        let batch = Batch(Content::Listed(List(Arc::from(&**records))));
        records.clear();
        batch
    }

    #[inline]
    pub fn content(&self) -> &Content {
        &self.0
    }

    /// The records one by one.
    #[inline]
    pub fn records(&self) -> Cow<'_, [Record]> {
        match &self.0 {
            Content::Run(run) if run.records == 1 => {
                Cow::Borrowed(std::slice::from_ref(&run.first))
            }
            Content::Run(run) => Cow::Owned(run.iter().collect()),
            Content::Listed(list) => Cow::Borrowed(list.records()),
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Content::Run(run) => run.len(),
            Content::Listed(list) => list.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn hash(&self) -> u64 {
        match &self.0 {
            Content::Run(run) => hash(&[
                run.first,
                Record::from_raw(u64::from(run.records) << 32 | u64::from(run.stride)),
            ]),
            Content::Listed(list) => list.0.last().map_or(0, |hash| hash.raw()),
        }
    }

    pub fn first(&self) -> Record {
        match &self.0 {
            Content::Run(run) => run.first,
            Content::Listed(list) => list.0[0],
        }
    }

    fn last(&self) -> Record {
        match &self.0 {
            Content::Run(run) => run.at(run.records - 1),
            Content::Listed(list) => list.0[list.len() - 1],
        }
    }
}

impl Serialize for Batch {
    /// All records where machines read it (the digest); a short form where people do (the trace).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let (first, last) = (self.first(), self.last());
            let form = format!(
                "{} records, {}@{} .. {}@{}",
                self.len(),
                first.split(),
                first.offset(),
                last.split(),
                last.offset()
            );
            return serializer.serialize_str(&form);
        }
        serializer.serialize_u64(self.hash())
    }
}

/// Stands for the records in the digest. Four lanes, because one multiplication would wait for the other.
fn hash(records: &[Record]) -> u64 {
    const ODD: u64 = 0x517C_C1B7_2722_0A95;
    let mix = |hash: u64, record: Record| (hash.rotate_left(26) ^ record.raw()).wrapping_mul(ODD);
    let (fours, rest) = records.as_chunks::<4>();
    let (mut a, mut b, mut c, mut d) = (1, 2, 3, 4);
    for four in fours {
        a = mix(a, four[0]);
        b = mix(b, four[1]);
        c = mix(c, four[2]);
        d = mix(d, four[3]);
    }
    let mut hash = records.len() as u64;
    for lane in [a, b, c, d] {
        hash = (hash.rotate_left(26) ^ lane).wrapping_mul(ODD);
    }
    for record in rest {
        hash = mix(hash, *record);
    }
    // The last multiplication leaves the low bits weak.
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_the_records_that_it_stands_for() {
        let mut run = Run::EMPTY;
        assert!(run.extend(Run::new(Record::new(3, 10), 4, 5)));
        assert!(!run.extend(Run::new(Record::new(3, 35), 1, 5)));
        assert!(!run.extend(Run::new(Record::new(3, 30), 1, 4)));
        assert!(!run.extend(Run::new(Record::new(4, 30), 1, 5)));
        assert!(run.extend(Run::new(Record::new(3, 30), 2, 5)));
        let offsets = |run: Run| run.iter().map(|r| r.offset()).collect::<Vec<_>>();
        assert_eq!(offsets(run), [10, 15, 20, 25, 30, 35]);
        let first = run.split_to(2);
        assert_eq!(
            (offsets(first), offsets(run)),
            (vec![10, 15], vec![20, 25, 30, 35])
        );
        let batch = Batch::of_run(run);
        let records: Vec<u64> = batch.records().iter().map(|r| r.offset()).collect();
        assert_eq!((records, batch.len()), (vec![20, 25, 30, 35], 4));
        assert_eq!(batch.first(), Record::new(3, 20));
        assert_eq!(batch.last(), Record::new(3, 35));
        let hash_of = |run| Batch::of_run(run).hash();
        let runs = [(10, 4, 5), (11, 4, 5), (10, 5, 5), (10, 4, 6)];
        let hashes = runs.map(|(first, n, by)| hash_of(Run::new(Record::new(3, first), n, by)));
        assert_eq!(std::collections::BTreeSet::from(hashes).len(), 4);
    }

    #[test]
    fn one_record_is_a_run_of_one() {
        let record = Record::new(3, 10).with_key_group(7);
        let batch = Batch::new(&[record]);
        assert!(matches!(batch.content(), Content::Run(run) if run.len() == 1));
        assert_eq!(batch.records(), &[record][..]);
        let mut run = Run::EMPTY;
        assert!(run.extend(Run::new(record, 1, 1)));
        assert!(!run.extend(Run::new(Record::new(3, 11).with_key_group(8), 1, 1)));
    }

    #[test]
    fn the_hash_tells_every_change_of_a_batch() {
        let records: Vec<Record> = (0..11).map(|offset| Record::new(3, offset)).collect();
        let mut seen = std::collections::BTreeSet::from([hash(&records)]);
        for at in 0..records.len() {
            assert!(seen.insert(hash(&records[..at])), "cut off at {at}");
            let mut changed = records.clone();
            changed[at] = changed[at].with_key_group(1);
            assert!(seen.insert(hash(&changed)), "another key group at {at}");
            for other in 0..at {
                let mut swapped = records.clone();
                swapped.swap(at, other);
                assert!(seen.insert(hash(&swapped)), "{other} and {at} swapped");
            }
        }
    }
}
