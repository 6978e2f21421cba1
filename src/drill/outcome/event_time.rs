//! What a run leaves of event time.

use serde::Serialize;

use super::{Quantiles, Summary};

/// How far event time came at a job's sinks.
#[derive(Clone, Debug, Serialize)]
pub struct EventTimeSummary {
    pub job: String,
    /// How far the furthest watermark was behind the clock, four times a second.
    pub watermark_lag_ms: Quantiles,
    /// The longest time in which it did not advance.
    pub longest_stall_ms: f64,
    /// Since when; null where it always advanced within a second.
    pub longest_stall_from_ms: Option<f64>,
    /// Records that reached a sink behind a watermark that was newer than they were: windows would drop them.
    pub late_records: u64,
}

impl Summary {
    /// Over all jobs with event time.
    fn worst_of_event_time(&self, of: impl Fn(&EventTimeSummary) -> Option<f64>) -> Option<f64> {
        self.event_time.iter().filter_map(of).reduce(f64::max)
    }

    pub fn watermark_lag_max_ms(&self) -> Option<f64> {
        self.worst_of_event_time(|job| job.watermark_lag_ms.max)
    }

    pub fn event_time_stall_ms(&self) -> Option<f64> {
        self.worst_of_event_time(|job| Some(job.longest_stall_ms))
    }

    pub fn late_records(&self) -> Option<f64> {
        let late = self.event_time.iter().map(|job| job.late_records);
        (!self.event_time.is_empty()).then(|| late.sum::<u64>() as f64)
    }
}
