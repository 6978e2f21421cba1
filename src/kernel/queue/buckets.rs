//! Entries that are not due soon, unsorted, in buckets by time.

use super::key::Key;
use crate::kernel::time::Time;

const LEVELS: usize = 8;
const DIGITS: usize = 256;

/// A bucket keeps its memory when it is emptied, unless it holds more entries than this.
const KEPT_MAX: usize = 64;

/// A time's level is the highest byte in which it differs from the origin, its digit that byte;
/// a bucket holds one level and digit. So the lowest bucket of the lowest level in use holds the
/// first entries, and none of them is lost from sight as the origin moves up to that bucket.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// No entry is before it.
    origin: u64,
    buckets: Box<[Vec<Key>]>,
    /// A bit for each level in use, and for each digit in use there.
    levels: u32,
    digits: [[u64; DIGITS / 64]; LEVELS],
    len: usize,
}

/// Apart, to keep the common case short.
#[cold]
#[inline(never)]
fn grow(bucket: &mut Vec<Key>, key: Key) {
    bucket.push(key);
}

/// A bucket, by its place among the buckets.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    level: usize,
    digit: usize,
}

impl Place {
    #[inline]
    fn index(self) -> usize {
        self.level * DIGITS + self.digit
    }

    /// How far the digit is shifted in a time.
    #[inline]
    fn shift(self) -> usize {
        self.level * 8
    }
}

impl Buckets {
    pub fn new() -> Buckets {
        Buckets {
            origin: 0,
            buckets: vec![Vec::new(); LEVELS * DIGITS].into_boxed_slice(),
            levels: 0,
            digits: [[0; DIGITS / 64]; LEVELS],
            len: 0,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The earliest time that may be pushed.
    pub fn origin(&self) -> Time {
        Time(self.origin)
    }

    /// Moves the origin of empty buckets.
    pub fn set_origin(&mut self, origin: Time) {
        assert!(
            self.len == 0,
            "entries lie in their buckets by the old origin"
        );
        self.origin = origin.0;
    }

    #[inline]
    pub fn push(&mut self, key: Key) {
        self.len += 1;
        self.place(key);
    }

    #[inline]
    fn place(&mut self, key: Key) {
        let time = key.time().0;
        assert!(time >= self.origin, "an entry before all buckets");
        let level = ((time ^ self.origin) | 1).ilog2() as usize / 8;
        let digit = (time >> (level * 8)) as usize % DIGITS;
        self.levels |= 1 << level;
        self.digits[level][digit / 64] |= 1 << (digit % 64);
        let bucket = &mut self.buckets[level * DIGITS + digit];
        if bucket.len() < bucket.capacity() {
            bucket.push(key);
        } else {
            grow(bucket, key);
        }
    }

    /// The bucket with the first entries.
    #[inline]
    pub fn first(&mut self) -> Option<Place> {
        while self.levels != 0 {
            let level = self.levels.trailing_zeros() as usize;
            if let Some(place) = self.digit_from(level, 0) {
                return Some(place);
            }
            self.levels &= self.levels - 1;
        }
        None
    }

    /// The next bucket of the same level.
    #[inline]
    pub fn after(&self, place: Place) -> Option<Place> {
        self.digit_from(place.level, place.digit + 1)
    }

    #[inline]
    fn digit_from(&self, level: usize, digit: usize) -> Option<Place> {
        let words = &self.digits[level];
        let mut word = digit / 64;
        let mut bits = words.get(word)? & (u64::MAX << (digit % 64));
        while bits == 0 {
            word += 1;
            bits = *words.get(word)?;
        }
        Some(Place {
            level,
            digit: word * 64 + bits.trailing_zeros() as usize,
        })
    }

    /// How many entries a bucket holds.
    #[inline]
    pub fn count(&self, place: Place) -> usize {
        self.buckets[place.index()].len()
    }

    /// The first instant that belongs to a bucket.
    #[inline]
    pub fn start(&self, place: Place) -> Time {
        // Shifted in two steps: the highest level would shift by all 64 bits.
        let above = self.origin >> place.shift() >> 8 << 8;
        Time((above | place.digit as u64) << place.shift())
    }

    /// The last instant that belongs to a bucket.
    #[inline]
    pub fn end(&self, place: Place) -> Time {
        Time(self.start(place).0 | ((1 << place.shift()) - 1))
    }

    /// Whether a bucket cannot be spread any further: its entries have one time.
    #[inline]
    pub fn is_instant(&self, place: Place) -> bool {
        place.level == 0
    }

    /// Makes the first bucket's start the origin.
    #[inline]
    pub fn advance_to(&mut self, first: Place) {
        self.origin = self.start(first).0;
    }

    /// Moves a bucket's entries to the end of `to`.
    #[inline]
    pub fn take(&mut self, place: Place, to: &mut Vec<Key>) {
        let bucket = &mut self.buckets[place.index()];
        self.len -= bucket.len();
        if let [only] = bucket[..] {
            to.push(only);
            bucket.clear();
        } else {
            to.append(bucket);
        }
        self.digits[place.level][place.digit / 64] &= !(1 << (place.digit % 64));
    }

    /// Spreads the first bucket, where the origin is now, over finer ones.
    pub fn spread(&mut self, first: Place) {
        let mut bucket = std::mem::take(&mut self.buckets[first.index()]);
        self.digits[first.level][first.digit / 64] &= !(1 << (first.digit % 64));
        for key in &bucket {
            self.place(*key);
        }
        if bucket.capacity() <= KEPT_MAX {
            bucket.clear();
            self.buckets[first.index()] = bucket;
        }
    }

    /// Drops every entry for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(Key) -> bool) {
        self.len = 0;
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            let (level, digit) = (index / DIGITS, index % DIGITS);
            bucket.retain(|key| keep(*key));
            self.len += bucket.len();
            if bucket.is_empty() {
                self.digits[level][digit / 64] &= !(1 << (digit % 64));
            }
        }
    }
}
