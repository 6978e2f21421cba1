//! What the loop promises, one promise a test.

use super::{
    ActorId, EventId, Guard, Header, Kernel, Observer, Simulation, Span, StallKind, Time, TimerId,
    World,
};

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
        "eb0b5384b0fcfd7c5e9281767f046775"
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
