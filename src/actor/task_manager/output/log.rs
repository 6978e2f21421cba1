//! Entries of a channel's log, and where in it a channel stands.

use std::collections::VecDeque;

use crate::actor::checkpoint::{Attempt, Barrier};
use crate::dataflow::batch::{Alignment, CheckpointId, Element};
use crate::dataflow::topology::ChannelId;

use super::{Consumer, Entry, OutputChannel};

impl Entry {
    pub(super) fn barrier(barrier: Barrier) -> Entry {
        Entry {
            emitted: barrier.triggered_at,
            element: Element::Barrier(barrier.checkpoint, barrier.alignment),
        }
    }

    pub(super) fn is_timeoutable(&self, checkpoint: CheckpointId) -> bool {
        matches!(self.element, Element::Barrier(id, Alignment::Timeoutable) if id == checkpoint)
    }

    /// It is no buffer of records.
    #[inline]
    pub(super) fn is_event(&self) -> bool {
        !matches!(self.element, Element::Records(_))
    }

    pub(super) fn records(&self) -> u64 {
        match &self.element {
            Element::Records(batch) => batch.len() as u64,
            Element::Barrier(..) | Element::Mark(_) => 0,
        }
    }
}

impl OutputChannel {
    pub(super) fn new(channel: ChannelId, restored: CheckpointId) -> OutputChannel {
        OutputChannel {
            channel,
            log: VecDeque::new(),
            base: 0,
            cursor: 0,
            sent: 0,
            base_checkpoint: restored,
            consumer: None,
            consumer_attempt: Attempt::default(),
            was_connected: false,
            spooling: false,
            credits: 0,
            flush_requested: false,
            events: 0,
            event_round: 0,
        }
    }

    pub fn consumer(&self) -> Option<Consumer> {
        self.consumer
    }

    /// A buffer that is closed now can be sent at once.
    #[inline]
    pub(super) fn can_send(&self) -> bool {
        self.consumer.is_some() && self.credits > 0 && !self.has_unsent()
    }

    /// Buffers or events wait to be sent.
    #[inline]
    pub(super) fn has_unsent(&self) -> bool {
        self.cursor != self.base + self.log.len() as u64
    }

    /// Buffers that were not sent; marks and barriers take none (`LocalBufferPool` counts what was requested from it).
    pub(super) fn unsent(&self) -> u64 {
        self.base + self.log.len() as u64 - self.cursor - u64::from(self.events)
    }

    /// Unsent buffers that hold the task back.
    pub(super) fn waiting(&self) -> u64 {
        if self.spooling { 0 } else { self.unsent() }
    }

    /// The number of the first entry behind a checkpoint's barrier.
    pub(super) fn behind_barrier(&self, checkpoint: CheckpointId) -> Option<u64> {
        if checkpoint == self.base_checkpoint {
            return Some(self.base);
        }
        // Whoever asks does so when the barrier was sent a moment ago.
        let at = self
            .log
            .iter()
            .rposition(|e| matches!(e.element, Element::Barrier(id, _) if id == checkpoint))?;
        Some(self.base + at as u64 + 1)
    }
}
