//! State of channels: what unaligned barriers overtake, on its way to storage and back.

use std::sync::Arc;

use crate::actor::checkpoint::{Barrier, Blob, BlobKey, ChannelState, HeldRecords, Overtaken};
use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::actor::message::Body;
use crate::dataflow::batch::{Alignment, Batch, CheckpointId};
use crate::dataflow::job_graph::Exchange;
use crate::dataflow::record::Record;
use crate::dataflow::topology::ChannelId;
use crate::kernel::{Span, Time};

use super::TaskManager;
use super::task::{SnapshotPart, Task};

/// The part of a snapshot that its channels make up (`ChannelStateWriter.ChannelStateWriteResult`).
#[derive(Clone, Debug)]
pub(super) struct ChannelPart {
    barrier: Barrier,
    /// None: barriers have not come on all channels.
    inputs: Option<Overtaken>,
    /// None: barriers wait in the output, and may yet go ahead.
    outputs: Option<Overtaken>,
    is_uploading: bool,
    is_stored: bool,
    /// The task writes no faster.
    pub(super) stored_at_earliest: Time,
}

impl ChannelPart {
    fn new(barrier: Barrier) -> ChannelPart {
        ChannelPart {
            barrier,
            inputs: Some(Overtaken::new()),
            outputs: Some(Overtaken::new()),
            is_uploading: false,
            is_stored: false,
            stored_at_earliest: Time::ZERO,
        }
    }

    pub(super) fn store(&mut self) {
        self.is_stored = true;
    }

    /// It is durable, or there is nothing of it.
    pub(super) fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Everything that belongs to it is there, once.
    fn take(&mut self) -> Option<ChannelState> {
        if self.is_uploading || self.is_stored {
            return None;
        }
        let (inputs, outputs) = (self.inputs.as_mut()?, self.outputs.as_mut()?);
        self.is_uploading = true;
        Some(ChannelState {
            inputs: std::mem::take(inputs),
            outputs: std::mem::take(outputs),
        })
    }
}

impl Task {
    /// Passes a barrier on, ahead of the output where it overtakes.
    pub(super) fn send_on(&mut self, barrier: Barrier, ctx: &mut Context<'_>) -> ChannelPart {
        let now = ctx.now();
        let mut part = ChannelPart::new(barrier);
        match barrier.alignment {
            Alignment::Aligned | Alignment::Stopping => {
                self.outputs.emit_barrier(barrier, now);
                part.is_stored = true;
            }
            Alignment::Timeoutable => {
                self.outputs.emit_barrier(barrier, now);
                part.outputs = None;
                self.expect_timeout(barrier, ctx);
            }
            Alignment::Unaligned => {
                part.outputs = Some(self.outputs.emit_overtaking(barrier, now));
                part.inputs = self.source.is_some().then(Overtaken::new);
            }
        }
        part
    }

    /// Barriers of a checkpoint wait no longer than `aligned-checkpoint-timeout` after it was triggered
    /// (`BarrierAlignmentUtil.getTimerDelay`).
    fn expect_timeout(&mut self, barrier: Barrier, ctx: &mut Context<'_>) {
        let timeout = self.blueprint.config.checkpointing.aligned_timeout;
        let at = barrier.triggered_at + timeout;
        self.alignment.set_at(at.max(ctx.now()), ctx);
    }

    /// A barrier has come that may have to wait.
    pub(super) fn expect_alignment(&mut self, ctx: &mut Context<'_>) {
        if let Some(barrier) = self.input.announced() {
            self.expect_timeout(barrier, ctx);
        }
    }

    /// `aligned-checkpoint-timeout` is over.
    pub(super) fn time_out(&mut self) {
        self.input.time_out();
        let waiting = self
            .pending
            .values_mut()
            .map(|pending| &mut pending.channels);
        for part in waiting.filter(|part| part.outputs.is_none()) {
            part.outputs = Some(self.outputs.time_out(part.barrier));
        }
    }

    /// A barrier goes ahead of all that waits at this task: the checkpoint begins here.
    pub(super) fn begin_overtaking(&mut self, barrier: Barrier, ctx: &mut Context<'_>) {
        let since = self.input.begin_overtaking(barrier, ctx.now());
        self.meter.start_delay(since.since(barrier.triggered_at));
        self.snapshot(barrier, ctx);
    }

    /// The next snapshot whose channels have nothing to wait for any more.
    fn settle_channels(&mut self, now: Time) -> Option<(CheckpointId, ChannelState)> {
        if let Some(collected) = self.input.take_collected() {
            self.meter.alignment(now.since(collected.since));
            if let Some(pending) = self.pending.get_mut(&collected.checkpoint) {
                pending.channels.inputs = Some(collected.overtaken);
            }
        }
        for (checkpoint, pending) in &mut self.pending {
            let part = &mut pending.channels;
            if part.outputs.is_none() && self.outputs.has_sent_barriers(*checkpoint) {
                part.outputs = Some(Overtaken::new());
            }
            if let Some(state) = part.take() {
                return Some((*checkpoint, state));
            }
        }
        None
    }

