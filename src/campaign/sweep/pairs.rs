//! Two variants on the same seeds: what the one makes of each seed, less what the other does.

use serde::Serialize;

use crate::campaign::statistics::{Estimate, estimate};

use super::measure::{MEASURES, Measure};
use super::row::Row;

/// One measure of both. Less is better for all that are compared.
#[derive(Clone, Debug, Serialize)]
pub struct Paired {
    pub measure: &'static str,
    pub unit: &'static str,
    /// Median and p99 of each; none where they are infinite.
    pub a: [Option<f64>; 2],
    pub b: [Option<f64>; 2],
    /// The median of B less A, with its interval; infinite differences count as what they are.
    pub difference: Estimate,
    pub pairs: u64,
    pub a_better: u64,
    pub b_better: u64,
    /// Where they differ most: the seed, and B less A there (null: the one of them was not over).
    pub largest_at: u64,
    pub largest: Option<f64>,
}

/// Every measure that both have in some seed and that differs in one; the total in any case.
pub fn compare(a: &[Row], b: &[Row]) -> Vec<Paired> {
    let compared = |measure: &&Measure| !matches!(measure.name, "rebalances");
    MEASURES
        .iter()
        .filter(compared)
        .filter_map(|measure| paired(measure, a, b))
        .filter(|paired| paired.measure == "total" || paired.a_better + paired.b_better > 0)
        .collect()
}

fn paired(measure: &Measure, a: &[Row], b: &[Row]) -> Option<Paired> {
    let mut differences: Vec<(f64, u64)> = Vec::new();
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    let mut by_seed: Vec<&Row> = b.iter().collect();
    by_seed.sort_by_key(|row| row.seed);
    for left in a {
        let right = by_seed
            .binary_search_by_key(&left.seed, |row| row.seed)
            .ok()?;
        let right = by_seed[right];
        let (Some(x), Some(y)) = ((measure.of)(left), (measure.of)(right)) else {
            continue;
        };
        of_a.push((x, left.seed));
        of_b.push((y, left.seed));
        // Neither was over: they are alike as far as anybody can tell.
        let both_infinite = x.is_infinite() && y.is_infinite();
        differences.push((if both_infinite { 0.0 } else { y - x }, left.seed));
    }
    let sorted = |mut sample: Vec<(f64, u64)>| {
        sample.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        sample
    };
    let differences = sorted(differences);
    let (of_a, of_b) = (sorted(of_a), sorted(of_b));
    let largest = differences
        .iter()
        .max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()).then(b.1.cmp(&a.1)))?;
    let count = |such: fn(f64) -> bool| differences.iter().filter(|(d, _)| such(*d)).count() as u64;
    let quantiles = |sample: &[(f64, u64)]| [500, 990].map(|of| estimate(sample, of).value);
    Some(Paired {
        measure: measure.name,
        unit: measure.unit.name(),
        a: quantiles(&of_a),
        b: quantiles(&of_b),
        difference: estimate(&differences, 500),
        pairs: differences.len() as u64,
        a_better: count(|difference| difference > 0.0),
        b_better: count(|difference| difference < 0.0),
        largest_at: largest.1,
        largest: Some(largest.0).filter(|largest| largest.is_finite()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::sweep::row::tests::row;

    #[test]
    fn pairs_meet_by_their_seed() {
        let a: Vec<Row> = (0..20)
            .map(|seed| row(seed, 0, seed, Some(100.0 + 50.0 * seed as f64)))
            .collect();
        let mut b: Vec<Row> = (0..20)
            .map(|seed| row(seed, 1, seed, Some(90.0 + 50.0 * seed as f64)))
            .collect();
        b[7].total_ms = Some(1_000.0);
        b.reverse();
        let found = compare(&a, &b);
        let total = &found[0];
        // The totals spread over a second, their differences not at all.
        assert_eq!(total.difference.value, Some(-10.0));
        assert_eq!(
            (total.difference.low, total.difference.high),
            (Some(-10.0), Some(-10.0))
        );
        assert_eq!((total.a_better, total.b_better, total.pairs), (1, 19, 20));
        assert_eq!((total.largest_at, total.largest), (7, Some(550.0)));
    }

    #[test]
    fn what_is_not_over_is_worse_than_anything() {
        let a = [row(0, 0, 0, None), row(1, 0, 1, None)];
        let b = [row(0, 1, 0, Some(5.0)), row(1, 1, 1, None)];
        let mut b = b;
        b[1].ending = a[1].ending;
        let total = &compare(&a, &b)[0];
        assert_eq!((total.a_better, total.b_better), (0, 1));
        assert_eq!((total.largest_at, total.largest), (0, None));
    }
}
