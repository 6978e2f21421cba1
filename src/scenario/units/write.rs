//! Quantities as text that parses to the same value.

use super::Units;

/// A duration with the largest unit that keeps it whole.
pub fn write_duration(ns: u64) -> String {
    if ns == 0 {
        return "0 s".to_owned();
    }
    // Minutes and hours only where they are round: `90 s` is what people write.
    write(
        ns,
        &[
            ("ns", 1),
            ("us", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
        ],
    )
}

pub fn write_size(bytes: u64) -> String {
    write(
        bytes,
        &[
            ("B", 1),
            ("KB", 1_000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
        ],
    )
}

pub fn write_bandwidth(bytes_per_s: u64) -> String {
    write(
        bytes_per_s,
        &[("B/s", 1), ("kB/s", 1_000), ("MB/s", 1_000_000)],
    )
}

fn write(value: u64, units: &Units) -> String {
    let (name, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| value != 0 && value.is_multiple_of(*factor))
        .copied()
        .unwrap_or((units[0].0, 1));
    format!("{} {name}", value / factor)
}

/// A decimal number from thousandths.
pub fn write_thousandths(value: u64) -> String {
    let text = format!("{}.{:03}", value / 1_000, value % 1_000);
    let text = text.trim_end_matches('0');
    if text.ends_with('.') {
        format!("{text}0")
    } else {
        text.to_owned()
    }
}

pub fn write_share(per_mille: u32) -> String {
    let text = write_thousandths(u64::from(per_mille) * 100);
    format!("{} %", text.trim_end_matches(".0"))
}
