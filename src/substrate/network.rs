//! Connections between actors: latency, bandwidth, order, and packets that wait out a cut.

use crate::kernel::ActorId;
use crate::kernel::random::{Random, SmallStream, Streams};
use crate::kernel::time::{Span, SpanRange, Time};

use super::server::Server;

/// Linux: the first retransmission after 200 ms, then doubling (`TCP_RTO_MIN`, `TCP_RTO_MAX`).
const RETRANSMISSION_FIRST: Span = Span::from_ms(200);
const RETRANSMISSION_MAX: Span = Span::from_secs(120);

/// Where a message is after it was handed to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transit {
    Arrives(Time),
    /// An end of the connection is cut off: TCP goes on trying.
    Held,
}

/// A message that waits for a cut to heal.
#[derive(Clone, Debug)]
struct Held<M> {
    sent: Time,
    from: ActorId,
    to: ActorId,
    message: M,
}

#[derive(Clone, Debug, Default)]
struct Connection {
    /// Arrival of the last message: nothing overtakes it.
    last: Time,
    open: bool,
}

#[derive(Clone, Debug)]
struct Port {
    random: SmallStream,
    egress: Server,
    ingress: Server,
    cut: bool,
    /// By receiver; empty until the first use.
    connections: Vec<Connection>,
}

/// One host per actor, all joined by links of one latency distribution.
#[derive(Clone, Debug)]
pub struct Network<M> {
    latency: SpanRange,
    ports: Vec<Port>,
    held: Vec<Held<M>>,
}

