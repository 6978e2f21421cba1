//! Key groups: Flink's `KeyGroupRangeAssignment` and `MathUtils.murmurHash`, formula for formula.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    groups: Groups,
    /// None: keys are independent.
    steps: Option<Steps>,
}

impl KeySelector {
    /// `name` tells selectors apart: records that share a card need not share a merchant.
    ///
    /// Where one simulated record stands for `weight` real ones, these have keys of their own, and every group has its share
    /// of them much more evenly than it would of single records. So keys go round, in steps that never repeat themselves,
    /// and no group gets ahead of its share by more than a few simulated records of all `splits` together.
    pub fn new(
        name: &str,
        keys: u32,
        max_parallelism: u32,
        weight: u32,
        splits: u32,
    ) -> KeySelector {
        assert!(keys > 0 && max_parallelism > 0);
        let salt = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let goes_round = weight > 1;
        KeySelector {
            salt,
            groups: groups(keys, max_parallelism, goes_round),
            steps: goes_round.then(|| Steps::new(salt, splits)),
        }
    }

    pub fn keys(&self) -> u32 {
        self.groups.of_key.len() as u32
    }

    /// The record's key, a pure function of its identity.
    #[inline]
    pub fn key(&self, record: Record) -> u32 {
        let place = match self.steps {
            None => record.mixed(self.salt),
            Some(steps) => steps.place(record),
        };
        ((u128::from(place) * self.groups.of_key.len() as u128) >> 64) as u32
    }

    #[inline]
    pub fn group(&self, record: Record) -> u16 {
        self.groups.of_key[self.key(record) as usize]
    }

    /// How many keys lie in a range of key groups, both ends included.
    pub fn keys_in(&self, first: u32, last: u32) -> u32 {
        let before = &self.groups.keys_before;
        before[last as usize + 1] - before[first as usize]
    }
}

/// Which group each key is in.
#[derive(Clone, Debug)]
struct Groups {
    /// By key; where records go through the groups in turn, in the order of the groups.
    of_key: Arc<[u16]>,
    /// By group, and one more: how many keys the groups before it have.
    keys_before: Arc<[u32]>,
}

/// How keys go round, in 2^-64 of all of them: from split to split at one offset, and from the last split on to the first
/// one's next offset, always by the same step. So the records of all splits together are spread as evenly as can be.
#[derive(Clone, Copy, Debug)]
struct Steps {
    between_splits: u64,
    between_offsets: u64,
    start: u64,
}

impl Steps {
    fn new(salt: u64, splits: u32) -> Steps {
        let between_splits = even_step(salt);
        Steps {
            between_splits,
            between_offsets: between_splits.wrapping_mul(u64::from(splits)),
            start: Record::new(0, 0).mixed(salt),
        }
    }

    #[inline]
    fn place(self, record: Record) -> u64 {
        let split = u64::from(record.split()).wrapping_mul(self.between_splits);
        let offset = record.offset().wrapping_mul(self.between_offsets);
        self.start.wrapping_add(split).wrapping_add(offset)
    }
}

/// What [`groups`] has computed, by what it was asked: thousands of runs ask for the same.
static KNOWN: Mutex<BTreeMap<Asked, Groups>> = Mutex::new(BTreeMap::new());
/// Keys, groups, and whether keys go round.
type Asked = (u32, u32, bool);
/// So many are kept.
const KNOWN_MAX: usize = 16;

