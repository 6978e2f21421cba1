//! The kernel against a naive one: a sorted map of everything pending, and nothing clever.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{ActorId, EventId, Kernel, Simulation, Span, Time, TimerId, World};

const OWNERS: u32 = 3;

/// An event as it was handled: what (a message's value, or a timer's number above 1000), when,
/// under which number, by whom.
type Handled = (u32, Time, EventId, ActorId);

/// Messages count down to zero, over changing delays; a timer whose number is even arms itself
/// again a few times, from its own handler.
fn delay(value: u32) -> Span {
    Span(u64::from(value * 7 % 5))
}

#[derive(Clone, Default)]
struct Countdown {
    handled: Vec<Handled>,
    timers: Vec<TimerId>,
    rearms: u32,
}

impl World for Countdown {
    type Message = u32;
    type Timer = u32;
    type Fact = (u32, bool);

    fn on_message(&mut self, to: ActorId, value: u32, kernel: &mut Kernel<Self>) {
        self.handled.push((value, kernel.now(), kernel.event(), to));
        kernel.state(to, (value, true));
        if value > 0 {
            kernel.schedule(kernel.now() + delay(value), to, value - 1);
        }
    }

    fn on_timer(&mut self, owner: ActorId, number: u32, kernel: &mut Kernel<Self>) {
        self.handled
            .push((1000 + number, kernel.now(), kernel.event(), owner));
        if number.is_multiple_of(2) && self.rearms > 0 {
            self.rearms -= 1;
            kernel.arm(self.timers[number as usize], kernel.now() + delay(number));
        }
    }

    fn name(&self, actor: ActorId) -> String {
        actor.0.to_string()
    }
}

/// Who owns a timer, whether it still exists, and where it is armed.
struct NaiveTimer {
    owner: ActorId,
    released: bool,
    armed: Option<(Time, EventId)>,
}

#[derive(Default)]
struct Naive {
    now: Time,
    sequence: u64,
    pending: BTreeMap<(Time, EventId), (u32, ActorId)>,
    timers: Vec<NaiveTimer>,
    handled: Vec<Handled>,
    rearms: u32,
}

impl Naive {
    fn schedule(&mut self, at: Time, to: ActorId, what: u32) -> (Time, EventId) {
        self.sequence += 1;
        self.pending
            .insert((at, EventId(self.sequence)), (what, to));
        (at, EventId(self.sequence))
    }

    fn cancel(&mut self, number: usize) {
        if let Some(armed) = self.timers[number].armed.take() {
            self.pending.remove(&armed);
        }
    }

    fn arm(&mut self, number: usize, at: Time) {
        self.cancel(number);
        let armed = self.schedule(at, self.timers[number].owner, 1000 + number as u32);
        self.timers[number].armed = Some(armed);
    }

    fn step(&mut self, end: Time) -> bool {
        let Some(first) = self
            .pending
            .first_entry()
            .filter(|first| first.key().0 <= end)
        else {
            return false;
        };
        let ((time, event), (what, actor)) = first.remove_entry();
        self.now = time;
        self.handled.push((what, time, event, actor));
        if what >= 1000 {
            let number = what - 1000;
            self.timers[number as usize].armed = None;
            if number.is_multiple_of(2) && self.rearms > 0 {
                self.rearms -= 1;
                self.arm(number as usize, time + delay(number));
            }
        } else if what > 0 {
            self.schedule(time + delay(what), actor, what - 1);
        }
        true
    }
}

#[derive(Clone, Debug)]
enum Command {
    Schedule { delay: u64, to: u32, value: u32 },
    Timer { owner: u32 },
    Arm { timer: usize, delay: u64 },
    Cancel { timer: usize },
    Release { timer: usize },
    ReleaseAll { owner: u32 },
    Step,
    RunFor { span: u64 },
}

fn command() -> impl Strategy<Value = Command> {
    let delay = prop_oneof![0..4_u64, 0..50_u64, 0..100_000_u64];
    let timer = 0..40_usize;
    prop_oneof![
        4 => (delay.clone(), 0..OWNERS, 0..6_u32)
            .prop_map(|(delay, to, value)| Command::Schedule { delay, to, value }),
        4 => (0..OWNERS).prop_map(|owner| Command::Timer { owner }),
        12 => (timer.clone(), delay.clone())
            .prop_map(|(timer, delay)| Command::Arm { timer, delay }),
        2 => timer.clone().prop_map(|timer| Command::Cancel { timer }),
        2 => timer.prop_map(|timer| Command::Release { timer }),
        1 => (0..OWNERS).prop_map(|owner| Command::ReleaseAll { owner }),
        6 => Just(Command::Step),
        2 => delay.prop_map(|span| Command::RunFor { span }),
    ]
}

