//! Which source subtask reads a split that no checkpoint has given to anybody yet.

use super::record::SplitId;
use super::topology::Topology;

/// The rule of the first assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SplitOwner {
    /// Partitions in turn, the first to the first subtask.
    #[default]
    InTurn,
    /// In turn from a subtask that the topic's name decides (`KafkaSourceEnumerator.getSplitOwner`).
    KafkaSource,
}

impl SplitOwner {
    pub fn owner(self, topic: &str, partition: u32, readers: u32) -> u32 {
        match self {
            SplitOwner::InTurn => partition % readers,
            SplitOwner::KafkaSource => {
                let start = (java_hash(topic).wrapping_mul(31) & 0x7fff_ffff) as u32 % readers;
                (start + partition) % readers
            }
        }
    }
}

/// `String.hashCode` of Java: over UTF-16, in 32 bits.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

impl Topology {
    /// The splits of a topic that a source subtask of `readers` begins with.
    pub(super) fn first_splits(&self, topic: usize, index: u32, readers: u32) -> Vec<SplitId> {
        let first = (0..self.topics[topic].partitions).filter_map(|p| self.split(topic, p));
        let owned = first.filter(|split| self.owner_of(*split, readers) == index);
        owned.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with the connector's own class.
    #[test]
    fn first_owners_are_the_connectors() {
        let start = |topic, readers| SplitOwner::KafkaSource.owner(topic, 0, readers);
        assert_eq!(
            ["a", "key-1", "key-42"].map(java_hash),
            [97, 101_943_363, -1_134_722_900]
        );
        assert_eq!([4, 5].map(|n| start("events", n)), [3, 2]);
        assert_eq!([4, 5].map(|n| start("transactions", n)), [3, 0]);
        assert_eq!([4, 5].map(|n| start("input-topic", n)), [0, 0]);
        assert_eq!([4, 5].map(|n| start("orders", n)), [3, 4]);
        let owners: Vec<u32> = (0..5)
            .map(|p| SplitOwner::KafkaSource.owner("events", p, 4))
            .collect();
        assert_eq!(owners, [3, 0, 1, 2, 3]);
        assert_eq!(SplitOwner::InTurn.owner("events", 6, 4), 2);
    }
}
