//! When each record arrived, and how long it took to the sink's writer.

use std::ops::Range;

use crate::actor::blueprint::Blueprint;
use crate::dataflow::batch::Batch;
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::topology::Split;
use crate::kernel::{Span, Time};

use super::histogram::Histogram;
use super::outcome::{LatencyPoint, Quantiles};

const SECOND: u64 = 1_000_000_000;

/// Room for more records than this in all is only made when they come.
const EXPECTED_MAX: usize = 1 << 24;

#[derive(Clone, Debug)]
pub struct Arrivals {
    splits: Vec<SplitArrivals>,
    /// What came out before the jobs had come up, in microseconds as all of these.
    warm_up: Option<Histogram>,
    overall: Histogram,
    second: Histogram,
    second_number: u64,
    points: Vec<LatencyPoint>,
}

#[derive(Clone, Debug, Default)]
struct SplitArrivals {
    times: Vec<Time>,
    /// Latency in microseconds plus one; 0: not handled yet.
    latency: Vec<u32>,
    /// Everything before it has been handled.
    low_water: usize,
    /// What sources have passed over: nobody waits for it.
    skipped: Vec<Range<usize>>,
}

impl SplitArrivals {
    /// With room for about so many records, and a few more: growing by doubling would copy them all over and over.
    fn expecting(records: f64, most: usize) -> SplitArrivals {
        let room = records + 4.0 * records.sqrt() + 64.0;
        let room = (room as usize).min(most);
        SplitArrivals {
            times: Vec::with_capacity(room),
            latency: Vec::with_capacity(room),
            ..SplitArrivals::default()
        }
    }

    fn is_skipped(&self) -> bool {
        let mut skipped = self.skipped.iter();
        skipped.any(|range| range.contains(&self.low_water))
    }
}

impl Arrivals {
    /// Of a run that lasts so long.
    pub fn new(blueprint: &Blueprint, lasts: Span) -> Arrivals {
        let topology = &blueprint.topology;
        let rate =
            |split: &Split| topology.topics[split.topic].rate_per_s / f64::from(blueprint.weight);
        let most = EXPECTED_MAX / topology.splits.len().max(1);
        let splits = topology.splits.iter();
        Arrivals {
            splits: splits
                .map(|split| SplitArrivals::expecting(rate(split) * lasts.as_secs(), most))
                .collect(),
            warm_up: None,
            overall: Histogram::default(),
            second: Histogram::default(),
            second_number: 0,
            points: Vec::new(),
        }
    }

    pub fn append(&mut self, split: SplitId, times: &[Time]) {
        let split = &mut self.splits[split as usize];
        split.times.extend_from_slice(times);
        split.latency.resize(split.times.len(), 0);
    }

    /// The sink's writer has handled records: the largest latency among those that no writer had handled before, and how
    /// many one had.
    pub fn handle(&mut self, batch: &Batch, now: Time) -> (Span, u64) {
        if now.0 / SECOND != self.second_number {
            self.close_second(now.0 / SECOND);
        }
        let mut again = 0;
        let Arrivals { splits, second, .. } = self;
        let handle = |record: &Record| {
            let split = &mut splits[record.split() as usize];
            let offset = record.offset() as usize;
            let (Some(arrival), Some(latency)) =
                (split.times.get(offset), split.latency.get_mut(offset))
            else {
                return None;
            };
            if *latency != 0 {
                again += 1;
                return None;
            }
            let us = micros(now.since(*arrival));
            *latency = u32::try_from(us + 1).unwrap_or(u32::MAX);
            Some(us)
        };
        let worst = second.record_all(batch.records().iter().filter_map(handle));
        (Span::from_us(worst), again)
    }

    /// Readers see records: how long the one that waited longest had waited.
    pub fn show(&self, batches: &[Batch], now: Time, waited: &mut Spans) -> Span {
        let mut longest = Span::ZERO;
        for batch in batches {
            let records = batch.records();
            let spans = records.iter().filter_map(|record| {
                let arrival = self.arrival(record.split(), record.offset())?;
                Some(now.since(arrival))
            });
            longest = longest.max(waited.record_all(spans));
        }
        longest
    }

    fn close_second(&mut self, next: u64) {
        if !self.second.is_empty() {
            self.points.push(LatencyPoint {
                at_ms: self.second_number as f64 * 1e3 + 500.0,
                records: self.second.len(),
                p50_ms: self.second.at_per_mille(500) as f64 / 1e3,
                p99_ms: self.second.at_per_mille(990) as f64 / 1e3,
                max_ms: self.second.max() as f64 / 1e3,
            });
            self.second.drain_into(&mut self.overall);
        }
        self.second_number = next;
    }

