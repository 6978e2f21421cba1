//! Counts and sizes as people read them.

/// A count with its thousands apart: `849,211`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that suits them: `36.3 MB`.
pub fn size(bytes: u64) -> String {
    match [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
        .iter()
        .find(|(_, unit)| bytes as f64 >= *unit)
    {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn sizes_take_the_unit_that_suits_them() {
        assert_eq!(
            [0, 999, 1_000, 36_340_000, 2_500_000_000].map(size),
            ["0 bytes", "999 bytes", "1.0 kB", "36.3 MB", "2.5 GB"]
        );
    }
}
