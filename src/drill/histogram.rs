//! Quantiles of microseconds without keeping them: buckets that grow with the value, each within a thousandth of it.
//!
//! `hdrhistogram` lays its buckets out alike, but spends 70 instructions on a value, and resets and adds all of its
//! range; a run records every record twice, and knows a whole batch of them at a time.

/// Values below `2 * LINEAR` have a bucket each; above, every power of two has `LINEAR` buckets.
const LINEAR: u64 = 1 << LINEAR_BITS;
const LINEAR_BITS: u32 = 10;

/// Of so many buckets that follow each other: how many values each has.
type Row = [u64; ROW];
const ROW: usize = LINEAR as usize;

#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// By bucket, in rows that are made when their first value comes: nothing moves as values grow, and what lies between
    /// small ones and large ones takes no memory.
    rows: Vec<Option<Box<Row>>>,
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
            match self.rows.get_mut(bucket / ROW) {
                Some(Some(row)) => row[bucket % ROW] += 1,
                _ => self.make_row(bucket / ROW)[bucket % ROW] += 1,
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
    fn make_row(&mut self, number: usize) -> &mut Row {
        if number >= self.rows.len() {
            self.rows.resize(number + 1, None);
        }
        self.rows[number].get_or_insert_with(|| Box::new([0; ROW]))
    }

    /// Moves everything into another histogram.
    pub fn drain_into(&mut self, other: &mut Histogram) {
        if other.is_empty() || (!self.is_empty() && self.lowest < other.lowest) {
            other.lowest = self.lowest;
        }
        if !self.is_empty() {
            let used = self.lowest / ROW..bucket(self.max) / ROW + 1;
            for (number, row) in used.clone().zip(&mut self.rows[used]) {
                let Some(row) = row else { continue };
                for (count, all) in row.iter_mut().zip(other.make_row(number)) {
                    *all += std::mem::take(count);
                }
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
        for (number, row) in self.rows.iter().enumerate().skip(self.lowest / ROW) {
            for (column, count) in row.iter().flat_map(|row| row.iter()).enumerate() {
                passed += count;
                if passed >= wanted {
                    return value(number * ROW + column).min(self.max);
                }
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