/// The groups of so many keys, or of each place where keys go round.
fn groups(keys: u32, max_parallelism: u32, goes_round: bool) -> Groups {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = (keys, max_parallelism, goes_round);
    if known.len() >= KNOWN_MAX && !known.contains_key(&asked) {
        known.clear();
    }
    let groups = known.entry(asked).or_insert_with(|| {
        // A key is a Java Integer: its hash code is its value.
        let groups = (0..keys).map(|key| key_group(key as i32, max_parallelism) as u16);
        let mut groups: Vec<u16> = groups.collect();
        if goes_round {
            groups.sort_unstable();
        }
        let mut keys_before = vec![0; max_parallelism as usize + 1];
        for group in &groups {
            keys_before[*group as usize + 1] += 1;
        }
        for group in 0..max_parallelism as usize {
            keys_before[group + 1] += keys_before[group];
        }
        Groups {
            of_key: groups.into(),
            keys_before: keys_before.into(),
        }
    });
    groups.clone()
}

/// A fraction of 2^64 whose multiples spread as evenly as multiples can: the partial quotients of its continued fraction are
/// ones and twos. Which, the bits of `salt` say, so that the multiples of two of them are independent.
fn even_step(salt: u64) -> u64 {
    let bits = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15).reverse_bits();
    let (mut over, mut under) = (0_u128, 1_u128);
    for bit in 0..40 {
        let quotient = 1 + u128::from(bits >> bit & 1);
        (over, under) = (under, quotient * under + over);
    }
    ((over << 64) / under) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLITS: u32 = 10;

    fn selector(name: &str, weight: u32) -> KeySelector {
        KeySelector::new(name, 10_000, 128, weight, SPLITS)
    }

    fn shares(selector: &KeySelector, p: u32) -> Vec<f64> {
        let ranges = (0..p).map(|subtask| range_of_subtask(subtask, p, 128));
        let keys = ranges.map(|(first, last)| f64::from(selector.keys_in(first, last)));
        keys.map(|keys| keys / f64::from(selector.keys())).collect()
    }

    fn subtask(selector: &KeySelector, record: Record) -> usize {
        subtask_of_group(u32::from(selector.group(record)), 5, 128) as usize
    }

    /// How far any of five subtasks gets ahead of its share of these records, or falls behind it.
    fn furthest(selector: &KeySelector, records: impl Iterator<Item = Record>) -> f64 {
        let shares = shares(selector, 5);
        let mut seen = [0.0_f64; 5];
        let mut furthest = 0.0_f64;
        for (count, record) in records.enumerate() {
            seen[subtask(selector, record)] += 1.0;
            for (seen, share) in seen.iter().zip(&shares) {
                furthest = furthest.max((seen - share * (count + 1) as f64).abs());
            }
        }
        furthest
    }

    /// At weight 1 keys are independent; above it no subtask is ever more than a few records ahead of its share: of all splits
    /// together, of those that one producer in five has, of one split.
    #[test]
    fn heavy_records_go_round_the_groups() {
        let dealt = |stride: u64| {
            let offsets = (17..17 + 400 * stride).step_by(stride as usize);
            offsets.flat_map(|offset| (0..SPLITS).map(move |split| Record::new(split, offset)))
        };
        let one = (0..4_000).map(|offset| Record::new(3, offset));
        for name in ["card", "merchant"] {
            let [heavy, single] = [100, 1].map(|weight| selector(name, weight));
            assert!(furthest(&heavy, dealt(1)) < 3.0);
            assert!(furthest(&heavy, dealt(5)) < 9.0);
            assert!(furthest(&heavy, one.clone()) < 15.0);
            assert!(furthest(&single, dealt(1)) > 20.0);
        }
    }

    #[test]
    fn two_selectors_know_nothing_of_each_other() {
        let [card, merchant] = ["card", "merchant"].map(|name| selector(name, 100));
        let mut both = [[0; 5]; 5];
        for offset in 0..10_000 {
            let record = Record::new(3, offset);
            both[subtask(&card, record)][subtask(&merchant, record)] += 1;
        }
        let counts = both.as_flattened();
        assert!(
            counts.iter().all(|count| (340..460).contains(count)),
            "{both:?}"
        );
        // The groups themselves have as many keys as ever.
        let single = selector("card", 1);
        assert_eq!(shares(&card, 128), shares(&single, 128));
    }

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
