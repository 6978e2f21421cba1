//! The loop: a world, a kernel, and the events between them.

use super::context::{Kernel, Next};
use super::digest::Kind;
use super::stall::{Guard, RECENT, Recent, Stall, StallKind};
use super::time::Time;
use super::world::{ActorId, EventId, Observer, World};

/// A world on its way through simulated time. A clone continues to the same digest.
pub struct Simulation<W: World> {
    world: W,
    kernel: Kernel<W>,
    guard: Guard,
    recent: Recent,
    /// Events handled.
    events: u64,
    /// Events handled before the present instant.
    events_before: u64,
    /// The number of events from which on the guard has to be looked at: nothing can have gone wrong before.
    watched_from: u64,
    digesting: bool,
}

impl<W: World> Simulation<W> {
    pub fn new(world: W) -> Self {
        Simulation {
            world,
            kernel: Kernel::new(),
            guard: Guard::default(),
            recent: Recent::new(),
            events: 0,
            events_before: 0,
            watched_from: 0,
            digesting: true,
        }
    }

    /// Works on the world from outside, at the present instant: before the first step to set it
    /// up, between steps to inject a fault. Facts stated here are told at the next step.
    pub fn setup<R>(&mut self, f: impl FnOnce(&mut W, &mut Kernel<W>) -> R) -> R {
        // Facts of the event before would otherwise be told under the number of this one.
        assert!(self.kernel.facts.is_empty() || self.kernel.event == EventId::START);
        self.kernel.event = EventId::START;
        self.kernel.cause = EventId::START;
        f(&mut self.world, &mut self.kernel)
    }

    pub fn world(&self) -> &W {
        &self.world
    }

    pub fn now(&self) -> Time {
        self.kernel.now
    }

    /// Events handled so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Scheduled messages and armed timers.
    pub fn pending(&self) -> usize {
        self.kernel.pending()
    }

    /// The digest of everything traced so far: every event handled and every fact stated.
    pub fn digest(&self) -> u128 {
        let mut digest = self.kernel.digest.clone();
        if self.digesting {
            for (actor, fact) in &self.kernel.facts {
                digest.record(Kind::Fact, &self.kernel.header(*actor), fact);
            }
        }
        digest.finish()
    }

    pub fn guard(&mut self, guard: Guard) {
        self.guard = guard;
        self.watched_from = 0;
    }

    /// Whether events go into the digest. They do, but where one of many runs is only looked at, or the rest is measured.
    pub fn set_digesting(&mut self, on: bool) {
        self.digesting = on;
    }

    /// Handles the next event; false if nothing is left.
    pub fn step<O: Observer<W>>(&mut self, observer: &mut O) -> Result<bool, Stall> {
        self.step_to(Time::MAX, observer)
    }

    /// Handles the next event up to and at `end`. False: there is none.
    ///
    /// # Errors
    /// Where the run does not get on.
    pub fn step_to<O: Observer<W>>(&mut self, end: Time, observer: &mut O) -> Result<bool, Stall> {
        self.tell_facts(observer);
        self.step_until(end, observer)
    }

    /// How many events have been scheduled and timers armed so far.
    pub fn scheduled(&self) -> u64 {
        self.kernel.scheduled()
    }

    /// Handles all events up to and at `end`; it is `end` afterwards.
    pub fn run_until<O: Observer<W>>(&mut self, end: Time, observer: &mut O) -> Result<(), Stall> {
        assert!(
            end >= self.kernel.now,
            "a run to {end} cannot start at {}",
            self.kernel.now
        );
        self.tell_facts(observer);
        while self.step_until(end, observer)? {}
        self.move_to(end);
        Ok(())
    }

    #[inline]
    fn step_until<O: Observer<W>>(&mut self, end: Time, observer: &mut O) -> Result<bool, Stall> {
        // Asked beforehand, so that a stalled simulation can go on under a wider guard.
        let is_watched = self.events >= self.watched_from;
        if is_watched {
            self.check_guard(end)?;
        }
        let Some((time, event, next)) = self.kernel.next(end, &self.world) else {
            return Ok(false);
        };
        self.move_to(time);
        self.events += 1;
        self.kernel.event = event;
        match next {
            Next::Message(slot) => {
                let envelope = self.kernel.take(slot);
                let to = self.begin(envelope.to, envelope.cause, is_watched);
                let header = self.kernel.header(to);
                if self.digesting {
                    self.kernel
                        .digest
                        .record(Kind::Message, &header, &envelope.message);
                }
                observer.message(&header, &envelope.message);
                self.world
                    .on_message(to, envelope.message, &mut self.kernel);
            }
            Next::Timer(firing) => {
                let owner = self.begin(firing.owner, firing.cause, is_watched);
                let header = self.kernel.header(owner);
                if self.digesting {
                    self.kernel
                        .digest
                        .record(Kind::Timer, &header, &firing.timer);
                }
                observer.timer(&header, firing.timer);
                self.world.on_timer(owner, firing.timer, &mut self.kernel);
            }
        }
        if !self.kernel.facts.is_empty() {
            self.world.on_facts(&mut self.kernel);
            self.tell_facts(observer);
        }
        Ok(true)
    }

    #[inline]
    fn begin(&mut self, actor: ActorId, cause: EventId, is_watched: bool) -> ActorId {
        if is_watched {
            self.recent.note(actor);
        }
        self.kernel.cause = cause;
        actor
    }

    #[inline]
    fn move_to(&mut self, time: Time) {
        assert!(
            time >= self.kernel.now,
            "time ran back from {} to {time}",
            self.kernel.now
        );
        if time != self.kernel.now {
            self.kernel.now = time;
            self.events_before = self.events;
        }
    }

    fn tell_facts<O: Observer<W>>(&mut self, observer: &mut O) {
        let mut facts = std::mem::take(&mut self.kernel.facts);
        for (actor, fact) in &facts {
            let header = self.kernel.header(*actor);
            if self.digesting {
                self.kernel.digest.record(Kind::Fact, &header, fact);
            }
            observer.fact(&header, fact);
        }
        facts.clear();
        self.kernel.facts = facts;
    }

    /// Who handles events is noted from a little before the guard could end the run: by then the names are known.
    #[cold]
    fn check_guard(&mut self, end: Time) -> Result<(), Stall> {
        let at_instant = self.guard.events_per_instant_max.saturating_add(1);
        let limit = self.events_before.saturating_add(at_instant);
        let limit = limit.min(self.guard.events_max);
        if self.events < limit {
            self.watched_from = limit.saturating_sub(RECENT as u64);
            return Ok(());
        }
        if !self.kernel.is_due(end) {
            return Ok(());
        }
        let (kind, events) = if self.events >= self.guard.events_max {
            (StallKind::Budget, self.events)
        } else {
            (StallKind::Instant, self.events - self.events_before)
        };
        let actors = self
            .recent
            .distinct()
            .into_iter()
            .map(|actor| self.world.name(actor));
        Err(Stall {
            kind,
            at: self.kernel.now,
            events,
            actors: actors.collect(),
        })
    }
}

impl<W: World + Clone> Clone for Simulation<W>
where
    W::Message: Clone,
    W::Fact: Clone,
{
    fn clone(&self) -> Self {
        Simulation {
            world: self.world.clone(),
            kernel: self.kernel.clone(),
            guard: self.guard,
            recent: self.recent.clone(),
            events: self.events,
            events_before: self.events_before,
            watched_from: self.watched_from,
            digesting: self.digesting,
        }
    }
}
