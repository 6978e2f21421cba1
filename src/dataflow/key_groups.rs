//! Key groups: Flink's `KeyGroupRangeAssignment` and `MathUtils.murmurHash`, formula for formula.

use std::sync::Arc;

use super::record::Record;

/// `KeyGroupRangeAssignment.computeDefaultMaxParallelism`.
pub fn default_max_parallelism(parallelism: u32) -> u32 {
    (parallelism + parallelism / 2)
        .next_power_of_two()
        .clamp(128, 32_768)
}

/// `MathUtils.murmurHash` of a Java hash code.
pub fn murmur(hash: i32) -> u32 {
    let mut x = hash as u32;
    x = x
        .wrapping_mul(0xcc9e_2d51)
        .rotate_left(15)
        .wrapping_mul(0x1b87_3593);
    x = x.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    x ^= 4;
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^= x >> 16;
    match x as i32 {
        i32::MIN => 0,
        signed => signed.unsigned_abs(),
    }
}

/// `KeyGroupRangeAssignment.computeKeyGroupForKeyHash`.
pub fn key_group(hash: i32, max_parallelism: u32) -> u32 {
    murmur(hash) % max_parallelism
}

/// `KeyGroupRangeAssignment.computeOperatorIndexForKeyGroup`.
pub fn subtask_of_group(group: u32, parallelism: u32, max_parallelism: u32) -> u32 {
    (u64::from(group) * u64::from(parallelism) / u64::from(max_parallelism)) as u32
}

/// `KeyGroupRangeAssignment.computeKeyGroupRangeForOperatorIndex`: first and last group, inclusive.
pub fn range_of_subtask(subtask: u32, parallelism: u32, max_parallelism: u32) -> (u32, u32) {
    let (i, p, m) = (
        u64::from(subtask),
        u64::from(parallelism),
        u64::from(max_parallelism),
    );
    ((i * m).div_ceil(p) as u32, (((i + 1) * m - 1) / p) as u32)
}

/// The keys of one key selector: which key a record has, and which group that key is in.
#[derive(Clone, Debug)]
pub struct KeySelector {
    salt: u64,
    /// By key.
    groups: Arc<[u16]>,
}

impl KeySelector {
    /// `name` tells selectors apart: records that share a card need not share a merchant.
    pub fn new(name: &str, keys: u32, max_parallelism: u32) -> KeySelector {
        assert!(keys > 0 && max_parallelism > 0);
        let salt = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        // A key is a Java Integer: its hash code is its value.
        let groups = (0..keys)
            .map(|key| key_group(key as i32, max_parallelism) as u16)
            .collect();
        KeySelector { salt, groups }
    }

    pub fn keys(&self) -> u32 {
        self.groups.len() as u32
    }

    /// The record's key, a pure function of its identity.
    #[inline]
    pub fn key(&self, record: Record) -> u32 {
        ((u128::from(record.mixed(self.salt)) * self.groups.len() as u128) >> 64) as u32
    }

    #[inline]
    pub fn group(&self, record: Record) -> u16 {
        self.groups[self.key(record) as usize]
    }

    /// The key group of a key.
    pub fn group_of_key(&self, key: u32) -> u32 {
        u32::from(self.groups[key as usize])
    }

    /// How many keys lie in a range of key groups, both ends included.
    pub fn keys_in(&self, first: u32, last: u32) -> u32 {
        self.groups
            .iter()
            .filter(|group| (first..=last).contains(&u32::from(**group)))
            .count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Flink's own classes (2.3.0), max parallelism 128.
    #[test]
    fn agrees_with_flinks_classes() {
        let cases = [
            (97, 81, 2, 1),
            (98, 22, 0, 0),
            (101_943_363, 54, 1, 1),
            (-1_134_722_900, 44, 1, 1),
            (0, 94, 2, 2),
            (7, 113, 3, 2),
            (-539_222_985, 38, 1, 0),
        ];
        for (hash, group, of_four, of_three) in cases {
            assert_eq!(key_group(hash, 128), group, "hash {hash}");
            assert_eq!(subtask_of_group(group, 4, 128), of_four, "hash {hash}");
            assert_eq!(subtask_of_group(group, 3, 128), of_three, "hash {hash}");
        }
        let ranges: Vec<_> = (0..5).map(|i| range_of_subtask(i, 5, 128)).collect();
        assert_eq!(ranges, [(0, 25), (26, 51), (52, 76), (77, 102), (103, 127)]);
        assert_eq!([85, 86, 200].map(default_max_parallelism), [128, 256, 512]);
    }

    #[test]
    fn each_group_lies_in_the_range_of_its_subtask() {
        for (parallelism, max) in [(1, 128), (3, 128), (7, 100), (128, 128), (85, 128)] {
            for group in 0..max {
                let (first, last) =
                    range_of_subtask(subtask_of_group(group, parallelism, max), parallelism, max);
                assert!(first <= group && group <= last);
            }
        }
    }
}
