//! Exactly-once, proved against the logs themselves: consistent cuts, and what readers see.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::job_graph::OperatorKind;
use crate::dataflow::layout::Layout;
use crate::dataflow::ledger::{Prefixes, Visible};
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId};
use crate::kernel::{Header, Time};

/// Follows every checkpoint and every transaction of a run.
#[derive(Clone, Debug)]
pub struct Delivery {
    blueprint: Arc<Blueprint>,
    prefixes: Prefixes,
    /// How often a record of a split reaches an operator: the number of ways through the graph.
    ways: Vec<BTreeMap<SplitId, u64>>,
    /// What each task had applied at each checkpoint's barrier.
    snapshots: BTreeMap<(SubtaskId, CheckpointId), Fingerprint>,
    /// Execution graphs in force, by job.
    layouts: Vec<Arc<Layout>>,
    /// Completed checkpoints that are not committed everywhere.
    completed: BTreeMap<(JobId, CheckpointId), Completed>,
    sinks: Vec<SinkLedger>,
    cut_checked: u64,
    cut_broken: Vec<(Time, u64, String)>,
    visible_checked: u64,
    duplicates: Vec<(Time, u64, String)>,
    losses: Vec<(Time, u64, String)>,
    early: Vec<(Time, u64, String)>,
}

#[derive(Clone, Debug)]
struct Completed {
    offsets: Vec<(SplitId, u64)>,
    /// The sinks of the execution graph that took it: they have to commit it.
    sinks: Vec<SubtaskId>,
}

/// One sink operator.
#[derive(Clone, Debug)]
struct SinkLedger {
    operator: OperatorId,
    visible: Visible,
    /// By subtask of the sink: the checkpoint up to which it has committed.
    committed: BTreeMap<SubtaskId, CheckpointId>,
    /// Below these offsets everything has to be visible.
    settled: BTreeMap<SplitId, u64>,
    lost: BTreeMap<SplitId, Vec<u64>>,
}

/// What a reader got, over the whole run; offsets by split.
#[derive(Clone, Debug, Default)]
pub struct DeliveryOutcome {
    pub visible: BTreeMap<SplitId, u64>,
    pub lost: BTreeMap<SplitId, Vec<u64>>,
    pub duplicated: BTreeMap<SplitId, Vec<u64>>,
}

/// Id, statement, times checked and violations of a promise.
pub type Promised<'a> = (&'static str, &'static str, u64, &'a [(Time, u64, String)]);

