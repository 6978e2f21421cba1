//! Which of a producer's requests have been appended: retries overtake each other, since partitions get their leaders back one by one.

use std::collections::BTreeSet;

/// Numbers from 1 on.
#[derive(Clone, Debug, Default)]
pub struct Sequences {
    /// All up to this one.
    up_to: u64,
    /// And these.
    beyond: BTreeSet<u64>,
}

impl Sequences {
    /// True: it is new.
    pub fn insert(&mut self, sequence: u64) -> bool {
        if sequence <= self.up_to || !self.beyond.insert(sequence) {
            return false;
        }
        while self.beyond.remove(&(self.up_to + 1)) {
            self.up_to += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_once_in_whatever_order() {
        let mut sequences = Sequences::default();
        let new = [3, 1, 3, 1, 2, 2, 3, 5, 4, 5].map(|number| sequences.insert(number));
        let expected = [
            true, true, false, false, true, false, false, true, true, false,
        ];
        assert_eq!(new, expected);
        assert_eq!((sequences.up_to, sequences.beyond.len()), (5, 0));
    }
}
