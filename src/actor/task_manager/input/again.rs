//! A producer that is asked anew: what it is asked for, and what of it has come before.

use crate::dataflow::batch::{Batch, CheckpointId, Element};
use crate::dataflow::record::Record;
use crate::kernel::{ActorId, Span};

use super::InputChannel;

/// Identities that were accepted from a producer's predecessor; sorted.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    known: Vec<u64>,
    remaining: usize,
}

impl InputChannel {
    /// Whether what comes, or is to come, is from this life of a process.
    pub fn is_from(&self, producer: ActorId, incarnation: u32) -> bool {
        self.producer == producer && self.upstream.went_to == Some(incarnation)
    }

    /// How long to wait before the next request: twice as long each time; false where it is as long as it gets already.
    pub fn back_off(&mut self, initial: Span, max: Span) -> bool {
        let next = match self.upstream.request_backoff {
            Span::ZERO => initial,
            backoff => (backoff * 2).min(max),
        };
        let longer = next != self.upstream.request_backoff;
        self.upstream.request_backoff = next;
        longer
    }

    /// The producer was restored from `checkpoint`: what came after that barrier will come again.
    pub fn expect_again_since(&mut self, checkpoint: CheckpointId) {
        self.forget_until(checkpoint);
        let mut known: Vec<u64> = self
            .upstream
            .received
            .iter()
            .filter_map(|element| match element {
                Element::Records(batch) => Some(batch),
                Element::Barrier(..) | Element::Mark(_) => None,
            })
            .flat_map(|batch| batch.records().into_owned())
            .map(|record| record.identity())
            .collect();
        known.sort_unstable();
        let remaining = known.len();
        self.filter = (remaining > 0).then(|| Box::new(Filter { known, remaining }));
    }

    /// Nothing will come again.
    pub fn expect_nothing_again(&mut self) {
        self.filter = None;
    }

    pub(super) fn deduplicate(&mut self, batch: Batch) -> (Option<Batch>, u64) {
        let Some(filter) = &mut self.filter else {
            return (Some(batch), 0);
        };
        let is_new = |record: &Record| filter.known.binary_search(&record.identity()).is_err();
        let fresh: Vec<_> = batch.records().iter().copied().filter(is_new).collect();
        let dropped = batch.len() - fresh.len();
        filter.remaining = filter.remaining.saturating_sub(dropped);
        if filter.remaining == 0 {
            self.filter = None;
        }
        match (dropped, fresh.is_empty()) {
            (0, _) => (Some(batch), 0),
            (_, true) => (None, dropped as u64),
            (_, false) => (Some(Batch::new(&fresh)), dropped as u64),
        }
    }

    pub(super) fn forget_until(&mut self, checkpoint: CheckpointId) {
        let upstream = &mut *self.upstream;
        if checkpoint <= upstream.received_since {
            return;
        }
        // Hardly anything has come behind it yet.
        let barrier = upstream
            .received
            .iter()
            .rposition(|element| matches!(element, Element::Barrier(id, _) if *id == checkpoint));
        if let Some(barrier) = barrier {
            upstream.received.drain(..=barrier);
            upstream.received_since = checkpoint;
        }
    }
}
