//! The checkpoint coordinator (`CheckpointCoordinator`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::checkpoint::{Attempt, Barrier, Blob, BlobKey, CompletedCheckpoint, StateHandle};
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::office::{Office, StoreAsk, ZkAsk};
use crate::actor::flink::rpc::{Call, line};
use crate::actor::message::{Body, Timer};
use crate::actor::zookeeper::paths;
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};
use crate::dataflow::batch::{Alignment, CheckpointId};
use crate::dataflow::topology::SubtaskId;

use super::coordinator::Pending;
use super::{JobAsk, JobMaster, JobMasterTimer};

/// Bytes of metadata per task (`_metadata`).
const METADATA_BYTES_PER_TASK: u64 = 2_048;

impl JobMaster {
    /// A pending checkpoint, of all tasks as they are now.
    pub(super) fn begin_checkpoint(
        &mut self,
        id: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let config = &office.blueprint.config;
        let timer = JobMasterTimer::CheckpointExpiry { checkpoint: id };
        let mut expiry = Alarm::new(Timer::JobMaster {
            job: self.job,
            timer,
        });
        expiry.set(config.checkpointing.timeout, ctx);
        let subtasks = self.layout.subtasks.iter();
        let plan = subtasks
            .map(|subtask| (*subtask, self.peek(*subtask).attempt))
            .collect();
        self.coordinator.pending.insert(
            id,
            Pending {
                triggered_at: ctx.now(),
                plan,
                handles: BTreeMap::new(),
                enumerators: Vec::new(),
                expiry,
                finalizing: None,
            },
        );
        ctx.state(Fact::CheckpointTriggered {
            job: self.job,
            checkpoint: id,
        });
        // Before any source: what coordinators say to their tasks from now on belongs to the next checkpoint.
        let readers = &self.layout.sources;
        let states = self.enumerators.snapshot(id, readers, ctx);
        if let Some(pending) = self.coordinator.pending.get_mut(&id) {
            pending.enumerators = states;
        }
        for subtask in self.layout.sources.clone() {
            let execution = self.peek(subtask);
            let Some(slot) = execution.slot else { continue };
            let barrier = Barrier {
                checkpoint: id,
                alignment: match self.takes_savepoint(id) {
                    true => Alignment::Stopping,
                    false => config.checkpointing.alignment(),
                },
                triggered_at: ctx.now(),
            };
            let call = Call::TriggerCheckpoint {
                subtask,
                attempt: execution.attempt,
                barrier,
            };
            let what = JobAsk::TriggerCheckpoint(id);
            let peer = Self::executor(slot.taskmanager);
            let timeout = config.rpc.ask_timeout;
            line::ask(&mut self.asks, what, timeout, peer, None, call, ctx);
        }
    }

    pub(super) fn on_acknowledge(
        &mut self,
        checkpoint: CheckpointId,
        attempt: Attempt,
        handle: StateHandle,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let subtask = handle.subtask;
        self.source_acknowledges(subtask, checkpoint, office, ctx);
        // Late, or of an attempt that is not in the plan: its state is for nobody.
        let Some(pending) = self
            .coordinator
            .pending
            .get_mut(&checkpoint)
            .filter(|pending| pending.plan.contains(&(subtask, attempt)))
        else {
            return;
        };
        if pending.handles.insert(subtask, handle).is_none() {
            ctx.state(Fact::CheckpointAcknowledged {
                job: self.job,
                checkpoint,
                subtask,
                attempt,
            });
        }
        self.finalize_next(office, ctx);
    }

    /// One after the other is finalized (`completePendingCheckpoint` holds the coordinator's lock): an older one that has to
    /// wait for a younger one is subsumed by it.
    fn finalize_next(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if self.coordinator.is_finalizing() {
            return;
        }
        let mut pending = self.coordinator.pending.iter_mut();
        let complete = pending.find(|(_, pending)| pending.handles.len() == pending.plan.len());
        let Some((checkpoint, pending)) = complete else {
            return;
        };
        let checkpoint = *checkpoint;
        let handles = std::mem::take(&mut pending.handles).into_values().collect();
        let enumerators = std::mem::take(&mut pending.enumerators);
        let metadata = Arc::new(CompletedCheckpoint {
            job: self.job,
            id: checkpoint,
            handles,
            enumerators,
        });
        pending.expiry.cancel(ctx);
        let timer = JobMasterTimer::CheckpointFinalized { checkpoint };
        let alarm = Alarm::new(Timer::JobMaster {
            job: self.job,
            timer,
        });
        pending.finalizing = Some((Arc::clone(&metadata), alarm));
        let key = BlobKey::Metadata {
            job: self.job,
            checkpoint,
        };
        let bytes = METADATA_BYTES_PER_TASK * pending.plan.len() as u64;
        let body = Body::Write {
            key,
            bytes,
            blob: Blob::Metadata(metadata),
        };
        ctx.send_sized(office.blueprint.directory.storage, bytes, body);
    }

    pub(super) fn on_metadata_written(
        &mut self,
        checkpoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let finalization = office
            .blueprint
            .profile
            .checkpoint_finalization
            .draw(&mut self.random);
        if let Some(pending) = self.coordinator.pending.get_mut(&checkpoint)
            && let Some((_, alarm)) = &mut pending.finalizing
        {
            alarm.set(finalization, ctx);
        }
    }

