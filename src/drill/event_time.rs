//! How far event time comes at the sinks of each job, when it stands still, and which records are late by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::source_fact::EventTimeFact;
use crate::dataflow::batch::Batch;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::layout::Layout;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{Span, Time};

use super::arrivals::{Arrivals, Spans};
use super::outcome::{EventTimeSummary, WatermarkLagPoint};

/// What does not advance for longer stands still: watermarks come a few times a second.
const STANDS_STILL: Span = Span::from_secs(1);

#[derive(Clone, Debug)]
pub struct EventTimes {
    blueprint: Arc<Blueprint>,
    /// By job; none: it has no event time.
    jobs: Vec<Option<Progress>>,
    points: Vec<WatermarkLagPoint>,
}

#[derive(Clone, Debug)]
struct Progress {
    layout: Arc<Layout>,
    /// Of the latest attempt of each subtask of a sink.
    sinks: BTreeMap<SubtaskId, SinkTime>,
    /// The furthest that all of them came, and when.
    furthest: EventTime,
    since: Time,
    /// From when until when it stood still.
    stalls: Vec<(Time, Time)>,
    lag: Spans,
    late: u64,
}

#[derive(Clone, Copy, Debug)]
struct SinkTime {
    attempt: Attempt,
    watermark: EventTime,
    is_idle: bool,
}

impl SinkTime {
    /// A new attempt knows nothing: watermarks are in no checkpoint.
    fn new(attempt: Attempt) -> SinkTime {
        SinkTime {
            attempt,
            watermark: EventTime::MIN,
            is_idle: false,
        }
    }
}

impl EventTimes {
    pub fn new(blueprint: &Arc<Blueprint>) -> EventTimes {
        let jobs = blueprint.topology.jobs.iter().map(|job| {
            job.event_time.map(|_| Progress {
                layout: Arc::clone(&job.layout),
                sinks: BTreeMap::new(),
                furthest: EventTime::MIN,
                since: Time::ZERO,
                stalls: Vec::new(),
                lag: Spans::default(),
                late: 0,
            })
        });
        EventTimes {
            jobs: jobs.collect(),
            points: Vec::new(),
            blueprint: Arc::clone(blueprint),
        }
    }

    pub fn fact(&mut self, fact: &EventTimeFact, now: Time) {
        let (EventTimeFact::Advanced { subtask, .. } | EventTimeFact::Idle { subtask, .. }) = fact;
        let topology = &self.blueprint.topology;
        let job = topology.job_of(*subtask) as usize;
        let Some(progress) = self.jobs[job]
            .as_mut()
            .filter(|_| topology.is_sink(*subtask))
        else {
            return;
        };
        match *fact {
            EventTimeFact::Advanced {
                subtask,
                attempt,
                watermark,
            } => {
                if let Some(sink) = progress.sink(subtask, attempt) {
                    (sink.watermark, sink.is_idle) = (watermark, false);
                }
            }
            EventTimeFact::Idle {
                subtask,
                attempt,
                is_idle,
            } => {
                if let Some(sink) = progress.sink(subtask, attempt) {
                    sink.is_idle = is_idle;
                }
            }
        }
        let sinks = progress.layout.sinks.iter();
        let of = |subtask: &SubtaskId| match progress.sinks.get(subtask) {
            Some(sink) if sink.is_idle => None,
            Some(sink) => Some(sink.watermark),
            None => Some(EventTime::MIN),
        };
        if let Some(least) = sinks.filter_map(of).min()
            && least > progress.furthest
        {
            progress.stood_still_until(now);
            progress.furthest = least;
            progress.since = now;
        }
    }

