//! Numbers as people read them.

pub use crate::drill::number::{count, size};
use crate::drill::outcome::Recovery;

/// Stands for a value that was not measured.
pub const NONE: &str = "–";

/// A duration in milliseconds with the unit that suits it: `30 ms`, `40.4 s`, `2 min 5 s`.
pub fn duration(ms: f64) -> String {
    if !ms.is_finite() {
        return NONE.into();
    }
    let size = ms.abs();
    if size == 0.0 {
        "0 ms".into()
    } else if size < 0.1 {
        format!("{:.0} µs", ms * 1e3)
    } else if size < 9.95 {
        format!("{ms:.1} ms")
    } else if size < 999.5 {
        format!("{ms:.0} ms")
    } else if size < 119_995.0 {
        let text = format!("{:.2}", ms / 1e3);
        format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
    } else if size < 7_199_500.0 {
        two_units((ms / 1e3).round(), "min", "s")
    } else {
        two_units((ms / 60e3).round(), "h", "min")
    }
}

/// `count` of the smaller unit, sixty of which make the larger one.
fn two_units(count: f64, large: &str, small: &str) -> String {
    let (whole, rest) = ((count / 60.0).trunc(), count % 60.0);
    if rest == 0.0 {
        format!("{whole} {large}")
    } else {
        format!("{whole} {large} {} {small}", rest.abs())
    }
}

/// [`duration`], or [`NONE`].
pub fn duration_or_none(ms: Option<f64>) -> String {
    ms.map_or_else(|| NONE.into(), duration)
}

/// An instant in milliseconds, to the millisecond: `100.400 s`.
pub fn instant(ms: f64) -> String {
    if ms.is_finite() {
        format!("{:.3} s", ms / 1e3)
    } else {
        NONE.into()
    }
}

/// `1 task`, `2 tasks`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A share of one as a percentage; what is not nothing never reads as nothing.
pub fn share(part: f64) -> String {
    if !part.is_finite() {
        NONE.into()
    } else if part > 0.0 && part < 0.001 {
        "<0.1%".into()
    } else if part < 0.0995 {
        format!("{:.1}%", part * 100.0)
    } else {
        format!("{:.0}%", part * 100.0)
    }
}

/// In how many restarts, where there were several: ` in 5 restarts, 4 of them wasted`.
pub fn restarts(recovery: &Recovery) -> String {
    match (recovery.restarts, recovery.wasted()) {
        (0 | 1, _) => String::new(),
        (times, 0) => format!(" in {times} restarts"),
        (times, wasted) => format!(" in {times} restarts, {wasted} of them wasted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_unit_that_suits_them() {
        let cases = [
            (0.0, "0 ms"),
            (0.02, "20 µs"),
            (0.42, "0.4 ms"),
            (30.0, "30 ms"),
            (999.7, "1 s"),
            (40_400.0, "40.4 s"),
            (47_550.0, "47.55 s"),
            (125_000.0, "2 min 5 s"),
            (180_000.0, "3 min"),
            (7_500_000.0, "2 h 5 min"),
            (f64::NAN, NONE),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn counts_and_shares() {
        assert_eq!(counted(1, "task"), "1 task");
        assert_eq!(share(0.0), "0.0%");
        assert_eq!(share(0.0001), "<0.1%");
        assert_eq!(share(0.848), "85%");
    }
}
