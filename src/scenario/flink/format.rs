//! Flink's own formats of values: `10 s`, `500ms`, `PT10S`, a bare number of milliseconds; `32 kb`, `1g`.

use crate::kernel::time::Span;
use crate::scenario::near::quoted;
use crate::scenario::units::{short, split, thousandths, write_duration, write_thousandths};

const YEAR_MS: u64 = 365 * 86_400_000;

/// A duration as `TimeUtils.parseDuration` reads it.
pub fn duration(text: &str) -> Result<Span, String> {
    let refuse = || {
        format!(
            "`{}` is not a duration; Flink writes `10 s`, `500ms`, `PT10S` or a number of milliseconds",
            short(text)
        )
    };
    let trimmed = text.trim();
    if trimmed.starts_with(['P', 'p']) {
        return iso(trimmed).ok_or_else(refuse);
    }
    let (number, unit) = split(trimmed);
    if number.starts_with('-') {
        return Err(format!(
            "`{}` is negative; a duration is zero or more",
            short(text)
        ));
    }
    let number: u64 = number.parse().map_err(|_| refuse())?;
    let ns: u64 = match unit.to_lowercase().as_str() {
        "ns" | "nano" | "nanosecond" | "nanoseconds" | "nanos" => 1,
        "us" | "µs" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        _ => {
            return Err(format!(
                "`{}` is no unit of a Flink duration; known are `ms`, `s`, `min`, `h`, `d`, as in `10 s`",
                short(unit)
            ));
        }
    };
    number
        .checked_mul(ns)
        .filter(|ns| *ns <= YEAR_MS * 1_000_000)
        .map(Span)
        .ok_or_else(|| format!("`{}` is more than a year", short(text)))
}

/// ISO 8601, `P1DT2H3M4.5S`.
fn iso(text: &str) -> Option<Span> {
    let upper = text.to_uppercase();
    let (days, time) = upper
        .strip_prefix('P')?
        .split_once('T')
        .unwrap_or((&upper[1..], ""));
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    if !days.is_empty() {
        total = days
            .strip_suffix('D')?
            .parse::<u64>()
            .ok()?
            .checked_mul(86_400_000_000_000)?;
    }
    let mut rest = time;
    for (letter, ns) in [('H', 3_600_000_000_000_u64), ('M', 60_000_000_000)] {
        if let Some((number, after)) = rest.split_once(letter) {
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(ns)?)?;
            rest = after;
        }
    }
    if !rest.is_empty() {
        let seconds = rest.strip_suffix('S')?;
        if !seconds.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        total =
            total.checked_add(crate::scenario::units::duration(&format!("{seconds} s")).ok()?)?;
    }
    (total <= YEAR_MS * 1_000_000).then_some(Span(total))
}

pub fn write_span(span: Span) -> String {
    match span.0 {
        0 => "0 ms".to_owned(),
        ns => write_duration(ns),
    }
}

/// A size as `MemorySize.parse` reads it: every unit is binary, and a bare number is bytes.
pub fn memory(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| {
        format!(
            "`{}` is not a size of memory; Flink writes `32 kb`, `256 mb` or `1g`",
            short(text)
        )
    })?;
    let shift = match unit.to_lowercase().as_str() {
        "" | "b" | "bytes" => 0,
        "k" | "kb" | "kibibytes" => 10,
        "m" | "mb" | "mebibytes" => 20,
        "g" | "gb" | "gibibytes" => 30,
        "t" | "tb" | "tebibytes" => 40,
        _ => {
            return Err(format!(
                "`{}` is no unit of memory; Flink knows `b`, `kb`, `mb`, `gb`, `tb`, as in `32 kb`",
                short(unit)
            ));
        }
    };
    number
        .checked_mul(1 << shift)
        .filter(|bytes| *bytes <= 1 << 50)
        .ok_or_else(|| format!("`{}` is too large", short(text)))
}

pub fn write_memory(bytes: u64) -> String {
    for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

/// A whole number within bounds.
pub fn count(text: &str, min: u32, max: u32) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(format!(
            "`{}` is not a whole number from {min} to {max}",
            short(text)
        )),
    }
}

/// A duration of at least so many milliseconds.
pub fn at_least(text: &str, ms: u64) -> Result<Span, String> {
    let span = duration(text)?;
    if span < Span::from_ms(ms) {
        Err(format!("`{text}` is too short; this is at least {ms} ms"))
    } else {
        Ok(span)
    }
}

/// A duration, or a negative one, which Flink takes for none.
pub fn or_for_ever(text: &str) -> Result<Option<Span>, String> {
    let number = text.trim();
    match number.strip_prefix('-') {
        Some(number) => duration(number).map(|_| None),
        None => duration(number).map(Some),
    }
}

/// A number of seconds without a unit.
pub fn seconds(text: &str) -> Result<Span, String> {
    let seconds = count(text, 1, 1_000_000)?;
    Ok(Span::from_secs(u64::from(seconds)))
}

/// A decimal number, in thousandths.
pub fn per_mille(text: &str, min: u32, max: u32) -> Result<u32, String> {
    let value = thousandths(text)?;
    match u32::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(format!(
            "`{}` is not a number from {} to {}",
            short(text),
            write_thousandths(u64::from(min)),
            write_thousandths(u64::from(max))
        )),
    }
}

pub fn write_per_mille(value: u32) -> Option<String> {
    Some(write_thousandths(u64::from(value)))
}

pub fn boolean(text: &str) -> Result<bool, String> {
    choice(text, &[("true", true), ("false", false)])
}

/// One of a few names, in any case, as Flink reads its enums.
pub fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let wanted = text.trim();
    let found = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("`{}` is none of {}", short(text), quoted(&names))
    })
}

/// Flink's `MemoryManager.MIN_PAGE_SIZE`, and its demand for powers of two.
pub fn segment(text: &str) -> Result<u64, String> {
    let bytes = memory(text)?;
    if bytes.is_power_of_two() && (4 << 10..=64 << 20).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!(
        "`{text}` is no segment size; it is a power of two from 4 kb to 64 mb, like `32 kb`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_flink_writes_them() {
        for (text, ms) in [
            ("10 s", 10_000),
            ("500ms", 500),
            ("PT10S", 10_000),
            ("1500", 1_500),
            ("2 min", 120_000),
            ("PT1H30M", 5_400_000),
            ("P1D", 86_400_000),
            ("PT0.5S", 500),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Span::from_ms(ms)), "{text}");
        }
        for text in [
            "",
            "s",
            "10 parsecs",
            "PT",
            "P",
            "PTS",
            "PT-1S",
            "-1 s",
            "1.5 s",
            "99999999999 d",
            "P1H",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_as_flink_writes_it() {
        for (text, bytes) in [
            ("32 kb", 32 << 10),
            ("1g", 1 << 30),
            ("128m", 128 << 20),
            ("100", 100),
            ("7 bytes", 7),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
            assert_eq!(memory(&write_memory(bytes)), Ok(bytes));
        }
        for text in ["", "kb", "-1 kb", "1 parsec", "99999999999 tb"] {
            assert!(memory(text).is_err(), "{text}");
        }
    }
}