    /// Tasks and graphs come and go.
    pub fn control(&mut self, fact: &Fact) {
        let topology = &self.blueprint.topology;
        match fact {
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state: ExecutionState::Scheduled,
                ..
            } if topology.is_sink(*subtask) => {
                if let Some(progress) = &mut self.jobs[topology.job_of(*subtask) as usize] {
                    progress.sink(*subtask, *attempt);
                }
            }
            Fact::ExecutionGraphCreated { job, parallelism } => {
                if let Some(progress) = &mut self.jobs[*job as usize] {
                    progress.layout = Arc::new(Layout::new(topology, *job, parallelism));
                }
            }
            _ => {}
        }
    }

    /// A sink's writer has handled records: late are those that no writer had handled, behind a newer watermark.
    pub fn written(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        batch: &Batch,
        arrivals: &Arrivals,
    ) {
        let topology = &self.blueprint.topology;
        let Some(progress) = &mut self.jobs[topology.job_of(subtask) as usize] else {
            return;
        };
        let Some(watermark) = progress.sink(subtask, attempt).map(|sink| sink.watermark) else {
            return;
        };
        let is_late = |record: &&crate::dataflow::record::Record| {
            let topic = topology.splits[record.split() as usize].topic;
            let disorder = topology.topics[topic].disorder;
            let arrival = arrivals.arrival(record.split(), record.offset());
            let happened = arrival.map(|arrival| EventTime::of(**record, arrival, disorder));
            happened.is_some_and(|time| time <= watermark) && arrivals.is_awaited(**record)
        };
        progress.late += batch.records().iter().filter(is_late).count() as u64;
    }

    pub fn look(&mut self, now: Time) {
        let mut furthest_behind = None;
        for progress in self.jobs.iter_mut().flatten() {
            if let Some(lag) = progress.furthest.lag(now) {
                progress.lag.record(lag);
                furthest_behind = furthest_behind.max(Some(lag));
            }
        }
        if let Some(lag) = furthest_behind {
            self.points.push(WatermarkLagPoint {
                at_ms: now.as_ms(),
                lag_ms: lag.as_ms(),
            });
        }
    }

    pub fn points(&self) -> Vec<WatermarkLagPoint> {
        self.points.clone()
    }

    /// The longest that a job's event time stood still while this went on; none: it has none.
    pub fn stall(&self, job: JobId, from: Time, until: Time, end: Time) -> Option<Span> {
        let progress = self.jobs[job as usize].as_ref()?;
        let meanwhile = progress
            .stalls(end)
            .filter(|(begin, over)| *begin < until && *over > from);
        Some(
            meanwhile
                .map(|(begin, over)| over - begin)
                .max()
                .unwrap_or(Span::ZERO),
        )
    }

    pub fn summaries(&self, end: Time) -> Vec<EventTimeSummary> {
        let weight = u64::from(self.blueprint.weight);
        let jobs = self.jobs.iter().zip(&self.blueprint.topology.jobs);
        let with = jobs.filter_map(|(progress, job)| Some((progress.as_ref()?, job)));
        with.map(|(progress, job)| {
            let longest = progress
                .stalls(end)
                .max_by_key(|(begin, over)| *over - *begin);
            EventTimeSummary {
                job: job.name.clone(),
                watermark_lag_ms: progress.lag.quantiles(),
                longest_stall_ms: longest.map_or(0.0, |(begin, over)| (over - begin).as_ms()),
                longest_stall_from_ms: longest.map(|(begin, _)| begin.as_ms()),
                late_records: progress.late * weight,
            }
        })
        .collect()
    }
}

impl Progress {
    /// What is known of the latest attempt; none: this is an earlier one.
    fn sink(&mut self, subtask: SubtaskId, attempt: Attempt) -> Option<&mut SinkTime> {
        let known = self.sinks.entry(subtask);
        let known = known.or_insert_with(|| SinkTime::new(attempt));
        if attempt > known.attempt {
            *known = SinkTime::new(attempt);
        }
        (attempt == known.attempt).then_some(known)
    }

    fn stood_still_until(&mut self, now: Time) {
        self.stalls.extend(self.stall_until(now));
    }

    /// Whether it has stood still up to an instant, and since when.
    fn stall_until(&self, at: Time) -> Option<(Time, Time)> {
        let stands = self.furthest > EventTime::MIN && at.since(self.since) > STANDS_STILL;
        stands.then_some((self.since, at))
    }

    /// The last one may go on at the end.
    fn stalls(&self, end: Time) -> impl Iterator<Item = (Time, Time)> + '_ {
        self.stalls.iter().copied().chain(self.stall_until(end))
    }
}
