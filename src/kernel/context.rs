//! What a handler may do: read the clock, schedule messages, arm timers, state facts.

use super::digest::Digest;
use super::mailbox::{Envelope, Mailbox};
use super::queue::{Key, Queue};
use super::time::Time;
use super::timers::{Due, Firing, Moment, TimerId, Timers};
use super::world::{ActorId, EventId, Header, World};

/// Slots of the queue's keys: the lowest bit tells timers from messages.
const TIMER: u32 = 1;

/// Below this many stale entries a rebuild of the queue is not worth its while. Tests are small.
const STALE_MIN: usize = if cfg!(test) { 8 } else { 1024 };

/// The clock and everything pending.
pub struct Kernel<W: World> {
    pub(super) now: Time,
    pub(super) event: EventId,
    pub(super) cause: EventId,
    sequence: u64,
    queue: Queue,
    mailbox: Mailbox<W::Message>,
    timers: Timers<W::Timer>,
    pub(super) facts: Vec<(ActorId, W::Fact)>,
    pub(super) digest: Digest,
}

/// The next event, out of the queue.
pub(super) enum Next<T> {
    /// Its place in the mailbox: [`Kernel::take`] has it moved once, to where it is handled.
    Message(u32),
    Timer(Firing<T>),
}

impl<W: World> Kernel<W> {
    pub(super) fn new() -> Kernel<W> {
        Kernel {
            now: Time::ZERO,
            event: EventId::START,
            cause: EventId::START,
            sequence: 0,
            queue: Queue::default(),
            mailbox: Mailbox::new(),
            timers: Timers::new(),
            facts: Vec::new(),
            digest: Digest::new(),
        }
    }

    /// The instant of the event being handled.
    #[inline]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The event being handled; [`EventId::START`] during setup.
    #[inline]
    pub fn event(&self) -> EventId {
        self.event
    }

    /// Schedules `message` to reach `to` at the instant `at`, which is not before now.
    // Inlined, so that the message is built where it waits and not copied there.
    #[inline(always)]
    pub fn schedule(&mut self, at: Time, to: ActorId, message: W::Message) -> EventId {
        let event = self.take_sequence(at);
        let slot = self.mailbox.put(Envelope {
            to,
            cause: self.event,
            message,
        });
        self.queue.push(key(at, event, slot, 0));
        event
    }

    /// A new timer of `owner`, disarmed.
    pub fn timer(&mut self, owner: ActorId, timer: W::Timer) -> TimerId {
        self.timers.create(owner, timer)
    }

    /// Arms a timer to fire at the instant `at`, not before now, in place of any deadline it has.
    /// Among events of that instant it fires in the order of arming.
    #[inline]
    pub fn arm(&mut self, id: TimerId, at: Time) {
        let event = self.take_sequence(at);
        if let Some(slot) = self.timers.arm(id, Moment { at, event }, self.event) {
            self.queue.push(key(at, event, slot, TIMER));
            self.bound_stale();
        }
    }

    /// Disarms a timer, if it is armed.
    pub fn cancel(&mut self, id: TimerId) {
        self.timers.cancel(id);
    }

    /// Gives a timer back. Using its id afterwards panics.
    pub fn release(&mut self, id: TimerId) {
        self.timers.release(id);
        self.bound_stale();
    }

    /// Gives back all timers of an actor: its process is gone.
    pub fn release_all(&mut self, owner: ActorId) {
        self.timers.release_all(owner);
        self.bound_stale();
    }

    /// When the timer will fire, if it is armed.
    pub fn deadline(&self, id: TimerId) -> Option<Time> {
        self.timers.deadline(id)
    }

    /// States a fact, for the digest and for observers. It changes nothing and takes no number.
    #[inline]
    pub fn state(&mut self, actor: ActorId, fact: W::Fact) {
        self.facts.push((actor, fact));
    }

    /// What the handler has stated so far.
    #[inline]
    pub fn facts(&self) -> &[(ActorId, W::Fact)] {
        &self.facts
    }

    /// Scheduled messages and armed timers.
    pub(super) fn pending(&self) -> usize {
        self.mailbox.len() + self.timers.armed()
    }

