//! "Minimal interruption" as figures: which share of the records was delayed by the faults, and by how much.

use std::collections::BTreeSet;

use crate::actor::blueprint::Blueprint;
use crate::dataflow::layout::{Layout, Output};
use crate::dataflow::record::Record;
use crate::dataflow::routing::Router;
use crate::dataflow::topology::{ChannelId, SubtaskId, Topology};
use crate::kernel::Span;

use super::arrivals::Spans;
use super::outcome::{DelayedShare, Interruption};
use super::watch::Watch;

/// Added to the p99 between start-up and the first fault: what is within it is not delayed.
const TOLERANCE_MS: f64 = 100.0;

/// None where no fault led to a recovery, or nothing had come out before the first one.
pub fn interruption(
    watch: &Watch,
    blueprint: &Blueprint,
    end: crate::kernel::Time,
) -> Option<Interruption> {
    let threshold_ms = watch.before.as_ref()?.p99? + TOLERANCE_MS;
    let threshold = Span((threshold_ms * 1e6) as u64);
    let episodes = &watch.recoveries.closed;
    if episodes.is_empty() {
        return None;
    }
    let mut through = Share::default();
    let mut others = Share::default();
    for episode in episodes {
        let until = episode.end.unwrap_or(end);
        let job = &blueprint.topology.jobs[episode.job as usize];
        let ways = Ways::new(&episode.failed, &job.layout, &blueprint.topology);
        for split in &job.splits {
            let reads = |source: &&SubtaskId| job.layout.vertex(**source).splits.contains(split);
            let readers: Vec<_> = job.layout.sources.iter().filter(reads).collect();
            // Partitions that are added wait for their discovery, whatever fails.
            if readers.is_empty() {
                continue;
            }
            for (offset, arrival, latency) in watch.arrivals.between(*split, episode.at, until) {
                // What never came out was delayed at least until the end.
                let latency = latency.unwrap_or(end.since(arrival));
                let record = Record::new(*split, offset);
                let passes = readers.iter().any(|source| ways.pass(**source, record));
                if passes { &mut through } else { &mut others }.count(latency, threshold);
            }
        }
    }
    let through_failed_tasks = through.close();
    let others_closed = others.close();
    through.records += others.records;
    through.delays.merge(others.delays);
    Some(Interruption {
        threshold_ms,
        records: through.records,
        all: through.close(),
        through_failed_tasks,
        others: others_closed,
    })
}

#[derive(Default)]
struct Share {
    records: u64,
    delays: Spans,
}

impl Share {
    fn count(&mut self, latency: Span, threshold: Span) {
        self.records += 1;
        if latency > threshold {
            self.delays.record(latency);
        }
    }

    fn close(&self) -> DelayedShare {
        let delayed = self.delays.count();
        DelayedShare {
            records: self.records,
            delayed,
            share: (self.records > 0).then(|| delayed as f64 / self.records as f64),
            delay_ms: self.delays.quantiles(),
        }
    }
}

/// What lies between each subtask and the failed ones.
struct Ways<'a> {
    layout: &'a Layout,
    topology: &'a Topology,
    /// By subtask: each of its outputs, and who consumes its channels.
    outputs: Vec<Vec<(&'a Router, Vec<SubtaskId>)>>,
    /// By subtask: whether a record that is there passes a failed one. None: it depends on the record.
    known: Vec<Option<bool>>,
}

impl<'a> Ways<'a> {
    fn new(failed: &BTreeSet<SubtaskId>, layout: &'a Layout, topology: &'a Topology) -> Ways<'a> {
        let mut ways = Ways {
            layout,
            topology,
            outputs: Vec::new(),
            known: vec![Some(false); topology.subtasks.len()],
        };
        for subtask in failed {
            ways.lead_to(*subtask);
            ways.known[*subtask as usize] = Some(true);
        }
        let consumer = |channel: &ChannelId| topology.channels[*channel as usize].consumer;
        let outputs = |subtask| {
            let outputs = layout.get(subtask).map(|vertex| &vertex.outputs);
            let consumers = |output: &'a Output| {
                let consumers = output.channels.iter().map(consumer).collect();
                (&output.router, consumers)
            };
            outputs.into_iter().flatten().map(consumers).collect()
        };
        ways.outputs = (0..topology.subtasks.len() as SubtaskId)
            .map(outputs)
            .collect();
        ways
    }

    /// Some records of those that lead here pass.
    fn lead_to(&mut self, subtask: SubtaskId) {
        let layout = self.layout;
        // A subtask that failed before a rescaling may not be there any more.
        let inputs = layout.get(subtask).map(|vertex| &vertex.inputs);
        for channel in inputs.into_iter().flatten() {
            let producer = self.topology.channels[*channel as usize].producer;
            if self.known[producer as usize] == Some(false) {
                self.known[producer as usize] = None;
                self.lead_to(producer);
            }
        }
    }

    /// Whether a record that is at a subtask passes a failed one from there on.
    fn pass(&self, mut subtask: SubtaskId, mut record: Record) -> bool {
        loop {
            if let Some(known) = self.known[subtask as usize] {
                return known;
            }
            // Most have one output: it is followed without coming back.
            match &self.outputs[subtask as usize][..] {
                [(router, consumers)] => {
                    let (target, routed) = router.route(record);
                    (subtask, record) = (consumers[target], routed);
                }
                several => {
                    return several.iter().any(|(router, consumers)| {
                        let (target, record) = router.route(record);
                        self.pass(consumers[target], record)
                    });
                }
            }
        }
    }
}
