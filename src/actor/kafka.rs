//! Kafka: topics whose partitions grow at their rate, whoever reads them or not, and brokers that answer fetches.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::dataflow::job_graph::Arrivals;
use crate::dataflow::record::SplitId;
use crate::kernel::{Random, SmallStream, Span, Time};

use super::blueprint::Blueprint;
use super::context::Context;
use super::fact::{AppendTimes, Fact};
use super::message::{Body, Envelope};

/// How long a broker holds a fetch that finds nothing (`fetch.max.wait.ms`, Kafka's default).
const FETCH_MAX_WAIT: Span = Span::from_ms(500);

/// How often partitions that nobody reads are looked at: their logs grow all the same.
const APPEND_EVERY: Span = Span::from_ms(250);

#[derive(Clone, Debug)]
pub struct Kafka {
    blueprint: Arc<Blueprint>,
    logs: Vec<Log>,
    /// Arrivals of one append, on their way into its fact.
    arrived: Vec<Time>,
}

impl Kafka {
    pub fn new(blueprint: Arc<Blueprint>) -> Kafka {
        let logs = (0..blueprint.topology.splits.len())
            .map(|split| Log::new(split as SplitId, &blueprint))
            .collect();
        Kafka {
            blueprint,
            logs,
            arrived: Vec::new(),
        }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        match envelope.body {
            Body::ConnectionReset { .. } | Body::ConnectionRefused { .. } => {}
            Body::Start | Body::AppendDue => {
                let now = ctx.now();
                for split in 0..self.logs.len() {
                    self.append(split as SplitId, now, ctx);
                }
                ctx.after(APPEND_EVERY, Body::AppendDue);
            }
            Body::Fetch {
                split,
                offset,
                records_max,
                task,
            } => {
                let now = ctx.now();
                let log = &mut self.logs[split as usize];
                // A long poll: answered as soon as there is something, or at the latest when the wait is over.
                let answer_at = log
                    .readable_at(offset, now)
                    .clamp(now, now + FETCH_MAX_WAIT);
                self.append(split, answer_at, ctx);
                let log_end = self.logs[split as usize].end_at(answer_at);
                let records = (log_end.saturating_sub(offset)).min(u64::from(records_max)) as u32;
                let topic = &self.blueprint.topology.topics
                    [self.blueprint.topology.splits[split as usize].topic];
                let bytes = u64::from(records)
                    * u64::from(topic.record_bytes)
                    * u64::from(self.blueprint.weight);
                let body = Body::Fetched {
                    split,
                    first: offset,
                    records,
                    log_end,
                    task,
                };
                ctx.send_after(answer_at - now, envelope.from, bytes, body);
            }
            body => unreachable!("brokers do not receive {body:?}"),
        }
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
            times.push(self.next_arrival);
            let gap = self.draw_gap();
            self.next_arrival += gap;
        }
        let last = *times.last()?;
        self.end += times.len() as u64;
        self.appends.push_back((self.append_of(last), self.end));
        Some(first)
    }

    fn draw_gap(&mut self) -> Span {
        let gap = self.gap.expect("a log with arrivals has a rate");
        match self.arrivals {
            Arrivals::Constant => gap,
            Arrivals::Poisson => self.random.exponential(gap),
        }
    }
}
