//! Quantiles of microseconds without keeping them: buckets that grow with the value, each within a thousandth of it.
//!
//! `hdrhistogram` lays its buckets out alike, but spends 70 instructions on a value, and resets and adds all of its
//! range; a run records every record twice, and knows a whole batch of them at a time.

/// Values below `2 * LINEAR` have a bucket each; above, every power of two has `LINEAR` buckets.
const LINEAR: u64 = 1 << LINEAR_BITS;
const LINEAR_BITS: u32 = 10;

#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// By bucket; as long as the largest value so far asks for.
    counts: Vec<u64>,
    /// No bucket before it has anything.
    lowest: usize,
    count: u64,
    max: u64,
}

#[inline]
fn bucket(value: u64) -> usize {
    let shift = (value | 1).ilog2().saturating_sub(LINEAR_BITS);
    (u64::from(shift) * LINEAR + (value >> shift)) as usize
}

/// The largest value of a bucket.
fn value(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / LINEAR).saturating_sub(1);
    ((bucket - shift * LINEAR) << shift) | ((1 << shift) - 1)
}

impl Histogram {
    pub fn record(&mut self, value: u64) {
        self.record_all(std::iter::once(value));
    }

    /// Records many values; the largest of them, 0 if there are none.
    #[inline]
    pub fn record_all(&mut self, values: impl Iterator<Item = u64>) -> u64 {
        let (mut count, mut min, mut max) = (0, u64::MAX, 0);
        values.for_each(|value| {
            let bucket = bucket(value);
            match self.counts.get_mut(bucket) {
                Some(count) => *count += 1,
                None => self.grow(bucket),
            }
            count += 1;
            min = min.min(value);
            max = max.max(value);
        });
        if count > 0 && (self.count == 0 || bucket(min) < self.lowest) {
            self.lowest = bucket(min);
        }
        self.count += count;
        self.max = self.max.max(max);
        max
    }

    #[cold]
    fn grow(&mut self, bucket: usize) {
        self.counts.resize(bucket + 1, 0);
        self.counts[bucket] = 1;
    }

    /// Moves everything into another histogram.
    pub fn drain_into(&mut self, other: &mut Histogram) {
        if other.counts.len() < self.counts.len() {
            other.counts.resize(self.counts.len(), 0);
        }
        if other.is_empty() || (!self.is_empty() && self.lowest < other.lowest) {
            other.lowest = self.lowest;
        }
        if !self.is_empty() {
            let used = self.lowest..bucket(self.max) + 1;
            let counts = self.counts[used.clone()].iter_mut();
            for (count, all) in counts.zip(&mut other.counts[used]) {
                *all += std::mem::take(count);
            }
        }
        other.count += std::mem::take(&mut self.count);
        other.max = other.max.max(std::mem::take(&mut self.max));
    }

    pub fn len(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that `per_mille` of all values do not exceed; 0 if there are none.
    pub fn at_per_mille(&self, per_mille: u64) -> u64 {
        let wanted = (self.count * per_mille).div_ceil(1000).max(1);
        let mut passed = 0;
        for (bucket, count) in self.counts.iter().enumerate().skip(self.lowest) {
            passed += count;
            if passed >= wanted {
                return value(bucket).min(self.max);
            }
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_are_narrow() {
        let mut next = 0;
        for at in 0..30 * LINEAR as usize {
            let last = value(at);
            assert_eq!((bucket(next), bucket(last)), (at, at));
            assert!(last - next <= next / LINEAR);
            next = last + 1;
        }
        assert!(value(bucket(u64::MAX - 1)) >= u64::MAX - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let mut histogram = Histogram::default();
        let mut seconds = Histogram::default();
        let mut values: Vec<u64> = (1..=5_000).map(|n| n * n * 37 % 1_000_003).collect();
        for value in &values {
            match value % 3 {
                0 => seconds.record(*value),
                1 => assert_eq!(seconds.record_all([*value].into_iter()), *value),
                _ => {
                    assert_eq!(seconds.record_all([].into_iter()), 0);
                    seconds.record(*value);
                }
            }
            if value % 7 == 0 {
                seconds.drain_into(&mut histogram);
                assert!(seconds.is_empty() && seconds.at_per_mille(500) == 0);
            }
        }
        seconds.drain_into(&mut histogram);
        values.sort_unstable();
        assert_eq!((histogram.len(), histogram.max()), (5_000, values[4_999]));
        for per_mille in [1, 500, 900, 990, 1000] {
            let exact = values[(values.len() * per_mille as usize).div_ceil(1000) - 1];
            let found = histogram.at_per_mille(per_mille);
            assert!(
                (exact..=exact + exact / LINEAR).contains(&found),
                "{per_mille}: {found} for {exact}"
            );
        }
    }
}