/// Applies a command to both; timers are named modulo how many there are.
fn apply(command: &Command, simulation: &mut Simulation<Countdown>, naive: &mut Naive) {
    let existing = |naive: &Naive, timer: usize| {
        let number = timer.checked_rem(naive.timers.len())?;
        (!naive.timers[number].released).then_some(number)
    };
    simulation.setup(|world, kernel| match *command {
        Command::Schedule { delay, to, value } => {
            let at = naive.now + Span(delay);
            let event = kernel.schedule(at, ActorId(to), value);
            assert_eq!(naive.schedule(at, ActorId(to), value).1, event);
        }
        Command::Timer { owner } => {
            let owner = ActorId(owner);
            world
                .timers
                .push(kernel.timer(owner, naive.timers.len() as u32));
            naive.timers.push(NaiveTimer {
                owner,
                released: false,
                armed: None,
            });
        }
        Command::Arm { timer, delay } => {
            if let Some(number) = existing(naive, timer) {
                let at = naive.now + Span(delay);
                kernel.arm(world.timers[number], at);
                naive.arm(number, at);
                assert_eq!(kernel.deadline(world.timers[number]), Some(at));
            }
        }
        Command::Cancel { timer } => {
            if let Some(number) = existing(naive, timer) {
                kernel.cancel(world.timers[number]);
                naive.cancel(number);
                assert_eq!(kernel.deadline(world.timers[number]), None);
            }
        }
        Command::Release { timer } => {
            if let Some(number) = existing(naive, timer) {
                kernel.release(world.timers[number]);
                naive.cancel(number);
                naive.timers[number].released = true;
            }
        }
        Command::ReleaseAll { owner } => {
            kernel.release_all(ActorId(owner));
            for number in 0..naive.timers.len() {
                if naive.timers[number].owner == ActorId(owner) {
                    naive.cancel(number);
                    naive.timers[number].released = true;
                }
            }
        }
        Command::Step | Command::RunFor { .. } => {}
    });
    match *command {
        Command::Step => {
            let stepped = simulation
                .step(&mut ())
                .expect("the reference world comes to an end");
            assert_eq!(stepped, naive.step(Time::MAX));
        }
        Command::RunFor { span } => {
            let end = naive.now + Span(span);
            simulation
                .run_until(end, &mut ())
                .expect("the reference world comes to an end");
            while naive.step(end) {}
            naive.now = end;
        }
        _ => {}
    }
    assert_eq!(simulation.now(), naive.now);
    assert_eq!(simulation.pending(), naive.pending.len());
}

fn finish(mut simulation: Simulation<Countdown>) -> (Vec<Handled>, u128) {
    simulation
        .run_until(Time(1 << 40), &mut ())
        .expect("the reference world comes to an end");
    let digest = simulation.digest();
    (simulation.world().handled.clone(), digest)
}

proptest! {
    #[test]
    fn the_order_is_that_of_a_naive_kernel(
        commands in prop::collection::vec(command(), 1..400),
        clone_at in 0..400_usize,
    ) {
        let world = Countdown { rearms: 50, ..Countdown::default() };
        let mut simulation = Simulation::new(world);
        let mut naive = Naive { rearms: 50, ..Naive::default() };
        for command in &commands {
            apply(command, &mut simulation, &mut naive);
        }
        let (handled, digest) = finish(simulation.clone());
        while naive.step(Time(1 << 40)) {}
        prop_assert_eq!(&handled, &naive.handled);
        prop_assert_eq!(finish(simulation), (handled.clone(), digest));

        // The same commands once more, but on a clone from the middle on.
        let world = Countdown { rearms: 50, ..Countdown::default() };
        let mut again = Simulation::new(world);
        let mut naive = Naive { rearms: 50, ..Naive::default() };
        for (index, command) in commands.iter().enumerate() {
            if index == clone_at {
                again = again.clone();
            }
            apply(command, &mut again, &mut naive);
        }
        prop_assert_eq!(finish(again), (handled, digest));
    }
}
