//! A record is its identity: which split of which topic, and which offset there.

/// A split: one partition of one topic, numbered over all topics of the scenario.
pub type SplitId = u32;

const KEY_GROUP_BITS: u32 = 15;
const OFFSET_BITS: u32 = 35;
const SPLIT_BITS: u32 = 14;

/// One more than the largest split number.
pub const SPLITS_MAX: u32 = 1 << SPLIT_BITS;
/// One more than the largest offset.
pub const OFFSETS_MAX: u64 = 1 << OFFSET_BITS;
/// Flink's upper bound for the max parallelism (`KeyGroupRangeAssignment`).
pub const KEY_GROUPS_MAX: u32 = 1 << KEY_GROUP_BITS;

/// (split, offset) and, behind a hash exchange, the key group it was routed by; eight bytes, because
/// the data plane moves a hundred million of them a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Record(u64);

impl Record {
    pub const ZERO: Record = Record(0);

    #[inline]
    pub fn new(split: SplitId, offset: u64) -> Record {
        debug_assert!(split < SPLITS_MAX && offset < OFFSETS_MAX);
        Record((u64::from(split) << (OFFSET_BITS + KEY_GROUP_BITS)) | (offset << KEY_GROUP_BITS))
    }

    #[inline]
    pub fn split(self) -> SplitId {
        (self.0 >> (OFFSET_BITS + KEY_GROUP_BITS)) as SplitId
    }

    #[inline]
    pub fn offset(self) -> u64 {
        (self.0 >> KEY_GROUP_BITS) & (OFFSETS_MAX - 1)
    }

    #[inline]
    pub fn key_group(self) -> u16 {
        (self.0 & u64::from(KEY_GROUPS_MAX - 1)) as u16
    }

    /// The same record, routed by this key group.
    #[inline]
    pub fn with_key_group(self, key_group: u16) -> Record {
        Record((self.0 & !u64::from(KEY_GROUPS_MAX - 1)) | u64::from(key_group))
    }

    /// What makes the record itself: equal for every copy of it, whichever way it was routed.
    #[inline]
    pub fn identity(self) -> u64 {
        self.0 >> KEY_GROUP_BITS
    }

    /// The record of the same split so many offsets further on.
    #[inline]
    pub(super) fn ahead(self, offsets: u64) -> Record {
        Record(self.0 + (offsets << KEY_GROUP_BITS))
    }

    /// The eight bytes, for the canonical encoding.
    #[inline]
    pub fn raw(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) fn from_raw(raw: u64) -> Record {
        Record(raw)
    }

    /// 64 well-mixed bits of the identity (the finalizer of SplitMix64).
    #[inline]
    pub fn mixed(self, salt: u64) -> u64 {
        let mut x = self.identity().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let record = Record::new(9_999, 12_345_678_901).with_key_group(32_767);
        assert_eq!(
            (record.split(), record.offset(), record.key_group()),
            (9_999, 12_345_678_901, 32_767)
        );
        assert_eq!(record.identity(), record.with_key_group(3).identity());
        assert_eq!(record.mixed(1), record.with_key_group(3).mixed(1));
        assert_ne!(record.mixed(1), record.mixed(2));
    }
}
