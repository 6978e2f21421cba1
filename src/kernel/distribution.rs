//! How long something takes, or how fast it is, as a distribution: integers in, integers out, the same on every platform.

use super::random::Random;
use super::time::{Span, SpanRange};

/// What a distribution is of: counted in integers.
pub trait Quantity: Copy + Ord {
    fn from_count(count: u64) -> Self;
    fn count(self) -> u64;
}

impl Quantity for Span {
    fn from_count(count: u64) -> Span {
        Span(count)
    }

    fn count(self) -> u64 {
        self.0
    }
}

impl Quantity for u64 {
    fn from_count(count: u64) -> u64 {
        count
    }

    fn count(self) -> u64 {
        self
    }
}

/// A distribution. A draw takes exactly one random number, whatever the form, and is greater where the number is: runs
/// under two distributions share their luck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution<T = Span> {
    /// Uniform, ends included; one value where the ends are equal.
    Uniform { min: T, max: T },
    /// By four quantiles, straight between them: what a table of measurements holds.
    Quantiles { min: T, median: T, p95: T, max: T },
}

impl<T: Quantity> Distribution<T> {
    pub const fn constant(value: T) -> Distribution<T> {
        Distribution::Uniform {
            min: value,
            max: value,
        }
    }

    pub const fn between(min: T, max: T) -> Distribution<T> {
        Distribution::Uniform { min, max }
    }

    pub fn draw(&self, random: &mut impl Random) -> T {
        match *self {
            Distribution::Uniform { min, max } => {
                let range = (Span(min.count()), Span(max.count()));
                T::from_count(random.between(range.0, range.1).0)
            }
            Distribution::Quantiles {
                min,
                median,
                p95,
                max,
            } => {
                /// One, in the fixed point that the draw is made in.
                const ONE: u64 = 1 << 32;
                let at = random.below(ONE);
                let knots = [
                    (0, min.count()),
                    (ONE / 2, median.count()),
                    (ONE / 20 * 19, p95.count()),
                    (ONE, max.count()),
                ];
                let upper = knots
                    .iter()
                    .position(|(share, _)| at < *share)
                    .expect("a draw is below one");
                let ((from, low), (to, high)) = (knots[upper - 1], knots[upper]);
                let width = u128::from(high - low) * u128::from(at - from);
                T::from_count(low + (width / u128::from(to - from)) as u64)
            }
        }
    }

    /// No draw is greater.
    pub fn max(&self) -> T {
        match *self {
            Distribution::Uniform { max, .. } | Distribution::Quantiles { max, .. } => max,
        }
    }

    /// No draw is less.
    pub fn min(&self) -> T {
        match *self {
            Distribution::Uniform { min, .. } | Distribution::Quantiles { min, .. } => min,
        }
    }

    /// Half of all draws are less.
    pub fn median(&self) -> T {
        match *self {
            Distribution::Uniform { min, max } => {
                T::from_count(min.count() + (max.count() - min.count()) / 2)
            }
            Distribution::Quantiles { median, .. } => median,
        }
    }

    /// Whether it can be drawn from: no quantile is less than the one before.
    pub fn is_ordered(&self) -> bool {
        match *self {
            Distribution::Uniform { min, max } => min <= max,
            Distribution::Quantiles {
                min,
                median,
                p95,
                max,
            } => min <= median && median <= p95 && p95 <= max,
        }
    }
}

impl From<SpanRange> for Distribution {
    fn from(range: SpanRange) -> Distribution {
        Distribution::between(range.min, range.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Streams;

    #[test]
    fn draws_have_the_quantiles_that_were_given() {
        let distribution = Distribution::Quantiles {
            min: Span::from_ms(10),
            median: Span::from_ms(100),
            p95: Span::from_ms(1_000),
            max: Span::from_ms(2_000),
        };
        let mut random = Streams::new(3).small("test", "distribution");
        let mut drawn: Vec<_> = (0..200_000)
            .map(|_| distribution.draw(&mut random))
            .collect();
        drawn.sort_unstable();
        let near = |at: usize, ms: u64| {
            let expected = Span::from_ms(ms).0 as f64;
            (drawn[at].0 as f64 - expected).abs() < expected * 0.05
        };
        assert!(drawn[0] >= distribution.min() && drawn[199_999] <= distribution.max());
        assert!(near(100_000, 100) && near(190_000, 1_000));
    }

    struct Fixed(u64);

    impl Random for Fixed {
        fn next_u64(&mut self) -> u64 {
            self.0
        }
    }

    #[test]
    fn draws_grow_with_the_number_drawn() {
        let rates: [Distribution<u64>; 3] = [
            Distribution::Quantiles {
                min: 29,
                median: 398,
                p95: 1_373,
                max: u64::MAX,
            },
            Distribution::between(0, u64::MAX),
            Distribution::constant(7),
        ];
        for rate in rates {
            assert!(rate.is_ordered());
            assert_eq!(rate.draw(&mut Fixed(0)), rate.min());
            let mut before = rate.min();
            for share in 0..=1_000 {
                let drawn = rate.draw(&mut Fixed(u64::MAX / 1_000 * share));
                assert!(before <= drawn && drawn <= rate.max());
                before = drawn;
            }
        }
        assert_eq!(rates[0].draw(&mut Fixed(1 << 63)), 398);
        assert_eq!(rates[0].median(), 398);
    }

    #[test]
    fn what_runs_backwards_is_not_ordered() {
        assert!(!Distribution::between(2_u64, 1).is_ordered());
        let crossed: Distribution<u64> = Distribution::Quantiles {
            min: 1,
            median: 3,
            p95: 2,
            max: 4,
        };
        assert!(!crossed.is_ordered());
    }
}
