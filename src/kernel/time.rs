//! Simulated time: unsigned integers of nanoseconds since the start of the simulation.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

use serde::{Deserialize, Serialize};

/// An instant, in nanoseconds since the start of the simulation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

/// A length of time, in nanoseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Time {
    pub const ZERO: Time = Time(0);
    pub const MAX: Time = Time(u64::MAX);

    /// The instant in milliseconds, as reports show it.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    pub const ZERO: Span = Span(0);

    pub const fn from_ns(ns: u64) -> Span {
        Span(ns)
    }

    pub const fn from_us(us: u64) -> Span {
        Span(us * 1_000)
    }

    pub const fn from_ms(ms: u64) -> Span {
        Span(ms * 1_000_000)
    }

    pub const fn from_secs(secs: u64) -> Span {
        Span(secs * 1_000_000_000)
    }

    /// The span in milliseconds, as reports show it.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The span in seconds, for rates.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// How long `bytes` take at `bytes_per_second`, rounded up; zero where no limit is set.
    pub fn of_transfer(bytes: u64, bytes_per_second: u64) -> Span {
        if bytes_per_second == 0 {
            return Span::ZERO;
        }
        let ns = (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(bytes_per_second));
        Span(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Time> for Time {
    type Output = Span;
    /// Asserts that time does not run backwards.
    fn sub(self, earlier: Time) -> Span {
        assert!(self >= earlier, "{self} is before {earlier}");
        Span(self.0 - earlier.0)
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Mul<u64> for Span {
    type Output = Span;
    fn mul(self, factor: u64) -> Span {
        Span(self.0.saturating_mul(factor))
    }
}

impl Div<u64> for Span {
    type Output = Span;
    fn div(self, divisor: u64) -> Span {
        Span(self.0 / divisor)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Span(self.0))
    }
}

impl fmt::Display for Span {
    /// The shortest of `ns`, `us`, `ms` and `s` that loses nothing a reader needs: three decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => (1e3, "us"),
            1_000_000..1_000_000_000 => (1e6, "ms"),
            _ => (1e9, "s"),
        };
        let text = format!("{:.3}", self.0 as f64 / unit);
        write!(
            f,
            "{} {name}",
            text.trim_end_matches('0').trim_end_matches('.')
        )
    }
}

/// A length of time that is drawn uniformly from `[min, max]`; `min == max` is a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanRange {
    pub min: Span,
    pub max: Span,
}

impl SpanRange {
    pub const fn constant(span: Span) -> SpanRange {
        SpanRange {
            min: span,
            max: span,
        }
    }
}
