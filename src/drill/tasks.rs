//! Who ran where, from when to when; and what the monitor measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex};
use crate::actor::metric_report::TaskMetrics;
use crate::actor::sink_fact::SinkFact;
use crate::actor::source_fact::SourceFact;
use crate::dataflow::event_time::EventTime;
use crate::dataflow::record::SplitId;
use crate::dataflow::sink::SinkSpec;
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId, Topology};
use crate::kernel::{self, ActorId, Header, Time};

use super::outcome::{MetricPoint, TaskSpan, VertexIo};

/// One attempt of a subtask.
#[derive(Clone, Debug)]
struct Span {
    subtask: SubtaskId,
    taskmanager: ActorId,
    from: Time,
    running: Option<Time>,
    to: Option<Time>,
    state: ExecutionState,
    /// Of a source that restored some.
    splits: Option<Vec<SplitId>>,
    /// Given to it while it ran.
    added: Vec<SplitId>,
    slot: Option<u32>,
}

#[derive(Clone, Debug, Default)]
pub struct Tasks {
    spans: Vec<Span>,
    current: BTreeMap<(SubtaskId, Attempt), usize>,
    /// Latest attempt of each subtask: a new leader does not end the executions of its predecessor one by one.
    latest: BTreeMap<SubtaskId, usize>,
    measured: Vec<(Time, TaskMetrics)>,
    machines: Vec<(Time, ActorId, u32)>,
    /// When commits failed.
    failed_commits: BTreeMap<SubtaskId, Vec<Time>>,
    slots: BTreeMap<(ActorId, AllocationId), SlotIndex>,
    logs: Logs,
}

/// What in-flight logs hold, over all tasks.
#[derive(Clone, Debug, Default)]
struct Logs {
    held: BTreeMap<SubtaskId, u64>,
    sum: u64,
    max: u64,
}

impl Logs {
    /// A task has measured its log; a new attempt's takes the place of its predecessor's.
    fn note(&mut self, subtask: SubtaskId, bytes: u64) {
        let before = self.held.insert(subtask, bytes).unwrap_or(0);
        self.sum = self.sum + bytes - before;
        self.max = self.max.max(self.sum);
    }
}

/// What gauges of an attempt say until it has something new to say.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    began: Time,
    alignment: kernel::Span,
    start_delay: kernel::Span,
}

impl Kept {
    /// One checkpoint in an interval leaves its spans, none leaves what was before.
    fn update(&mut self, began: Time, metrics: &TaskMetrics) {
        if self.began != began {
            *self = Kept {
                began,
                ..Kept::default()
            };
        }
        for (kept, measured) in [
            (&mut self.alignment, metrics.alignment),
            (&mut self.start_delay, metrics.start_delay),
        ] {
            if measured > kernel::Span::ZERO {
                *kept = measured;
            }
        }
    }
}

/// As Flink's gauges have it: in milliseconds, before the first one `Long.MIN_VALUE`.
fn in_gauge(watermark: EventTime) -> f64 {
    match watermark {
        EventTime::MIN => i64::MIN as f64,
        EventTime(ns) => ns as f64 / 1e6,
    }
}

/// Room for more measurements than this is only made when they come.
const EXPECTED_MAX: usize = 1 << 16;

impl Tasks {
    /// Of a run that lasts so long; with room for what will be measured: growing by doubling would copy it over and over.
    pub fn new(blueprint: &Blueprint, lasts: kernel::Span) -> Tasks {
        let reports = lasts.0 / blueprint.monitor.interval.0.max(1);
        let expected = (reports as usize).saturating_mul(blueprint.topology.subtasks.len());
        Tasks {
            measured: Vec::with_capacity(expected.min(EXPECTED_MAX)),
            ..Tasks::default()
        }
    }

