//! A commutative fingerprint of a multiset of records: one lost or doubled record changes it.

use serde::Serialize;

use super::record::Record;

/// How many records, and the wrapping sum of their folded identities. A sum, not an exclusive or,
/// so that a record applied twice does not vanish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    pub records: u64,
    pub sum: u64,
}

/// Two odd numbers without a pattern (fractions of e and pi).
const SALT: [u64; 2] = [0xB7E1_5162_8AED_2A6B, 0x243F_6A88_85A3_08D3];

/// A record's part of the sum: both halves of a product of its identity with itself, which no sum of other records' comes
/// to by accident. One multiplication, because every record is added several times.
#[inline]
fn folded(record: Record) -> u64 {
    let identity = record.identity();
    let product = u128::from(identity ^ SALT[0]) * u128::from(identity.rotate_left(32) ^ SALT[1]);
    (product >> 64) as u64 ^ product as u64
}

impl Fingerprint {
    #[inline]
    pub fn add(&mut self, record: Record) {
        self.records += 1;
        self.sum = self.sum.wrapping_add(folded(record));
    }

    #[inline]
    pub fn merge(&mut self, other: Fingerprint) {
        self.records += other.records;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Takes out what was merged before.
    pub fn remove(&mut self, other: Fingerprint) {
        self.records = self.records.wrapping_sub(other.records);
        self.sum = self.sum.wrapping_sub(other.sum);
    }

    pub fn of(records: &[Record]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        for record in records {
            fingerprint.add(*record);
        }
        fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_but_every_record_does() {
        let records: Vec<Record> = (0..100).map(|o| Record::new(o as u32 % 7, o)).collect();
        let mut reversed = records.clone();
        reversed.reverse();
        assert_eq!(Fingerprint::of(&records), Fingerprint::of(&reversed));
        assert_ne!(Fingerprint::of(&records), Fingerprint::of(&records[1..]));
        let mut doubled = records.clone();
        doubled[0] = doubled[1];
        assert_ne!(Fingerprint::of(&records), Fingerprint::of(&doubled));
    }
}
