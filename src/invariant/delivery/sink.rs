//! What readers of one sink operator see, held against what the sink promises.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::actor::message::Batches;
use crate::actor::sink_fact::AbortCause;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::ledger::Visible;
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::sink::{Guarantee, SinkSpec};
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId, Topology};
use crate::kernel::{Header, Time};

use super::{Completed, Cut, InFlight};

/// Offsets by split.
pub type Offsets = BTreeMap<SplitId, Vec<u64>>;

#[derive(Clone, Debug)]
pub struct SinkLedger {
    pub operator: OperatorId,
    pub job: JobId,
    pub spec: SinkSpec,
    /// A record comes here in one way only, so that a second copy is one too many.
    one_way: bool,
    pub visible: Visible,
    /// What a reader without `isolation.level=read_committed` gets.
    pub raw: Visible,
    /// By subtask: the checkpoint up to which it has committed.
    committed: BTreeMap<SubtaskId, CheckpointId>,
    /// Below these offsets everything has to be visible.
    settled: BTreeMap<SplitId, u64>,
    /// The event that completed the checkpoint which says so.
    settled_with: Option<u64>,
    /// But for these, which were on their way when the latest settled checkpoint was taken.
    on_the_way: InFlight,
    /// What was missing when it should have been there; by when that was beyond help, and why.
    pub losses: Vec<Loss>,
    /// Where each restart began to read again.
    restores: Vec<Restore>,
    /// What brokers have aborted.
    aborted: Vec<Aborted>,
    /// What sources have passed over.
    skipped: BTreeMap<SplitId, Vec<Range<u64>>>,
    /// Records that are committed, and that readers of committed records cannot get past to.
    pub withheld: i64,
    /// Records that were written again over themselves.
    pub overwritten: u64,
    /// Transactions that were committed too late.
    pub failed_commits: u64,
    /// A restart went back behind what was committed.
    rolled_back: bool,
}

/// Where a restart began to read again.
#[derive(Clone, Debug)]
struct Restore {
    offsets: BTreeMap<SplitId, u64>,
    /// Records before that which channels held.
    in_flight: InFlight,
}

impl Restore {
    /// It brings the record once more.
    fn reaches(&self, split: SplitId, offset: u64) -> bool {
        let held = self.in_flight.get(&split);
        let is_behind = self.offsets.get(&split).is_none_or(|from| *from <= offset);
        is_behind || held.is_some_and(|held| held.contains(&offset))
    }
}

#[derive(Clone, Debug)]
struct Aborted {
    at: Time,
    event: u64,
    cause: AbortCause,
    batches: Batches,
}

/// Records that no reader will see.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The first moment from which nothing could bring them back.
    pub at: Time,
    pub event: u64,
    pub cause: String,
    pub records: Offsets,
    /// The guarantee does not cover it.
    pub excused: bool,
}

/// Copies that are one too many.
pub type Doubled = Vec<Record>;

impl SinkLedger {
    /// `splits`: those from which records come, and in how many ways.
    pub fn new(
        operator: OperatorId,
        spec: &SinkSpec,
        ways: &BTreeMap<SplitId, u64>,
        topology: &Topology,
    ) -> SinkLedger {
        let info = &topology.operators[operator as usize];
        let subtasks = info.first..info.first + info.widest;
        SinkLedger {
            operator,
            job: info.job,
            spec: spec.clone(),
            one_way: ways.values().all(|ways| *ways == 1),
            visible: Visible::new(topology.splits.len()),
            raw: Visible::new(topology.splits.len()),
            committed: subtasks.map(|subtask| (subtask, 0)).collect(),
            settled: ways.keys().map(|split| (*split, 0)).collect(),
            settled_with: None,
            on_the_way: InFlight::new(),
            losses: Vec::new(),
            restores: Vec::new(),
            aborted: Vec::new(),
            skipped: BTreeMap::new(),
            withheld: 0,
            overwritten: 0,
            failed_commits: 0,
            rolled_back: false,
        }
    }

    /// Records become visible; those that were visible already.
    pub fn show(&mut self, batch: &Batch) -> Doubled {
        let again = self.visible.show(batch);
        if !self.one_way || again.is_empty() {
            return Vec::new();
        }
        if self.spec.is_idempotent() {
            self.overwritten += again.len() as u64;
            return Vec::new();
        }
        match self.spec.guarantee {
            Guarantee::None => Vec::new(),
            Guarantee::ExactlyOnce if self.rolled_back => self.not_read_again(again),
            Guarantee::ExactlyOnce => again,
            Guarantee::AtLeastOnce => self.not_read_again(again),
        }
    }

