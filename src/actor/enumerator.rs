//! The enumerator of a Kafka source: which splits it knows, who reads them, and what of that a checkpoint holds
//! (`KafkaSourceEnumerator`, `SplitAssignmentTracker`, `SubtaskGatewayImpl`).

mod of_job;

pub use of_job::SplitEnumerators;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId, Topology};
use crate::kernel::{ActorId, Span, Time};

use super::context::{Alarm, Context};
use super::fact::Fact;
use super::message::{Body, Timer};
use super::source_fact::SourceFact;

/// How long a client of Kafka has patience with a call (`default.api.timeout.ms`).
const API_TIMEOUT: Span = Span::from_secs(60);
/// A call without an answer is made again.
const ASK_AGAIN: Span = Span::from_secs(5);

/// `KafkaSourceEnumState`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EnumeratorState {
    pub operator: OperatorId,
    /// Some reader has them.
    pub assigned: Vec<SplitId>,
    /// Known, and given to nobody.
    pub unassigned: Vec<SplitId>,
}

/// The enumerator of one source, on its JobMaster.
#[derive(Clone, Debug)]
struct SplitEnumerator {
    job: JobId,
    operator: OperatorId,
    topic: usize,
    assigned: BTreeSet<SplitId>,
    unassigned: BTreeSet<SplitId>,
    /// By reader: what it was given since the latest snapshot of this enumerator.
    uncheckpointed: BTreeMap<SubtaskId, BTreeSet<SplitId>>,
    /// The same, by the checkpoint that has it first.
    by_checkpoint: BTreeMap<CheckpointId, BTreeMap<SubtaskId, BTreeSet<SplitId>>>,
    /// Readers that have yet to take their part of a checkpoint: they are told nothing until then.
    closed: BTreeMap<SubtaskId, CheckpointId>,
    discovery: Option<Discovery>,
}

/// `partition.discovery.interval.ms`
#[derive(Clone, Debug)]
struct Discovery {
    /// None: once, when the enumerator starts.
    interval: Option<Span>,
    alarm: Alarm,
    /// Brokers have been asked since then, without an answer.
    asked: Option<Time>,
}

/// What a discovery comes to when its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryStep {
    Asked,
    /// No broker has answered in time: the call throws.
    Failed,
}

impl SplitEnumerator {
    /// Of every source of a job. `timer`: what wakes the enumerator of an operator.
    fn all(
        job: JobId,
        topology: &Topology,
        interval: Option<Span>,
        timer: impl Fn(OperatorId) -> Timer,
    ) -> Vec<SplitEnumerator> {
        let operators = topology.jobs[job as usize].operators.iter();
        let source = |operator: &OperatorId| {
            let topic = topology.operators[*operator as usize].spec.kind.topic()?;
            // Where a topic stays as it is, there is nothing to discover.
            let discovery = topology.grows(topic).then(|| Discovery {
                interval,
                alarm: Alarm::new(timer(*operator)),
                asked: None,
            });
            let mut enumerator = SplitEnumerator {
                job,
                operator: *operator,
                topic,
                assigned: BTreeSet::new(),
                unassigned: BTreeSet::new(),
                uncheckpointed: BTreeMap::new(),
                by_checkpoint: BTreeMap::new(),
                closed: BTreeMap::new(),
                discovery,
            };
            enumerator.reset(&[], topology);
            Some(enumerator)
        };
        operators.filter_map(source).collect()
    }

    /// Made anew from a checkpoint, or, without one, from what the topic has at first (`OperatorCoordinator.resetToCheckpoint`).
    /// What was discovered later is forgotten, and has to be discovered again.
    fn reset(&mut self, states: &[EnumeratorState], topology: &Topology) {
        let state = states.iter().find(|state| state.operator == self.operator);
        match state {
            Some(state) => {
                self.assigned = state.assigned.iter().copied().collect();
                self.unassigned = state.unassigned.iter().copied().collect();
            }
            None => {
                let partitions = 0..topology.topics[self.topic].partitions;
                let splits = partitions.filter_map(|p| topology.split(self.topic, p));
                self.assigned = splits.collect();
                self.unassigned.clear();
            }
        }
        self.uncheckpointed.clear();
        self.by_checkpoint.clear();
        self.closed.clear();
        if let Some(discovery) = &mut self.discovery {
            discovery.asked = None;
        }
    }

    /// A reader goes back to a checkpoint: what it was given after that is to be given again (`addSplitsBack`).
    fn reset_reader(&mut self, reader: SubtaskId, checkpoint: CheckpointId) {
        let mut back = self.uncheckpointed.remove(&reader).unwrap_or_default();
        for (_, given) in self.by_checkpoint.range_mut(checkpoint + 1..) {
            back.extend(given.remove(&reader).unwrap_or_default());
        }
        self.closed.remove(&reader);
        self.assigned.retain(|split| !back.contains(split));
        self.unassigned.extend(back);
    }

    /// Takes its snapshot, and tells its readers nothing more before they have taken theirs.
    fn snapshot(
        &mut self,
        checkpoint: CheckpointId,
        readers: &[SubtaskId],
        ctx: &mut Context<'_>,
    ) -> EnumeratorState {
        let state = self.take(checkpoint, readers);
        ctx.state(Fact::Source(SourceFact::EnumeratorSnapshot {
            job: self.job,
            operator: self.operator,
            checkpoint,
            assigned: state.assigned.clone(),
            unassigned: state.unassigned.clone(),
        }));
        state
    }