    /// All jobs have come up and have worked off what waited for them: what came out until now is no measure of what follows.
    pub fn settle(&mut self) {
        if self.warm_up.is_none() {
            self.warm_up = Some(std::mem::take(&mut self.overall));
        }
    }

    /// Latency in the whole seconds since [`Arrivals::settle`].
    pub fn settled_quantiles(&self) -> Quantiles {
        quantiles(&self.overall)
    }

    /// Latency of everything, when the run has ended.
    pub fn quantiles(&mut self) -> Quantiles {
        self.close_second(self.second_number);
        if let Some(mut warm_up) = self.warm_up.take() {
            warm_up.drain_into(&mut self.overall);
        }
        quantiles(&self.overall)
    }

    pub fn points(&self) -> &[LatencyPoint] {
        &self.points
    }

    /// When the oldest record arrived that one of the splits still waits for.
    pub fn oldest_outstanding(&mut self, splits: &[SplitId]) -> Option<Time> {
        let mut oldest: Option<Time> = None;
        for split in splits {
            let split = &mut self.splits[*split as usize];
            while split
                .latency
                .get(split.low_water)
                .is_some_and(|latency| *latency != 0)
                || split.is_skipped()
            {
                split.low_water += 1;
            }
            if let Some(time) = split.times.get(split.low_water) {
                oldest = Some(oldest.map_or(*time, |oldest| oldest.min(*time)));
            }
        }
        oldest
    }

    /// A source passes over these records.
    pub fn skip(&mut self, split: SplitId, from: u64, to: u64) {
        let skipped = &mut self.splits[split as usize].skipped;
        skipped.push(from as usize..to as usize);
    }

    /// Records that had arrived by `now`.
    pub fn arrived(&self, split: SplitId, now: Time) -> u64 {
        // From the end: a log is known a moment ahead at the most.
        let times = &self.splits[split as usize].times;
        let later = times.iter().rev().take_while(|time| **time > now).count();
        (times.len() - later) as u64
    }

    #[inline]
    pub fn arrival(&self, split: SplitId, offset: u64) -> Option<Time> {
        self.splits[split as usize]
            .times
            .get(offset as usize)
            .copied()
    }

    /// A sink's writer has not handled it yet.
    pub fn is_awaited(&self, record: Record) -> bool {
        let split = &self.splits[record.split() as usize];
        split.latency.get(record.offset() as usize) == Some(&0)
    }

    /// Offsets that arrived in an interval, when, and the latency of each, if it was handled.
    pub fn between(
        &self,
        split: SplitId,
        from: Time,
        to: Time,
    ) -> impl Iterator<Item = (u64, Time, Option<Span>)> + '_ {
        let split = &self.splits[split as usize];
        let range =
            split.times.partition_point(|t| *t < from)..split.times.partition_point(|t| *t <= to);
        let first = range.start as u64;
        let records = split.times[range.clone()].iter().zip(&split.latency[range]);
        (first..).zip(records).map(|(offset, (arrival, latency))| {
            let latency = latency.checked_sub(1);
            (
                offset,
                *arrival,
                latency.map(|us| Span::from_us(u64::from(us))),
            )
        })
    }
}

/// Microseconds as quantiles in milliseconds.
fn quantiles(histogram: &Histogram) -> Quantiles {
    if histogram.is_empty() {
        return Quantiles::default();
    }
    let at = |per_mille| Some(histogram.at_per_mille(per_mille) as f64 / 1e3);
    Quantiles {
        p50: at(500),
        p90: at(900),
        p99: at(990),
        max: Some(histogram.max() as f64 / 1e3),
    }
}

/// What is shorter than a microsecond counts as one.
#[inline]
fn micros(span: Span) -> u64 {
    (span.0 / 1_000).max(1)
}

/// Quantiles of a set of spans, without keeping them.
#[derive(Clone, Debug, Default)]
pub struct Spans(Histogram);

impl Spans {
    pub fn record(&mut self, span: Span) {
        self.0.record(micros(span));
    }

    /// Records many spans; the longest of them, in whole microseconds.
    #[inline]
    pub fn record_all(&mut self, spans: impl Iterator<Item = Span>) -> Span {
        Span::from_us(self.0.record_all(spans.map(micros)))
    }

    /// Takes in what others have recorded.
    pub fn merge(&mut self, mut other: Spans) {
        other.0.drain_into(&mut self.0);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    pub fn quantiles(&self) -> Quantiles {
        quantiles(&self.0)
    }
}
