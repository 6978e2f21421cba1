//! Ping/pong: each node has one ping of 32 bytes in flight, to a random other node, which answers.

use firedrill::kernel::{ActorId, Kernel, Observer, Simulation, Span, Time, World};
use serde::Serialize;

use super::spec::{Draws, Outcome, Watch, fold, mix, timed};

const LATENCY_MIN_NS: u64 = 1_000_000;
const LATENCY_SPAN_NS: u64 = 10_000_000;

#[derive(Serialize)]
pub struct Message {
    is_pong: bool,
    from: u32,
    number: u64,
    sent: Time,
    /// Fills the message up to the size agreed on.
    filler: u64,
}

struct Node {
    draws: Draws,
    number: u64,
    got: u64,
    accumulated: u64,
}

impl Node {
    fn latency(&mut self) -> Span {
        Span(LATENCY_MIN_NS + self.draws.below(LATENCY_SPAN_NS))
    }

    fn ping(&mut self, id: u32, n: u64, now: Time) -> (ActorId, Message) {
        let drawn = self.draws.below(n - 1) as u32;
        let peer = drawn + u32::from(drawn >= id);
        self.number += 1;
        let number = self.number;
        (
            ActorId(peer),
            Message {
                is_pong: false,
                from: id,
                number,
                sent: now,
                filler: 0,
            },
        )
    }
}

pub struct Pairs {
    nodes: Vec<Node>,
}

impl World for Pairs {
    type Message = Message;
    type Timer = ();
    type Fact = ();

    #[inline]
    fn on_message(&mut self, to: ActorId, message: Message, kernel: &mut Kernel<Self>) {
        let n = self.nodes.len() as u64;
        let now = kernel.now();
        let node = &mut self.nodes[to.0 as usize];
        node.got += 1;
        node.accumulated = mix(node.accumulated, now.0 ^ message.number);
        let (peer, answer) = if message.is_pong {
            node.ping(to.0, n, now)
        } else {
            (
                ActorId(message.from),
                Message {
                    is_pong: true,
                    from: to.0,
                    ..message
                },
            )
        };
        let latency = node.latency();
        kernel.schedule(now + latency, peer, answer);
    }

    fn on_timer(&mut self, _: ActorId, (): (), _: &mut Kernel<Self>) {}

    fn name(&self, actor: ActorId) -> String {
        format!("node {}", actor.0)
    }
}

/// `n` nodes, about `m` messages.
pub fn run<O: Observer<Pairs>>(n: u64, m: u64, seed: u64, watch: Watch<'_, O>) -> Outcome {
    let node = |id| Node {
        draws: Draws::new(seed, id),
        number: 0,
        got: 0,
        accumulated: id,
    };
    let mut simulation = Simulation::new(Pairs {
        nodes: (0..n).map(node).collect(),
    });
    simulation.setup(|world, kernel| {
        for (id, node) in world.nodes.iter_mut().enumerate() {
            let (peer, message) = node.ping(id as u32, n, Time::ZERO);
            let latency = node.latency();
            kernel.schedule(Time::ZERO + latency, peer, message);
        }
    });
    let mean_ns = LATENCY_MIN_NS + LATENCY_SPAN_NS / 2;
    let end = Time((u128::from(m) * u128::from(mean_ns) / u128::from(n)) as u64);
    let wall_s = timed(&mut simulation, end, watch);
    let nodes = &simulation.world().nodes;
    let checksum = nodes.iter().map(|node| fold(node.accumulated, node.got));
    Outcome {
        events: simulation.events(),
        checksum: checksum.fold(0, u64::wrapping_add),
        wall_s,
        digest: simulation.digest(),
    }
}
