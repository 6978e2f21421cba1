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
    /// It stands in [`Outputs::open`].
    is_listed: bool,
}

impl Builder {
    pub(super) fn new(buffers: Buffers) -> Builder {
        let mut builder = Builder {
            records: Vec::new(),
            max: 0,
            carried: 0,
            is_listed: false,
        };
        builder.begin(buffers);
        builder
    }

    /// Its first record comes: the flusher has to look after it.
    #[inline]
    pub(super) fn open(&mut self, output: usize, open: &mut Vec<u32>) {
        if !self.is_listed {
            self.is_listed = true;
            open.push(output as u32);
        }
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

    /// How many records fit into the fullest of some channels' buffers, or one less: of empty ones, some may hold that many more.
    pub fn room(&self, channels: Range<usize>) -> u64 {
        let open = self.open.iter().map(|output| *output as usize);
        let left = open
            .filter(|output| channels.contains(output))
            .map(|output| self.left(output) as u64);
        left.min()
            .map_or(self.buffers.least(), |left| left.min(self.buffers.least()))
    }

    /// Whether there is something that a flush would send.
    pub fn has_unflushed(&self) -> bool {
        let mut open = self.open.iter();
        open.any(|output| self.filled(*output as usize) > 0)
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
        let mut open = std::mem::take(&mut self.open);
        if !self.marks.is_empty() {
            // Marks wait on all channels.
            open.clear();
            open.extend(0..self.channels.len() as u32);
        }
        open.sort_unstable();
        open.retain(|output| {
            let output = *output as usize;
            let waits = !self.channels[output].can_send() && !self.is_released(output);
            let stays = waits && self.filled(output) > 0;
            self.builders[output].is_listed = stays;
            if stays {
                self.channels[output].flush_requested = true;
            } else {
                self.seal(output, now);
            }
            stays
        });
        self.open = open;
    }
}
