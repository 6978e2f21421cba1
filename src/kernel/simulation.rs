//! The loop: a world, a kernel, and the events between them.

use super::context::{Kernel, Next};
use super::digest::Kind;
use super::stall::{Guard, Recent, Stall, StallKind};
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
    }

    /// Whether events go into the digest. They do, but for a benchmark that measures the rest.
    pub fn set_digesting(&mut self, on: bool) {
        self.digesting = on;
    }

    /// Handles the next event; false if nothing is left.
    pub fn step<O: Observer<W>>(&mut self, observer: &mut O) -> Result<bool, Stall> {
        self.tell_facts(observer);
        self.step_until(Time::MAX, observer)
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
        if self.events - self.events_before > self.guard.events_per_instant_max
            || self.events >= self.guard.events_max
        {
            self.check_guard(end)?;
        }
        let Some((time, event, next)) = self.kernel.next(end, &self.world) else {
            return Ok(false);
        };
        self.move_to(time);
        self.events += 1;
        self.kernel.event = event;
        match next {
            Next::Message(envelope) => {
                let to = self.begin(envelope.to, envelope.cause);
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
                let owner = self.begin(firing.owner, firing.cause);
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
            self.tell_facts(observer);
        }
        Ok(true)
    }

    #[inline]
    fn begin(&mut self, actor: ActorId, cause: EventId) -> ActorId {
        self.recent.note(actor);
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

    #[cold]
    fn check_guard(&mut self, end: Time) -> Result<(), Stall> {
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
            digesting: self.digesting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Header, Span, TimerId};

    /// Actor 0 beats; actor 1 answers each beat at once; both log what they see.
    #[derive(Clone, Default)]
    struct Pair {
        log: Vec<(u64, u32, u32)>,
        echo_forever: bool,
    }

    impl World for Pair {
        type Message = u32;
        type Timer = u8;
        type Fact = u32;

        fn on_message(&mut self, to: ActorId, message: u32, kernel: &mut Kernel<Self>) {
            self.log.push((kernel.now().0, to.0, message));
            kernel.state(to, message);
            if self.echo_forever {
                kernel.schedule(kernel.now(), ActorId(1 - to.0), message + 1);
            }
        }

        fn on_timer(&mut self, owner: ActorId, timer: u8, kernel: &mut Kernel<Self>) {
            self.log
                .push((kernel.now().0, owner.0, 1000 + u32::from(timer)));
        }

        fn name(&self, actor: ActorId) -> String {
            format!("actor-{}", actor.0)
        }
    }

    #[derive(Default)]
    struct Facts(Vec<(Header, u32)>);

    impl Observer<Pair> for Facts {
        fn fact(&mut self, header: &Header, fact: &u32) {
            self.0.push((*header, *fact));
        }
    }

    #[test]
    fn equal_times_keep_the_order_of_scheduling_and_arming() {
        let mut simulation = Simulation::new(Pair::default());
        simulation.setup(|_, kernel| {
            let timer = kernel.timer(ActorId(0), 7);
            kernel.arm(timer, Time(1)); // re-armed for later: must not keep its first number
            kernel.schedule(Time(5), ActorId(1), 1);
            kernel.arm(timer, Time(5));
            kernel.schedule(Time(5), ActorId(0), 2);
        });
        simulation.run_until(Time(10), &mut ()).unwrap();
        assert_eq!(simulation.world().log, [(5, 1, 1), (5, 0, 1007), (5, 0, 2)]);
        assert_eq!(
            (simulation.now(), simulation.events(), simulation.pending()),
            (Time(10), 3, 0)
        );
    }

    #[test]
    fn facts_carry_the_event_that_stated_them_and_its_cause() {
        let mut simulation = Simulation::new(Pair::default());
        let event = simulation.setup(|_, kernel| {
            kernel.state(ActorId(3), 99);
            kernel.schedule(Time(2), ActorId(1), 5)
        });
        let before = simulation.digest();
        let mut facts = Facts::default();
        while simulation.step(&mut facts).unwrap() {}
        assert_ne!(before, simulation.digest());
        let start = EventId::START;
        let setup = Header {
            time: Time(0),
            event: start,
            cause: start,
            actor: ActorId(3),
        };
        let handled = Header {
            time: Time(2),
            event,
            cause: start,
            actor: ActorId(1),
        };
        assert_eq!(facts.0, [(setup, 99), (handled, 5)]);
    }

    #[test]
    fn the_digest_is_the_same_in_every_build_and_forever() {
        let mut simulation = Simulation::new(Pair {
            echo_forever: true,
            ..Pair::default()
        });
        simulation.guard(Guard {
            events_max: 10_000,
            ..Guard::default()
        });
        simulation.setup(|_, kernel| {
            kernel.schedule(Time(3), ActorId(0), 1);
            for owner in 0..20 {
                let timer = kernel.timer(ActorId(owner), owner as u8);
                kernel.arm(timer, Time(2 + u64::from(owner % 3)));
            }
        });
        simulation.run_until(Time(9), &mut ()).unwrap_err();
        assert_eq!(
            format!("{:032x}", simulation.digest()),
            "1d7fd20f873ccd58acef79b71ffa7850"
        );
    }

    #[test]
    fn a_digest_counts_facts_not_yet_told() {
        let mut simulation = Simulation::new(Pair::default());
        simulation.setup(|_, kernel| kernel.state(ActorId(0), 1));
        let before = simulation.digest();
        simulation.step(&mut ()).unwrap();
        assert_eq!(before, simulation.digest());
    }

    #[test]
    fn a_loop_without_delay_is_named() {
        let mut simulation = Simulation::new(Pair {
            echo_forever: true,
            ..Pair::default()
        });
        simulation.guard(Guard {
            events_per_instant_max: 1000,
            ..Guard::default()
        });
        simulation.setup(|_, kernel| kernel.schedule(Time(3_000_000), ActorId(0), 0));
        let stall = simulation.run_until(Time::MAX, &mut ()).unwrap_err();
        assert_eq!(stall.events, 1001);
        assert_eq!(
            stall.to_string(),
            "simulated time is stuck at 3 ms: 1001 events were handled there, and none moved it \
             on. The last 64 events went to: actor-0, actor-1"
        );
    }

    #[test]
    fn a_budget_ends_only_a_run_that_has_events_left() {
        let mut simulation = Simulation::new(Pair::default());
        simulation.guard(Guard {
            events_max: 2,
            ..Guard::default()
        });
        for at in [1, 2, 9] {
            simulation.setup(|_, kernel| kernel.schedule(Time(at), ActorId(0), 0));
        }
        assert!(simulation.run_until(Time(5), &mut ()).is_ok());
        let stall = simulation.run_until(Time(9), &mut ()).unwrap_err();
        assert_eq!((stall.kind, stall.events), (StallKind::Budget, 2));
        simulation.guard(Guard::default());
        assert!(simulation.run_until(Time(9), &mut ()).is_ok());
    }

    #[test]
    fn released_timers_stay_silent_and_their_entries_bounded() {
        let mut simulation = Simulation::new(Pair::default());
        simulation.setup(|_, kernel| {
            for _ in 0..100_000 {
                let timer = kernel.timer(ActorId(0), 1);
                kernel.arm(timer, Time(1_000_000));
                kernel.release(timer);
                assert!(kernel.queued() <= 10);
            }
            let timers: Vec<TimerId> = (0..5).map(|n| kernel.timer(ActorId(n % 2), 2)).collect();
            for timer in &timers {
                kernel.arm(*timer, Time(50));
            }
            kernel.release_all(ActorId(0));
            kernel.cancel(timers[1]);
            assert_eq!(kernel.deadline(timers[1]), None);
            assert_eq!(kernel.deadline(timers[3]), Some(Time(50)));
        });
        assert_eq!(simulation.pending(), 1);
        simulation
            .run_until(Time::ZERO + Span::from_secs(1), &mut ())
            .unwrap();
        assert_eq!(simulation.world().log, [(50, 1, 1002)]);
    }

    #[test]
    #[should_panic(expected = "was released before this use")]
    fn a_released_timer_cannot_be_armed() {
        Simulation::new(Pair::default()).setup(|_, kernel| {
            let timer = kernel.timer(ActorId(0), 1);
            kernel.release(timer);
            kernel.arm(timer, Time(1));
        });
    }

    #[test]
    #[should_panic(expected = "an event cannot be in the past")]
    fn the_past_is_closed() {
        let mut simulation = Simulation::new(Pair::default());
        simulation.run_until(Time(10), &mut ()).unwrap();
        simulation.setup(|_, kernel| kernel.schedule(Time(9), ActorId(0), 0));
    }
}
