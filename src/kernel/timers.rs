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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub at: Time,
    pub event: EventId,
}

impl Moment {
    /// No timer takes the number of the start.
    const NEVER: Moment = Moment {
        at: Time::MAX,
        event: EventId::START,
    };

    #[inline]
    fn is_never(self) -> bool {
        self.event == EventId::START
    }
}

/// Aligned, so that a timer of up to 12 bytes is one line of the cache.
#[derive(Clone)]
#[repr(align(64))]
struct Slot<T> {
    /// When the timer shall fire, if it is armed.
    armed: Moment,
    /// Where its live entry stands in the queue, if it has one; never after `armed`.
    queued: Moment,
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
                    armed: Moment::NEVER,
                    queued: Moment::NEVER,
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

    /// Arms a timer; its slot, if it needs an entry in the queue at that moment.
    #[inline]
    pub fn arm(&mut self, id: TimerId, moment: Moment, cause: EventId) -> Option<u32> {
        let slot = self.live(id);
        let was_armed = !slot.armed.is_never();
        slot.armed = moment;
        slot.cause = cause;
        // The number is the largest yet, so an entry of the same time is not too late.
        let needs_entry = slot.queued.at > moment.at || slot.queued.is_never();
        let leaves_stale = needs_entry && !slot.queued.is_never();
        if needs_entry {
            slot.queued = moment;
        }
        self.armed += usize::from(!was_armed);
        self.stale += usize::from(leaves_stale);
        needs_entry.then_some(id.slot)
    }

    /// Disarms a timer. Its entry stays, in case it is armed again.
    pub fn cancel(&mut self, id: TimerId) {
        let armed = std::mem::replace(&mut self.live(id).armed, Moment::NEVER);
        self.armed -= usize::from(!armed.is_never());
    }

    pub fn deadline(&self, id: TimerId) -> Option<Time> {
        let slot = &self.slots[id.slot as usize];
        assert!(
            slot.generation == id.generation,
            "{id:?} was released before this use"
        );
        (!slot.armed.is_never()).then_some(slot.armed.at)
    }

    pub fn release(&mut self, id: TimerId) {
        self.cancel(id);
        let slot = self.live(id);
        slot.generation = slot.generation.wrapping_add(1);
        let queued = std::mem::replace(&mut slot.queued, Moment::NEVER);
        let owner = slot.owner;
        self.stale += usize::from(!queued.is_never());
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
        if slot.queued != entry {
            self.stale -= 1;
            return Due::Stale;
        }
        slot.queued = slot.armed;
        if slot.armed.is_never() {
            Due::Disarmed
        } else if slot.armed == entry {
            slot.armed = Moment::NEVER;
            slot.queued = Moment::NEVER;
            self.armed -= 1;
            Due::Fires(Firing {
                owner: slot.owner,
                cause: slot.cause,
                timer: slot.timer,
            })
        } else {
            Due::Later(slot.armed)
        }
    }

    /// Whether the timer fires at this entry.
    pub fn fires(&self, slot: u32, entry: Moment) -> bool {
        let slot = &self.slots[slot as usize];
        slot.queued == entry && slot.armed == entry
    }

    /// Whether an entry still stands for its timer.
    pub fn is_live(&self, slot: u32, entry: Moment) -> bool {
        self.slots[slot as usize].queued == entry
    }

    /// Reads a timer, to have it in the cache when its entry comes up.
    #[inline]
    pub fn touch(&self, slot: u32) -> u32 {
        self.slots[slot as usize].generation
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
