//! What the queue holds: 16 bytes an event.

use crate::kernel::time::Time;
use crate::kernel::world::EventId;

const SLOT_BITS: u32 = 26;
const SEQUENCE_BITS: u32 = u64::BITS - SLOT_BITS;

/// An entry of the queue: time (64 bits), sequence number (38), slot of the payload (26), in one
/// integer, so that one comparison orders entries by time and sequence number. Sequence numbers
/// are unique, so the slot never decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u128);

impl Key {
    pub const SLOT_MAX: u32 = (1 << SLOT_BITS) - 1;
    pub const SEQUENCE_MAX: u64 = (1 << SEQUENCE_BITS) - 1;

    /// The sequence number and the slot are within their limits, which the caller asserts.
    #[inline]
    pub fn new(time: Time, event: EventId, slot: u32) -> Key {
        debug_assert!(event.0 <= Self::SEQUENCE_MAX && slot <= Self::SLOT_MAX);
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
