//! Exactly-once, proved against the logs themselves: consistent cuts, and what readers see.

mod cut;
mod following;
mod in_flight;
mod naming;
mod outcome;
mod promises;
mod sink;
#[cfg(test)]
mod tests;

use crate::actor::sink_fact::OffsetReset;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::{Attempt, ChannelState};
use crate::actor::fact::Fact;
use crate::actor::settings::CheckpointingMode;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::job_graph::OperatorKind;
use crate::dataflow::layout::Layout;
use crate::dataflow::ledger::Prefixes;
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::sink::Guarantee;
use crate::dataflow::topology::{JobId, OperatorId, OperatorInfo, SubtaskId, Topology};
use crate::kernel::{ActorId, Header, Time};

use naming::{by_split, named};
pub use outcome::{DeliveryOutcome, SinkDelivery};
pub use promises::STATEMENTS;
pub use sink::Loss;
use sink::SinkLedger;

/// Follows every checkpoint and every transaction of a run.
#[derive(Clone, Debug)]
pub struct Delivery {
    blueprint: Arc<Blueprint>,
    /// `execution.checkpointing.mode: EXACTLY_ONCE`: a snapshot holds what comes before the barrier and nothing else.
    aligns: bool,
    prefixes: Prefixes,
    /// How often a record of a split reaches an operator: the number of ways through the graph.
    ways: Vec<BTreeMap<SplitId, u64>>,
    /// What each task had applied at each checkpoint's barrier.
    snapshots: BTreeMap<(SubtaskId, CheckpointId), Fingerprint>,
    /// What its channels held at that moment, where barriers have overtaken something.
    channels: BTreeMap<(SubtaskId, CheckpointId), Arc<ChannelState>>,
    /// Execution graphs by leader and job, where they are not as configured.
    layouts: BTreeMap<(ActorId, JobId), Arc<Layout>>,
    /// Completed checkpoints that are not committed everywhere.
    completed: BTreeMap<(JobId, CheckpointId), Completed>,
    sinks: Vec<SinkLedger>,
    cut_checked: u64,
    cut_broken: Vec<(Time, u64, String)>,
    visible_checked: u64,
    duplicates: Vec<(Time, u64, String)>,
    losses: Vec<(Time, u64, String)>,
    early: Vec<(Time, u64, String)>,
    written_checked: u64,
    unaccounted: Vec<(Time, u64, String)>,
    unwritten: Vec<(Time, u64, String)>,
    /// Offsets of the latest completed checkpoints.
    cuts: BTreeMap<(JobId, CheckpointId), Cut>,
    /// What sources have passed over, because it was not kept any more: by job and split.
    skipped: BTreeMap<(JobId, SplitId), Vec<Skipped>>,
    /// The latest attempt that reads a split, of whichever subtask. What an earlier one passes over concerns nobody.
    attempts: BTreeMap<(JobId, SplitId), Attempt>,
}

/// A completed checkpoint, as a sink sees it.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    pub offsets: BTreeMap<SplitId, u64>,
    /// By sink operator: records below the offsets that its channels held, or channels on the way to it.
    pub in_flight: BTreeMap<OperatorId, InFlight>,
}

/// Offsets by split.
pub type InFlight = BTreeMap<SplitId, BTreeSet<u64>>;

/// Offsets that a source has passed over, the last one excluded.
#[derive(Clone, Copy, Debug)]
struct Skipped {
    to: u64,
    records: Fingerprint,
}

/// Checkpoints of a job whose offsets are kept: restarts go back to the latest ones.
const CUTS_KEPT: usize = 16;

#[derive(Clone, Debug)]
pub struct Completed {
    checkpoint: CheckpointId,
    at: Time,
    event: u64,
    /// A restart has gone back behind it.
    undone: bool,
    cut: Cut,
    /// The sinks of the execution graph that took it: they have to commit it.
    sinks: Vec<SubtaskId>,
}