    pub fn logs_max(&self) -> u64 {
        self.logs.max
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        match fact {
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                taskmanager: Some(taskmanager),
            } => {
                self.change(header.time, (*subtask, *attempt), *state, *taskmanager);
            }
            Fact::TaskRestored {
                subtask,
                attempt,
                offsets,
                ..
            } => {
                if let Some(number) = self.current.get(&(*subtask, *attempt)) {
                    let splits = offsets.iter().map(|(split, _)| *split).collect();
                    self.spans[*number].splits = Some(splits);
                }
            }
            Fact::Source(SourceFact::SplitsAdded {
                subtask,
                attempt,
                splits,
            }) => {
                if let Some(number) = self.current.get(&(*subtask, *attempt)) {
                    let more = splits.iter().map(|(split, _)| *split);
                    self.spans[*number].added.extend(more);
                }
            }
            Fact::TaskSlotChanged {
                slot, allocation, ..
            } => {
                self.slots.insert((header.actor, *allocation), *slot);
            }
            Fact::TaskStarted {
                subtask,
                attempt,
                allocation,
                ..
            } => {
                let slot = self.slots.get(&(header.actor, *allocation)).copied();
                if let Some(number) = self.current.get(&(*subtask, *attempt)) {
                    self.spans[*number].slot = slot;
                }
            }
            Fact::Sink(SinkFact::CommitFailed { sink, .. }) => {
                self.failed_commits
                    .entry(*sink)
                    .or_default()
                    .push(header.time);
            }
            Fact::TaskMeasured { metrics } => {
                self.logs.note(metrics.subtask, metrics.log_bytes);
                self.measured.push((header.time, *metrics));
            }
            Fact::MachineMeasured { cpu_per_mille } => {
                self.machines
                    .push((header.time, header.actor, *cpu_per_mille))
            }
            _ => {}
        }
    }

    fn change(
        &mut self,
        now: Time,
        key: (SubtaskId, Attempt),
        state: ExecutionState,
        taskmanager: ActorId,
    ) {
        let spans = &mut self.spans;
        let number = *self.current.entry(key).or_insert_with(|| {
            spans.push(Span {
                subtask: key.0,
                taskmanager,
                from: now,
                running: None,
                to: None,
                state,
                splits: None,
                added: Vec::new(),
                slot: None,
            });
            spans.len() - 1
        });
        if let Some(previous) = self.latest.insert(key.0, number)
            && previous != number
            && self.spans[previous].to.is_none()
        {
            self.spans[previous].to = Some(now);
            self.spans[previous].state = ExecutionState::Canceled;
        }
        let span = &mut self.spans[number];
        span.state = state;
        if state == ExecutionState::Running {
            span.running = Some(now);
        }
        if state.is_terminal() {
            span.to = Some(now);
        }
    }

    /// The task of a job that was busiest in an interval, and how busy, in thousandths; none where nobody measured.
    pub fn busiest(
        &self,
        job: JobId,
        from: Time,
        to: Time,
        topology: &Topology,
    ) -> Option<(SubtaskId, u64)> {
        let mut sums: BTreeMap<SubtaskId, (u64, u64)> = BTreeMap::new();
        for (at, metrics) in &self.measured {
            if (from..=to).contains(at) && topology.job_of(metrics.subtask) == job {
                let sum = sums.entry(metrics.subtask).or_default();
                sum.0 += metrics.busy.0 / 1_000;
                sum.1 += metrics.interval.0 / 1_000;
            }
        }
        let shares = sums
            .into_iter()
            .filter(|(_, (_, whole))| *whole > 0)
            .map(|(subtask, (busy, whole))| (subtask, busy * 1_000 / whole));
        // The first of those that are equally busy.
        shares.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    /// The TaskManager whose machine's CPU was used most in an interval, and how much, in thousandths.
    pub fn hottest(&self, from: Time, to: Time) -> Option<(ActorId, u64)> {
        let mut sums: BTreeMap<ActorId, (u64, u64)> = BTreeMap::new();
        for (at, taskmanager, cpu) in &self.machines {
            if (from..=to).contains(at) {
                let sum = sums.entry(*taskmanager).or_default();
                sum.0 += u64::from(*cpu);
                sum.1 += 1;
            }
        }
        let means = sums
            .into_iter()
            .map(|(taskmanager, (sum, count))| (taskmanager, sum / count));
        means.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    /// In order of start, then task.
    pub fn spans(&self, blueprint: &Blueprint) -> Vec<TaskSpan> {
        let topology = &blueprint.topology;
        let mut attempts: BTreeMap<SubtaskId, u32> = BTreeMap::new();
        let mut spans: Vec<&Span> = self.spans.iter().collect();
        spans.sort_by_key(|span| (span.from, span.subtask));
        let describe = |span: &Span| {
            let operator = topology.operator_of(span.subtask);
            let attempt = attempts
                .entry(span.subtask)
                .and_modify(|n| *n += 1)
                .or_insert(0);
            TaskSpan {
                job: topology.jobs[operator.job as usize].name.clone(),
                task: topology.task_name(span.subtask),
                operator: operator.spec.name.clone(),
                subtask: topology.subtasks[span.subtask as usize].index,
                partitions: {
                    let mut partitions = match &span.splits {
                        Some(splits) => topology.partitions(splits),
                        None => topology.partitions_of(span.subtask),
                    };
                    partitions.extend(topology.partitions(&span.added));
                    partitions
                },
                attempt: *attempt,
                taskmanager: blueprint.directory.name(span.taskmanager).to_owned(),
                slot: span.slot,
                from_ms: span.from.as_ms(),
                running_ms: span.running.map(Time::as_ms),
                to_ms: span.to.map(Time::as_ms),
                state: span.state.name().to_owned(),
            }
        };
        spans.into_iter().map(describe).collect()
    }

    /// What an operator's tasks have done since their latest attempts began.
    pub fn io(&self, operator: OperatorId, blueprint: &Blueprint) -> VertexIo {
        let topology = &blueprint.topology;
        let info = &topology.operators[operator as usize];
        let producers = info.spec.kind.inputs().iter();
        let producers =
            producers.map(|input| &topology.jobs[info.job as usize].operators[input.operator]);
        let input_bytes = producers
            .map(|id| topology.operators[*id as usize].record_bytes)
            .max();
        let is_source = info.spec.kind.inputs().is_empty();
        let weight = u64::from(blueprint.weight);
        let mut io = VertexIo::default();
        for (at, metrics) in &self.measured {
            let latest = self.latest.get(&metrics.subtask);
            let is_current = latest.is_some_and(|number| self.spans[*number].from < *at);
            if topology.subtasks[metrics.subtask as usize].operator != operator || !is_current {
                continue;
            }
            let idle = metrics.interval - metrics.busy - metrics.back_pressured;
            io.busy_ms += metrics.busy.as_ms();
            io.idle_ms += idle.as_ms();
            io.back_pressured_ms += metrics.back_pressured.as_ms();
            if !is_source {
                io.read_records += metrics.records_in * weight;
                io.read_bytes += metrics.records_in * input_bytes.unwrap_or(0);
            }
            if info.spec.kind.sink().is_none() {
                io.write_records += metrics.records_out * weight;
                io.write_bytes += metrics.records_out * info.record_bytes;
            }
        }
        io
    }

    /// Records count as real ones.
    pub fn metrics(&self, blueprint: &Blueprint) -> Vec<MetricPoint> {
        let mut points = Vec::with_capacity(self.measured.len() * 8);
        let topology = &blueprint.topology;
        let subtasks = 0..topology.subtasks.len() as u32;
        let names: Vec<Arc<str>> = subtasks
            .map(|subtask| topology.task_name(subtask).into())
            .collect();
        let mut kept: BTreeMap<SubtaskId, Kept> = BTreeMap::new();
        let mut begins: BTreeMap<SubtaskId, Vec<Time>> = BTreeMap::new();
        for span in &self.spans {
            begins.entry(span.subtask).or_default().push(span.from);
        }
        for (at, metrics) in &self.measured {
            let begins = begins.get(&metrics.subtask).into_iter().flatten();
            let began = *begins.rev().find(|from| *from <= at).unwrap_or(&Time::ZERO);
            let kept = kept.entry(metrics.subtask).or_default();
            kept.update(began, metrics);
            let seconds = metrics.interval.as_secs().max(1e-9);
            let per_second = |span: crate::kernel::Span| span.as_ms() / seconds;
            let idle = metrics.interval - metrics.busy - metrics.back_pressured;
            let subject = &names[metrics.subtask as usize];
            let mut point = |metric, value| {
                points.push(MetricPoint {
                    at_ms: at.as_ms(),
                    scope: "task",
                    subject: Arc::clone(subject),
                    metric,
                    value,
                });
            };
            point("busyTimeMsPerSecond", per_second(metrics.busy));
            point(
                "backPressuredTimeMsPerSecond",
                per_second(metrics.back_pressured),
            );
            point("idleTimeMsPerSecond", per_second(idle));
            let records = |simulated: u64| (simulated * u64::from(blueprint.weight)) as f64;
            point(
                "numRecordsInPerSecond",
                records(metrics.records_in) / seconds,
            );
            point(
                "numRecordsOutPerSecond",
                records(metrics.records_out) / seconds,
            );
            point("checkpointAlignmentTime", kept.alignment.0 as f64);
            point("checkpointStartDelayNanos", kept.start_delay.0 as f64);
            point("inputLatencyMs", metrics.input_latency.as_ms());
            point("inputQueueLength", f64::from(metrics.queued));
            point("inFlightLogBytes", metrics.log_bytes as f64);
            if blueprint.topology.is_source(metrics.subtask) {
                point("pendingRecords", records(metrics.pending_records));
            }
            let sink = topology.sink_of(metrics.subtask);
            if sink.is_some_and(SinkSpec::is_transactional_kafka) {
                let failed = self.failed_commits.get(&metrics.subtask);
                let of_attempt = |time: &&Time| (began..=*at).contains(time);
                let failed = failed.into_iter().flatten().filter(of_attempt).count();
                point("failedCommittables", failed as f64);
            }
            let begun = |watermark: Option<EventTime>| watermark.filter(|w| *w > EventTime::MIN);
            for (name, watermark) in [
                ("currentInputWatermark", metrics.input_watermark),
                ("currentOutputWatermark", metrics.output_watermark),
            ] {
                if let Some(watermark) = watermark {
                    point(name, in_gauge(watermark));
                }
            }
            let own = metrics
                .output_watermark
                .filter(|_| metrics.input_watermark.is_none());
            if let Some(lag) = begun(own).and_then(|watermark| watermark.lag(*at)) {
                point("watermarkLag", lag.as_ms());
            }
        }
        for (at, taskmanager, cpu) in &self.machines {
            let subject = blueprint.directory.name(*taskmanager).into();
            let value = f64::from(*cpu) / 1e3;
            points.push(MetricPoint {
                at_ms: at.as_ms(),
                scope: "taskmanager",
                subject,
                metric: "cpuLoad",
                value,
            });
        }
        points.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_keep_what_the_last_checkpoint_took_until_another_attempt_begins() {
        let ns = |ns: u64| kernel::Span(ns);
        let (mut kept, mut metrics) = (Kept::default(), TaskMetrics::default());
        for (began, measured, said) in [(1, 7, 7), (1, 0, 7), (1, 5, 5), (2, 0, 0)] {
            metrics.alignment = ns(measured);
            kept.update(Time(began), &metrics);
            assert_eq!(kept.alignment, ns(said));
        }
        assert_eq!(in_gauge(EventTime::MIN), i64::MIN as f64);
        assert_eq!(in_gauge(EventTime(2_500_000)), 2.5);
    }
}
