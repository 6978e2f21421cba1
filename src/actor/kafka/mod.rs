//! Kafka: topics whose partitions grow at their rate, whoever reads them or not, and brokers that answer fetches.

mod partition;
pub mod protocol;
mod sinks;
mod transactions;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::dataflow::job_graph::Arrivals;
use crate::dataflow::record::SplitId;
use crate::kernel::{Random, SmallStream, Span, Time};
use protocol::OffsetOutOfRange;
use sinks::SinkTopics;

use super::blueprint::Blueprint;
use super::context::Context;
use super::fact::{AppendTimes, Fact};
use super::flink::rpc::Address;
use super::message::{Body, Envelope};

/// How long a broker holds a fetch that finds nothing (`fetch.max.wait.ms`, Kafka's default).
const FETCH_MAX_WAIT: Span = Span::from_ms(500);

/// How often partitions that nobody reads are looked at: their logs grow all the same.
const APPEND_EVERY: Span = Span::from_ms(250);

/// A fetch that waits at the broker.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct HeldFetch {
    reader: Address,
    split: SplitId,
    offset: u64,
    records_max: u16,
    task: u32,
}

#[derive(Clone, Debug)]
pub struct Kafka {
    blueprint: Arc<Blueprint>,
    windows: Windows,
    logs: Vec<Log>,
    /// Arrivals of one append, on their way into its fact.
    arrived: Vec<Time>,
    /// Topics that sinks write to.
    sinks: SinkTopics,
}

impl Kafka {
    pub fn new(blueprint: Arc<Blueprint>) -> Kafka {
        let logs = (0..blueprint.topology.splits.len())
            .map(|split| Log::new(split as SplitId, &blueprint))
            .collect();
        Kafka {
            windows: Windows::new(&blueprint),
            sinks: SinkTopics::new(&blueprint),
            blueprint,
            logs,
            arrived: Vec::new(),
        }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        match envelope.body {
            // A reader that is gone fetches no more.
            Body::ConnectionReset { .. }
            | Body::ConnectionRefused { .. }
            | Body::Undeliverable(_) => {}
            Body::Kafka(call) => self.sinks.handle(envelope.from, *call, ctx),
            Body::AbortExpired => {
                self.sinks.expire(ctx);
                self.watch_transactions(ctx);
            }
            Body::Start | Body::AppendDue => {
                if matches!(envelope.body, Body::Start) && self.sinks.has_transactions() {
                    self.watch_transactions(ctx);
                }
                let now = ctx.now();
                for split in 0..self.logs.len() {
                    self.append(split as SplitId, now, ctx);
                }
                ctx.after(APPEND_EVERY, Body::AppendDue);
            }
            Body::Fetch {
                split,
                offset,
                records_min,
                records_max,
                task,
                tick,
            } => {
                let now = ctx.now();
                let log = &mut self.logs[split as usize];
                let earliest = log.start_at(now);
                if offset < earliest {
                    let latest = log.end_at(now);
                    let body = Body::OffsetOutOfRange(Box::new(OffsetOutOfRange {
                        split,
                        task,
                        earliest,
                        latest,
                    }));
                    let reader = Address {
                        actor: envelope.from,
                        incarnation: envelope.from_incarnation,
                    };
                    return ctx.answer(reader, 0, body);
                }
                let latest = now + FETCH_MAX_WAIT;
                let readable = self.logs[split as usize].readable_at(offset, now).max(now);
                // A long poll: answered when there is something and the reader has a use for it, or at the latest when
                // the wait is over.
                let useful = self.windows.next(readable, tick).min(latest);
                self.append(split, useful, ctx);
                let enough = self.logs[split as usize].appended(offset + u64::from(records_min));
                let answer_at = enough.map_or(useful, |enough| enough.clamp(now, useful));
                let fetch = HeldFetch {
                    reader: Address {
                        actor: envelope.from,
                        incarnation: envelope.from_incarnation,
                    },
                    split,
                    offset,
                    records_max,
                    task,
                };
                if answer_at > now {
                    ctx.after(answer_at - now, Body::FetchDue(fetch));
                } else {
                    self.answer(fetch, ctx);
                }
            }
            Body::FetchDue(fetch) => self.answer(fetch, ctx),
            body => unreachable!("brokers do not receive {body:?}"),
        }
    }

