//! Timers with soft re-arming: the deadline lives with the timer, and at most one live entry in
//! the queue stands for it. An entry that comes up early goes back in at the armed deadline, so
//! pushing a deadline out, which heartbeats do all the time, costs a write and no queue operation.
//!
//! The sequence number is taken when a timer is armed, so that the order of events is the one a
//! queue without this trick would give.

use serde::Serialize;

use super::time::Time;
use super::world::{ActorId, EventId};

/// A timer of an actor, until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimerId {
    slot: u32,
    generation: u32,
}

const NONE: u32 = u32::MAX;

/// A point in the total order of events.
pub type Moment = (Time, EventId);

#[derive(Clone)]
struct Slot<T> {
    /// When the timer shall fire, if it is armed.
    armed: Option<Moment>,
    /// Where its live entry stands in the queue, if it has one; never after `armed`.
    queued: Option<Moment>,
    cause: EventId,
    owner: ActorId,
    generation: u32,
    timer: T,
}

/// Neighbours among the timers of one owner.
#[derive(Clone, Copy)]
struct Links {
    previous: u32,
    next: u32,
}

/// A timer that fires.
pub struct Firing<T> {
    pub owner: ActorId,
    pub cause: EventId,
    pub timer: T,
}

/// What an entry of the queue turns out to be when it comes up.
pub enum Due<T> {
    Fires(Firing<T>),
    /// The timer was armed again, for later: the entry goes back in there.
    Later(Moment),
    /// The timer is disarmed and the entry was its live one.
    Disarmed,
    /// The timer was released, or armed for earlier, since.
    Stale,
}

#[derive(Clone)]
pub struct Timers<T> {
    slots: Vec<Slot<T>>,
    links: Vec<Links>,
    /// The first timer of each owner.
    first: Vec<u32>,
    free: Vec<u32>,
    armed: usize,
    stale: usize,
}

impl<T: Copy> Timers<T> {
    pub fn new() -> Timers<T> {
        Timers {
            slots: Vec::new(),
            links: Vec::new(),
            first: Vec::new(),
            free: Vec::new(),
            armed: 0,
            stale: 0,
        }
    }

    /// How many timers are armed.
    pub fn armed(&self) -> usize {
        self.armed
    }

    /// How many entries of the queue stand for nothing any more.
    pub fn stale(&self) -> usize {
        self.stale
    }

    pub fn create(&mut self, owner: ActorId, timer: T) -> TimerId {
        let slot = match self.free.pop() {
            Some(slot) => {
                let reused = &mut self.slots[slot as usize];
                reused.owner = owner;
                reused.timer = timer;
                slot
            }
            None => {
                let cause = EventId::START;
                let fresh = Slot {
                    armed: None,
                    queued: None,
                    cause,
                    owner,
                    generation: 0,
                    timer,
                };
                self.slots.push(fresh);
                self.links.push(Links {
                    previous: NONE,
                    next: NONE,
                });
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers")
            }
        };
        self.link(slot, owner);
        TimerId {
            slot,
            generation: self.slots[slot as usize].generation,
        }
    }

    /// Arms a timer; the moment to queue an entry at, with its slot, if it needs one.
    #[inline]
    pub fn arm(&mut self, id: TimerId, at: Moment, cause: EventId) -> Option<u32> {
        let slot = self.live(id);
        let was_armed = slot.armed.replace(at).is_some();
        slot.cause = cause;
        // The new sequence number is the largest yet, so equal times need no new entry.
        let needs_entry = slot.queued.is_none_or(|queued| queued.0 > at.0);
        let leaves_stale = needs_entry && slot.queued.is_some();
        if needs_entry {
            slot.queued = Some(at);
        }
        self.armed += usize::from(!was_armed);
        self.stale += usize::from(leaves_stale);
        needs_entry.then_some(id.slot)
    }

    /// Disarms a timer. Its entry stays, in case it is armed again.
    pub fn cancel(&mut self, id: TimerId) {
        let was_armed = self.live(id).armed.take().is_some();
        self.armed -= usize::from(was_armed);
    }

    pub fn deadline(&self, id: TimerId) -> Option<Time> {
        let slot = &self.slots[id.slot as usize];
        assert!(
            slot.generation == id.generation,
            "{id:?} was released before this use"
        );
        slot.armed.map(|at| at.0)
    }

    pub fn release(&mut self, id: TimerId) {
        self.cancel(id);
        let slot = self.live(id);
        slot.generation = slot.generation.wrapping_add(1);
        let leaves_stale = slot.queued.take().is_some();
        let owner = slot.owner;
        self.stale += usize::from(leaves_stale);
        self.unlink(id.slot, owner);
        self.free.push(id.slot);
    }

    pub fn release_all(&mut self, owner: ActorId) {
        while let Some(&slot) = self.first.get(owner.0 as usize)
            && slot != NONE
        {
            let generation = self.slots[slot as usize].generation;
            self.release(TimerId { slot, generation });
        }
    }

    /// Decides about an entry that comes up.
    #[inline]
    pub fn due(&mut self, slot: u32, entry: Moment) -> Due<T> {
        let slot = &mut self.slots[slot as usize];
        if slot.queued != Some(entry) {
            self.stale -= 1;
            return Due::Stale;
        }
        match slot.armed {
            Some(at) if at == entry => {
                slot.armed = None;
                slot.queued = None;
                self.armed -= 1;
                Due::Fires(Firing {
                    owner: slot.owner,
                    cause: slot.cause,
                    timer: slot.timer,
                })
            }
            Some(at) => {
                slot.queued = Some(at);
                Due::Later(at)
            }
            None => {
                slot.queued = None;
                Due::Disarmed
            }
        }
    }

    /// Whether the timer fires at this entry.
    pub fn fires(&self, slot: u32, entry: Moment) -> bool {
        let slot = &self.slots[slot as usize];
        slot.queued == Some(entry) && slot.armed == Some(entry)
    }

    /// Whether an entry still stands for its timer.
    pub fn is_live(&self, slot: u32, entry: Moment) -> bool {
        self.slots[slot as usize].queued == Some(entry)
    }

    /// The queue was rid of its stale entries.
    pub fn forget_stale(&mut self) {
        self.stale = 0;
    }

    #[inline]
    fn live(&mut self, id: TimerId) -> &mut Slot<T> {
        let slot = &mut self.slots[id.slot as usize];
        assert!(
            slot.generation == id.generation,
            "{id:?} was released before this use"
        );
        slot
    }

    fn link(&mut self, slot: u32, owner: ActorId) {
        let owner = owner.0 as usize;
        if self.first.len() <= owner {
            self.first.resize(owner + 1, NONE);
        }
        let next = std::mem::replace(&mut self.first[owner], slot);
        self.links[slot as usize] = Links {
            previous: NONE,
            next,
        };
        if next != NONE {
            self.links[next as usize].previous = slot;
        }
    }

    fn unlink(&mut self, slot: u32, owner: ActorId) {
        let Links { previous, next } = self.links[slot as usize];
        if previous == NONE {
            self.first[owner.0 as usize] = next;
        } else {
            self.links[previous as usize].next = next;
        }
        if next != NONE {
            self.links[next as usize].previous = previous;
        }
    }
}
