//! What travels in a channel: batches of records, and checkpoint barriers between them.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::record::Record;

/// Checkpoint ids count from 1; 0 stands for "before the first", the initial state.
pub type CheckpointId = u64;

/// One element of a channel, in order.
#[derive(Clone, Debug, Serialize)]
pub enum Element {
    /// A network buffer's worth of records. Shared, never changed: in-flight logs keep the same batch.
    Records(Batch),
    /// Separates the records before checkpoint `n` from those after it (`CheckpointBarrier`).
    Barrier(CheckpointId),
}

/// The records, and behind them what stands for them in the digest: a batch is digested on every way that it takes.
#[derive(Clone, Debug)]
pub struct Batch(Arc<[Record]>);

impl Batch {
    pub fn new(records: &[Record]) -> Batch {
        Batch::take(&mut records.to_vec())
    }

    /// Takes the records out of a buffer, which can be filled again.
    pub fn take(records: &mut Vec<Record>) -> Batch {
        assert!(!records.is_empty(), "a batch has records");
        records.push(Record::from_raw(hash(records)));
        let batch = Batch(Arc::from(&**records));
        records.clear();
        batch
    }

    #[inline]
    pub fn records(&self) -> &[Record] {
        &self.0[..self.len()]
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.0.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn hash(&self) -> u64 {
        self.0.last().map_or(0, |hash| hash.raw())
    }
}

impl Serialize for Batch {
    /// All records where machines read it (the digest); a short form where people do (the trace).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let (first, last) = (self.0[0], self.0[self.len() - 1]);
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
