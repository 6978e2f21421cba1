//! From a snapshot that was taken to one that is durable: the synchronous part holds the task up, the asynchronous part
//! takes CPU from all tasks of the machine, and the upload takes bandwidth.

use std::sync::Arc;

use crate::actor::checkpoint::{Blob, BlobKey, Snapshot};
use crate::actor::context::Context;
use crate::actor::message::{Body, TaskStep};
use crate::dataflow::batch::CheckpointId;
use crate::kernel::Span;

use super::TaskManager;
use super::task::SnapshotPart;

/// Marks the asynchronous part of a task's snapshots (`AsyncCheckpointRunnable`) among what wants a core.
const ASYNCHRONOUS: u32 = 1 << 31;

/// What runs on a core under this number.
pub(super) fn asynchronous(number: u32) -> u32 {
    number | ASYNCHRONOUS
}

/// The task whose snapshot a core has worked on; none: on records.
pub(super) fn task_of_asynchronous(number: u32) -> Option<u32> {
    (number & ASYNCHRONOUS != 0).then_some(number & !ASYNCHRONOUS)
}

impl TaskManager {
    /// A task has taken a snapshot, and stands still for the synchronous part.
    pub(super) fn persist(
        &mut self,
        number: u32,
        checkpoint: CheckpointId,
        snapshot: Arc<Snapshot>,
        ctx: &mut Context<'_>,
    ) {
        let profile = &self.blueprint.profile;
        let sync = profile.checkpoint_sync.draw(&mut self.random);
        let write = profile.checkpoint_write_bytes_per_s.draw(&mut self.random);
        let base = profile.checkpoint_cpu.draw(&mut self.random);
        let serialize = profile
            .checkpoint_serialize_bytes_per_s
            .draw(&mut self.random);
        let bytes = snapshot.written_bytes;
        let task = self.task(number);
        if let Some(pending) = task.pending.get_mut(&checkpoint) {
            pending.written_at_earliest = ctx.now() + sync + Span::of_transfer(bytes, write);
            pending.cpu = base + Span::of_transfer(bytes, serialize);
            pending.snapshot = Some(Arc::clone(&snapshot));
        }
        if self.executor.is_some() {
            self.keep_copy(number, checkpoint, snapshot);
        }
        let step = TaskStep::SnapshotTaken;
        ctx.after(sync, Body::TaskProgress { task: number, step });
    }

    /// The synchronous part is over: the task goes on, and the asynchronous part begins as soon as an earlier one is done.
    pub(super) fn on_snapshot_taken(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        if let Some(checkpoint) = task.taking_snapshot.take() {
            task.to_serialize.push_back(checkpoint);
            if task.to_serialize.len() == 1 {
                self.serialize_next(number, ctx);
            }
        }
        self.advance(number, ctx);
    }

    /// Snapshots that were given up meanwhile take nothing.
    fn serialize_next(&mut self, number: u32, ctx: &mut Context<'_>) {
        let task = self.task(number);
        while let Some(checkpoint) = task.to_serialize.front() {
            match task.pending.get(checkpoint) {
                Some(pending) if pending.cpu > Span::ZERO => {
                    return ctx.work(asynchronous(number), pending.cpu, true);
                }
                Some(_) => {
                    let checkpoint = *checkpoint;
                    task.upload(checkpoint, ctx);
                    task.to_serialize.pop_front();
                }
                None => {
                    task.to_serialize.pop_front();
                }
            }
        }
    }

    /// A slice of an asynchronous part is over, or all of it.
    pub(super) fn on_serialized(&mut self, number: u32, ctx: &mut Context<'_>) {
        if !ctx.is_work_done(asynchronous(number)) {
            return;
        }
        ctx.release_core(asynchronous(number));
        if self.tasks[number as usize].is_none() {
            return;
        }
        let task = self.task(number);
        if let Some(checkpoint) = task.to_serialize.pop_front() {
            task.upload(checkpoint, ctx);
        }
        self.serialize_next(number, ctx);
    }

    pub(super) fn on_written(&mut self, key: BlobKey, ctx: &mut Context<'_>) {
        let part = match key {
            BlobKey::Channels { .. } => SnapshotPart::Channels,
            _ => SnapshotPart::State,
        };
        if let BlobKey::State {
            subtask,
            attempt,
            checkpoint,
        }
        | BlobKey::Channels {
            subtask,
            attempt,
            checkpoint,
        } = key
            && let Some(number) = self.find(subtask, attempt)
            && let Some(pending) = self.task(number).pending.get(&checkpoint)
        {
            let at = match part {
                SnapshotPart::Channels => pending.channels.stored_at_earliest,
                _ => pending.written_at_earliest,
            };
            if at > ctx.now() {
                return ctx.after(at.since(ctx.now()), Body::Written { key });
            }
            self.on_durable(number, checkpoint, part, ctx);
        }
    }
}

impl super::task::Task {
    /// The asynchronous part is over: the file goes to storage.
    fn upload(&mut self, checkpoint: CheckpointId, ctx: &mut Context<'_>) {
        let Some(pending) = self.pending.get_mut(&checkpoint) else {
            return;
        };
        self.meter.use_cpu(pending.cpu);
        let Some(snapshot) = pending.snapshot.take() else {
            return;
        };
        let (key, bytes) = (pending.handle.key, snapshot.written_bytes);
        let blob = Blob::State(snapshot);
        let body = Body::Write { key, bytes, blob };
        ctx.send_sized(self.storage(), bytes, body);
    }
}
