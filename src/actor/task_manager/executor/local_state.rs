//! State on its way to and from a task: how fast a task writes and reads it, and the copies that stay on the machine
//! (`TaskLocalStateStoreImpl`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::checkpoint::{BlobKey, Snapshot};
use crate::actor::context::Context;
use crate::actor::flink::rpc::call::AllocationId;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::Span;
use crate::policy::defect::Defect;

use super::TaskManager;

/// Of one subtask in one slot.
type Copies = BTreeMap<CheckpointId, (BlobKey, Arc<Snapshot>)>;

/// Copies of snapshots, by the slot that they belong to (`TaskExecutorLocalStateStoresManager`).
#[derive(Clone, Debug, Default)]
pub(super) struct LocalStates {
    copies: BTreeMap<(AllocationId, SubtaskId), Copies>,
}

impl LocalStates {
    fn store(
        &mut self,
        owner: (AllocationId, SubtaskId),
        checkpoint: CheckpointId,
        copy: (BlobKey, Arc<Snapshot>),
    ) {
        self.copies
            .entry(owner)
            .or_default()
            .insert(checkpoint, copy);
    }

    fn find(
        &self,
        owner: (AllocationId, SubtaskId),
        checkpoint: CheckpointId,
        key: BlobKey,
    ) -> Option<Arc<Snapshot>> {
        let (copied, snapshot) = self.copies.get(&owner)?.get(&checkpoint)?;
        (*copied == key).then(|| Arc::clone(snapshot))
    }

    /// Whatever lies there, of whichever checkpoint.
    fn latest(&self, owner: (AllocationId, SubtaskId)) -> Option<Arc<Snapshot>> {
        let (_, (_, snapshot)) = self.copies.get(&owner)?.last_key_value()?;
        Some(Arc::clone(snapshot))
    }

    /// `confirmCheckpoint`: what is older goes.
    fn confirm(&mut self, owner: (AllocationId, SubtaskId), checkpoint: CheckpointId) {
        if let Some(copies) = self.copies.get_mut(&owner) {
            copies.retain(|of, _| *of >= checkpoint);
        }
    }

    /// `abortCheckpoint`
    fn abort(&mut self, owner: (AllocationId, SubtaskId), checkpoint: CheckpointId) {
        if let Some(copies) = self.copies.get_mut(&owner) {
            copies.remove(&checkpoint);
        }
    }

    /// `releaseLocalStateForAllocationId`: the slot is freed.
    pub(super) fn release(&mut self, allocation: AllocationId) {
        self.copies.retain(|(of, _), _| *of != allocation);
    }
}

impl TaskManager {
    fn owner(&mut self, number: u32) -> Option<(AllocationId, SubtaskId)> {
        let subtask = self.task(number).subtask;
        let allocation = *self.executor().allocations.get(&number)?;
        Some((allocation, subtask))
    }

    /// A task begins to restore. True: from a copy that has stayed here.
    pub(in crate::actor::task_manager) fn prepare_restore(
        &mut self,
        number: u32,
        ctx: &mut Context<'_>,
    ) -> bool {
        let config = &self.blueprint.config;
        let (_, rate) = self.blueprint.profile.restore_rate(config);
        let rate = rate.draw(&mut self.random);
        let task = self.task(number);
        let bytes = task
            .deployment
            .state
            .iter()
            .map(|handle| handle.bytes)
            .sum();
        // Most of it is work: objects are made of bytes.
        let takes = ctx.stretched(Span::of_transfer(bytes, rate));
        self.task(number).restored_at_earliest = ctx.now() + takes;
        if !self.blueprint.config.local_recovery {
            return false;
        }
        let Some(owner) = self.owner(number) else {
            return false;
        };
        let deployment = &self.task(number).deployment;
        let [handle] = deployment.state.as_slice() else {
            return false;
        };
        let (checkpoint, key) = (deployment.restored_checkpoint, handle.key);
        let stale = self.blueprint.defects.has(Defect::StaleLocalState);
        let states = &self.executor().local_states;
        let found = match stale {
            true => states.latest(owner),
            false => states.find(owner, checkpoint, key),
        };
        let Some(snapshot) = found else {
            return false;
        };
        let task = self.task(number);
        task.load(&snapshot);
        task.deployment.state.clear();
        true
    }

    /// A copy of a snapshot stays here, where local recovery is on.
    pub(in crate::actor::task_manager) fn keep_copy(
        &mut self,
        number: u32,
        checkpoint: CheckpointId,
        snapshot: Arc<Snapshot>,
    ) {
        if !self.blueprint.config.local_recovery {
            return;
        }
        let task = self.task(number);
        let key = BlobKey::State {
            subtask: task.subtask,
            attempt: task.attempt,
            checkpoint,
        };
        if let Some(owner) = self.owner(number) {
            let copies = &mut self.executor().local_states;
            copies.store(owner, checkpoint, (key, snapshot));
        }
    }

    pub(super) fn confirm_local_state(&mut self, number: u32, checkpoint: CheckpointId) {
        if let Some(owner) = self.owner(number) {
            self.executor().local_states.confirm(owner, checkpoint);
        }
    }

    pub(super) fn abort_local_state(&mut self, number: u32, checkpoint: CheckpointId) {
        if let Some(owner) = self.owner(number) {
            self.executor().local_states.abort(owner, checkpoint);
        }
    }
}
