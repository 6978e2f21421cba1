//! How many different keys a number of records touches, where each key is as likely as any other.

/// The expected number of different keys among `draws` records. Whole numbers throughout: a power by repeated squaring in
/// units of 2^-63.
pub fn distinct_keys(keys: u64, draws: u64) -> u64 {
    if keys == 0 {
        return 0;
    }
    const ONE: u128 = 1 << 63;
    let mut untouched = ONE;
    let mut factor = ONE - ONE / u128::from(keys);
    let mut left = draws;
    while left > 0 && untouched > 0 {
        if left & 1 == 1 {
            untouched = (untouched * factor) >> 63;
        }
        factor = (factor * factor) >> 63;
        left >>= 1;
    }
    keys - ((u128::from(keys) * untouched + ONE / 2) >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_draws_touch_as_many_keys_and_many_touch_all() {
        assert_eq!(distinct_keys(0, 5), 0);
        assert_eq!(distinct_keys(1, 0), 0);
        assert_eq!(distinct_keys(1, 1), 1);
        assert_eq!(distinct_keys(1_000_000, 10), 10);
        // 1 - 1/e of them.
        assert_eq!(distinct_keys(10_000, 10_000), 6_321);
        assert_eq!(distinct_keys(10_000, u64::MAX), 10_000);
    }
}