    /// Takes over what a file has of its channels. `redistributed`: the parallelism was another one, and every consumer takes
    /// what is routed to it now, whichever side of a channel it was on.
    pub(super) fn load_channels(&mut self, state: &ChannelState, redistributed: bool, now: Time) {
        if redistributed {
            return self.load_share(state, now);
        }
        for (channel, batches) in &state.inputs {
            let mut own = self.input.channels.iter();
            if let Some(input) = own.position(|own| own.channel == *channel) {
                self.input.restore(input, batches, now);
            }
        }
        for (channel, batches) in &state.outputs {
            if let Some(output) = self.outputs.index_of(*channel) {
                self.outputs.restore(output, batches, now);
            }
        }
    }

    fn load_share(&mut self, state: &ChannelState, now: Time) {
        let topology = &self.blueprint.topology;
        let operator = topology.subtasks[self.subtask as usize].operator;
        let width = u64::from(self.deployment.layout.width_of(self.subtask, topology));
        let index = u64::from(topology.subtasks[self.subtask as usize].index);
        let (first, last) = self.deployment.layout.vertex(self.subtask).key_groups;
        let mut shares: Vec<(usize, Batch)> = Vec::new();
        for (channel, batch) in state.batches() {
            let ends = &topology.channels[channel as usize];
            let consumer = topology.subtasks[ends.consumer as usize].operator;
            if consumer != operator {
                continue;
            }
            let producer = topology.subtasks[ends.producer as usize].operator;
            let mut inputs = topology.inputs_of(operator);
            let is_hashed = inputs.any(|input| input == (producer, Exchange::Hash));
            let is_mine = |record: &&Record| match is_hashed {
                true => (first..=last).contains(&u32::from(record.key_group())),
                false => record.identity() % width == index,
            };
            let share: Vec<Record> = batch.records().iter().filter(is_mine).copied().collect();
            // Any channel of the same exchange will do: it only leads to this task.
            let leads_here = |own: &ChannelId| {
                let of = topology.channels[*own as usize].producer;
                topology.subtasks[of as usize].operator == producer
            };
            let mut own = self.input.channels.iter();
            if let Some(input) = own.position(|own| leads_here(&own.channel))
                && !share.is_empty()
            {
                shares.push((input, Batch::new(&share)));
            }
        }
        for (input, batch) in shares {
            self.input.restore(input, &[batch], now);
        }
    }
}

impl TaskManager {
    /// Barriers have come, have gone, or have overtaken what waited: what is whole of it goes to storage.
    pub(super) fn settle_channels(&mut self, number: u32, ctx: &mut Context<'_>) {
        if self.task(number).pending.is_empty() {
            return;
        }
        while let Some((checkpoint, state)) = self.task(number).settle_channels(ctx.now()) {
            let rate = self.blueprint.profile.checkpoint_write_bytes_per_s;
            let rate = rate.draw(&mut self.random);
            let task = self.task(number);
            let bytes = state.records() * task.outputs.record_bytes();
            let (subtask, attempt) = (task.subtask, task.attempt);
            if bytes == 0 {
                self.on_durable(number, checkpoint, SnapshotPart::Channels, ctx);
                continue;
            }
            let state = Arc::new(state);
            if let Some(pending) = task.pending.get_mut(&checkpoint) {
                pending.handle.channel_bytes = bytes;
                pending.handle.bytes += bytes;
                pending.handle.written_bytes += bytes;
                pending.channels.stored_at_earliest = ctx.now() + Span::of_transfer(bytes, rate);
            }
            ctx.state(Fact::ChannelsOvertaken {
                subtask,
                attempt,
                checkpoint,
                bytes,
                channels: HeldRecords(Arc::clone(&state)),
            });
            let key = BlobKey::Channels {
                subtask,
                attempt,
                checkpoint,
            };
            let blob = Blob::Channels(state);
            let storage = self.task(number).storage();
            ctx.send_sized(storage, bytes, Body::Write { key, bytes, blob });
        }
    }

    /// `aligned-checkpoint-timeout` is over for some checkpoint of a task.
    pub(super) fn on_alignment_timeout(&mut self, number: u32, ctx: &mut Context<'_>) {
        self.task(number).time_out();
        self.advance(number, ctx);
    }

    /// The operators of a task are open: it works through what its channels held, before it asks for more and runs.
    pub(super) fn recover_channels(&mut self, number: u32, ctx: &mut Context<'_>) {
        self.task(number).recovers_channels = true;
        self.serve_parked(number, ctx);
        self.advance(number, ctx);
    }

    /// The restored state of its channels is worked off.
    pub(super) fn has_recovered_channels(&mut self, number: u32) -> bool {
        let task = self.task(number);
        task.recovers_channels && !task.is_at_work() && task.works() && task.input.queued() == 0
    }
}
