//! The enumerators of sources, as the story's JobMaster runs them: they discover splits and give them to readers.

use crate::actor::context::Context;
use crate::actor::enumerator::DiscoveryStep;
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
        if matches!(recovery.detector, Detector::NewLeader) {
            let states = self.metadata.as_ref().map_or(&[][..], |m| &m.enumerators);
            let kafka = office.blueprint.directory.kafka;
            self.enumerators.start_from(states, topology, kafka, ctx);
        } else {
            self.enumerators
                .reset_readers(&recovery.tasks, self.latest, topology);
        }
    }

    /// A task has acknowledged a checkpoint: where it is a source, it may be given more again.
    pub(super) fn source_acknowledges(
        &mut self,
        subtask: SubtaskId,
        checkpoint: CheckpointId,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.enumerators.reader_acknowledges(subtask, checkpoint);
        self.assign_splits(office, ctx);
    }

    /// Time to look again. Where Kafka does not answer, it is asked until it does.
    pub(super) fn on_discovery_due(
        &mut self,
        operator: OperatorId,
        office: &Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let kafka = office.blueprint.directory.kafka;
        if self.enumerators.on_timer(operator, kafka, ctx) == Some(DiscoveryStep::Failed) {
            self.enumerators.start(operator, kafka, ctx);
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
        if self
            .enumerators
            .on_partitions(operator, partitions, topology, ctx)
        {
            self.assign_splits(office, ctx);
        }
    }

    /// Gives readers that run what is theirs.
    pub(super) fn assign_splits(&mut self, office: &Office<'_>, ctx: &mut Context<'_>) {
        if self.enumerators.are_settled() {
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
            let splits = self.enumerators.assign(*reader, layout, topology);
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
