//! Kafka: topics whose partitions grow at their rate, whoever reads them or not, and brokers that answer fetches.

pub mod brokers;
mod log;
mod partition;
pub mod protocol;
mod sequences;
mod sinks;
pub mod topics;
mod transactions;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::dataflow::event_time::EventTime;
use crate::dataflow::record::{Record, SplitId};
use crate::kernel::{Span, Time};
use brokers::{Brokers, Request, Way};
use log::Log;
use protocol::{FetchedInTime, KafkaRequest, OffsetOutOfRange, TransactionalId};
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
    /// By topic: the partitions that it has by now.
    partitions: Vec<u32>,
    /// Arrivals of one append, on their way into its fact.
    arrived: Vec<Time>,
    /// By split that somebody reads in event time: when its records arrived.
    timestamps: BTreeMap<SplitId, Vec<Time>>,
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
        let topology = &blueprint.topology;
        let timed = |split: &SplitId| topology.is_timed(topology.splits[*split as usize].topic);
        let timed = (0..topology.splits.len() as SplitId).filter(timed);
        let timestamps = timed.map(|split| (split, Vec::new())).collect();
        let partitions = blueprint.topology.splits.len() + sinks.partitions() + COORDINATORS;
        Kafka {
            brokers: Brokers::new(partitions, &blueprint),
            windows: Windows::new(&blueprint),
            sinks,
            partitions: blueprint
                .topology
                .topics
                .iter()
                .map(|t| t.partitions)
                .collect(),
            blueprint,
            logs,
            arrived: Vec::new(),
            timestamps,
        }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        match envelope.body {
            // A reader that is gone fetches no more.
            Body::ConnectionReset { .. }
            | Body::ConnectionRefused { .. }
            | Body::Undeliverable(_) => {}
            Body::Topic(change) => self.change_topic(change, ctx),
            Body::ListPartitions {
                topic,
                job,
                operator,
            } => {
                // Any broker knows; where none answers, the client has to be patient.
                if self.brokers.is_any_up() {
                    let partitions = self.partitions[topic as usize];
                    let body = Body::Partitions {
                        job,
                        operator,
                        partitions,
                    };
                    let to = Address {
                        actor: envelope.from,
                        incarnation: envelope.from_incarnation,
                    };
                    ctx.answer(to, 0, body);
                }
            }
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
                    refuse(request, ctx);
                }
            }
            Body::Broker { number, event } => {
                for request in self.brokers.happen(number, event, ctx) {
                    let (partition, _) = self.partition_of(&request.body);
                    match self.brokers.leads(number, partition) {
                        true => self.receive(request, ctx),
                        false => refuse(request, ctx),
                    }
                }
            }
            Body::AbortExpired => {
                let (interval, now) = (self.blueprint.cluster.kafka.abort_interval, ctx.now());
                let first = self.first_coordinator();
                let brokers = &self.brokers;
                // A broker looks for the first time one interval after it has taken a partition over.
                let is_looked_after = |id: &TransactionalId| {
                    let since = brokers.serves_since(first + coordinator_of(id));
                    since.is_some_and(|since| since + interval <= now)
                };
                self.sinks.expire(is_looked_after, ctx);
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
                Way::Closed => return refuse(request, ctx),
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
        let call = match body {
            Body::Fetch { split, .. } => return (*split as usize, false),
            Body::Kafka(call) => call,
            body => unreachable!("clients do not ask {body:?}"),
        };
        let first = self.first_coordinator();
        match &call.request {
            KafkaRequest::Produce { partition, .. } => {
                let splits = self.blueprint.topology.splits.len();
                (splits + self.sinks.place(call.sink, *partition), true)
            }
            KafkaRequest::InitProducerId { id, .. } => (first + coordinator_of(id), true),
            KafkaRequest::Commit { producer, .. } | KafkaRequest::Abort { producer } => {
                (first + coordinator_of(&producer.id), true)
            }
            KafkaRequest::ListTransactions { .. } => (first, false),
        }
    }

    /// The first partition of the topic in which brokers keep transactions, over all topics.
    fn first_coordinator(&self) -> usize {
        self.blueprint.topology.splits.len() + self.sinks.partitions()
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
        let body = match self.timestamps.get(&split) {
            None => Body::Fetched {
                split,
                first: offset,
                records,
                log_end,
                task,
            },
            Some(arrivals) => {
                let event = |offset: u64| {
                    let record = Record::new(split, offset);
                    EventTime::of(record, arrivals[offset as usize], topic.disorder)
                };
                Body::FetchedInTime(Box::new(FetchedInTime {
                    split,
                    first: offset,
                    log_end,
                    task,
                    times: (offset..offset + u64::from(records)).map(event).collect(),
                }))
            }
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
            if let Some(known) = self.timestamps.get_mut(&split) {
                known.extend_from_slice(&self.arrived);
            }
            ctx.state(Fact::Appended {
                split,
                first,
                times,
            });
        }
    }
}

/// Transactions are kept by the leader of a partition of their own topic: which of them.
fn coordinator_of(id: &TransactionalId) -> usize {
    let hash = u64::from(id.operator) * 31 * 31 + u64::from(id.subtask) * 31 + id.number;
    (hash % COORDINATORS as u64) as usize
}

/// The client has to look for whoever leads, and to ask there.
fn refuse(request: Request, ctx: &mut Context<'_>) {
    ctx.answer(request.from, 0, Body::KafkaRefused(Box::new(request)));
}
