//! Medians, quantiles, shares and their intervals.

use serde::Serialize;

/// The `per_mille`-th quantile of a sample, interpolated between its neighbours (type 7 of Hyndman and Fan, as numpy and R
/// have it); none of an empty sample.
pub fn quantile(sample: &[f64], per_mille: u32) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * f64::from(per_mille) / 1_000.0;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (place - place.floor()))
}

pub fn median(sample: &[f64]) -> Option<f64> {
    quantile(sample, 500)
}

/// How far a prediction is off, as a share of what was measured; none where nothing was measured.
pub fn relative_error(predicted: f64, measured: f64) -> Option<f64> {
    (measured > 0.0).then(|| (predicted - measured).abs() / measured)
}

/// A quantile of a sample with its interval: values that were measured, none of them made up in between.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// In thousandths; 1000 is the maximum.
    pub per_mille: u32,
    /// None where it is infinite.
    pub value: Option<f64>,
    /// Whose value it is: the seed to look at.
    pub seed: u64,
    /// Ends of the 95 % interval; none where the sample is too small to tell, or the end is infinite.
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// A share with its interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proportion {
    pub count: u64,
    pub of: u64,
    /// None of nothing.
    pub share: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// What the two tails of an interval may hold together.
const TAILS: f64 = 0.05;
/// The normal distribution's quantile for it.
const Z: f64 = 1.959_963_984_540_054;

/// Ranks (from 1) of the order statistics between which the quantile lies with 95 % probability, whatever the
/// distribution: of `n` values the number below the quantile is binomial. None where no value is extreme enough.
pub fn ranks(n: u64, per_mille: u32) -> (Option<u64>, Option<u64>) {
    let below = binomial(n, f64::from(per_mille) / 1_000.0);
    // Lower: the largest rank with P(B < rank) within its tail. Upper: the smallest with P(B >= rank) within the other.
    let mut tail = 0.0;
    let mut low = None;
    for (k, chance) in below.iter().enumerate() {
        tail += chance;
        if tail > TAILS / 2.0 {
            break;
        }
        low = Some(k as u64 + 1);
    }
    let mut tail = 0.0;
    let mut high = None;
    for (k, chance) in below.iter().enumerate().rev() {
        tail += chance;
        if tail > TAILS / 2.0 {
            break;
        }
        high = Some(k as u64);
    }
    (low, high.filter(|rank| *rank >= 1))
}

/// The sign test: whether fair coins would fall so one-sidedly in less than one of twenty cases.
pub fn is_no_chance(a_better: u64, b_better: u64) -> bool {
    let least = a_better.min(b_better) as usize;
    let tail: f64 = binomial(a_better + b_better, 0.5)[..=least].iter().sum();
    2.0 * tail < TAILS
}

