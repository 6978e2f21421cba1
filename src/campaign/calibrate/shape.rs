//! A distribution's quantiles, and the same shape on another scale.

use crate::kernel::{Distribution, Span};

/// A quantile of a distribution.
pub fn at(distribution: Distribution, share: f64) -> Span {
    let (min, max) = (distribution.min().0 as f64, distribution.max().0 as f64);
    let knots = match distribution {
        Distribution::Uniform { .. } => vec![(0.0, min), (1.0, max)],
        Distribution::Quantiles { median, p95, .. } => vec![
            (0.0, min),
            (0.5, median.0 as f64),
            (0.95, p95.0 as f64),
            (1.0, max),
        ],
    };
    let upper = knots.iter().position(|(at, _)| share <= *at);
    let upper = upper.unwrap_or(knots.len() - 1).max(1);
    let ((from, low), (to, high)) = (knots[upper - 1], knots[upper]);
    Span((low + (high - low) * (share - from) / (to - from)) as u64)
}

/// Every value times a factor.
pub fn scaled(distribution: Distribution, factor: f64) -> Distribution {
    let times = |span: Span| Span::from_us((span.as_ms() * factor * 1e3).round() as u64);
    match distribution {
        Distribution::Uniform { min, max } => Distribution::Uniform {
            min: times(min),
            max: times(max),
        },
        Distribution::Quantiles {
            min,
            median,
            p95,
            max,
        } => Distribution::Quantiles {
            min: times(min),
            median: times(median),
            p95: times(p95),
            max: times(max),
        },
    }
}
