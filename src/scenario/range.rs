//! A range of values as people write it (`5 s..60 s`, `1..8`, `64 MB..1 GB`), and the values on it.

use super::units;

/// Two ends of the same kind. Values between them are exact and read like the ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRange {
    kind: Kind,
    from: u64,
    to: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// In whole microseconds, milliseconds where both ends are.
    Duration { grain_ns: u64 },
    /// In whole bytes, kilobytes where both ends are.
    Size { grain: u64 },
    /// Whole numbers, or thousandths where an end has decimals, with what follows them (`/s`, `%`, `mb`).
    Number { unit: String, scale: u64 },
}

impl ValueRange {
    /// `5 s..60 s`; none where this is no range of values.
    pub fn parse(text: &str) -> Option<ValueRange> {
        let (from, to) = text.split_once("..")?;
        let (from, to) = (from.trim(), to.trim());
        let both = |parse: fn(&str) -> Result<u64, String>| parse(from).ok().zip(parse(to).ok());
        let whole = |(from, to): (u64, u64), grain: u64| from % grain == 0 && to % grain == 0;
        if let Some(ends) = both(units::duration) {
            let grains = [1_000_000, 1_000, 1];
            let grain_ns = grains.into_iter().find(|grain| whole(ends, *grain))?;
            let kind = Kind::Duration { grain_ns };
            return ValueRange::new(kind, ends.0 / grain_ns, ends.1 / grain_ns);
        }
        if let Some(ends) = both(units::size) {
            let grain = if whole(ends, 1_000) { 1_000 } else { 1 };
            return ValueRange::new(Kind::Size { grain }, ends.0 / grain, ends.1 / grain);
        }
        let ((first, unit), (last, other)) = (units::split(from), units::split(to));
        // `100..500/s`: the unit once is enough.
        if first.is_empty() || last.is_empty() || !(unit == other || unit.is_empty()) {
            return None;
        }
        let decimals = first.contains('.') || last.contains('.');
        let thousandths = units::thousandths(first)
            .ok()
            .zip(units::thousandths(last).ok())?;
        let (scale, divisor) = if decimals { (1_000, 1) } else { (1, 1_000) };
        let kind = Kind::Number {
            unit: other.to_owned(),
            scale,
        };
        ValueRange::new(kind, thousandths.0 / divisor, thousandths.1 / divisor)
    }

    fn new(kind: Kind, from: u64, to: u64) -> Option<ValueRange> {
        (from < to).then_some(ValueRange { kind, from, to })
    }

    /// Different values that it holds.
    pub fn values(&self) -> u64 {
        (self.to - self.from).saturating_add(1)
    }

    /// The value that lies `share` of `whole` along the way, both ends included.
    pub fn at(&self, share: u64, whole: u64) -> String {
        assert!(share <= whole && whole > 0, "a place on the range");
        let width = u128::from(self.to - self.from);
        let offset = (width * u128::from(share) + u128::from(whole) / 2) / u128::from(whole);
        self.write(self.from + offset as u64)
    }

    /// The value of the `share`-th of `whole` equal parts: each value has the same chance.
    pub fn part(&self, share: u64, whole: u64) -> String {
        assert!(share < whole, "a place on the range");
        let width = u128::from(self.to - self.from) + 1;
        let offset = width * u128::from(share) / u128::from(whole);
        self.write(self.from + offset as u64)
    }

    fn write(&self, value: u64) -> String {
        match &self.kind {
            Kind::Duration { grain_ns } => units::write_duration(value * grain_ns),
            Kind::Size { grain } => units::write_size(value * grain),
            Kind::Number { unit, scale } => {
                let number = match value % scale {
                    0 => (value / scale).to_string(),
                    rest => {
                        let text = format!("{}.{rest:03}", value / scale);
                        text.trim_end_matches('0').to_owned()
                    }
                };
                match unit.as_str() {
                    "" => number,
                    unit if unit.starts_with('/') => format!("{number}{unit}"),
                    unit => format!("{number} {unit}"),
                }
            }
        }
    }
}

/// A value as a number, for an axis: milliseconds, bytes, or the plain number; none for words.
pub fn magnitude(text: &str) -> Option<f64> {
    if let Ok(ns) = units::duration(text) {
        return Some(ns as f64 / 1e6);
    }
    if let Ok(bytes) = units::size(text) {
        return Some(bytes as f64);
    }
    let (number, _) = units::split(text);
    number.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five(text: &str) -> Vec<String> {
        let range = ValueRange::parse(text).expect(text);
        (0..5).map(|i| range.at(i, 4)).collect()
    }

    #[test]
    fn values_on_a_range_read_like_its_ends() {
        assert_eq!(
            five("10 s..20 s"),
            ["10 s", "12500 ms", "15 s", "17500 ms", "20 s"]
        );
        assert_eq!(five("1..9"), ["1", "3", "5", "7", "9"]);
        assert_eq!(five("0.5 .. 2.5"), ["0.5", "1", "1.5", "2", "2.5"]);
        assert_eq!(
            five("100/s..500/s"),
            ["100/s", "200/s", "300/s", "400/s", "500/s"]
        );
        assert_eq!(five("64 MB..1 GB")[4], "1 GB");
        assert_eq!(five("0 %..100 %")[1], "25 %");
        assert_eq!(ValueRange::parse("1..4").expect("a range").values(), 4);
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in ["5 s", "story..flink", "9..1", "1 s..2 MB", "..", "1.."] {
            assert_eq!(ValueRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn equal_parts_give_each_value_the_same_chance() {
        let range = ValueRange::parse("1..4").expect("a range");
        let drawn: Vec<String> = (0..8).map(|i| range.part(i, 8)).collect();
        assert_eq!(drawn, ["1", "1", "2", "2", "3", "3", "4", "4"]);
    }

    #[test]
    fn magnitudes_order_values_of_one_kind() {
        assert_eq!(magnitude("2 s"), Some(2_000.0));
        assert_eq!(magnitude("3"), Some(3.0));
        assert_eq!(magnitude("500/s"), Some(500.0));
        assert_eq!(magnitude("story"), None);
    }
}
