//! The coordinators of sources, as their JobMaster runs them (`SourceCoordinator`, `OperatorCoordinatorHolder`).

use crate::actor::checkpoint::Attempt;
use crate::actor::context::Context;
use crate::actor::enumerator::DiscoveryStep;
use crate::actor::fact::{Detector, ExecutionState};
use crate::actor::flink::office::Office;
use crate::actor::flink::rpc::call::TaskFailure;
use crate::actor::flink::rpc::{Answer, Call, RpcError, line};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{OperatorId, SubtaskId};

use super::{JobAsk, JobMaster};

impl JobMaster {
    /// A new coordinator for every source, with what the latest checkpoint has of it: at the start, and in a global failover.
    pub(super) fn start_enumerators(&mut self, office: &Office<'_>, ctx: &mut Context<'_>) {
        let blueprint = office.blueprint;
        let metadata = self.store.metadata();
        let states = metadata.map_or(&[][..], |metadata| &metadata.enumerators);
        for enumerator in &mut self.enumerators {
            enumerator.reset(states, &blueprint.topology);
            enumerator.start(blueprint.directory.kafka, ctx);
        }
    }

    pub(super) fn stop_enumerators(&mut self, ctx: &mut Context<'_>) {
        for enumerator in &mut self.enumerators {
            enumerator.stop(ctx);
        }
    }

    /// Some tasks go back to the latest checkpoint, and coordinators stay as they are (`subtaskReset`).
    pub(super) fn reset_readers(&mut self, subtasks: &[SubtaskId], office: &Office<'_>) {
        let checkpoint = self.store.latest();
        let topology = &office.blueprint.topology;
        for enumerator in &mut self.enumerators {
            let operator = enumerator.operator();
            let own =
                |subtask: &&SubtaskId| topology.subtasks[**subtask as usize].operator == operator;
            for reader in subtasks.iter().filter(own) {
                enumerator.reset_reader(*reader, checkpoint);
            }
        }
    }

    pub(super) fn snapshot_enumerators(&mut self, checkpoint: CheckpointId, ctx: &mut Context<'_>) {
        let readers = &self.layout.sources;
        let enumerators = self.enumerators.iter_mut();
        let states = enumerators.map(|enumerator| enumerator.snapshot(checkpoint, readers, ctx));
        let states = states.collect();
        if let Some(pending) = self.coordinator.pending.get_mut(&checkpoint) {
            pending.enumerators = states;
        }
    }

    /// A task has acknowledged a checkpoint: where it is a source, its coordinator may speak to it again.
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

    pub(super) fn enumerators_complete(&mut self, checkpoint: CheckpointId) {
        for enumerator in &mut self.enumerators {
            enumerator.checkpoint_complete(checkpoint);
        }
    }

    pub(super) fn on_discovery_due(
        &mut self,
        operator: OperatorId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let kafka = office.blueprint.directory.kafka;
        let mut enumerators = self.enumerators.iter_mut();
        let due = enumerators.find(|enumerator| enumerator.operator() == operator);
        let step = due.map(|enumerator| enumerator.on_timer(kafka, ctx));
        // The enumerator throws: its coordinator fails the whole job.
        if step == Some(DiscoveryStep::Failed) {
            let why = TaskFailure::Other("Failed to list subscribed topic partitions");
            self.fail_globally(Detector::Coordinator, &why, office, ctx);
        }
    }

    /// Kafka has said how many partitions a topic has.
    pub fn on_partitions(
        &mut self,
        operator: OperatorId,
        partitions: u32,
        office: &mut Office<'_>,
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
        if self
            .enumerators
            .iter()
            .all(|enumerator| enumerator.is_settled())
        {
            return;
        }
        let blueprint = office.blueprint;
        let topology = &blueprint.topology;
        for reader in self.layout.sources.clone() {
            let execution = self.peek(reader);
            let (attempt, slot) = (execution.attempt, execution.slot);
            let Some(slot) = slot.filter(|_| execution.state == ExecutionState::Running) else {
                continue;
            };
            let operator = topology.subtasks[reader as usize].operator;
            let readers = self.layout.width_of(reader, topology);
            let mut enumerators = self.enumerators.iter_mut();
            let own = enumerators.find(|enumerator| enumerator.operator() == operator);
            let splits = own.map_or_else(Vec::new, |own| own.assign(reader, readers, topology));
            if splits.is_empty() {
                continue;
            }
            let call = Call::AddSplits {
                subtask: reader,
                attempt,
                splits,
            };
            let what = JobAsk::AddSplits(reader, attempt);
            let timeout = blueprint.config.rpc.ask_timeout;
            let peer = Self::executor(slot.taskmanager);
            line::ask(&mut self.asks, what, timeout, peer, None, call, ctx);
        }
    }

    /// An event that a reader has not confirmed may have been lost: its attempt fails, so that both agree again
    /// (`SubtaskGatewayImpl`).
    pub(super) fn on_splits_added(
        &mut self,
        subtask: SubtaskId,
        attempt: Attempt,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if result.is_err() {
            let why = TaskFailure::Other("an operator event could not be delivered");
            self.fail(subtask, attempt, Detector::TaskFailure, &why, office, ctx);
        }
    }
}