    fn take(&mut self, checkpoint: CheckpointId, readers: &[SubtaskId]) -> EnumeratorState {
        let given = std::mem::take(&mut self.uncheckpointed);
        self.by_checkpoint.insert(checkpoint, given);
        if self.discovery.is_some() {
            let closed = readers.iter().map(|reader| (*reader, checkpoint));
            self.closed.extend(closed);
        }
        let list = |splits: &BTreeSet<SplitId>| splits.iter().copied().collect::<Vec<_>>();
        EnumeratorState {
            operator: self.operator,
            assigned: list(&self.assigned),
            unassigned: list(&self.unassigned),
        }
    }

    /// A reader has taken its part of a checkpoint.
    fn reader_acknowledges(&mut self, reader: SubtaskId, checkpoint: CheckpointId) {
        if self
            .closed
            .get(&reader)
            .is_some_and(|until| *until <= checkpoint)
        {
            self.closed.remove(&reader);
        }
    }

    /// A checkpoint will not complete.
    fn checkpoint_aborted(&mut self, checkpoint: CheckpointId) {
        self.closed.retain(|_, until| *until != checkpoint);
    }

    /// Readers go back to this checkpoint at the earliest.
    fn checkpoint_complete(&mut self, checkpoint: CheckpointId) {
        self.by_checkpoint.retain(|id, _| *id > checkpoint);
    }

    /// Nobody has to be given anything.
    fn is_settled(&self) -> bool {
        self.unassigned.is_empty()
    }

    /// What a reader is to be given now; from here on it counts as given.
    fn assign(&mut self, reader: SubtaskId, readers: u32, topology: &Topology) -> Vec<SplitId> {
        if self.unassigned.is_empty() || self.closed.contains_key(&reader) {
            return Vec::new();
        }
        let index = topology.subtasks[reader as usize].index;
        let own = |split: &&SplitId| topology.owner_of(**split, readers) == index;
        let splits: Vec<SplitId> = self.unassigned.iter().filter(own).copied().collect();
        for split in &splits {
            self.unassigned.remove(split);
            self.assigned.insert(*split);
        }
        if !splits.is_empty() {
            let given = self.uncheckpointed.entry(reader).or_default();
            given.extend(&splits);
        }
        splits
    }

    /// The enumerator starts: it looks for partitions, and will from time to time.
    fn start(&mut self, kafka: ActorId, ctx: &mut Context<'_>) {
        if self.discovery.is_some() {
            self.ask(kafka, ctx);
        }
    }

    fn ask(&mut self, kafka: ActorId, ctx: &mut Context<'_>) {
        let Some(discovery) = &mut self.discovery else {
            return;
        };
        discovery.asked.get_or_insert(ctx.now());
        discovery.alarm.set(ASK_AGAIN, ctx);
        let body = Body::ListPartitions {
            topic: self.topic as u32,
            job: self.job,
            operator: self.operator,
        };
        ctx.send(kafka, body);
    }

    /// It is time to look again, or no answer has come yet.
    fn on_timer(&mut self, kafka: ActorId, ctx: &mut Context<'_>) -> DiscoveryStep {
        let asked = self
            .discovery
            .as_ref()
            .and_then(|discovery| discovery.asked);
        if asked.is_some_and(|asked| ctx.now().since(asked) >= API_TIMEOUT) {
            return DiscoveryStep::Failed;
        }
        self.ask(kafka, ctx);
        DiscoveryStep::Asked
    }

    /// A broker has said how many partitions there are: whether some of them are new.
    fn on_partitions(
        &mut self,
        partitions: u32,
        topology: &Topology,
        ctx: &mut Context<'_>,
    ) -> bool {
        let Some(discovery) = &mut self.discovery else {
            return false;
        };
        // Asked twice, it may be answered twice.
        if discovery.asked.take().is_none() {
            return false;
        }
        match discovery.interval {
            Some(interval) => discovery.alarm.set(interval, ctx),
            None => discovery.alarm.cancel(ctx),
        }
        let splits = self.discover(partitions, topology);
        if splits.is_empty() {
            return false;
        }
        ctx.state(Fact::Source(SourceFact::Discovered {
            job: self.job,
            operator: self.operator,
            splits,
        }));
        true
    }

    /// The topic has so many partitions: those that are new.
    fn discover(&mut self, partitions: u32, topology: &Topology) -> Vec<SplitId> {
        let splits = (0..partitions).filter_map(|p| topology.split(self.topic, p));
        let is_new =
            |split: &SplitId| !self.assigned.contains(split) && !self.unassigned.contains(split);
        let new: Vec<SplitId> = splits.filter(is_new).collect();
        self.unassigned.extend(&new);
        new
    }

    /// The JobMaster ends.
    fn stop(&mut self, ctx: &mut Context<'_>) {
        if let Some(discovery) = &mut self.discovery {
            discovery.alarm.release(ctx);
        }
    }
}

#[cfg(test)]
mod tests;
