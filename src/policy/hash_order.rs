//! The order in which a Java hash map yields its entries: arbitrary, but the same for as long as they stay in it.

use crate::kernel::random::Random;

/// One hash map's order. Flink iterates over maps whose keys are random ids or objects without a hash of their own
/// (`InstanceID`, `AllocationID`, `ExecutionSlotSharingGroup`): any order is as good as another, adding an
/// entry leaves the order of the others alone, and nobody may rely on it. Here it depends on the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashOrder {
    salt: u64,
}

impl HashOrder {
    /// Takes one number from `random`.
    pub fn new(random: &mut impl Random) -> HashOrder {
        HashOrder {
            salt: random.next_u64(),
        }
    }

    /// Where the entry with this key comes: a bijection of the key, so that no two keys share a place.
    pub fn rank(self, key: u64) -> u64 {
        // The finalizer of SplitMix64 (Steele, Lea, Flood).
        let mut x = key ^ self.salt;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Sorts entries into the map's order; `key` names them.
    pub fn arrange<T>(self, entries: &mut [T], key: impl Fn(&T) -> u64) {
        entries.sort_by_cached_key(|entry| self.rank(key(entry)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Streams;

    fn arranged(seed: u64, mut keys: Vec<u64>) -> Vec<u64> {
        let mut random = Streams::new(seed).stream("hash-order", "test");
        HashOrder::new(&mut random).arrange(&mut keys, |key| *key);
        keys
    }

    #[test]
    fn the_order_depends_on_the_seed_and_not_on_the_insertion() {
        let orders: std::collections::BTreeSet<Vec<u64>> = (0..50)
            .map(|seed| {
                let forward = arranged(seed, (0..6).collect());
                assert_eq!(forward, arranged(seed, (0..6).rev().collect()));
                forward
            })
            .collect();
        assert!(orders.len() > 40, "{} of 720 orders", orders.len());
    }

    #[test]
    fn who_joins_does_not_disturb_the_others() {
        let before = arranged(3, (0..20).collect());
        let mut after = arranged(3, (0..21).collect());
        after.retain(|key| *key < 20);
        assert_eq!(before, after);
    }
}
