//! The future-event list: keys in the order of (time, sequence number).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::time::Time;
use super::world::EventId;

const SLOT_BITS: u32 = 26;
const SEQUENCE_BITS: u32 = u64::BITS - SLOT_BITS;

/// An entry of the queue: time (64 bits), sequence number (38), slot of the payload (26), in one
/// integer, so that one comparison orders entries by time and sequence number. Sequence numbers
/// are unique, so the slot never decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u128);

impl Key {
    pub const SLOT_MAX: u32 = (1 << SLOT_BITS) - 1;
    pub const SEQUENCE_MAX: u64 = (1 << SEQUENCE_BITS) - 1;

    #[inline]
    pub fn new(time: Time, event: EventId, slot: u32) -> Key {
        assert!(
            event.0 <= Self::SEQUENCE_MAX,
            "a run is limited to {} scheduled events",
            Self::SEQUENCE_MAX
        );
        debug_assert!(slot <= Self::SLOT_MAX);
        let low = event.0 << SLOT_BITS | u64::from(slot);
        Key(u128::from(time.0) << 64 | u128::from(low))
    }

    #[inline]
    pub fn time(self) -> Time {
        Time((self.0 >> 64) as u64)
    }

    #[inline]
    pub fn event(self) -> EventId {
        EventId(self.0 as u64 >> SLOT_BITS)
    }

    #[inline]
    pub fn slot(self) -> u32 {
        self.0 as u32 & Self::SLOT_MAX
    }
}

/// Pending entries, smallest key first.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Key>>,
}

impl Queue {
    #[inline]
    pub fn push(&mut self, key: Key) {
        self.heap.push(Reverse(key));
    }

    #[inline]
    pub fn peek(&mut self) -> Option<Key> {
        self.heap.peek().map(|entry| entry.0)
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Key> {
        self.heap.pop().map(|entry| entry.0)
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Drops every entry for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(Key) -> bool) {
        self.heap.retain(|entry| keep(entry.0));
    }
}
