//! "Minimal interruption" as figures: which share of the records was delayed by the faults, and by how much.

use std::collections::BTreeSet;

use crate::actor::blueprint::Blueprint;
use crate::dataflow::record::Record;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::Span;

use super::arrivals::Spans;
use super::outcome::{DelayedShare, Interruption};
use super::watch::Watch;

/// Added to the p99 before the first fault: what is within it is not delayed.
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
    let mut all = Share::default();
    for episode in episodes {
        let until = episode.end.unwrap_or(end);
        for split in &blueprint.topology.jobs[episode.job as usize].splits {
            for (offset, latency) in watch.arrivals.between(*split, episode.at, until) {
                // What never came out was delayed at least until the end.
                let arrival = watch
                    .arrivals
                    .arrival(*split, offset)
                    .expect("it is in the interval");
                let latency = latency.unwrap_or(end.since(arrival));
                let passes = passes(Record::new(*split, offset), &episode.failed, blueprint);
                all.count(latency, threshold);
                if passes { &mut through } else { &mut others }.count(latency, threshold);
            }
        }
    }
    Some(Interruption {
        threshold_ms,
        records: all.records,
        all: all.close(),
        through_failed_tasks: through.close(),
        others: others.close(),
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

    fn close(self) -> DelayedShare {
        let delayed = self.delays.count();
        DelayedShare {
            records: self.records,
            delayed,
            share: (self.records > 0).then(|| delayed as f64 / self.records as f64),
            delay_ms: self.delays.quantiles(),
        }
    }
}

/// Whether the record's way through the job leads through one of the tasks.
fn passes(record: Record, failed: &BTreeSet<SubtaskId>, blueprint: &Blueprint) -> bool {
    let topology = &blueprint.topology;
    topology.jobs.iter().any(|job| {
        let reads =
            |source: &&SubtaskId| job.layout.vertex(**source).splits.contains(&record.split());
        let mut readers = job.layout.sources.iter().filter(reads);
        readers.any(|source| passes_from(*source, record, failed, blueprint))
    })
}

fn passes_from(
    subtask: SubtaskId,
    record: Record,
    failed: &BTreeSet<SubtaskId>,
    blueprint: &Blueprint,
) -> bool {
    if failed.contains(&subtask) {
        return true;
    }
    let topology = &blueprint.topology;
    topology.jobs[topology.job_of(subtask) as usize]
        .layout
        .vertex(subtask)
        .outputs
        .iter()
        .any(|output| {
            let (target, record) = output.router.route(record);
            let consumer = topology.channels[output.channels[target] as usize].consumer;
            passes_from(consumer, record, failed, blueprint)
        })
}
