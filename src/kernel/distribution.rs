//! How long something takes, as a distribution: integers in, integers out, the same on every platform.

use super::random::Random;
use super::time::{Span, SpanRange};

/// A distribution of spans. A draw takes exactly one random number, whatever the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Uniform, ends included; one value where the ends are equal.
    Uniform(SpanRange),
    /// By four quantiles, straight between them: what a table of measurements holds.
    Quantiles {
        min: Span,
        median: Span,
        p95: Span,
        max: Span,
    },
}

impl Distribution {
    pub const fn constant(span: Span) -> Distribution {
        Distribution::Uniform(SpanRange {
            min: span,
            max: span,
        })
    }

    pub const fn between(min: Span, max: Span) -> Distribution {
        Distribution::Uniform(SpanRange { min, max })
    }

    pub fn draw(&self, random: &mut impl Random) -> Span {
        match self {
            Distribution::Uniform(range) => random.between(range.min, range.max),
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
                    (0, *min),
                    (ONE / 2, *median),
                    (ONE / 20 * 19, *p95),
                    (ONE, *max),
                ];
                let upper = knots
                    .iter()
                    .position(|(share, _)| at < *share)
                    .expect("a draw is below one");
                let ((from, low), (to, high)) = (knots[upper - 1], knots[upper]);
                let width = u128::from((high - low).0) * u128::from(at - from);
                low + Span((width / u128::from(to - from)) as u64)
            }
        }
    }

    /// No draw is longer.
    pub fn max(&self) -> Span {
        match self {
            Distribution::Uniform(range) => range.max,
            Distribution::Quantiles { max, .. } => *max,
        }
    }

    /// No draw is shorter.
    pub fn min(&self) -> Span {
        match self {
            Distribution::Uniform(range) => range.min,
            Distribution::Quantiles { min, .. } => *min,
        }
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
        let mut drawn: Vec<_> = (0..20_000)
            .map(|_| distribution.draw(&mut random))
            .collect();
        drawn.sort_unstable();
        let near = |at: usize, ms: u64| {
            let expected = Span::from_ms(ms).0 as f64;
            (drawn[at].0 as f64 - expected).abs() < expected * 0.05
        };
        assert!(drawn[0] >= distribution.min() && drawn[19_999] <= distribution.max());
        assert!(near(10_000, 100) && near(19_000, 1_000));
    }
}
