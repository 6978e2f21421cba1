//! The record ledger: what each log holds, and what a sink's readers can see of it.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::batch::Batch;
use super::fingerprint::Fingerprint;
use super::record::{Record, SplitId};

/// Fingerprints of the logs' own prefixes, by split.
#[derive(Clone, Debug)]
pub struct Prefixes {
    /// How far each split's fingerprint has been taken, and the fingerprint.
    splits: Vec<(u64, Fingerprint)>,
}

impl Prefixes {
    pub fn new(splits: usize) -> Prefixes {
        Prefixes {
            splits: vec![(0, Fingerprint::default()); splits],
        }
    }

    /// The fingerprint of the first `offset` records of a split.
    pub fn of(&mut self, split: SplitId, offset: u64) -> Fingerprint {
        let (taken, fingerprint) = &mut self.splits[split as usize];
        if offset < *taken {
            (*taken, *fingerprint) = (0, Fingerprint::default());
        }
        for next in *taken..offset {
            fingerprint.add(Record::new(split, next));
        }
        *taken = offset;
        *fingerprint
    }
}

/// Bits of a word of a bit set.
const WORD: usize = usize::BITS as usize;

/// What the readers of one sink operator see: exact sets of offsets, by split.
#[derive(Clone, Debug)]
pub struct Visible {
    splits: Vec<VisibleSplit>,
}

#[derive(Clone, Debug, Default)]
struct VisibleSplit {
    seen: FixedBitSet,
    count: u64,
    /// Offsets seen again, and how many more copies than one.
    again: BTreeMap<u64, u64>,
}

impl Visible {
    pub fn new(splits: usize) -> Visible {
        Visible {
            splits: vec![VisibleSplit::default(); splits],
        }
    }

    /// Records become visible; those that already were.
    pub fn show(&mut self, batch: &Batch) -> Vec<Record> {
        let mut duplicates = Vec::new();
        for record in batch.records().iter() {
            let split = &mut self.splits[record.split() as usize];
            let offset = record.offset() as usize;
            if offset >= split.seen.len() {
                split
                    .seen
                    .grow((offset + 1).next_power_of_two().max(1 << 12));
            }
            // Once instead of a look and a store, each with its own check.
            let word = &mut split.seen.as_mut_slice()[offset / WORD];
            let bit = 1 << (offset % WORD);
            let was_seen = *word & bit != 0;
            *word |= bit;
            if was_seen {
                *split.again.entry(offset as u64).or_insert(0) += 1;
                duplicates.push(*record);
            } else {
                split.count += 1;
            }
        }
        duplicates
    }

    pub fn count(&self, split: SplitId) -> u64 {
        self.splits[split as usize].count
    }

    /// Offsets seen again, in order, once for each extra copy.
    pub fn duplicates(&self, split: SplitId) -> Vec<u64> {
        let again = self.splits[split as usize].again.iter();
        let several = again.flat_map(|(offset, more)| std::iter::repeat_n(*offset, *more as usize));
        several.collect()
    }

    /// Extra copies in all.
    pub fn duplicates_total(&self) -> u64 {
        let splits = self.splits.iter();
        splits.flat_map(|split| split.again.values()).sum()
    }

    /// How often a record is there.
    pub fn copies(&self, split: SplitId, offset: u64) -> u64 {
        let split = &self.splits[split as usize];
        let more = split.again.get(&offset).copied().unwrap_or(0);
        u64::from(split.seen.contains(offset as usize)) + more
    }

    /// Distinct records in all.
    pub fn total(&self) -> u64 {
        self.splits.iter().map(|split| split.count).sum()
    }

    /// Offsets from `from` up to `to` that nobody sees.
    pub fn missing(&self, split: SplitId, from: u64, to: u64) -> Vec<u64> {
        let seen = &self.splits[split as usize].seen;
        let known = (from as usize).min(seen.len())..(to as usize).min(seen.len());
        if seen.count_ones(known) as u64 == to - from {
            return Vec::new();
        }
        (from..to)
            .filter(|offset| !seen.contains(*offset as usize))
            .collect()
    }
}

/// Sorted offsets as inclusive ranges.
pub fn ranges(offsets: &[u64]) -> Vec<[u64; 2]> {
    let mut ranges: Vec<[u64; 2]> = Vec::new();
    for offset in offsets {
        match ranges.last_mut() {
            Some([_, last]) if *last == *offset => {}
            Some([_, last]) if *last + 1 == *offset => *last = *offset,
            _ => ranges.push([*offset, *offset]),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_what_their_records_add_up_to() {
        let mut prefixes = Prefixes::new(2);
        let expected = |n| Fingerprint::of(&(0..n).map(|o| Record::new(1, o)).collect::<Vec<_>>());
        for offset in [0, 10, 25, 7, 25] {
            assert_eq!(prefixes.of(1, offset), expected(offset));
        }
    }

    #[test]
    fn lost_and_doubled_records_are_named() {
        let mut visible = Visible::new(1);
        let records =
            |offsets: std::ops::Range<u64>| offsets.map(|o| Record::new(0, o)).collect::<Vec<_>>();
        assert!(visible.show(&Batch::new(&records(0..10))).is_empty());
        assert_eq!(visible.show(&Batch::new(&records(8..12))), records(8..10));
        assert_eq!((visible.copies(0, 8), visible.copies(0, 11)), (2, 1));
        visible.show(&Batch::new(&records(15..20)));
        assert_eq!(visible.count(0), 17);
        assert_eq!(ranges(&visible.duplicates(0)), [[8, 9]]);
        assert_eq!(ranges(&visible.missing(0, 0, 20)), [[12, 14]]);
        assert!(visible.missing(0, 0, 12).is_empty());
        assert_eq!(visible.missing(0, 10_000, 10_002), [10_000, 10_001]);
    }
}