    /// Entries of the queue, those that stand for nothing included.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn header(&self, actor: ActorId) -> Header {
        Header {
            time: self.now,
            event: self.event,
            cause: self.cause,
            actor,
        }
    }

    /// The message of an event that [`Kernel::next`] has named.
    #[inline(always)]
    pub(super) fn take(&mut self, slot: u32) -> Envelope<W::Message> {
        self.mailbox.take(slot)
    }

    /// Takes the next event, unless it is after `end`. The clock is left to the caller.
    #[inline(always)]
    pub(super) fn next(&mut self, end: Time, world: &W) -> Option<(Time, EventId, Next<W::Timer>)> {
        loop {
            let Kernel {
                queue,
                mailbox,
                timers,
                ..
            } = self;
            let entry = queue.pop_until(end, |upcoming| touch(upcoming, world, mailbox, timers))?;
            let (time, event) = (entry.time(), entry.event());
            let slot = entry.slot() >> 1;
            if entry.slot() & TIMER == 0 {
                return Some((time, event, Next::Message(slot)));
            }
            match self.timers.due(slot, moment(entry)) {
                Due::Fires(firing) => return Some((time, event, Next::Timer(firing))),
                Due::Later(later) => self.queue.push(key(later.at, later.event, slot, TIMER)),
                Due::Disarmed | Due::Stale => {}
            }
        }
    }

    /// Whether an event is left that is not after `end`.
    pub(super) fn is_due(&mut self, end: Time) -> bool {
        while let Some(entry) = self.queue.pop_until(end, |_| {}) {
            let (slot, moment) = (entry.slot() >> 1, moment(entry));
            if entry.slot() & TIMER == 0 || self.timers.fires(slot, moment) {
                self.queue.push(entry);
                return true;
            }
            if let Due::Later(later) = self.timers.due(slot, moment) {
                self.queue.push(key(later.at, later.event, slot, TIMER));
            }
        }
        false
    }

    pub(super) fn scheduled(&self) -> u64 {
        self.sequence
    }

    #[inline]
    fn take_sequence(&mut self, at: Time) -> EventId {
        if at < self.now || self.sequence >= Key::SEQUENCE_MAX {
            self.refuse(at);
        }
        self.sequence += 1;
        EventId(self.sequence)
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, at: Time) -> ! {
        assert!(
            at >= self.now,
            "an event cannot be in the past: {at}, and it is {}",
            self.now
        );
        panic!(
            "a run is limited to {} events scheduled and timers armed",
            Key::SEQUENCE_MAX
        );
    }

    /// Keeps the queue from filling up with entries that stand for nothing.
    #[inline]
    fn bound_stale(&mut self) {
        let stale = self.timers.stale();
        if stale > STALE_MIN && stale > self.queue.len() / 2 {
            self.drop_stale();
        }
    }

    #[cold]
    fn drop_stale(&mut self) {
        let timers = &self.timers;
        self.queue.retain(|entry| {
            entry.slot() & TIMER == 0 || timers.is_live(entry.slot() >> 1, moment(entry))
        });
        self.timers.forget_stale();
    }
}

#[inline]
fn moment(entry: Key) -> Moment {
    Moment {
        at: entry.time(),
        event: entry.event(),
    }
}

/// Below this many slots, they are in the cache anyway.
const TOUCH_MIN: usize = 4096;

/// Reads what the next entries stand for, all at once, so that the waits for memory overlap.
#[inline]
fn touch<W: World>(
    upcoming: &[Key],
    world: &W,
    mailbox: &Mailbox<W::Message>,
    timers: &Timers<W::Timer>,
) {
    if mailbox.len() + timers.armed() < TOUCH_MIN {
        return;
    }
    let mut read = 0;
    for entry in upcoming {
        let slot = entry.slot() >> 1;
        read ^= match entry.slot() & TIMER {
            0 => mailbox.get(slot).map_or(0, |envelope| envelope.to.0),
            _ => timers.touch(slot),
        };
    }
    // Only now: what the world touches depends on the messages.
    let mut deep = u64::from(read);
    for entry in upcoming {
        if entry.slot() & TIMER == 0
            && let Some(envelope) = mailbox.get(entry.slot() >> 1)
        {
            deep ^= world.touch(envelope.to, &envelope.message);
        }
    }
    std::hint::black_box(deep);
}

#[inline]
fn key(at: Time, event: EventId, slot: u32, kind: u32) -> Key {
    if slot > Key::SLOT_MAX >> 1 {
        refuse_slot();
    }
    Key::new(at, event, slot << 1 | kind)
}

#[cold]
#[inline(never)]
fn refuse_slot() -> ! {
    panic!(
        "no more than {} messages, and as many timers, can be pending",
        Key::SLOT_MAX >> 1
    );
}

impl<W: World> Clone for Kernel<W>
where
    W::Message: Clone,
    W::Fact: Clone,
{
    fn clone(&self) -> Self {
        Kernel {
            now: self.now,
            event: self.event,
            cause: self.cause,
            sequence: self.sequence,
            queue: self.queue.clone(),
            mailbox: self.mailbox.clone(),
            timers: self.timers.clone(),
            facts: self.facts.clone(),
            digest: self.digest.clone(),
        }
    }
}
