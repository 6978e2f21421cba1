//! Buffers that are being filled, and what closes them.

use std::ops::Range;

use crate::actor::task_manager::buffers::{Buffers, Carried};
use crate::dataflow::record::Record;
use crate::kernel::Time;

use super::Outputs;

/// The buffer of one channel that is being filled.
#[derive(Clone, Debug)]
pub(super) struct Builder {
    pub(super) records: Vec<Record>,
    /// It is full with so many.
    pub(super) max: usize,
    carried: Carried,
}

impl Builder {
    pub(super) fn new(buffers: Buffers) -> Builder {
        let mut builder = Builder {
            records: Vec::new(),
            max: 0,
            carried: 0,
        };
        builder.begin(buffers);
        builder
    }

    /// It is full, and the next one begins.
    pub(super) fn begin(&mut self, buffers: Buffers) {
        self.max = buffers.next(&mut self.carried) as usize;
    }
}

impl Outputs {
    /// Records in a channel's buffer.
    pub(super) fn filled(&self, output: usize) -> usize {
        self.builders[output].records.len() + self.runs[output].len()
    }

    /// How many records it takes to fill it.
    pub(super) fn left(&self, output: usize) -> usize {
        self.builders[output].max - self.filled(output)
    }

    /// How many records fit into the fullest of some channels' buffers.
    pub fn room(&self, channels: Range<usize>) -> u64 {
        let builders = self.builders[channels.clone()].iter();
        let left = builders.map(|builder| builder.max - builder.records.len());
        let fullest = if self.runs_open == 0 {
            left.min()
        } else {
            let runs = left.zip(&self.runs[channels]);
            runs.map(|(left, run)| left - run.len()).min()
        };
        fullest.map_or(1, |left| left as u64)
    }

    /// Whether there is something that a flush would send.
    pub fn has_unflushed(&self) -> bool {
        self.runs_open > 0
            || (self.builders.iter()).any(|builder| !builder.records.is_empty())
            || self.marks.iter().any(|marks| !marks.is_empty())
    }

    /// Closes all buffers, full or not.
    pub fn close(&mut self, now: Time) {
        for output in 0..self.channels.len() {
            self.seal(output, now);
        }
    }

    /// The flusher's tick. A buffer that cannot be sent yet goes on being filled, and goes with what it has got by then
    /// (`PipelinedSubpartition.flush`).
    pub fn flush(&mut self, now: Time) {
        for output in 0..self.channels.len() {
            let waits = !self.channels[output].can_send() && !self.is_released(output);
            if waits && self.filled(output) > 0 {
                self.channels[output].flush_requested = true;
            } else {
                self.seal(output, now);
            }
        }
    }
}
