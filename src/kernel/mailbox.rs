//! Payloads of scheduled messages, so that the queue moves keys of 16 bytes only.

use super::world::{ActorId, EventId};

/// A message on its way.
#[derive(Clone)]
pub struct Envelope<M> {
    pub to: ActorId,
    pub cause: EventId,
    pub message: M,
}

/// A slab of envelopes; a freed slot is taken again first, while it is in the cache.
#[derive(Clone)]
pub struct Mailbox<M> {
    slots: Vec<Option<Envelope<M>>>,
    free: Vec<u32>,
}

impl<M> Mailbox<M> {
    pub fn new() -> Mailbox<M> {
        Mailbox {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    #[inline]
    pub fn get(&self, slot: u32) -> Option<&Envelope<M>> {
        self.slots[slot as usize].as_ref()
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    #[inline]
    pub fn put(&mut self, envelope: Envelope<M>) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(envelope);
                slot
            }
            None => self.append(envelope),
        }
    }

    /// Apart, to keep the common case short.
    #[cold]
    #[inline(never)]
    fn append(&mut self, envelope: Envelope<M>) -> u32 {
        self.slots.push(Some(envelope));
        u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 messages pending")
    }

    #[inline]
    pub fn take(&mut self, slot: u32) -> Envelope<M> {
        let envelope = self.slots[slot as usize]
            .take()
            .expect("a queued message has its payload");
        self.free.push(slot);
        envelope
    }
}
