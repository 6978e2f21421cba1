//! What the kernel asks of the world that it drives, and what it tells those who watch.

use serde::{Deserialize, Serialize};

use super::context::Kernel;
use super::time::Time;

/// An actor: whatever receives messages and owns timers. The world numbers its actors from zero
/// upwards, without large gaps (the kernel keeps a table by number).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ActorId(pub u32);

/// The sequence number of an event, taken when its message is scheduled or its timer is armed.
/// Events are handled in the order of (time, sequence number).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventId(pub u64);

impl EventId {
    /// The start of the world: the cause of whatever setup schedules.
    pub const START: EventId = EventId(0);
}

/// Everything that the kernel does not know: the actors and their payloads.
pub trait World: Sized {
    /// What actors send each other. It waits in a slab, so a large one costs no more to queue.
    type Message: Serialize;
    /// What a timer tells its owner when it fires.
    type Timer: Copy + Serialize;
    /// What actors state about themselves, for traces and checkers.
    type Fact: Serialize;

    /// Handles `message` at `kernel.now()`.
    fn on_message(&mut self, to: ActorId, message: Self::Message, kernel: &mut Kernel<Self>);

    /// Handles the firing of a timer. It is disarmed by now; arming it again is up to the owner.
    fn on_timer(&mut self, owner: ActorId, timer: Self::Timer, kernel: &mut Kernel<Self>);

    /// Facts have been stated by the handler that just returned ([`Kernel::facts`]). What the world does about it is part of
    /// the run, like any handler's work; facts stated here are told with the others.
    #[inline]
    fn on_facts(&mut self, kernel: &mut Kernel<Self>) {
        let _ = kernel;
    }

    /// The actor's name, for error messages.
    fn name(&self, actor: ActorId) -> String;

    /// Reads something of the state that handling `message` will read, a little ahead of it. A
    /// world of more actors than the processor's cache holds gains by it: the waits for memory
    /// overlap. Any number will do; it keeps the read from being optimised away.
    #[inline]
    fn touch(&self, to: ActorId, message: &Self::Message) -> u64 {
        let _ = (to, message);
        0
    }
}

/// Where something in the trace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    pub time: Time,
    /// The event being handled.
    pub event: EventId,
    /// The event whose handler scheduled it.
    pub cause: EventId,
    /// Who receives the message, owns the timer or states the fact.
    pub actor: ActorId,
}

/// Watches a run. It takes no sequence numbers and cannot change what happens.
pub trait Observer<W: World> {
    /// A message, before it is handled.
    #[inline]
    fn message(&mut self, header: &Header, message: &W::Message) {
        let _ = (header, message);
    }

    /// A timer that fires, before it is handled.
    #[inline]
    fn timer(&mut self, header: &Header, timer: W::Timer) {
        let _ = (header, timer);
    }

    /// A fact, after the handler that stated it has returned.
    #[inline]
    fn fact(&mut self, header: &Header, fact: &W::Fact) {
        let _ = (header, fact);
    }
}

/// Nobody watches.
impl<W: World> Observer<W> for () {}

impl<W: World, O: Observer<W>> Observer<W> for &mut O {
    fn message(&mut self, header: &Header, message: &W::Message) {
        (**self).message(header, message);
    }
    fn timer(&mut self, header: &Header, timer: W::Timer) {
        (**self).timer(header, timer);
    }
    fn fact(&mut self, header: &Header, fact: &W::Fact) {
        (**self).fact(header, fact);
    }
}

/// Both watch, the first one first.
impl<W: World, A: Observer<W>, B: Observer<W>> Observer<W> for (A, B) {
    fn message(&mut self, header: &Header, message: &W::Message) {
        self.0.message(header, message);
        self.1.message(header, message);
    }
    fn timer(&mut self, header: &Header, timer: W::Timer) {
        self.0.timer(header, timer);
        self.1.timer(header, timer);
    }
    fn fact(&mut self, header: &Header, fact: &W::Fact) {
        self.0.fact(header, fact);
        self.1.fact(header, fact);
    }
}
