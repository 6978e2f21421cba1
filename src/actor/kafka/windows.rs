//! When a broker answers a fetch that waits.

use crate::actor::blueprint::Blueprint;
use crate::kernel::{Span, Time};

/// When answers to a reader are of use: shortly before its flusher's ticks, so that its records are out with them.
/// In between they would only wait in its buffers, and each fetch costs the simulation a few events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    interval: Span,
    /// A window opens so long before a tick: what comes then has time to pass the CPU, even if it has to wait for a core.
    opens: Span,
    /// It closes so long before a tick: what comes later misses it.
    closes: Span,
}

impl Windows {
    pub(super) fn new(blueprint: &Blueprint) -> Windows {
        let interval = blueprint.config.buffer_timeout;
        Windows {
            interval,
            opens: Span(interval.0 / 20),
            closes: blueprint.cluster.link_latency.max,
        }
    }

    /// The first instant of use from `readable` on, for a reader whose flusher ticks at `tick`.
    pub(super) fn next(&self, readable: Time, tick: Time) -> Time {
        if self.opens <= self.closes || readable == Time::MAX {
            return readable;
        }
        let last = Time(tick.0.saturating_sub(self.closes.0));
        let missed = readable.since(last).0.div_ceil(self.interval.0);
        let tick = tick + self.interval * missed;
        readable.max(Time(tick.0.saturating_sub(self.opens.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_shortly_before_ticks() {
        let windows = Windows {
            interval: Span(100),
            opens: Span(10),
            closes: Span(2),
        };
        let next = |readable, tick| windows.next(Time(readable), Time(tick)).0;
        assert_eq!(next(1_000, 1_050), 1_040);
        assert_eq!(next(1_045, 1_050), 1_045);
        assert_eq!(next(1_048, 1_050), 1_048);
        assert_eq!(next(1_049, 1_050), 1_140);
        assert_eq!(next(1_148, 1_050), 1_148);
        assert_eq!(next(1_149, 1_050), 1_240);
        let always = Windows {
            opens: Span(2),
            ..windows
        };
        assert_eq!(always.next(Time(1_000), Time(1_050)), Time(1_000));
        assert_eq!(windows.next(Time::MAX, Time(5)), Time::MAX);
    }
}
