//! Scales and their ticks.

/// Maps values to pixels; values beyond the ends land on the ends.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from: f64,
    to: f64,
    pixels: (f64, f64),
    log: bool,
}

impl Scale {
    pub fn linear(from: f64, to: f64, pixels: (f64, f64)) -> Scale {
        assert!(
            from.is_finite() && to.is_finite() && from < to,
            "a scale has an extent"
        );
        Scale {
            from,
            to,
            pixels,
            log: false,
        }
    }

    /// From power of ten to power of ten.
    pub fn log(from: f64, to: f64, pixels: (f64, f64)) -> Scale {
        assert!(
            from > 0.0 && from < to && to.is_finite(),
            "a scale has an extent"
        );
        Scale {
            from: power_below(from),
            to: power_below(to * 0.999_999) * 10.0,
            pixels,
            log: true,
        }
    }

    /// Where `value` lies; what is no number lies at the start.
    pub fn at(&self, value: f64) -> f64 {
        let value = if value.is_nan() {
            self.from
        } else {
            value.clamp(self.from, self.to)
        };
        let share = if self.log {
            libm::log10(value / self.from) / libm::log10(self.to / self.from)
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    pub fn from(&self) -> f64 {
        self.from
    }

    pub fn to(&self) -> f64 {
        self.to
    }

    pub fn is_log(&self) -> bool {
        self.log
    }

    /// Round values along the scale, `about` as many of them as asked.
    pub fn ticks(&self, about: usize) -> Vec<f64> {
        if self.log {
            let powers = libm::log10(self.to / self.from).round() as i32;
            return (0..=powers).map(|i| self.from * power_of_ten(i)).collect();
        }
        let step = round_step((self.to - self.from) / about.max(1) as f64);
        let first = (self.from / step).ceil();
        let count = ((self.to - first * step) / step + 1e-9).floor().max(0.0) as u32;
        (0..=count).map(|i| (first + f64::from(i)) * step).collect()
    }
}

fn power_of_ten(exponent: i32) -> f64 {
    let power = (0..exponent.abs()).fold(1.0, |power, _| power * 10.0);
    if exponent < 0 { 1.0 / power } else { power }
}

/// The power of ten at or below `value`.
fn power_below(value: f64) -> f64 {
    power_of_ten(libm::log10(value).floor() as i32)
}

/// The next of 1, 2, 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = power_below(step);
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&s| s >= step * 0.999_999)
        .unwrap_or(step)
}

/// A round value not below `value`, for the upper end of a scale.
pub fn round_up(value: f64) -> f64 {
    let step = round_step(value / 5.0);
    (value / step).ceil() * step
}

/// In what unit a length of time in milliseconds is best read: its name and its milliseconds.
pub fn time_unit(ms: f64) -> (&'static str, f64) {
    if ms <= 2_000.0 {
        ("ms", 1.0)
    } else if ms <= 900_000.0 {
        ("s", 1e3)
    } else if ms <= 3.0 * 3_600e3 {
        ("min", 60e3)
    } else {
        ("h", 3_600e3)
    }
}

/// A tick's value with no more decimals than it needs.
pub fn label(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.abs() >= 10_000.0 && rounded.fract() == 0.0 {
        crate::report::number::count(rounded.abs() as u64)
    } else {
        rounded.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let scale = Scale::linear(0.0, 180.0, (0.0, 900.0));
        assert_eq!(
            scale.ticks(9),
            [
                0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0
            ]
        );
        let scale = Scale::linear(48.0, 133.0, (0.0, 900.0));
        assert_eq!(
            scale.ticks(9),
            [50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 120.0, 130.0]
        );
    }

    #[test]
    fn log_scales_span_whole_powers() {
        let scale = Scale::log(22.0, 46_000.0, (100.0, 0.0));
        assert_eq!(scale.ticks(0), [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0]);
        assert_eq!(scale.at(10.0), 100.0);
        assert_eq!(scale.at(0.0), 100.0);
        assert_eq!(scale.at(f64::NAN), 100.0);
        assert_eq!(scale.at(1e9), 0.0);
    }

    #[test]
    fn ends_are_rounded_up() {
        assert_eq!(round_up(41_530.0), 50_000.0);
        assert_eq!(round_up(3.0), 3.0);
        assert_eq!(label(50_000.0), "50,000");
        assert_eq!(label(0.1 + 0.2), "0.3");
    }
}
