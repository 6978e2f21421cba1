//! What a task puts out: records into buffers, and the flusher that empties them.

use std::ops::Range;

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::dataflow::batch::{Batch, Run};
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::routing::Router;
use crate::kernel::Time;

use super::Task;

impl Task {
    pub(super) fn emit(&mut self, batch: &Batch, ctx: &mut Context<'_>) {
        self.note_output(ctx);
        self.meter.records_out(batch.len() as u64);
        let now = ctx.now();
        let mut first = 0;
        for output in &self.deployment.layout.vertex(self.subtask).outputs {
            let outputs = &mut self.outputs;
            match &output.router {
                Router::Single => outputs.emit_all(first, batch, now),
                Router::Hash(keys) => outputs.emit_by_key(first, batch, keys, now),
                Router::RoundRobin { .. } => output
                    .router
                    .scatter(batch.records().iter().copied(), |target, record| {
                        outputs.emit(first + target, record, now)
                    }),
            }
            first += output.channels.len();
        }
        self.expect_flush(ctx);
    }

    /// Emits consecutive records of a split.
    pub(super) fn emit_range(
        &mut self,
        split: SplitId,
        offsets: Range<u64>,
        ctx: &mut Context<'_>,
    ) {
        self.note_output(ctx);
        self.meter.records_out(offsets.end - offsets.start);
        let now = ctx.now();
        let record = |offset| Record::new(split, offset);
        let mut first = 0;
        for output in &self.deployment.layout.vertex(self.subtask).outputs {
            let outputs = &mut self.outputs;
            match output.router.stride() {
                Some(stride) => {
                    for start in offsets.clone().take(stride as usize) {
                        let (target, _) = output.router.route(record(start));
                        let share = (offsets.end - start).div_ceil(stride);
                        let run = Run::new(record(start), share as u32, stride as u32);
                        outputs.emit_run(first + target, run, now);
                    }
                }
                None => output
                    .router
                    .scatter(offsets.clone().map(record), |target, record| {
                        outputs.emit(first + target, record, now)
                    }),
            }
            first += output.channels.len();
        }
        self.expect_flush(ctx);
    }

    /// Sets the flusher where there is something for it to do.
    pub(in crate::actor::task_manager) fn expect_flush(&mut self, ctx: &mut Context<'_>) {
        if !self.flush_due && self.outputs.has_unflushed() {
            self.flush.set_at(self.next_tick(ctx.now()), ctx);
            self.flush_due = true;
        }
    }

    /// The flusher runs on its own clock (`OutputFlusher`).
    pub(super) fn next_tick(&self, now: Time) -> Time {
        let interval = self.blueprint.config.buffer_timeout.0.max(1);
        let ticks = now.0.saturating_sub(self.flush_phase.0) / interval + 1;
        Time(self.flush_phase.0 + ticks * interval)
    }

    /// How many records of one split it takes at the least to fill a buffer.
    pub(super) fn room(&self) -> u64 {
        let mut first = 0;
        let outputs = &self.deployment.layout.vertex(self.subtask).outputs;
        let rooms = outputs.iter().map(|output| {
            let channels = first..first + output.channels.len();
            first = channels.end;
            self.outputs.room(channels) * output.router.stride().unwrap_or(1)
        });
        rooms.min().unwrap_or(1)
    }

    /// The flusher's tick: closes all buffers.
    pub fn flush(&mut self, now: Time) {
        self.flush_due = false;
        self.outputs.flush(now);
    }

    pub(super) fn note_output(&mut self, ctx: &mut Context<'_>) {
        if !self.put_out {
            self.put_out = true;
            ctx.state(Fact::FirstOutput {
                subtask: self.subtask,
                attempt: self.attempt,
            });
        }
    }
}