/// Chances of 0 to `n` successes: from the likeliest outwards, so that nothing overflows, then scaled to add up to one.
fn binomial(n: u64, p: f64) -> Vec<f64> {
    let mode = ((n + 1) as f64 * p).floor().min(n as f64) as usize;
    let mut chances = vec![0.0; n as usize + 1];
    chances[mode] = 1.0;
    for k in mode..n as usize {
        chances[k + 1] = chances[k] * (n as usize - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
    }
    for k in (0..mode).rev() {
        chances[k] = chances[k + 1] * (k + 1) as f64 / (n as usize - k) as f64 * (1.0 - p) / p;
    }
    let sum: f64 = chances.iter().sum();
    chances.iter().map(|chance| chance / sum).collect()
}

/// How many values it takes until a quantile's interval has both ends.
pub fn seeds_for(per_mille: u32) -> u64 {
    let p = f64::from(per_mille.min(999)) / 1_000.0;
    let rarer = p.max(1.0 - p);
    let mut chance = 1.0;
    let mut n = 0;
    while chance > TAILS / 2.0 {
        chance *= rarer;
        n += 1;
    }
    n
}

/// The quantile of a sample of values and their seeds, sorted by value: the smallest value with at least that share of the
/// sample up to it (type 1 of Hyndman and Fan).
pub fn estimate(sorted: &[(f64, u64)], per_mille: u32) -> Estimate {
    assert!(!sorted.is_empty(), "a quantile of something");
    let n = sorted.len() as u64;
    let rank = (n * u64::from(per_mille)).div_ceil(1_000).clamp(1, n);
    let value = |rank: u64| Some(sorted[rank as usize - 1].0).filter(|value| value.is_finite());
    let (low, high) = match per_mille {
        // The largest of a sample is a bound from below for what may come, and no more.
        1_000 => (Some(n), None),
        per_mille => ranks(n, per_mille),
    };
    Estimate {
        per_mille,
        value: value(rank),
        seed: sorted[rank as usize - 1].1,
        low: low.and_then(value),
        high: high.and_then(value),
    }
}

/// A share with Wilson's interval.
pub fn proportion(count: u64, of: u64) -> Proportion {
    if of == 0 {
        return Proportion {
            count,
            of,
            share: None,
            low: None,
            high: None,
        };
    }
    let (n, share) = (of as f64, count as f64 / of as f64);
    let centre = share + Z * Z / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Proportion {
        count,
        of,
        share: Some(share),
        low: Some(((centre - reach) / scale).max(0.0)),
        high: Some(((centre + reach) / scale).min(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_of_five_may_be_chance_and_six_of_six_are_not() {
        assert!(!is_no_chance(0, 0));
        assert!(!is_no_chance(5, 0));
        assert!(is_no_chance(0, 6));
        assert!(!is_no_chance(60, 40));
        assert!(is_no_chance(61, 39));
        assert!(is_no_chance(900, 600));
    }

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        assert_eq!(quantile(&[], 500), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 50), Some(0.5));
        assert_eq!(relative_error(12.0, 10.0), Some(0.2));
        assert_eq!(relative_error(12.0, 0.0), None);
    }

    #[test]
    fn ranks_of_order_statistics_are_those_of_the_tables() {
        // Conover, Practical Nonparametric Statistics, table A3; and the usual ones for the median.
        assert_eq!(ranks(10, 500), (Some(2), Some(9)));
        assert_eq!(ranks(20, 500), (Some(6), Some(15)));
        assert_eq!(ranks(100, 500), (Some(40), Some(61)));
        assert_eq!(ranks(5, 500), (None, None));
        assert_eq!(ranks(6, 500), (Some(1), Some(6)));
        // 0.9^36 is the first power below a fortieth.
        assert_eq!(ranks(35, 900).1, None);
        assert_eq!(ranks(36, 900).1, Some(36));
        assert_eq!([500, 900, 990].map(seeds_for), [6, 36, 368]);
        assert_eq!(ranks(368, 990).1, Some(368));
        assert_eq!(ranks(367, 990).1, None);
    }

    #[test]
    fn intervals_cover_what_they_promise() {
        for (n, per_mille) in [(30, 500), (100, 900), (1_000, 990), (10_000, 500)] {
            let (low, high) = ranks(n, per_mille);
            let chances = binomial(n, f64::from(per_mille) / 1_000.0);
            let from = low.expect("the sample is large enough") as usize;
            let to = high.expect("the sample is large enough") as usize;
            let cover = |from: usize, to: usize| chances[from..to].iter().sum::<f64>();
            assert!(cover(from, to) >= 0.95, "{n} {per_mille}");
            // No narrower pair of ranks does, tail by tail.
            assert!(chances[..=from].iter().sum::<f64>() > 0.025);
            assert!(chances[to - 1..].iter().sum::<f64>() > 0.025);
        }
    }

    #[test]
    fn estimates_are_values_of_the_sample_and_say_whose() {
        let sample: Vec<(f64, u64)> = (0..100).map(|i| (f64::from(i), 1_000 + i as u64)).collect();
        let median = estimate(&sample, 500);
        assert_eq!((median.value, median.seed), (Some(49.0), 1_049));
        assert_eq!((median.low, median.high), (Some(39.0), Some(60.0)));
        let p99 = estimate(&sample, 990);
        assert_eq!((p99.value, p99.high), (Some(98.0), None));
        let max = estimate(&[(1.0, 1), (f64::INFINITY, 2)], 1_000);
        assert_eq!((max.value, max.seed), (None, 2));
    }

    #[test]
    fn shares_have_wilsons_interval() {
        let share = proportion(10, 100);
        assert_eq!(share.share, Some(0.1));
        assert!((share.low.unwrap() - 0.0552).abs() < 1e-3);
        assert!((share.high.unwrap() - 0.1744).abs() < 1e-3);
        assert_eq!(proportion(0, 10).low, Some(0.0));
        assert_eq!(proportion(0, 0).share, None);
    }
}
