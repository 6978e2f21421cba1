//! Quantities as people write them: `60 s`, `64 MB`, `500/s`, `1 Gbit/s`, `50 %`.
//!
//! Parsing is exact: decimal digits times the unit, in integers. Formatting gives back a text that parses to the
//! same value. Errors are half sentences without a place; the caller knows where.

mod write;

pub use write::*;

/// A unit and how many of the base unit it is.
type Units = [(&'static str, u64)];

pub const DURATION: &Units = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

pub const SIZE: &Units = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// In bits per second; eight of them are a byte.
pub const BANDWIDTH: &Units = &[
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("B/s", 8),
    ("kB/s", 8_000),
    ("KB/s", 8_000),
    ("MB/s", 8_000_000),
    ("GB/s", 8_000_000_000),
];

/// In thousandths of the whole.
const SHARE: &Units = &[("%", 10), ("‰", 1)];

/// Nanoseconds.
pub fn duration(text: &str) -> Result<u64, String> {
    quantity(text, DURATION, "a duration", "60 s")
}

/// Bytes.
pub fn size(text: &str) -> Result<u64, String> {
    quantity(text, SIZE, "a size", "64 MB")
}

/// Bytes per second.
pub fn bandwidth(text: &str) -> Result<u64, String> {
    let bits = quantity(text, BANDWIDTH, "a bandwidth", "1 Gbit/s")?;
    if bits % 8 == 0 {
        Ok(bits / 8)
    } else {
        Err(format!(
            "`{text}` is not a whole number of bytes per second"
        ))
    }
}

/// Per mille.
pub fn share(text: &str) -> Result<u32, String> {
    let per_mille = quantity(text, SHARE, "a share", "50 %")?;
    match u32::try_from(per_mille) {
        Ok(value) if value <= 1_000 => Ok(value),
        _ => Err(format!(
            "`{text}` is more than the whole; a share is at most `100 %`"
        )),
    }
}

/// Thousandths of a plain number.
pub fn thousandths(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    if !unit.is_empty() || number.is_empty() {
        return Err(not_one(text, "a plain number", "2.5"));
    }
    exact(number, 1_000, text)
}

/// Records per second.
pub fn rate(text: &str) -> Result<f64, String> {
    let refuse = || not_one(text, "a rate", "500/s");
    let (number, per) = text.split_once('/').ok_or_else(refuse)?;
    let seconds = match per.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        _ => {
            return Err(format!(
                "`{text}` has no known unit of a rate; known are `/s`, `/min`, `/h`"
            ));
        }
    };
    let number = number.trim();
    if number.starts_with('-') {
        return Err(format!(
            "`{text}` is negative; a rate is zero or more, like `500/s`"
        ));
    }
    let digits = number.replace([',', '_'], "");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(refuse());
    }
    let value: f64 = digits.parse().map_err(|_| refuse())?;
    if value > 1e9 {
        return Err(format!("`{text}` is more than a thousand million records"));
    }
    Ok(value / seconds)
}

/// The two ends of `a .. b`, or one text twice.
pub fn ends(text: &str) -> (&str, &str) {
    match text.split_once("..") {
        Some((from, to)) => (from.trim(), to.trim()),
        None => (text.trim(), text.trim()),
    }
}

fn quantity(text: &str, units: &Units, what: &str, example: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    if number.is_empty() {
        return Err(not_one(text, what, example));
    }
    if number.starts_with('-') {
        return Err(format!(
            "`{text}` is negative; this needs {what} like `{example}`"
        ));
    }
    if unit.is_empty() && number != "0" {
        return Err(format!(
            "`{text}` has no unit; this needs {what} like `{example}`"
        ));
    }
    let factor = match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => {
            let known: Vec<&str> = units
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| name.is_ascii())
                .collect();
            let known = super::near::quoted(&known);
            return Err(format!(
                "`{unit}` is no unit of {what}; known are {known}, as in `{example}`"
            ));
        }
    };
    exact(number, factor, text)
}

fn not_one(text: &str, what: &str, example: &str) -> String {
    format!("`{}` is not {what}; write it like `{example}`", short(text))
}

/// Nobody reads a message that quotes a page.
pub fn short(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    let head: String = text.chars().take(57).collect();
    format!("{head}...")
}

/// The number in front and what follows it.
pub fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || *c == '_' || (*at == 0 && *c == '-')))
        .map_or(text.len(), |(at, _)| at);
    let (number, unit) = text.split_at(end);
    if number.bytes().any(|b| b.is_ascii_digit()) {
        (number, unit.trim())
    } else {
        ("", text)
    }
}

/// `number` times `factor`, if that is a whole number that fits.
fn exact(number: &str, factor: u64, text: &str) -> Result<u64, String> {
    if number.starts_with('-') {
        return Err(format!("`{text}` is negative"));
    }
    let digits = number.replace('_', "");
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    let part = part.trim_end_matches('0');
    let too_large = || format!("`{}` is too large", short(text));
    if part.contains('.') {
        return Err(format!("`{}` has two decimal points", short(text)));
    }
    if whole.len() > 20 || part.len() > 12 {
        return Err(format!("`{}` has more digits than make sense", short(text)));
    }
    let parse = |s: &str| {
        if s.is_empty() {
            Some(0)
        } else {
            s.parse::<u128>().ok()
        }
    };
    let scale = 10_u128.pow(u32::try_from(part.len()).unwrap_or(0));
    let value = parse(whole)
        .zip(parse(part))
        .and_then(|(whole, part)| {
            whole
                .checked_mul(scale)?
                .checked_add(part)?
                .checked_mul(u128::from(factor))
        })
        .ok_or_else(too_large)?;
    if value % scale != 0 {
        return Err(format!("`{text}` is finer than this can be"));
    }
    u64::try_from(value / scale).map_err(|_| too_large())
}
