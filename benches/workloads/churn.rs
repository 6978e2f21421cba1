//! Timer churn: a monitor arms a node's timer anew with every heartbeat, and next to none fires.
//! This is what failure detection does all day.

use firedrill::kernel::{ActorId, Kernel, Observer, Simulation, Span, Time, TimerId, World};
use serde::Serialize;

use super::spec::{Draws, Outcome, SECOND_NS, Watch, mix, timed};

const PERIOD: Span = Span::from_secs(1);
const TIMEOUT: Span = Span::from_secs(5);
const MONITOR: ActorId = ActorId(0);

#[derive(Serialize)]
pub enum Message {
    Tick,
    Heartbeat { node: u32 },
}

struct Node {
    draws: Draws,
    stops: Time,
}

struct Watched {
    timer: TimerId,
    last: Time,
}

pub struct Churn {
    nodes: Vec<Node>,
    watches: Vec<Watched>,
    ticks: u64,
    arrivals: u64,
    fires: u64,
    lag_ns: u64,
    checksum: u64,
}

impl World for Churn {
    type Message = Message;
    type Timer = u32;
    type Fact = ();

    #[inline]
    fn on_message(&mut self, to: ActorId, message: Message, kernel: &mut Kernel<Self>) {
        let now = kernel.now();
        match message {
            Message::Tick => {
                let id = to.0 - 1;
                let node = &mut self.nodes[id as usize];
                if now < node.stops {
                    self.ticks += 1;
                    let latency = Span(100_000 + node.draws.below(1_000_000));
                    kernel.schedule(now + latency, MONITOR, Message::Heartbeat { node: id });
                    kernel.schedule(now + PERIOD, to, Message::Tick);
                }
            }
            Message::Heartbeat { node } => {
                self.arrivals += 1;
                self.checksum = self.checksum.wrapping_add(mix(u64::from(node), now.0));
                let watch = &mut self.watches[node as usize];
                watch.last = now;
                kernel.arm(watch.timer, now + TIMEOUT);
            }
        }
    }

    fn on_timer(&mut self, _: ActorId, node: u32, kernel: &mut Kernel<Self>) {
        let now = kernel.now();
        self.fires += 1;
        self.lag_ns += (now - self.watches[node as usize].last).0;
        self.checksum = self.checksum.wrapping_add(mix(u64::from(node), now.0));
    }

    fn name(&self, actor: ActorId) -> String {
        format!("node {}", actor.0)
    }

    #[inline]
    fn touch(&self, to: ActorId, message: &Message) -> u64 {
        match message {
            Message::Tick => self.nodes[to.0 as usize - 1].stops.0,
            Message::Heartbeat { node } => self.watches[*node as usize].last.0,
        }
    }
}

/// `n` nodes, of which one in a hundred dies, and about `m` events.
pub fn run<O: Observer<Churn>>(n: u64, m: u64, seed: u64, watch: Watch<'_, O>) -> Outcome {
    let end = (u128::from(m) * u128::from(SECOND_NS) / u128::from(2 * n)) as u64;
    let node = |id| {
        let stops = if id % 100 == 7 {
            Time(end / 10 * 3)
        } else {
            Time::MAX
        };
        Node {
            draws: Draws::new(seed, id),
            stops,
        }
    };
    let world = Churn {
        nodes: (0..n).map(node).collect(),
        watches: Vec::new(),
        ticks: 0,
        arrivals: 0,
        fires: 0,
        lag_ns: 0,
        checksum: 0,
    };
    let mut simulation = Simulation::new(world);
    simulation.setup(|world, kernel| {
        for (id, node) in world.nodes.iter_mut().enumerate() {
            let timer = kernel.timer(MONITOR, id as u32);
            world.watches.push(Watched {
                timer,
                last: Time::ZERO,
            });
            let phase = Time(1 + node.draws.below(SECOND_NS));
            kernel.schedule(phase, ActorId(id as u32 + 1), Message::Tick);
        }
    });
    let wall_s = timed(&mut simulation, Time(end), watch);
    let world = simulation.world();
    assert_eq!(
        world.lag_ns,
        world.fires * TIMEOUT.0,
        "each timer fires at its deadline"
    );
    if end / 10 * 7 > (TIMEOUT + PERIOD * 2).0 {
        assert_eq!(
            world.fires,
            n.saturating_sub(7).div_ceil(100),
            "no false alarm, none missed"
        );
    }
    Outcome {
        events: world.ticks + world.arrivals + world.fires,
        checksum: world.checksum,
        wall_s,
        digest: simulation.digest(),
    }
}
