//! A commutative fingerprint of a multiset of records: one lost or doubled record changes it.

use serde::Serialize;

use super::record::Record;

/// How many records, and the wrapping sum of their mixed identities. A sum, not an exclusive or,
/// so that a record applied twice does not vanish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    pub records: u64,
    pub sum: u64,
}

const SALT: u64 = 0x0046_6972_6564_7269;

impl Fingerprint {
    #[inline]
    pub fn add(&mut self, record: Record) {
        self.records += 1;
        self.sum = self.sum.wrapping_add(record.mixed(SALT));
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
