//! The enumerators of all sources of a job, as any JobMaster keeps them.

use super::{DiscoveryStep, EnumeratorState, SplitEnumerator};
use crate::actor::context::Context;
use crate::actor::message::Timer;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::layout::Layout;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId, Topology};
use crate::kernel::{ActorId, Span};

#[derive(Clone, Debug)]
pub struct SplitEnumerators(Vec<SplitEnumerator>);

impl SplitEnumerators {
    /// `timer`: what wakes the enumerator of an operator.
    pub fn new(
        job: JobId,
        topology: &Topology,
        interval: Option<Span>,
        timer: impl Fn(OperatorId) -> Timer,
    ) -> SplitEnumerators {
        SplitEnumerators(SplitEnumerator::all(job, topology, interval, timer))
    }

    fn of(&mut self, operator: OperatorId) -> Option<&mut SplitEnumerator> {
        self.0
            .iter_mut()
            .find(|enumerator| enumerator.operator == operator)
    }

    /// New ones start, with what a checkpoint has of them.
    pub fn start_from(
        &mut self,
        states: &[EnumeratorState],
        topology: &Topology,
        kafka: ActorId,
        ctx: &mut Context<'_>,
    ) {
        for enumerator in &mut self.0 {
            enumerator.reset(states, topology);
            enumerator.start(kafka, ctx);
        }
    }

    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        for enumerator in &mut self.0 {
            enumerator.stop(ctx);
        }
    }

    /// Some tasks go back to a checkpoint, and enumerators stay as they are (`subtaskReset`).
    pub fn reset_readers<'a>(
        &mut self,
        tasks: impl IntoIterator<Item = &'a SubtaskId>,
        checkpoint: CheckpointId,
        topology: &Topology,
    ) {
        for task in tasks {
            if let Some(own) = self.of(topology.subtasks[*task as usize].operator) {
                own.reset_reader(*task, checkpoint);
            }
        }
    }

    pub fn snapshot(
        &mut self,
        checkpoint: CheckpointId,
        readers: &[SubtaskId],
        ctx: &mut Context<'_>,
    ) -> Vec<EnumeratorState> {
        let enumerators = self.0.iter_mut();
        let states = enumerators.map(|enumerator| enumerator.snapshot(checkpoint, readers, ctx));
        states.collect()
    }

    /// A task has acknowledged a checkpoint: where it is a source, it may be told more again.
    pub fn reader_acknowledges(&mut self, task: SubtaskId, checkpoint: CheckpointId) {
        for enumerator in &mut self.0 {
            enumerator.reader_acknowledges(task, checkpoint);
        }
    }

    pub fn checkpoint_aborted(&mut self, checkpoint: CheckpointId) {
        for enumerator in &mut self.0 {
            enumerator.checkpoint_aborted(checkpoint);
        }
    }

    pub fn checkpoint_complete(&mut self, checkpoint: CheckpointId) {
        for enumerator in &mut self.0 {
            enumerator.checkpoint_complete(checkpoint);
        }
    }

    /// Looks for partitions from now on.
    pub fn start(&mut self, operator: OperatorId, kafka: ActorId, ctx: &mut Context<'_>) {
        if let Some(enumerator) = self.of(operator) {
            enumerator.start(kafka, ctx);
        }
    }

    /// None: the operator is no source of the job.
    pub fn on_timer(
        &mut self,
        operator: OperatorId,
        kafka: ActorId,
        ctx: &mut Context<'_>,
    ) -> Option<DiscoveryStep> {
        let enumerator = self.of(operator)?;
        Some(enumerator.on_timer(kafka, ctx))
    }

    /// Kafka has said how many partitions a topic has: whether some of them are new.
    pub fn on_partitions(
        &mut self,
        operator: OperatorId,
        partitions: u32,
        topology: &Topology,
        ctx: &mut Context<'_>,
    ) -> bool {
        self.of(operator)
            .is_some_and(|enumerator| enumerator.on_partitions(partitions, topology, ctx))
    }

    /// Nobody has to be given anything.
    pub fn are_settled(&self) -> bool {
        self.0.iter().all(SplitEnumerator::is_settled)
    }

    /// What a reader that runs is to be given now; from here on it counts as given.
    pub fn assign(
        &mut self,
        reader: SubtaskId,
        layout: &Layout,
        topology: &Topology,
    ) -> Vec<SplitId> {
        let operator = topology.subtasks[reader as usize].operator;
        let readers = layout.width_of(reader, topology);
        let own = self.of(operator);
        own.map_or_else(Vec::new, |own| own.assign(reader, readers, topology))
    }
}