impl Delivery {
    pub fn new(blueprint: &Arc<Blueprint>) -> Delivery {
        let topology = &blueprint.topology;
        let ways = ways(blueprint);
        let sink = |operator: usize| SinkLedger {
            operator: operator as OperatorId,
            visible: Visible::new(topology.splits.len()),
            committed: topology
                .subtasks
                .iter()
                .enumerate()
                .filter(|(_, subtask)| subtask.operator as usize == operator)
                .map(|(id, _)| (id as SubtaskId, 0))
                .collect(),
            settled: ways[operator].keys().map(|split| (*split, 0)).collect(),
            lost: BTreeMap::new(),
        };
        let is_sink = |operator: &usize| {
            let any = topology
                .subtasks
                .iter()
                .position(|subtask| subtask.operator as usize == *operator);
            any.is_some_and(|subtask| topology.is_sink(subtask as SubtaskId))
        };
        let sinks = (0..topology.operators.len())
            .filter(is_sink)
            .map(sink)
            .collect();
        Delivery {
            prefixes: Prefixes::new(topology.splits.len()),
            layouts: topology
                .jobs
                .iter()
                .map(|job| Arc::clone(&job.layout))
                .collect(),
            ways,
            snapshots: BTreeMap::new(),
            completed: BTreeMap::new(),
            sinks,
            cut_checked: 0,
            cut_broken: Vec::new(),
            visible_checked: 0,
            duplicates: Vec::new(),
            losses: Vec::new(),
            early: Vec::new(),
            blueprint: Arc::clone(blueprint),
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        match fact {
            Fact::ExecutionGraphCreated { job, parallelism } => {
                let layout = Layout::new(&self.blueprint.topology, *job, parallelism);
                self.layouts[*job as usize] = Arc::new(layout);
            }
            Fact::TaskSnapshot {
                subtask,
                checkpoint,
                applied,
                ..
            } => {
                self.snapshots.insert((*subtask, *checkpoint), *applied);
            }
            Fact::CheckpointCompleted {
                job,
                checkpoint,
                offsets,
                ..
            } => {
                self.complete(header, *job, *checkpoint, offsets);
            }
            // A leader may find a checkpoint in the store whose completion its predecessor did not live to hear of.
            Fact::RetrievalDone {
                job,
                checkpoint,
                offsets,
                ..
            } if *checkpoint > self.latest(*job) => {
                self.complete(header, *job, *checkpoint, offsets);
            }
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

    fn complete(
        &mut self,
        header: &Header,
        job: JobId,
        checkpoint: CheckpointId,
        offsets: &[(SplitId, u64)],
    ) {
        self.check_cut(header, job, checkpoint, offsets);
        let completed = Completed {
            offsets: offsets.to_vec(),
            sinks: self.layouts[job as usize].sinks.clone(),
        };
        self.completed.insert((job, checkpoint), completed);
    }

    /// The latest checkpoint known to have completed; later ones subsume what was dropped.
    fn latest(&self, job: JobId) -> CheckpointId {
        let known = self.completed.range((job, 0)..=(job, CheckpointId::MAX));
        known.last().map_or(0, |((_, checkpoint), _)| *checkpoint)
    }

    /// C6: at a completed checkpoint, what each operator has applied is exactly what its sources had emitted.
    fn check_cut(
        &mut self,
        header: &Header,
        job: JobId,
        checkpoint: CheckpointId,
        offsets: &[(SplitId, u64)],
    ) {
        let topology = &self.blueprint.topology;
        for operator in &topology.jobs[job as usize].operators {
            let info = &topology.operators[*operator as usize];
            if info.selector.is_none() {
                continue;
            }
            self.cut_checked += 1;
            let mut expected = Fingerprint::default();
            for (split, offset) in offsets {
                let ways = self.ways[*operator as usize]
                    .get(split)
                    .copied()
                    .unwrap_or(0);
                let prefix = if ways > 0 {
                    self.prefixes.of(*split, *offset)
                } else {
                    Fingerprint::default()
                };
                for _ in 0..ways {
                    expected.merge(prefix);
                }
            }
            let mut applied = Fingerprint::default();
            let subtasks = topology.jobs[job as usize].subtasks.iter();
            for subtask in
                subtasks.filter(|s| topology.subtasks[**s as usize].operator == *operator)
            {
                applied.merge(
                    self.snapshots
                        .get(&(*subtask, checkpoint))
                        .copied()
                        .unwrap_or_default(),
                );
            }
            if applied != expected {
                let what = format!(
                    "checkpoint {checkpoint}: {} has applied {} records, its sources have emitted {}{}",
                    info.spec.name,
                    applied.records,
                    expected.records,
                    if applied.records == expected.records {
                        ", and they are not the same ones"
                    } else {
                        ""
                    },
                );
                self.cut_broken.push((header.time, header.event.0, what));
            }
        }
        let subtasks = topology.jobs[job as usize].subtasks.clone();
        self.snapshots
            .retain(|(subtask, id), _| *id > checkpoint || !subtasks.contains(subtask));
    }

    fn show(
        &mut self,
        header: &Header,
        sink: SubtaskId,
        checkpoint: CheckpointId,
        batches: &[Batch],
    ) {
        let topology = &self.blueprint.topology;
        let operator = topology.subtasks[sink as usize].operator;
        let job = topology.job_of(sink);
        let ledger = self
            .sinks
            .iter_mut()
            .find(|ledger| ledger.operator == operator)
            .expect("sinks have ledgers");
        let several_ways = self.ways[operator as usize].values().any(|ways| *ways > 1);
        // By split; what the checkpoint does not name it does not cover.
        let completed = self.completed.get(&(job, checkpoint));
        let mut covered = vec![0; topology.splits.len()];
        for (split, offset) in completed.iter().flat_map(|completed| &completed.offsets) {
            covered[*split as usize] = *offset;
        }
        for records in batches.iter().map(Batch::records) {
            self.visible_checked += records.len() as u64;
            let duplicates = ledger.visible.show(records);
            if duplicates > 0 && !several_ways {
                let what =
                    format!("{duplicates} records of checkpoint {checkpoint} were visible already");
                self.duplicates.push((header.time, header.event.0, what));
            }
            let is_beyond = |record: &&Record| record.offset() >= covered[record.split() as usize];
            let beyond = records.iter().filter(is_beyond).count();
            let what = match completed {
                None => format!(
                    "{} records are visible of checkpoint {checkpoint}, which has not completed",
                    records.len()
                ),
                Some(_) if beyond > 0 => format!(
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
        let operator = topology.subtasks[sink as usize].operator;
        let job = topology.job_of(sink);
        let ledger = self
            .sinks
            .iter_mut()
            .find(|ledger| ledger.operator == operator)
            .expect("sinks have ledgers");
        let committed = ledger
            .committed
            .get_mut(&sink)
            .expect("a sink's subtasks are known");
        *committed = (*committed).max(checkpoint);
        // Other sink operators have ledgers of their own.
        let is_settled = |((_, checkpoint), completed): &(&(JobId, CheckpointId), &Completed)| {
            let own = |sink: &SubtaskId| ledger.committed.get(sink).copied();
            let mut committed = completed.sinks.iter().filter_map(own);
            committed.all(|up_to| up_to >= *checkpoint)
        };
        let mut of_job = self
            .completed
            .range((job, 0)..=(job, CheckpointId::MAX))
            .rev();
        let Some((&(_, latest), Completed { offsets, .. })) = of_job.find(is_settled) else {
            return;
        };
        let mut lost = 0;
        for (split, offset) in offsets {
            let Some(from) = ledger.settled.get_mut(split) else {
                continue;
            };
            if *offset > *from {
                let missing = ledger.visible.missing(*split, *from, *offset);
                lost += missing.len();
                ledger.lost.entry(*split).or_default().extend(missing);
                *from = *offset;
            }
        }
        if lost > 0 {
            let what = format!("{lost} records that checkpoint {latest} covers are not visible");
            self.losses.push((header.time, header.event.0, what));
        }
        // Later commits may still name the latest one.
        let before: Vec<_> = self
            .completed
            .range((job, 0)..(job, latest))
            .map(|(key, _)| *key)
            .collect();
        for key in before {
            self.completed.remove(&key);
        }
    }

    pub fn outcome(&self) -> DeliveryOutcome {
        let mut outcome = DeliveryOutcome::default();
        for ledger in &self.sinks {
            for (split, ways) in &self.ways[ledger.operator as usize] {
                let count = ledger.visible.count(*split);
                outcome
                    .visible
                    .entry(*split)
                    .and_modify(|seen| *seen = (*seen).min(count))
                    .or_insert(count);
                let mut again = ledger.visible.duplicates(*split).to_vec();
                if *ways == 1 && !again.is_empty() {
                    again.sort_unstable();
                    outcome.duplicated.entry(*split).or_default().extend(again);
                }
                // What came after all, from a transaction that committed late, is not lost.
                let lost = ledger.lost.get(split).into_iter().flatten().copied();
                let lost: Vec<u64> = lost
                    .filter(|o| !ledger.visible.missing(*split, *o, *o + 1).is_empty())
                    .collect();
                if !lost.is_empty() {
                    outcome.lost.entry(*split).or_default().extend(lost);
                }
            }
        }
        outcome
    }

    /// Name, statement, times checked, violations; of each promise.
    pub fn promises(&self) -> [Promised<'_>; 4] {
        let [cut, visible, early, lost] = STATEMENTS;
        [
            (cut.0, cut.1, self.cut_checked, &self.cut_broken),
            (visible.0, visible.1, self.visible_checked, &self.duplicates),
            (early.0, early.1, self.visible_checked, &self.early),
            (lost.0, lost.1, self.visible_checked, &self.losses),
        ]
    }
}

/// Ids and statements of what is promised here.
pub const STATEMENTS: [(&str, &str); 4] = [
    (
        "C6",
        "at a completed checkpoint every operator has applied exactly the records that its sources had emitted",
    ),
    ("S1-once", "no record is visible twice"),
    (
        "S2",
        "no record is visible before a checkpoint that covers it has completed",
    ),
    (
        "S1-all",
        "every record that a committed checkpoint covers is visible",
    ),
];

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