    /// Copies that no restart accounts for: each restart may bring what lies behind its offsets once more.
    fn not_read_again(&self, again: Doubled) -> Doubled {
        let is_unaccounted = |record: &Record| {
            let (split, offset) = (record.split(), record.offset());
            let reaching = self
                .restores
                .iter()
                .filter(|restore| restore.reaches(split, offset));
            let restarts = reaching.count() as u64;
            self.visible.copies(split, offset) > restarts + 1
        };
        again.into_iter().filter(is_unaccounted).collect()
    }

    /// A restart goes back to a checkpoint, at these offsets. `undoes`: behind a later one, which whoever has heard of it may
    /// still commit.
    pub fn restore(
        &mut self,
        checkpoint: CheckpointId,
        undoes: bool,
        cut: Option<&Cut>,
        header: &Header,
    ) {
        let in_flight = cut.map_or_else(InFlight::new, |cut| self.of(cut));
        let offsets: BTreeMap<_, _> = match cut {
            Some(cut) => cut.offsets.clone(),
            None => self.settled.keys().map(|split| (*split, 0)).collect(),
        };
        let committed = self.committed.values().max();
        self.rolled_back |= undoes || committed.is_some_and(|committed| *committed > checkpoint);
        if self.spec.guarantee == Guarantee::None {
            let cause = format!("restored checkpoint {checkpoint}, which did not wait for them");
            let records = self.missing(&offsets, in_flight.clone());
            self.lose(header.time, header.event.0, cause, records, true);
        }
        self.restores.push(Restore { offsets, in_flight });
    }

    /// What was on its way to this sink.
    fn of(&self, cut: &Cut) -> InFlight {
        cut.in_flight
            .get(&self.operator)
            .cloned()
            .unwrap_or_default()
    }

    /// A source passes over what is not kept any more: nobody will read it again.
    pub fn skip(&mut self, split: SplitId, offsets: Range<u64>, header: &Header) {
        let cause = "retention had overtaken the source".to_owned();
        let records = Offsets::from([(split, offsets.clone().collect())]);
        self.lose(header.time, header.event.0, cause, records, true);
        self.skipped.entry(split).or_default().push(offsets);
    }

    /// What should be visible below these offsets, and is not; looked at once. What was on its way is looked at again.
    fn missing(&mut self, offsets: &BTreeMap<SplitId, u64>, in_flight: InFlight) -> Offsets {
        let mut missing = Offsets::new();
        let mut late = std::mem::replace(&mut self.on_the_way, in_flight);
        for (split, offset) in offsets {
            let Some(from) = self.settled.get_mut(split) else {
                continue;
            };
            // Behind an older checkpoint they are still to come, with one after the next.
            let beyond = late.entry(*split).or_default();
            let due = std::mem::take(beyond);
            *beyond = due.range(*offset..).copied().collect();
            let due = due.range(..*offset).copied();
            let mut found: Vec<u64> = due
                .filter(|offset| self.visible.copies(*split, *offset) == 0)
                .collect();
            if *from < *offset {
                found.extend(self.visible.missing(*split, *from, *offset));
                *from = *offset;
            }
            if let Some(held) = self.on_the_way.get(split) {
                found.retain(|offset| !held.contains(offset));
            }
            if let Some(skipped) = self.skipped.get(split) {
                found.retain(|offset| !skipped.iter().any(|range| range.contains(offset)));
            }
            if !found.is_empty() {
                missing.insert(*split, found);
            }
        }
        late.retain(|_, offsets| !offsets.is_empty());
        for (split, offsets) in late {
            self.on_the_way.entry(split).or_default().extend(offsets);
        }
        missing
    }

    fn lose(&mut self, at: Time, event: u64, cause: String, records: Offsets, excused: bool) {
        if !records.is_empty() {
            self.losses.push(Loss {
                at,
                event,
                cause,
                records,
                excused,
            });
        }
    }

    /// At-least-once: what a completed checkpoint covers has been written. What is missing.
    pub fn cover(&mut self, completed: &Completed, header: &Header) -> Offsets {
        let missing = self.missing(&completed.cut.offsets, self.of(&completed.cut));
        let cause = "a checkpoint completed without them".to_owned();
        self.lose(header.time, header.event.0, cause, missing.clone(), false);
        missing
    }

    /// A subtask has committed up to a checkpoint.
    pub fn commit(&mut self, sink: SubtaskId, checkpoint: CheckpointId) {
        if let Some(committed) = self.committed.get_mut(&sink) {
            *committed = (*committed).max(checkpoint);
        }
    }

    /// All of its subtasks that took the checkpoint have committed it.
    pub fn has_committed(&self, checkpoint: CheckpointId, sinks: &[SubtaskId]) -> bool {
        let mut own = sinks.iter().filter_map(|sink| self.committed.get(sink));
        own.all(|up_to| *up_to >= checkpoint)
    }

