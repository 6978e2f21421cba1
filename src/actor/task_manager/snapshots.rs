//! How a task takes part in checkpoints: snapshots, what has to be durable, checkpoints that come to nothing, and what is
//! restored.

use std::sync::Arc;

use crate::actor::checkpoint::{Barrier, BlobKey, Snapshot, StateHandle};
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::message::{Batches, Body, DatabaseRequest};
use crate::dataflow::batch::{Alignment, CheckpointId};
use crate::kernel::Span;
use crate::policy::defect::Defect;

use super::state::OperatorState;
use super::task::{PendingSnapshot, Task};

/// Bytes of a snapshot beside the operator's state: offsets, handles, headers.
const SNAPSHOT_BASE_BYTES: u64 = 1_024;

/// What a snapshot consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotPart {
    State,
    /// The sink's transaction is prepared.
    Transaction,
    /// What barriers have overtaken.
    Channels,
}

impl Task {
    /// The coordinator asks a source for a checkpoint; it is taken between two units of work.
    pub fn trigger(&mut self, barrier: Barrier) {
        if barrier.checkpoint > self.aborted_up_to && self.is_running() {
            self.triggered = Some(barrier);
        }
    }

    /// Takes the snapshot, sends the barrier on, and uploads.
    pub(super) fn snapshot(&mut self, barrier: Barrier, ctx: &mut Context<'_>) {
        let checkpoint = barrier.checkpoint;
        if checkpoint <= self.aborted_up_to {
            return;
        }
        let mut snapshot = Snapshot {
            bytes: SNAPSHOT_BASE_BYTES,
            written_bytes: SNAPSHOT_BASE_BYTES,
            is_savepoint: barrier.alignment == Alignment::Stopping,
            ..Snapshot::default()
        };
        if let Some(source) = &self.source {
            snapshot.offsets = source.offsets();
            for (_, offset) in &mut snapshot.offsets {
                if self.blueprint.defects.has(Defect::OffsetOfLastRecord) {
                    *offset = offset.saturating_sub(1);
                }
                *offset += u64::from(self.blueprint.defects.has(Defect::OffsetBeyondEmitted));
            }
        }
        if let Some(state) = &mut self.operator_state {
            state.save(checkpoint, &mut snapshot);
        }
        let channels = self.send_on(barrier, ctx);
        if self.blueprint.defects.has(Defect::LogTruncatedEarly) {
            self.outputs.forget_until(checkpoint);
        }
        ctx.state(Fact::TaskSnapshot {
            subtask: self.subtask,
            attempt: self.attempt,
            checkpoint,
            applied: self
                .operator_state
                .as_ref()
                .map(OperatorState::total)
                .unwrap_or_default(),
            key_groups: self.operator_state.as_ref().map(OperatorState::key_groups),
            offsets: snapshot.offsets.clone(),
        });
        let directory = &self.blueprint.directory;
        if let Some(transaction) = &mut self.transaction {
            let batches = Batches(Arc::new(std::mem::take(transaction)));
            let (sink, attempt) = (self.subtask, self.attempt);
            let bytes = batches.records() * self.blueprint.topology.operator_of(sink).record_bytes;
            let request = DatabaseRequest::Prepare {
                sink,
                attempt,
                checkpoint,
                batches,
            };
            ctx.send_sized(directory.database, bytes, Body::Database(request));
            if self.blueprint.defects.has(Defect::CommitAtPreCommit) {
                let request = DatabaseRequest::Commit {
                    sink,
                    attempt,
                    checkpoint,
                };
                ctx.send(directory.database, Body::Database(request));
            }
        }
        let mut prepared = self.transaction.is_none();
        if let Some(writer) = &mut self.writer {
            prepared = !writer.barrier(checkpoint, &mut snapshot, ctx);
        }
        let key = BlobKey::State {
            subtask: self.subtask,
            attempt: self.attempt,
            checkpoint,
        };
        let handle = StateHandle {
            subtask: self.subtask,
            key,
            bytes: snapshot.bytes,
            written_bytes: snapshot.written_bytes,
            channel_bytes: 0,
            offsets: snapshot.offsets.clone(),
            key_groups: self.operator_state.as_ref().map(OperatorState::key_groups),
        };
        let snapshot = Arc::new(snapshot);
        self.pending.insert(
            checkpoint,
            PendingSnapshot {
                handle,
                snapshot: None,
                cpu: Span::ZERO,
                written: false,
                written_at_earliest: ctx.now(),
                prepared,
                channels,
            },
        );
        if barrier.alignment == Alignment::Stopping {
            self.stopping = Some(checkpoint);
        }
        self.taking_snapshot = Some(checkpoint);
        self.snapshot_taken = Some((checkpoint, snapshot));
    }

    /// A part of a snapshot is durable; the acknowledgement once all of it is.
    pub fn durable(&mut self, checkpoint: CheckpointId, part: SnapshotPart) -> Option<StateHandle> {
        let pending = self.pending.get_mut(&checkpoint)?;
        match part {
            SnapshotPart::State => pending.written = true,
            SnapshotPart::Transaction => pending.prepared = true,
            SnapshotPart::Channels => pending.channels.store(),
        }
        if pending.written && pending.prepared && pending.channels.is_stored() {
            return self
                .pending
                .remove(&checkpoint)
                .map(|pending| pending.handle);
        }
        None
    }

    pub fn checkpoint_complete(&mut self, checkpoint: CheckpointId) {
        self.outputs.forget_until(checkpoint);
        self.input.forget_until(checkpoint);
        if let Some(state) = &mut self.operator_state {
            state.confirm(checkpoint);
        }
    }

    pub fn checkpoint_aborted(&mut self, checkpoint: CheckpointId) {
        self.aborted_up_to = self.aborted_up_to.max(checkpoint);
        self.stopping.take_if(|savepoint| *savepoint == checkpoint);
        self.pending.remove(&checkpoint);
        self.input.abort(self.aborted_up_to);
    }

    /// Loads what one file of the restored checkpoint has for this task.
    pub fn load(&mut self, snapshot: &Snapshot) {
        if let Some(state) = &mut self.operator_state {
            state.load(snapshot, self.blueprint.defects);
        }
        if let Some(writer) = &mut self.writer {
            writer.load(&snapshot.committables);
        }
    }

    /// Nothing that it restores is still to be read.
    pub fn has_loaded(&self) -> bool {
        self.deployment.state.is_empty() && self.deployment.channels.is_empty()
    }

    /// All state of the restored checkpoint is there.
    pub fn note_restored(&self, ctx: &mut Context<'_>) {
        ctx.state(Fact::TaskRestored {
            subtask: self.subtask,
            attempt: self.attempt,
            checkpoint: self.deployment.restored_checkpoint,
            applied: self
                .operator_state
                .as_ref()
                .map(OperatorState::total)
                .unwrap_or_default(),
            key_groups: self.operator_state.as_ref().map(OperatorState::key_groups),
            offsets: self.deployment.splits.clone(),
        });
    }
}