    /// What the log holds by now goes to the reader.
    fn answer(&mut self, fetch: HeldFetch, ctx: &mut Context<'_>) {
        let HeldFetch {
            reader,
            split,
            offset,
            records_max,
            task,
        } = fetch;
        let log_end = self.logs[split as usize].end_at(ctx.now());
        let records = log_end.saturating_sub(offset).min(u64::from(records_max)) as u32;
        let topology = &self.blueprint.topology;
        let topic = &topology.topics[topology.splits[split as usize].topic];
        let weight = u64::from(self.blueprint.weight);
        let bytes = u64::from(records) * u64::from(topic.record_bytes) * weight;
        let body = Body::Fetched {
            split,
            first: offset,
            records,
            log_end,
            task,
        };
        ctx.answer(reader, bytes, body);
    }

    fn watch_transactions(&mut self, ctx: &mut Context<'_>) {
        let interval = self.blueprint.cluster.kafka.abort_interval;
        ctx.after(interval, Body::AbortExpired);
    }

    /// Appends what has arrived at a split.
    fn append(&mut self, split: SplitId, until: Time, ctx: &mut Context<'_>) {
        if let Some(first) = self.logs[split as usize].append_until(until, &mut self.arrived) {
            let times = AppendTimes(Arc::from(&*self.arrived));
            ctx.state(Fact::Appended {
                split,
                first,
                times,
            });
        }
    }
}

/// When answers to a reader are of use: shortly before its flusher's ticks, so that its records are out with them.
/// In between they would only wait in its buffers, and each fetch costs the simulation a few events.
#[derive(Clone, Copy, Debug)]
struct Windows {
    interval: Span,
    /// A window opens so long before a tick: what comes then has time to pass the CPU, even if it has to wait for a core.
    opens: Span,
    /// It closes so long before a tick: what comes later misses it.
    closes: Span,
}

impl Windows {
    fn new(blueprint: &Blueprint) -> Windows {
        let interval = blueprint.config.buffer_timeout;
        Windows {
            interval,
            opens: Span(interval.0 / 20),
            closes: blueprint.cluster.link_latency.max,
        }
    }

    /// The first instant of use from `readable` on, for a reader whose flusher ticks at `tick`.
    fn next(&self, readable: Time, tick: Time) -> Time {
        if self.opens <= self.closes || readable == Time::MAX {
            return readable;
        }
        let last = Time(tick.0.saturating_sub(self.closes.0));
        let missed = readable.since(last).0.div_ceil(self.interval.0);
        let tick = tick + self.interval * missed;
        readable.max(Time(tick.0.saturating_sub(self.opens.0)))
    }
}

/// One partition's log. Arrivals are drawn ahead of time, one at a time; they become visible when the
/// producer appends its batch.
#[derive(Clone, Debug)]
struct Log {
    arrivals: Arrivals,
    /// Mean time between records; none: the topic is silent.
    gap: Option<Span>,
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

impl Log {
    fn new(split: SplitId, blueprint: &Blueprint) -> Log {
        let info = &blueprint.topology.splits[split as usize];
        let topic = &blueprint.topology.topics[info.topic];
        let mut random = blueprint
            .streams
            .small("arrivals", &format!("{}-{}", topic.name, info.partition));
        let rate = topic.rate_per_s / f64::from(blueprint.weight);
        let gap = (rate > 0.0).then(|| Span(((1e9 / rate) as u64).max(1)));
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
        if let Some(gap) = gap {
            let first = log.random.between(Span::ZERO, gap);
            log.next_arrival = Time::ZERO + first;
        }
        log
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
    fn readable_at(&mut self, offset: u64, now: Time) -> Time {
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
    fn appended(&self, end: u64) -> Option<Time> {
        let reached = self.appends.partition_point(|(_, reached)| *reached < end);
        self.appends.get(reached).map(|(at, _)| *at)
    }

    /// The oldest offset that is kept.
    fn start_at(&mut self, now: Time) -> u64 {
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

    fn end_at(&self, at: Time) -> u64 {
        self.appends
            .iter()
            .take_while(|(append, _)| *append <= at)
            .last()
            .map_or(0, |(_, end)| *end)
    }

    /// Appends what is visible at `until`: first offset and, in `times`, when the records arrived, if any did.
    fn append_until(&mut self, until: Time, times: &mut Vec<Time>) -> Option<u64> {
        let first = self.end;
        times.clear();
        let bound = self.arrived_before(until);
        while self.next_arrival < bound {
            let append = self.append_of(self.next_arrival);
            let gap = self.gap.expect("a log with arrivals has a rate");
            let next = self.next_arrival;
            self.next_arrival = match self.arrivals {
                Arrivals::Constant => draw_until(append, next, times, || gap),
                Arrivals::Poisson => {
                    // A copy can stay in registers.
                    let mut random = self.random.clone();
                    let next = draw_until(append, next, times, || random.exponential(gap));
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
