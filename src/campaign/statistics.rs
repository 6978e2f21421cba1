//! Medians, quantiles and errors of small samples.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        assert_eq!(quantile(&[], 500), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 50), Some(0.5));
        assert_eq!(relative_error(12.0, 10.0), Some(0.2));
        assert_eq!(relative_error(12.0, 0.0), None);
    }
}
