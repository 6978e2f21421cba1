//! The enumerators of sources, as the story's JobMaster runs them: they discover splits and give them to readers.

use crate::actor::context::Context;
use crate::actor::enumerator::{DiscoveryStep, EnumeratorState, SplitEnumerator};
use crate::actor::fact::{Detector, ExecutionState};
use crate::actor::message::Body;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{OperatorId, SubtaskId};

use super::job_master::JobMaster;
use super::office::Office;

impl JobMaster {
    /// The latest checkpoint is known. A new leader makes its enumerators from it; else only the readers that restart go
    /// back to it.
    pub(super) fn restore_enumerators(&mut self, office: &Office<'_>, ctx: &mut Context<'_>) {
        let Some(recovery) = &self.recovery else {
            return;
        };
        let topology = &office.blueprint.topology;
        let is_new = matches!(recovery.detector, Detector::NewLeader);
        let states = self.metadata.as_ref().map_or(&[][..], |m| &m.enumerators);
        for enumerator in &mut self.enumerators {
            if is_new {
                enumerator.reset(states, topology);
                enumerator.start(office.blueprint.directory.kafka, ctx);
                continue;
            }
            let operator = enumerator.operator();
            let own =
                |subtask: &&SubtaskId| topology.subtasks[**subtask as usize].operator == operator;
            for reader in recovery.tasks.iter().filter(own) {
                enumerator.reset_reader(*reader, self.latest);
            }
        }
    }

    pub(super) fn snapshot_enumerators(
        &mut self,
        checkpoint: CheckpointId,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) -> Vec<EnumeratorState> {
        let readers = &office.blueprint.topology.jobs[self.job as usize]
            .layout
            .sources;
        let enumerators = self.enumerators.iter_mut();
        let states = enumerators.map(|enumerator| enumerator.snapshot(checkpoint, readers, ctx));
        states.collect()
    }

    /// A task has acknowledged a checkpoint: where it is a source, it may be given more again.
    pub(super) fn source_acknowledges(
        &mut self,
        subtask: SubtaskId,
        checkpoint: CheckpointId,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        for enumerator in &mut self.enumerators {
            enumerator.reader_acknowledges(subtask, checkpoint);
        }
        self.assign_splits(office, ctx);
    }

    pub(super) fn enumerators_abort(&mut self, checkpoint: CheckpointId) {
        for enumerator in &mut self.enumerators {
            enumerator.checkpoint_aborted(checkpoint);
        }
    }

    /// Time to look again. Where Kafka does not answer, it is asked until it does.
    pub(super) fn on_discovery_due(
        &mut self,
        operator: OperatorId,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let kafka = office.blueprint.directory.kafka;
        let mut enumerators = self.enumerators.iter_mut();
        let due = enumerators.find(|enumerator| enumerator.operator() == operator);
        if let Some(enumerator) = due
            && enumerator.on_timer(kafka, ctx) == DiscoveryStep::Failed
        {
            enumerator.start(kafka, ctx);
        }
    }

    pub(super) fn on_partitions(
        &mut self,
        operator: OperatorId,
        partitions: u32,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let topology = &office.blueprint.topology;
        let mut enumerators = self.enumerators.iter_mut();
        let asked = enumerators.find(|enumerator| enumerator.operator() == operator);
        if asked.is_some_and(|enumerator| enumerator.on_partitions(partitions, topology, ctx)) {
            self.assign_splits(office, ctx);
        }
    }

    /// Gives readers that run what is theirs.
    pub(super) fn assign_splits(&mut self, office: &Office<'_>, ctx: &mut Context<'_>) {
        if self.enumerators.iter().all(SplitEnumerator::is_settled) {
            return;
        }
        let topology = &office.blueprint.topology;
        let layout = &topology.jobs[self.job as usize].layout;
        for reader in &layout.sources {
            let execution = self.peek(*reader);
            let attempt = execution.attempt;
            let is_running = execution.state == ExecutionState::Running;
            let Some(taskmanager) = execution.taskmanager.filter(|_| is_running) else {
                continue;
            };
            let operator = topology.subtasks[*reader as usize].operator;
            let readers = layout.width_of(*reader, topology);
            let mut enumerators = self.enumerators.iter_mut();
            let own = enumerators.find(|enumerator| enumerator.operator() == operator);
            let splits = own.map_or_else(Vec::new, |own| own.assign(*reader, readers, topology));
            if !splits.is_empty() {
                let body = Body::AddSplits {
                    token: office.token,
                    subtask: *reader,
                    attempt,
                    splits: splits.into(),
                };
                ctx.send(taskmanager, body);
            }
        }
    }
}
