//! The log of one partition that sources read: when its records arrive, and from when on they can be read.

use std::collections::VecDeque;

use crate::actor::blueprint::Blueprint;
use crate::dataflow::job_graph::Arrivals;
use crate::dataflow::record::SplitId;
use crate::kernel::{Random, SmallStream, Span, Time};

/// One partition's log. Arrivals are drawn ahead of time, one at a time; they become visible when the
/// producer appends its batch.
#[derive(Clone, Debug)]
pub(super) struct Log {
    arrivals: Arrivals,
    /// Mean time between real records; none: the topic is silent.
    gap: Option<Gap>,
    linger: Span,
    /// Producers do not all append at the same instants.
    phase: Span,
    random: SmallStream,
    next_arrival: Time,
    end: u64,
    /// The latest appends and the log's end after each. A waiting fetch looks ahead, so some lie in the future.
    appends: VecDeque<(Time, u64)>,
    retention: Option<Span>,
    /// The oldest record that is kept, and the appends that are.
    start: u64,
    kept: VecDeque<(Time, u64)>,
}

/// Mean time between real records, and how many of them are one simulated record: it arrives with one of these.
#[derive(Clone, Copy, Debug)]
struct Gap {
    mean: Span,
    weight: u64,
    /// Between simulated records.
    whole: Span,
}

impl Gap {
    /// None: nothing ever comes.
    fn new(rate_per_s: f64, weight: u32) -> Option<Gap> {
        let mean = |rate: f64| Span(((1e9 / rate) as u64).max(1));
        (rate_per_s > 0.0).then(|| Gap {
            mean: mean(rate_per_s),
            weight: u64::from(weight),
            whole: mean(rate_per_s / f64::from(weight)),
        })
    }
}

impl Log {
    pub(super) fn new(split: SplitId, blueprint: &Blueprint) -> Log {
        let info = &blueprint.topology.splits[split as usize];
        let topic = &blueprint.topology.topics[info.topic];
        let mut random = blueprint
            .streams
            .small("arrivals", &format!("{}-{}", topic.name, info.partition));
        let gap = Gap::new(topic.rate_per_s, blueprint.weight);
        let linger = topic.linger.max(Span(1));
        let phase = random.between(Span::ZERO, Span(linger.0 - 1));
        let mut log = Log {
            arrivals: topic.arrivals,
            gap,
            linger,
            phase,
            random,
            next_arrival: Time::MAX,
            end: 0,
            appends: VecDeque::new(),
            retention: topic.retention,
            start: 0,
            kept: VecDeque::new(),
        };
        if blueprint.topology.is_initial(split) {
            log.begin(Time::ZERO);
        }
        log
    }

    /// Producers write to it from now on.
    pub(super) fn begin(&mut self, now: Time) {
        if let Some(gap) = self.gap {
            let first = self.random.between(Span::ZERO, gap.whole);
            let first = match self.arrivals {
                Arrivals::Poisson if gap.weight > 1 => {
                    // As many real records come before it as would on average.
                    let before = first.0 / gap.mean.0;
                    let rest = Span(first.0 % gap.mean.0);
                    rest + self.random.sum_of_exponentials(gap.mean, before)
                }
                _ => first,
            };
            self.next_arrival = now + first;
        }
    }

    /// Producers write nothing more to it.
    pub(super) fn cease(&mut self) {
        self.next_arrival = Time::MAX;
    }

    /// When the record that arrives at `arrival` is in the log.
    fn append_of(&self, arrival: Time) -> Time {
        let since = arrival.0.saturating_sub(self.phase.0);
        Time((since / self.linger.0 + 1) * self.linger.0 + self.phase.0)
    }

    /// Records that arrived before this instant are in the log at `until`, later ones are not.
    fn arrived_before(&self, until: Time) -> Time {
        match until.0.saturating_sub(self.phase.0) / self.linger.0 {
            0 => Time::ZERO,
            appends => Time(appends * self.linger.0 + self.phase.0),
        }
    }

    /// When there is a record at `offset` to read.
    pub(super) fn readable_at(&mut self, offset: u64, now: Time) -> Time {
        while self.appends.len() > 1 && self.appends[1].0 <= now {
            self.appends.pop_front();
        }
        match self.appends.iter().find(|(_, end)| *end > offset) {
            Some((at, _)) => *at,
            None if self.next_arrival == Time::MAX => Time::MAX,
            None => self.append_of(self.next_arrival),
        }
    }

    /// When the log has reached this end, as far as is known.
    pub(super) fn appended(&self, end: u64) -> Option<Time> {
        let reached = self.appends.partition_point(|(_, reached)| *reached < end);
        self.appends.get(reached).map(|(at, _)| *at)
    }

    /// The oldest offset that is kept.
    pub(super) fn start_at(&mut self, now: Time) -> u64 {
        if let Some(retention) = self.retention {
            while let Some((at, end)) = self.kept.front()
                && *at + retention < now
            {
                self.start = *end;
                self.kept.pop_front();
            }
        }
        self.start
    }

    pub(super) fn end_at(&self, at: Time) -> u64 {
        self.appends
            .iter()
            .take_while(|(append, _)| *append <= at)
            .last()
            .map_or(0, |(_, end)| *end)
    }

    /// Appends what is visible at `until`: first offset and, in `times`, when the records arrived, if any did.
    pub(super) fn append_until(&mut self, until: Time, times: &mut Vec<Time>) -> Option<u64> {
        let first = self.end;
        times.clear();
        let bound = self.arrived_before(until);
        while self.next_arrival < bound {
            let append = self.append_of(self.next_arrival);
            let gap = self.gap.expect("a log with arrivals has a rate");
            let next = self.next_arrival;
            self.next_arrival = match self.arrivals {
                Arrivals::Constant => draw_until(append, next, times, || gap.whole),
                Arrivals::Poisson => {
                    // A copy can stay in registers.
                    let mut random = self.random.clone();
                    let next = match gap.weight {
                        1 => draw_until(append, next, times, || random.exponential(gap.mean)),
                        weight => draw_until(append, next, times, || {
                            random.sum_of_exponentials(gap.mean, weight)
                        }),
                    };
                    self.random = random;
                    next
                }
            };
            self.end = first + times.len() as u64;
            self.appends.push_back((append, self.end));
            if self.retention.is_some() {
                self.kept.push_back((append, self.end));
            }
        }
        (self.end > first).then_some(first)
    }
}

/// Notes arrivals before an instant, from `next` on; the first one that is not.
#[inline]
fn draw_until(
    end: Time,
    mut next: Time,
    times: &mut Vec<Time>,
    mut gap: impl FnMut() -> Span,
) -> Time {
    while next < end {
        times.push(next);
        next += gap();
    }
    next
}
