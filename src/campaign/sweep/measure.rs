//! What a sweep's summaries speak of: one number of a row each.

use super::row::{Ending, Row};
use crate::drill::outcome::Phases;

/// A quantity of a run.
pub struct Measure {
    /// As in the table's header, without its unit.
    pub name: &'static str,
    pub unit: Unit,
    /// Infinite where it was not over; none where the run has no such thing.
    pub of: fn(&Row) -> Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Ms,
    Count,
    /// Of one.
    Share,
    Bytes,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Ms => "ms",
            Unit::Count => "",
            Unit::Share => "share",
            Unit::Bytes => "bytes",
        }
    }
}

const fn ms(name: &'static str, of: fn(&Row) -> Option<f64>) -> Measure {
    Measure {
        name,
        unit: Unit::Ms,
        of,
    }
}

const fn count(name: &'static str, of: fn(&Row) -> Option<f64>) -> Measure {
    Measure {
        name,
        unit: Unit::Count,
        of,
    }
}

const fn share(name: &'static str, of: fn(&Row) -> Option<f64>) -> Measure {
    Measure {
        name,
        unit: Unit::Share,
        of,
    }
}

macro_rules! phase {
    ($place:literal) => {
        ms(Phases::ALL[$place].0, |row| phase(row, $place))
    };
}

pub const MEASURES: [Measure; 24] = [
    ms("total", total),
    phase!(0),
    phase!(1),
    phase!(2),
    phase!(3),
    phase!(4),
    phase!(5),
    phase!(6),
    phase!(7),
    phase!(8),
    count("restarts", |row| Some(row.restarts as f64)),
    count("replayed_records", |row| Some(row.replayed_records as f64)),
    count("reprocessed_records", |row| {
        Some(row.reprocessed_records as f64)
    }),
    Measure {
        name: "in_flight_log_max_bytes",
        unit: Unit::Bytes,
        of: |row| Some(row.in_flight_log_max_bytes as f64),
    },
    share("delayed_share", |row| row.delayed_share),
    share("others_delayed_share", |row| row.others_delayed_share),
    ms("others_max", |row| row.others_max_ms),
    ms("latency_p50", |row| row.latency_p50_ms),
    ms("latency_p99", |row| row.latency_p99_ms),
    ms("latency_max", |row| row.latency_max_ms),
    count("checkpoints_failed", |row| {
        Some(row.checkpoints_failed as f64)
    }),
    ms("checkpoint", |row| row.checkpoint_p50_ms),
    share("checkpoint_overhead", |row| row.checkpoint_overhead),
    count("rebalances", |row| Some(row.rebalances as f64)),
];

/// How many of the first measures are the total and its phases.
pub const TOTAL_AND_PHASES: usize = 10;

pub fn total(row: &Row) -> Option<f64> {
    match row.ending {
        Ending::NoRecovery => None,
        _ => Some(row.total_ms.unwrap_or(f64::INFINITY)),
    }
}

fn phase(row: &Row, place: usize) -> Option<f64> {
    (row.ending != Ending::NoRecovery).then_some(row.phases_ms[place])
}

/// The measure of this name.
pub fn measure(name: &str) -> Option<&'static Measure> {
    const ALL: &[Measure] = &MEASURES;
    ALL.iter().find(|measure| measure.name == name)
}
