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
        let metadata = self.store.metadata();
        let states = metadata.map_or(&[][..], |metadata| &metadata.enumerators);
        let blueprint = office.blueprint;
        let kafka = blueprint.directory.kafka;
        self.enumerators
            .start_from(states, &blueprint.topology, kafka, ctx);
    }

    /// A task has acknowledged a checkpoint: where it is a source, its coordinator may speak to it again.
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

    pub(super) fn on_discovery_due(
        &mut self,
        operator: OperatorId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let kafka = office.blueprint.directory.kafka;
        let step = self.enumerators.on_timer(operator, kafka, ctx);
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
        let blueprint = office.blueprint;
        for reader in self.layout.sources.clone() {
            let execution = self.peek(reader);
            let (attempt, slot) = (execution.attempt, execution.slot);
            let Some(slot) = slot.filter(|_| execution.state == ExecutionState::Running) else {
                continue;
            };
            let splits = self
                .enumerators
                .assign(reader, &self.layout, &blueprint.topology);
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
