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

pub const MEASURES: [Measure; 25] = [
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
    ms(ALL_RUNNING, all_running),
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

/// From the fault until all tasks run again.
pub const ALL_RUNNING: &str = "all_running";

/// How many of the first measures are the total and its phases.
pub const TOTAL_AND_PHASES: usize = 10;

/// The place of the first phase in which all tasks run.
const FIRST_OUTPUT: usize = 7;

pub fn total(row: &Row) -> Option<f64> {
    match row.ending {
        Ending::NoRecovery => None,
        _ => Some(row.total_ms.unwrap_or(f64::INFINITY)),
    }
}

/// What comes behind is output that is late, or is made up for. Who has come to neither has not come so far.
fn all_running(row: &Row) -> Option<f64> {
    let (before, behind) = row.phases_ms.split_at(FIRST_OUTPUT);
    let is_over = row.total_ms.is_some() || behind.iter().any(|ms| *ms > 0.0);
    let sum = before.iter().sum();
    (row.ending != Ending::NoRecovery).then_some(if is_over { sum } else { f64::INFINITY })
}

fn phase(row: &Row, place: usize) -> Option<f64> {
    (row.ending != Ending::NoRecovery).then_some(row.phases_ms[place])
}

/// The measure of this name.
pub fn measure(name: &str) -> Option<&'static Measure> {
    const ALL: &[Measure] = &MEASURES;
    ALL.iter().find(|measure| measure.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn all_tasks_run_before_output_is_in_time() {
        assert_eq!(Phases::ALL[FIRST_OUTPUT].0, "first_output");
        let measure = measure(ALL_RUNNING).unwrap();
        let mut late = row(0, 0, 0, Some(40_000.0));
        late.phases_ms[FIRST_OUTPUT - 1] = 500.0;
        late.phases_ms[FIRST_OUTPUT + 1] = 7_000.0;
        assert_eq!((measure.of)(&late), Some(40_500.0));
        // It runs, and is late to the end.
        late.total_ms = None;
        assert_eq!((measure.of)(&late), Some(40_500.0));
        let never = row(0, 0, 0, None);
        assert_eq!((measure.of)(&never), Some(f64::INFINITY));
    }
}