    pub fn abort(&mut self, header: &Header, cause: AbortCause, batches: &Batches) {
        self.aborted.push(Aborted {
            at: header.time,
            event: header.event.0,
            cause,
            batches: batches.clone(),
        });
    }

    /// S1: everything that committed checkpoints cover is visible, or brokers have aborted it for a reason that is excused.
    /// What is missing without that excuse.
    pub fn settle(&mut self, completed: &[&Completed], header: &Header) -> Offsets {
        let Some(latest) = completed.last() else {
            return Offsets::new();
        };
        // Its other subtasks say so too.
        if self.settled_with.replace(latest.event) == Some(latest.event) {
            return Offsets::new();
        }
        let mut missing = self.missing(&latest.cut.offsets, self.of(&latest.cut));
        if missing.is_empty() {
            return missing;
        }
        for aborted in std::mem::take(&mut self.aborted) {
            let Some(cause) = beyond_promise(aborted.cause) else {
                continue;
            };
            let records = taken(&mut missing, &aborted.batches);
            let (at, event) = (aborted.at, aborted.event);
            if self.is_unsettled(&aborted.batches) {
                // A later checkpoint covers the rest.
                self.aborted.push(aborted);
            }
            // Before its checkpoint had completed it could still have been read again.
            let covers = |completed: &&&Completed| {
                let covered = |(split, offsets): (&SplitId, &Vec<u64>)| {
                    let to = completed.cut.offsets.get(split);
                    offsets
                        .iter()
                        .all(|offset| to.is_some_and(|to| offset < to))
                };
                records.iter().all(covered)
            };
            let first = completed.iter().find(covers).unwrap_or(latest);
            let (at, event) = (at, event).max((first.at, first.event));
            self.lose(at, event, cause.to_owned(), records, true);
        }
        let cause = "committed without them".to_owned();
        self.lose(header.time, header.event.0, cause, missing.clone(), false);
        missing
    }

    /// Some of these records have yet to be looked for.
    fn is_unsettled(&self, batches: &Batches) -> bool {
        let mut records = batches
            .0
            .iter()
            .flat_map(|batch| batch.records().into_owned());
        records.any(|record| {
            let (split, offset) = (record.split(), record.offset());
            let on_the_way = self.on_the_way.get(&split);
            (self.settled.get(&split)).is_some_and(|settled| offset >= *settled)
                || on_the_way.is_some_and(|held| held.contains(&offset))
        })
    }

    /// Records of the sink that are lost for good, whatever came late after all.
    pub fn lost(&self) -> Vec<Loss> {
        let still = |loss: &Loss| {
            let mut loss = loss.clone();
            for (split, offsets) in &mut loss.records {
                offsets.retain(|o| !self.visible.missing(*split, *o, *o + 1).is_empty());
            }
            loss.records.retain(|_, offsets| !offsets.is_empty());
            (!loss.records.is_empty()).then_some(loss)
        };
        self.losses.iter().filter_map(still).collect()
    }

    /// Copies beyond the first that a reader sees, by split.
    pub fn doubled(&self, split: SplitId) -> Vec<u64> {
        match self.one_way && !self.spec.is_idempotent() {
            true => self.visible.duplicates(split),
            false => Vec::new(),
        }
    }
}

/// Why records of a transaction that was aborted may be lost: exactly-once does not cover that. `KafkaCommitter` logs either
/// as "timed out or was overridden and data has been potentially lost", and the job goes on.
fn beyond_promise(cause: AbortCause) -> Option<&'static str> {
    match cause {
        AbortCause::Timeout => {
            Some("the broker aborted their transaction when transaction.timeout.ms was over")
        }
        AbortCause::Overridden => Some(
            "a task that had been replaced opened its transactional id once more, and the latest producer of an id fences all others (ProducerFencedException)",
        ),
        AbortCause::NewProducer | AbortCause::Closed => None,
    }
}

/// Takes out of `missing` what the batches hold.
fn taken(missing: &mut Offsets, batches: &Batches) -> Offsets {
    let mut held: BTreeMap<SplitId, BTreeSet<u64>> = BTreeMap::new();
    for batch in batches.0.iter() {
        for record in batch.records().iter() {
            let offsets = held.entry(record.split()).or_default();
            offsets.insert(record.offset());
        }
    }
    let mut taken = Offsets::new();
    for (split, held) in held {
        if let Some(offsets) = missing.get_mut(&split) {
            let found: Vec<u64> = offsets
                .extract_if(.., |offset| held.contains(offset))
                .collect();
            if !found.is_empty() {
                taken.insert(split, found);
            }
        }
    }
    missing.retain(|_, offsets| !offsets.is_empty());
    taken
}
