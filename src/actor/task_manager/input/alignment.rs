//! Alignment at the input gate: a channel whose barrier has come waits for those of the others.

use crate::actor::checkpoint::Barrier;
use crate::dataflow::batch::{self, CheckpointId};
use crate::kernel::Time;
use crate::policy::defect::Defect;

use super::InputGate;

/// `CheckpointBarrierTracker.MAX_CHECKPOINTS_TO_TRACK`
const CHECKPOINTS_TRACKED: usize = 50;

#[derive(Clone, Copy, Debug)]
pub(super) struct Alignment {
    pub(super) barrier: Barrier,
    missing: usize,
    /// When the first barrier was met.
    pub(super) since: Time,
}

impl InputGate {
    /// A producer is gone, or has not caught up with its predecessor: the checkpoint cannot be taken here.
    pub(super) fn is_hopeless(&self, checkpoint: CheckpointId) -> bool {
        let careless = self.defects.has(Defect::PrematureBarrier);
        self.lost > 0 || (checkpoint <= self.premature_up_to && !careless)
    }

    /// The last barrier of its checkpoint: when the first one was met. Barriers that block are those of one checkpoint
    /// (`SingleCheckpointBarrierHandler`); others are counted for each, and whoever has all of its own subsumes those before
    /// it (`CheckpointBarrierTracker`).
    pub(super) fn on_barrier(&mut self, input: u16, barrier: Barrier, now: Time) -> Option<Time> {
        let checkpoint = barrier.checkpoint;
        let is_its = |known: &Alignment| known.barrier.checkpoint == checkpoint;
        let is_newer = |known: &Alignment| known.barrier.checkpoint > checkpoint;
        let at = match self.aligning.iter().position(is_its) {
            Some(at) => at,
            None if self.aligning.last().is_some_and(is_newer) => return None,
            None => {
                if self.aligns {
                    // A newer barrier overtakes an alignment that will never end.
                    self.unblock();
                    self.aligning.clear();
                } else if self.aligning.len() == CHECKPOINTS_TRACKED {
                    self.aligning.remove(0);
                }
                self.aligning.push(Alignment {
                    barrier,
                    missing: self.channels.len(),
                    since: now,
                });
                self.aligning.len() - 1
            }
        };
        let channel = &mut self.channels[input as usize];
        channel.passed = checkpoint;
        channel.blocked = self.aligns && !self.defects.has(Defect::BarrierDoesNotBlock);
        let alignment = &mut self.aligning[at];
        alignment.missing -= 1;
        if alignment.missing > 0 {
            return None;
        }
        let since = alignment.since;
        self.aligning.drain(..=at);
        self.overtaking.begin(checkpoint);
        self.unblock();
        Some(since)
    }

    /// A barrier of the checkpoint that is being aligned, where nothing waits for its turn and others are missing still: all
    /// that it takes is to count it. False: it has to go the way of all elements.
    pub fn count_barrier(&mut self, input: u16, barrier: Barrier, now: Time) -> bool {
        let channel = &self.channels[input as usize];
        let is_awaited = self.aligning.iter().any(|aligning| {
            aligning.barrier.checkpoint == barrier.checkpoint && aligning.missing > 1
        });
        let is_plain = barrier.alignment == batch::Alignment::Aligned && !self.remembers;
        if !is_awaited
            || !is_plain
            || !self.turns.is_empty()
            || channel.blocked
            || channel.filter.is_some()
            || self.is_hopeless(barrier.checkpoint)
        {
            return false;
        }
        self.overtaking.announce(input, barrier);
        let last = self.on_barrier(input, barrier, now);
        assert!(last.is_none(), "others are missing");
        true
    }

    /// A checkpoint will not complete: what waits for its barriers goes on.
    pub fn abort(&mut self, aborted_up_to: CheckpointId) {
        let before = self.aligning.len();
        self.aligning
            .retain(|alignment| alignment.barrier.checkpoint > aborted_up_to);
        if self.aligning.len() < before && !self.defects.has(Defect::AlignmentOutlivesAbort) {
            self.unblock();
        }
        self.overtaking.abort(aborted_up_to);
    }

    /// A channel waits behind its barrier, and its checkpoint is not being aligned, or has been given up.
    #[inline]
    pub fn is_blocked_for_nothing(&self, input: u16, aborted_up_to: CheckpointId) -> bool {
        let awaits = |aligning: &Alignment| aligning.barrier.checkpoint > aborted_up_to;
        self.channels[input as usize].blocked && !self.aligning.iter().any(awaits)
    }

    pub(super) fn unblock(&mut self) {
        for (input, channel) in self.channels.iter_mut().enumerate().rev() {
            channel.blocked = false;
            for _ in 0..std::mem::take(&mut channel.missed_turns) {
                self.turns.push_front(input as u16);
            }
        }
    }
}