impl Delivery {
    pub fn new(blueprint: &Arc<Blueprint>) -> Delivery {
        let topology = &blueprint.topology;
        let ways = ways(blueprint);
        let sink = |(operator, info): (usize, &OperatorInfo)| {
            let spec = info.spec.kind.sink()?;
            let operator = operator as OperatorId;
            Some(SinkLedger::new(
                operator,
                spec,
                &ways[operator as usize],
                topology,
            ))
        };
        let operators = topology.operators.iter().enumerate();
        let sinks = operators.filter_map(sink).collect();
        Delivery {
            prefixes: Prefixes::new(topology.splits.len()),
            layouts: BTreeMap::new(),
            ways,
            snapshots: BTreeMap::new(),
            channels: BTreeMap::new(),
            completed: BTreeMap::new(),
            sinks,
            cut_checked: 0,
            cut_broken: Vec::new(),
            visible_checked: 0,
            duplicates: Vec::new(),
            losses: Vec::new(),
            early: Vec::new(),
            aligns: blueprint.config.checkpointing.mode == CheckpointingMode::ExactlyOnce,
            written_checked: 0,
            unaccounted: Vec::new(),
            unwritten: Vec::new(),
            cuts: BTreeMap::new(),
            skipped: BTreeMap::new(),
            attempts: BTreeMap::new(),
            blueprint: Arc::clone(blueprint),
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        match fact {
            Fact::ExecutionGraphCreated { job, parallelism } => {
                let layout = Layout::new(&self.blueprint.topology, *job, parallelism);
                self.layouts.insert((header.actor, *job), Arc::new(layout));
            }
            // Whoever leads anew begins with the graph that is configured.
            Fact::LeadershipGranted => {
                self.layouts
                    .retain(|(leader, _), _| *leader != header.actor);
            }
            Fact::TaskSnapshot {
                subtask,
                checkpoint,
                applied,
                ..
            } => {
                self.snapshots.insert((*subtask, *checkpoint), *applied);
            }
            Fact::ChannelsOvertaken {
                subtask,
                checkpoint,
                channels,
                ..
            } => {
                let key = (*subtask, *checkpoint);
                self.channels.insert(key, Arc::clone(&channels.0));
            }
            // A deposed leader may hear late of what its successor has found in the store.
            Fact::CheckpointCompleted {
                job,
                checkpoint,
                offsets,
                ..
            } if !self.is_known(*job, *checkpoint, offsets) => {
                self.complete(header, *job, *checkpoint, offsets);
            }
            Fact::Sink(fact) => self.sink(header, fact),
            Fact::OffsetReset(OffsetReset {
                subtask,
                attempt,
                split,
                from,
                to,
            }) => {
                // One that begins at the beginning restores nothing, and is heard of here first.
                let latest = self.latest_attempt(*subtask, *split, *attempt);
                if *attempt == latest {
                    self.skip(header, *subtask, *split, *from..*to);
                }
            }
            Fact::TaskRestored {
                subtask,
                attempt,
                offsets,
                ..
            } => {
                for (split, _) in offsets {
                    self.latest_attempt(*subtask, *split, *attempt);
                }
            }
            // A leader may find a checkpoint in the store whose completion its predecessor did not live to hear of.
            Fact::RetrievalDone {
                job,
                checkpoint,
                offsets,
                ..
            } if *checkpoint > self.latest(*job) => {
                self.complete(header, *job, *checkpoint, offsets);
                self.restore(header, *job, *checkpoint);
            }
            Fact::RetrievalDone {
                job, checkpoint, ..
            } => self.restore(header, *job, *checkpoint),
            Fact::TransactionCommitted {
                sink,
                checkpoint,
                batches,
            } => {
                self.show(header, *sink, *checkpoint, &batches.0);
                self.settle(header, *sink, *checkpoint);
            }
            _ => {}
        }
    }

    /// The latest one that is known, with this one.
    fn latest_attempt(&mut self, subtask: SubtaskId, split: SplitId, attempt: Attempt) -> Attempt {
        let job = self.blueprint.topology.job_of(subtask);
        let latest = self.attempts.entry((job, split)).or_insert(attempt);
        *latest = (*latest).max(attempt);
        *latest
    }

    fn is_known(&self, job: JobId, checkpoint: CheckpointId, offsets: &[(SplitId, u64)]) -> bool {
        let key = (job, checkpoint);
        // What has been settled is forgotten, but for its cut.
        let kept = self.cuts.get(&key);
        let cut = kept.or_else(|| self.completed.get(&key).map(|known| &known.cut));
        let offsets = offsets.iter().copied().collect();
        cut.is_some_and(|cut| cut.offsets == offsets)
    }

    fn complete(
        &mut self,
        header: &Header,
        job: JobId,
        checkpoint: CheckpointId,
        offsets: &[(SplitId, u64)],
    ) {
        self.check_cut(header, job, checkpoint, offsets);
        let cut = Cut {
            offsets: offsets.iter().copied().collect(),
            in_flight: self.in_flight(job, checkpoint),
        };
        self.forget_snapshots(job, checkpoint);
        self.cuts.insert((job, checkpoint), cut.clone());
        let completed = Completed {
            checkpoint,
            at: header.time,
            event: header.event.0,
            undone: false,
            cut,
            sinks: self
                .layouts
                .get(&(header.actor, job))
                .unwrap_or(&self.blueprint.topology.jobs[job as usize].layout)
                .sinks
                .clone(),
        };
        let of_job = self.cuts.range((job, 0)..=(job, CheckpointId::MAX));
        if let Some(oldest) = of_job.rev().nth(CUTS_KEPT).map(|(key, _)| *key) {
            self.cuts.remove(&oldest);
        }
        let topology = &self.blueprint.topology;
        let written = |ledger: &&mut SinkLedger| {
            ledger.job == job && ledger.spec.guarantee == Guarantee::AtLeastOnce
        };
        for ledger in self.sinks.iter_mut().filter(written) {
            let missing = ledger.cover(&completed, header);
            if !missing.is_empty() {
                let what = format!(
                    "{} records that checkpoint {checkpoint} covers are not written: {}",
                    missing.values().map(Vec::len).sum::<usize>(),
                    named(&missing, topology),
                );
                self.unwritten.push((header.time, header.event.0, what));
            }
        }
        self.completed.insert((job, checkpoint), completed);
    }

    /// The latest checkpoint known to have completed; later ones subsume what was dropped.
    fn latest(&self, job: JobId) -> CheckpointId {
        let known = self.completed.range((job, 0)..=(job, CheckpointId::MAX));
        known.last().map_or(0, |((_, checkpoint), _)| *checkpoint)
    }

    fn forget_snapshots(&mut self, job: JobId, checkpoint: CheckpointId) {
        let subtasks = &self.blueprint.topology.jobs[job as usize].subtasks;
        let is_open = |(subtask, id): &(SubtaskId, CheckpointId)| {
            *id > checkpoint || !subtasks.contains(subtask)
        };
        self.snapshots.retain(|key, _| is_open(key));
        self.channels.retain(|key, _| is_open(key));
    }

    /// A transaction of a checkpoint is committed: its records become visible.
    fn show(
        &mut self,
        header: &Header,
        sink: SubtaskId,
        checkpoint: CheckpointId,
        batches: &[Batch],
    ) {
        let topology = &self.blueprint.topology;
        let ledger = ledger_of(&mut self.sinks, sink, topology);
        let job = topology.job_of(sink);
        // By split; what the checkpoint does not name it does not cover.
        let completed = self.completed.get(&(job, checkpoint));
        let mut covered = vec![0; topology.splits.len()];
        for (split, offset) in completed
            .iter()
            .flat_map(|completed| &completed.cut.offsets)
        {
            covered[*split as usize] = *offset;
        }
        for batch in batches {
            self.visible_checked += batch.len() as u64;
            let duplicates = ledger.show(batch);
            if !duplicates.is_empty() && self.aligns {
                let what = format!(
                    "{} records of checkpoint {checkpoint} were visible already: {}",
                    duplicates.len(),
                    named(&by_split(&duplicates), topology),
                );
                self.duplicates.push((header.time, header.event.0, what));
            }
            let is_beyond = |record: &&Record| record.offset() >= covered[record.split() as usize];
            let beyond = batch.records().iter().filter(is_beyond).count();
            let what = match completed {
                None => format!(
                    "{} records are visible of checkpoint {checkpoint}, which has not completed",
                    batch.len()
                ),
                Some(_) if beyond > 0 && self.aligns => format!(
                    "{beyond} records are visible that checkpoint {checkpoint} does not cover"
                ),
                Some(_) => continue,
            };
            self.early.push((header.time, header.event.0, what));
        }
    }

    /// S1: once all of a sink's subtasks that took a checkpoint have committed it, everything that it covers is visible.
    fn settle(&mut self, header: &Header, sink: SubtaskId, checkpoint: CheckpointId) {
        let topology = &self.blueprint.topology;
        let job = topology.job_of(sink);
        let ledger = ledger_of(&mut self.sinks, sink, topology);
        ledger.commit(sink, checkpoint);
        let completed = self.completed.range((job, 0)..=(job, CheckpointId::MAX));
        // Other sink operators have ledgers of their own.
        let mut settled: Vec<&Completed> = completed
            .map(|(_, completed)| completed)
            .filter(|completed| !completed.undone)
            .collect();
        let is_settled =
            |completed: &&Completed| ledger.has_committed(completed.checkpoint, &completed.sinks);
        settled.truncate(settled.iter().rposition(is_settled).map_or(0, |at| at + 1));
        let Some(latest) = settled.last().map(|completed| completed.checkpoint) else {
            return;
        };
        let missing = ledger.settle(&settled, header);
        if !missing.is_empty() {
            let what = format!(
                "{} records that checkpoint {latest} covers are not visible: {}",
                missing.values().map(Vec::len).sum::<usize>(),
                named(&missing, topology),
            );
            self.losses.push((header.time, header.event.0, what));
        }
        // Later commits may still name the latest one that every sink is done with.
        let of_job = self.sinks.iter().filter(|ledger| ledger.job == job);
        let transacting: Vec<_> = of_job
            .filter(|ledger| ledger.spec.guarantee == Guarantee::ExactlyOnce)
            .collect();
        let done = |completed: &Completed| {
            let mut ledgers = transacting.iter();
            ledgers.all(|ledger| ledger.has_committed(completed.checkpoint, &completed.sinks))
        };
        let done = settled.iter().rev().find(|completed| done(completed));
        let Some(done) = done.map(|completed| completed.checkpoint) else {
            return;
        };
        self.completed
            .retain(|(of, checkpoint), _| *of != job || *checkpoint >= done);
    }
}

fn ledger_of<'a>(
    sinks: &'a mut [SinkLedger],
    sink: SubtaskId,
    topology: &Topology,
) -> &'a mut SinkLedger {
    let operator = topology.subtasks[sink as usize].operator;
    let mut ledgers = sinks.iter_mut();
    ledgers
        .find(|ledger| ledger.operator == operator)
        .expect("sinks have ledgers")
}

/// For each operator: from which splits records come, and in how many ways.
fn ways(blueprint: &Blueprint) -> Vec<BTreeMap<SplitId, u64>> {
    let topology = &blueprint.topology;
    let mut ways: Vec<BTreeMap<SplitId, u64>> = Vec::new();
    for operator in &topology.operators {
        let base = topology.jobs[operator.job as usize].operators[0] as usize;
        let mut into = BTreeMap::new();
        for input in operator.spec.kind.inputs() {
            for (split, n) in &ways[base + input.operator] {
                *into.entry(*split).or_insert(0) += n;
            }
        }
        if let OperatorKind::Source { topic } = operator.spec.kind {
            let splits = topology.splits.iter().enumerate();
            let own = splits.filter(|(_, split)| split.topic == topic);
            into.extend(own.map(|(split, _)| (split as SplitId, 1)));
        }
        ways.push(into);
    }
    ways
}
