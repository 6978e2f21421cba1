//! Kafka: topics whose partitions grow at their rate, whoever reads them or not, and brokers that answer fetches.

pub mod brokers;
mod partition;
pub mod protocol;
mod sequences;
mod sinks;
mod transactions;
mod windows;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::dataflow::job_graph::Arrivals;
use crate::dataflow::record::SplitId;
use crate::kernel::{Random, SmallStream, Span, Time};
use brokers::{Brokers, Request, Way};
use protocol::{KafkaRequest, OffsetOutOfRange, TransactionalId};
use sinks::SinkTopics;
use windows::Windows;

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
    brokers: Brokers,
}

/// Partitions of the topic in which brokers keep transactions (`transaction.state.log.num.partitions`).
const COORDINATORS: usize = 50;

impl Kafka {
    pub fn new(blueprint: Arc<Blueprint>) -> Kafka {
        let logs = (0..blueprint.topology.splits.len())
            .map(|split| Log::new(split as SplitId, &blueprint))
            .collect();
        let sinks = SinkTopics::new(&blueprint);
        let partitions = blueprint.topology.splits.len() + sinks.partitions() + COORDINATORS;
        Kafka {
            brokers: Brokers::new(partitions, &blueprint),
            windows: Windows::new(&blueprint),
            sinks,
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
            body @ (Body::Kafka(_) | Body::Fetch { .. }) => {
                let from = Address {
                    actor: envelope.from,
                    incarnation: envelope.from_incarnation,
                };
                let tries = 0;
                self.receive(Request { from, body, tries }, ctx);
            }
            Body::KafkaRetry(request) => self.receive(*request, ctx),
            Body::KafkaRequestTimeout(number) => {
                if let Some(request) = self.brokers.time_out(number) {
                    self.receive(request, ctx);
                }
            }
            Body::Broker { number, event } => {
                for request in self.brokers.happen(number, event, ctx) {
                    self.receive(request, ctx);
                }
            }
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
            Body::FetchDue(fetch) => self.on_fetch_due(fetch, ctx),
            body => unreachable!("brokers do not receive {body:?}"),
        }
    }

    /// A client's request goes to whoever leads the partition.
    fn receive(&mut self, request: Request, ctx: &mut Context<'_>) {
        if !self.brokers.are_untouched() {
            let (partition, writes) = self.partition_of(&request.body);
            match self.brokers.way(partition, writes) {
                Way::Open => {}
                Way::Closed => return self.brokers.retry(request, ctx),
                Way::Stuck(broker) => return self.brokers.hold(broker, request, ctx),
            }
        }
        let Request { from, body, .. } = request;
        match body {
            Body::Kafka(call) => self.sinks.handle(from.actor, *call, ctx),
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
                    return ctx.answer(from, 0, body);
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
                    reader: from,
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
            body => unreachable!("clients do not ask {body:?}"),
        }
    }

    /// Which partition a request is about, over all topics, and whether it writes.
    fn partition_of(&self, body: &Body) -> (usize, bool) {
        let splits = self.blueprint.topology.splits.len();
        let call = match body {
            Body::Fetch { split, .. } => return (*split as usize, false),
            Body::Kafka(call) => call,
            body => unreachable!("clients do not ask {body:?}"),
        };
        // Transactions are kept by the leader of a partition of their own topic.
        let of_id = |id: &TransactionalId| {
            let hash = u64::from(id.operator) * 31 * 31 + u64::from(id.subtask) * 31 + id.number;
            splits + self.sinks.partitions() + (hash % COORDINATORS as u64) as usize
        };
        match &call.request {
            KafkaRequest::Produce { partition, .. } => {
                (splits + self.sinks.place(call.sink, *partition), true)
            }
            KafkaRequest::InitProducerId { id, .. } => (of_id(id), true),
            KafkaRequest::Commit { producer, .. } => (of_id(&producer.id), true),
            KafkaRequest::ListTransactions { .. } => (splits + self.sinks.partitions(), false),
        }
    }

    /// A fetch has waited long enough; where its broker is gone meanwhile, the reader asks again.
    fn on_fetch_due(&mut self, fetch: HeldFetch, ctx: &mut Context<'_>) {
        let split = fetch.split as usize;
        if self.brokers.are_untouched() || matches!(self.brokers.way(split, false), Way::Open) {
            return self.answer(fetch, ctx);
        }
        let body = Body::Fetch {
            split: fetch.split,
            offset: fetch.offset,
            records_min: 1,
            records_max: fetch.records_max,
            task: fetch.task,
            tick: ctx.now(),
        };
        let from = fetch.reader;
        let tries = 0;
        self.receive(Request { from, body, tries }, ctx);
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