impl<M> Network<M> {
    pub fn new(latency: SpanRange) -> Network<M> {
        Network {
            latency,
            ports: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Adds the host of the next actor; `bytes_per_s` 0: no limit.
    pub fn add_host(&mut self, name: &str, bytes_per_s: u64, streams: &Streams) {
        self.ports.push(Port {
            random: streams.small("link-latency", name),
            egress: Server::new(bytes_per_s),
            ingress: Server::new(bytes_per_s),
            cut: false,
            connections: Vec::new(),
        });
    }

    /// Sends `bytes` (0: a control message too small to matter to bandwidth). Messages of one actor to itself
    /// do not touch the network.
    pub fn transmit(&mut self, now: Time, from: ActorId, to: ActorId, bytes: u64) -> Transit {
        if from == to {
            return Transit::Arrives(now);
        }
        if self.is_cut(from, to) {
            self.connection(from, to).open = true;
            return Transit::Held;
        }
        let latency = self.draw_latency(from);
        let mut arrival = now + latency;
        if bytes > 0 {
            let (first_byte, _) = self.ports[from.0 as usize].egress.serve(now, bytes);
            arrival = self.ports[to.0 as usize]
                .ingress
                .serve(first_byte + latency, bytes)
                .1;
        }
        let connection = self.connection(from, to);
        connection.open = true;
        connection.last = connection.last.max(arrival);
        Transit::Arrives(connection.last)
    }

    /// Keeps a message that [`Network::transmit`] held.
    pub fn hold(&mut self, now: Time, from: ActorId, to: ActorId, message: M) {
        self.held.push(Held {
            sent: now,
            from,
            to,
            message,
        });
    }

    pub fn is_cut(&self, from: ActorId, to: ActorId) -> bool {
        self.ports[from.0 as usize].cut || self.ports[to.0 as usize].cut
    }

    pub fn cut_off(&mut self, host: ActorId) {
        self.ports[host.0 as usize].cut = true;
    }

    /// Ends a cut: what was held arrives with its next retransmission.
    pub fn heal(&mut self, now: Time, host: ActorId) -> Vec<(Time, ActorId, M)> {
        self.ports[host.0 as usize].cut = false;
        let mut released = Vec::new();
        for held in std::mem::take(&mut self.held) {
            if self.is_cut(held.from, held.to) {
                self.held.push(held);
                continue;
            }
            let arrival = next_retransmission(held.sent, now) + self.draw_latency(held.from);
            let arrival = self.in_order(held.from, held.to, arrival);
            released.push((arrival, held.to, held.message));
        }
        released
    }

    /// Drops what a cut holds back between two actors: one of them has closed their connection.
    pub fn hang_up(&mut self, one: ActorId, other: ActorId) {
        self.held.retain(|held| {
            (held.from, held.to) != (one, other) && (held.from, held.to) != (other, one)
        });
    }

    /// Drops what an actor whose process dies had in the air behind a cut; the peers that it was connected to, in order.
    pub fn reset(&mut self, actor: ActorId) -> Vec<ActorId> {
        self.held
            .retain(|held| held.from != actor && held.to != actor);
        self.close(actor)
    }

    /// Closes all connections of an actor; its peers, in order.
    pub fn close(&mut self, actor: ActorId) -> Vec<ActorId> {
        let mut peers = Vec::new();
        for peer in (0..self.ports.len() as u32).map(ActorId) {
            let outgoing = std::mem::take(&mut self.connection(actor, peer).open);
            let incoming = std::mem::take(&mut self.connection(peer, actor).open);
            if (outgoing || incoming) && peer != actor {
                peers.push(peer);
            }
        }
        peers
    }

    fn draw_latency(&mut self, from: ActorId) -> Span {
        self.ports[from.0 as usize]
            .random
            .between(self.latency.min, self.latency.max)
    }

    fn in_order(&mut self, from: ActorId, to: ActorId, arrival: Time) -> Time {
        let connection = self.connection(from, to);
        connection.last = connection.last.max(arrival);
        connection.last
    }

    fn connection(&mut self, from: ActorId, to: ActorId) -> &mut Connection {
        let hosts = self.ports.len();
        let connections = &mut self.ports[from.0 as usize].connections;
        if connections.is_empty() {
            connections.resize_with(hosts, Connection::default);
        }
        &mut connections[to.0 as usize]
    }
}

/// The first retransmission, of a segment first sent at `sent`, that is not before `healed`.
fn next_retransmission(sent: Time, healed: Time) -> Time {
    let mut at = sent;
    let mut wait = RETRANSMISSION_FIRST;
    while at < healed {
        at += wait;
        wait = (wait * 2).min(RETRANSMISSION_MAX);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network<u32> {
        let mut network = Network::new(SpanRange {
            min: Span::from_us(300),
            max: Span::from_us(800),
        });
        let streams = Streams::new(7);
        for name in ["a", "b", "c"] {
            network.add_host(name, 1_000_000, &streams);
        }
        network
    }

    #[test]
    fn messages_of_one_connection_stay_in_order() {
        let mut network = network();
        let mut last = Time::ZERO;
        for n in 0..1_000 {
            let Transit::Arrives(at) = network.transmit(Time(n * 1_000), ActorId(0), ActorId(1), 0)
            else {
                panic!("nothing is cut")
            };
            assert!(at >= last && at.since(Time(n * 1_000)) <= Span::from_ms(2));
            last = at;
        }
    }

    #[test]
    fn a_cut_holds_messages_until_the_next_retransmission() {
        let mut network = network();
        network.cut_off(ActorId(1));
        assert_eq!(
            network.transmit(Time::ZERO, ActorId(0), ActorId(1), 0),
            Transit::Held
        );
        network.hold(Time::ZERO, ActorId(0), ActorId(1), 42);
        let released = network.heal(Time(500_000_000), ActorId(1));
        assert_eq!(released.len(), 1);
        // 200 ms, 600 ms: the first attempt after the cut healed at 500 ms.
        assert!(released[0].0 >= Time(600_000_000) && released[0].0 < Time(601_000_000));
    }

    #[test]
    fn a_reset_names_the_peers_that_were_connected() {
        let mut network = network();
        network.transmit(Time::ZERO, ActorId(0), ActorId(1), 0);
        assert_eq!(network.reset(ActorId(1)), [ActorId(0)]);
        assert_eq!(network.reset(ActorId(1)), []);
    }
}
