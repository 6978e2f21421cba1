//! What a task measures of itself between two reports.

use crate::actor::metric_report::TaskMetrics;
use crate::kernel::{Span, Time};

/// What a task's time goes into (`busyTimeMsPerSecond`, `backPressuredTimeMsPerSecond`, `idleTimeMsPerSecond`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    #[default]
    Idle,
    Busy,
    BackPressured,
}

#[derive(Clone, Debug, Default)]
pub struct Meter {
    activity: Activity,
    since: Time,
    started: Time,
    current: TaskMetrics,
}

impl Meter {
    pub fn start(&mut self, now: Time) {
        self.since = now;
        self.started = now;
    }

    pub fn turn(&mut self, activity: Activity, now: Time) {
        if activity != self.activity {
            self.account(now);
            self.activity = activity;
        }
    }

    fn account(&mut self, now: Time) {
        let spent = now.since(self.since);
        match self.activity {
            Activity::Idle => {}
            Activity::Busy => self.current.busy += spent,
            Activity::BackPressured => self.current.back_pressured += spent,
        }
        self.since = now;
    }

    pub fn records_in(&mut self, records: u64) {
        self.current.records_in += records;
    }

    pub fn records_out(&mut self, records: u64) {
        self.current.records_out += records;
    }

    pub fn use_cpu(&mut self, work: Span) {
        self.current.cpu += work;
    }

    /// The age of a batch when it was handled.
    pub fn latency(&mut self, latency: Span) {
        self.current.input_latency = self.current.input_latency.max(latency);
    }

    /// From the first barrier of a checkpoint to its last.
    pub fn alignment(&mut self, alignment: Span) {
        self.current.alignment = self.current.alignment.max(alignment);
    }

    /// From the trigger of a checkpoint to its first barrier.
    pub fn start_delay(&mut self, delay: Span) {
        self.current.start_delay = self.current.start_delay.max(delay);
    }

    /// Closes the interval and begins the next.
    pub fn report(&mut self, now: Time) -> TaskMetrics {
        self.account(now);
        let interval = now.since(self.started);
        self.started = now;
        TaskMetrics {
            interval,
            ..std::mem::take(&mut self.current)
        }
    }
}