    pub(super) fn add_to_store(
        &mut self,
        checkpoint: CheckpointId,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        // Nobody finds a savepoint but who is told where it is.
        if self.takes_savepoint(checkpoint) {
            return self.on_added(checkpoint, Ok(Answer::Changed { zxid: 0 }), office, ctx);
        }
        let op = Op::Create {
            path: paths::pointer(self.job, checkpoint),
            data: [checkpoint, 0],
            mode: CreateMode::Persistent,
        };
        let ask = ZkAsk::Store(self.job, StoreAsk::Add(checkpoint));
        office.desk.ask(op, ask, ctx);
    }

    /// The store has answered: only now the checkpoint is complete.
    pub(super) fn on_added(
        &mut self,
        checkpoint: CheckpointId,
        result: Result<Answer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some(mut pending) = self.coordinator.pending.remove(&checkpoint) else {
            return;
        };
        pending.release(ctx);
        let (metadata, _) = pending.finalizing.expect("it was finalized before");
        // Asked for again on a new connection it may be there already.
        if !matches!(result, Ok(_) | Err(ZkError::NodeExists)) {
            let reason = "it could not be added to the store";
            return self.lose_checkpoint(checkpoint, reason, office, ctx);
        }
        self.coordinator.completed_at = Some(ctx.now());
        self.coordinator.failures = 0;
        self.coordinator.counted.clear();
        ctx.state(Fact::CheckpointCompleted {
            job: self.job,
            checkpoint,
            offsets: metadata.offsets(),
            bytes: metadata.bytes(),
            written_bytes: metadata.written_bytes(),
            persisted_bytes: metadata.persisted_bytes(),
            duration: ctx.now().since(pending.triggered_at),
        });
        self.enumerators.checkpoint_complete(checkpoint);
        match self.takes_savepoint(checkpoint) {
            true => self.on_savepoint_completed(&metadata, ctx),
            false => self.subsume(metadata, office, ctx),
        }
        let older: Vec<_> = self
            .coordinator
            .pending
            .range(..checkpoint)
            .map(|(id, _)| *id)
            .collect();
        for id in older {
            self.abort_checkpoint(id, "subsumed", office, ctx);
        }
        self.tell_tasks(ctx, |subtask, attempt| Call::NotifyCheckpointComplete {
            subtask,
            attempt,
            checkpoint,
        });
        self.trigger_queued(office, ctx);
        if self.adaptive.is_some() && self.stopping.is_none() {
            self.on_checkpoint_completed(office, ctx);
        }
        self.finalize_next(office, ctx);
        self.restart_what_is_ready(office, ctx);
    }

    /// A checkpoint comes to nothing after all tasks have done their part.
    pub(super) fn lose_checkpoint(
        &mut self,
        checkpoint: CheckpointId,
        reason: &'static str,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.say_aborted(checkpoint, reason, ctx);
        match self.takes_savepoint(checkpoint) {
            true => self.on_checkpoint_over(checkpoint, office, ctx),
            false => self.count_failure(checkpoint, office, ctx),
        }
        self.trigger_queued(office, ctx);
        self.finalize_next(office, ctx);
        self.restart_what_is_ready(office, ctx);
    }

    /// What falls out of the store: first the pointer goes, then the files.
    fn subsume(
        &mut self,
        metadata: Arc<CompletedCheckpoint>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let keep = office.blueprint.config.checkpointing.retained.max(1) as usize;
        let storage = office.blueprint.directory.storage;
        for (old, files) in self.store.add(metadata, keep) {
            let path = paths::pointer(self.job, old);
            office.desk.ask(Op::Delete { path }, ZkAsk::Cleanup, ctx);
            // Its files are the client's (NO_CLAIM).
            if old == self.starts_from {
                continue;
            }
            let key = BlobKey::Metadata {
                job: self.job,
                checkpoint: old,
            };
            ctx.send(storage, Body::Delete { key });
            let handles = files.iter().flat_map(|files| &files.handles);
            for key in handles.flat_map(StateHandle::files) {
                ctx.send(storage, Body::Delete { key });
            }
        }
    }

    pub(super) fn say_aborted(
        &mut self,
        checkpoint: CheckpointId,
        reason: &'static str,
        ctx: &mut Context<'_>,
    ) {
        ctx.state(Fact::CheckpointAborted {
            job: self.job,
            checkpoint,
            reason,
        });
        self.enumerators.checkpoint_aborted(checkpoint);
        self.tell_tasks(ctx, |subtask, attempt| Call::NotifyCheckpointAborted {
            subtask,
            attempt,
            checkpoint,
        });
    }

    /// Tells every task something that nobody waits for.
    fn tell_tasks(&self, ctx: &mut Context<'_>, call: impl Fn(SubtaskId, Attempt) -> Call) {
        for execution in &self.executions {
            if let Some(slot) = execution.slot
                && execution.state == ExecutionState::Running
            {
                let peer = Self::executor(slot.taskmanager);
                let call = call(execution.subtask, execution.attempt);
                line::tell(self.me(), peer, None, call, ctx);
            }
        }
    }
}
