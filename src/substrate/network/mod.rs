//! Connections between actors: latency, bandwidth, order, packets that wait out a cut, and what each end knows of the other.

mod condition;
mod connection;
mod reset;
mod stall;

use std::collections::BTreeMap;

use crate::kernel::ActorId;
use crate::kernel::random::{Random, SmallStream, Streams};
use crate::kernel::time::{Span, SpanRange, Time};

use super::server::{LONG_BYTES, Server};
use condition::Conditions;
pub use condition::{Condition, ConditionId, Group, Trouble};
use connection::Connection;
pub use connection::{View, Way};
use reset::Resets;
use stall::{CONNECT_FIRST, RETRANSMISSION_FIRST, Stalls};

/// Payload of a TCP segment on Ethernet: what one lost packet takes with it.
const SEGMENT_BYTES: u64 = 1_448;

/// Where a message is after it was handed to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transit {
    Arrives(Time),
    /// The link is cut, or the connection stands still: TCP goes on trying.
    Held,
}

/// A connection that TCP could not keep or make.
#[derive(Clone, Debug)]
pub struct Failed<M> {
    pub from: ActorId,
    pub to: ActorId,
    pub incarnation: u32,
    pub opening: bool,
    pub messages: Vec<M>,
}

#[derive(Clone, Debug)]
struct Port {
    random: SmallStream,
    loss: SmallStream,
    egress: Server,
    ingress: Server,
    transfers: Transfers,
    /// By receiver; empty until the first use.
    connections: Vec<Connection>,
}

/// How a host moves what is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfers {
    /// In the order of everything else that goes to this peer.
    OnOneConnection,
    /// Each file on a connection of its own, as a file system's clients do.
    OnTheirOwn,
}

/// One network card per actor, all joined by links of one latency distribution.
#[derive(Clone, Debug)]
pub struct Network<M> {
    latency: SpanRange,
    ports: Vec<Port>,
    conditions: Conditions,
    stalls: Stalls<M>,
    resets: Resets,
    /// By sender and receiver: the incarnation that refused, and until when no further attempt is made.
    gates: BTreeMap<(ActorId, ActorId), (u32, Time)>,
}

impl<M> Network<M> {
    pub fn new(latency: SpanRange) -> Network<M> {
        Network {
            latency,
            ports: Vec::new(),
            conditions: Conditions::default(),
            stalls: Stalls::new(),
            resets: Resets::default(),
            gates: BTreeMap::new(),
        }
    }

    /// Adds the host of the next actor; `bytes_per_s` 0: no limit.
    pub fn add_host(
        &mut self,
        name: &str,
        bytes_per_s: u64,
        transfers: Transfers,
        streams: &Streams,
    ) {
        self.ports.push(Port {
            random: streams.small("link-latency", name),
            loss: streams.small("packet-loss", name),
            egress: Server::new(bytes_per_s),
            ingress: Server::new(bytes_per_s),
            transfers,
            connections: Vec::new(),
        });
    }

    /// Which incarnation of `to` a message is for, and how it gets there. `wanted`: none where any will do, and then
    /// the one that is there now, `current`, is called if there is no connection yet.
    #[inline]
    pub fn dial(
        &mut self,
        from: ActorId,
        to: ActorId,
        wanted: Option<u32>,
        current: u32,
    ) -> (u32, Way) {
        if from == to {
            return (current, Way::Established);
        }
        self.connection(from, to).dial(wanted, current)
    }

    /// [`Network::dial`] and [`Network::transmit`] in one: nearly always no link is in trouble.
    #[inline]
    pub fn send(
        &mut self,
        now: Time,
        from: ActorId,
        to: ActorId,
        wanted: Option<u32>,
        current: u32,
        bytes: u64,
    ) -> (u32, Way, Transit) {
        if from == to {
            return (current, Way::Established, Transit::Arrives(now));
        }
        if !self.conditions.are_none() || bytes >= LONG_BYTES {
            let (incarnation, way) = self.dial(from, to, wanted, current);
            return (incarnation, way, self.transmit(now, from, to, bytes, way));
        }
        let arrival = self.through_cards(now, from, to, bytes);
        let connection = self.connection(from, to);
        let (incarnation, way) = connection.dial(wanted, current);
        connection.last = connection.last.max(arrival);
        (incarnation, way, Transit::Arrives(connection.last))
    }

    /// Sends `bytes` (0: a control message too small to matter to bandwidth). Messages of one actor to itself
    /// do not touch the network.
    pub fn transmit(
        &mut self,
        now: Time,
        from: ActorId,
        to: ActorId,
        bytes: u64,
        way: Way,
    ) -> Transit {
        if from == to {
            return Transit::Arrives(now);
        }
        let troubled = !self.conditions.are_none();
        if troubled && self.is_stuck(now, from, to, way) {
            return Transit::Held;
        }
        let mut arrival = self.through_cards(now, from, to, bytes);
        if troubled {
            arrival = self.in_trouble(from, to, (now, arrival), bytes, way);
        }
        if bytes >= LONG_BYTES && self.has_own_connection(from, to) {
            return Transit::Arrives(arrival);
        }
        Transit::Arrives(self.in_order(from, to, arrival))
    }

    /// When a message is through both cards and the link between them, with nothing in its way.
    #[inline(always)]
    fn through_cards(&mut self, now: Time, from: ActorId, to: ActorId, bytes: u64) -> Time {
        let latency = self.draw_latency(from);
        if bytes == 0 {
            return now + latency;
        }
        let (first, last) = self.ports[from.0 as usize].egress.serve(now, bytes);
        let ingress = &mut self.ports[to.0 as usize].ingress;
        let (_, through) = ingress.serve(first + latency, bytes);
        // A fast card waits for what a slow one sends.
        through.max(last + latency)
    }

    fn has_own_connection(&self, from: ActorId, to: ActorId) -> bool {
        [from, to]
            .iter()
            .any(|host| self.ports[host.0 as usize].transfers == Transfers::OnTheirOwn)
    }

    /// Keeps a message that [`Network::transmit`] held.
    pub fn hold(&mut self, from: ActorId, to: ActorId, message: M) {
        self.stalls.hold(from, to, message);
    }

    /// Whether TCP cannot get a message out, or not any more: its way is cut, or that of the acknowledgements.
    fn is_stuck(&mut self, now: Time, from: ActorId, to: ActorId, way: Way) -> bool {
        let there = self.conditions.is_cut(from, to);
        let back = self.conditions.is_cut(to, from);
        if !there && !back {
            return false;
        }
        let opening = way == Way::Opening;
        let since = self.stalls.unacknowledged_since(from, to, opening, now);
        // Without acknowledgements the first retransmission closes the congestion window: nothing new goes out.
        there || opening || now.since(since) >= RETRANSMISSION_FIRST
    }

    /// The arrival of a message over links that are slow or lose packets.
    fn in_trouble(
        &mut self,
        from: ActorId,
        to: ActorId,
        (mut sent, arrival): (Time, Time),
        bytes: u64,
        way: Way,
    ) -> Time {
        let port = &mut self.ports[from.0 as usize];
        let mut arrival =
            self.conditions
                .delay(from, to, (sent, arrival), bytes, |range: SpanRange| {
                    port.random.between(range.min, range.max)
                });
        let mut wait = match way {
            Way::Opening => CONNECT_FIRST,
            _ => RETRANSMISSION_FIRST,
        };
        // Each round repeats what the one before lost, as long as there is anything that loses packets.
        let mut packets = bytes.div_ceil(SEGMENT_BYTES).max(1);
        while packets > 0 {
            let per_mille = self.conditions.loss_per_mille(from, to, sent);
            if per_mille == 0 {
                break;
            }
            packets = (0..packets)
                .filter(|_| port.loss.chance_per_mille(per_mille))
                .count() as u64;
            if packets > 0 {
                arrival += wait;
                sent += wait;
                wait = wait * 2;
            }
        }
        arrival
    }

    pub fn is_cut(&self, from: ActorId, to: ActorId) -> bool {
        self.conditions.is_cut(from, to)
    }

    /// Something goes wrong with some links, from now on until [`Network::mend`].
    pub fn trouble(&mut self, condition: Condition) -> ConditionId {
        self.conditions.add(condition)
    }

    /// Ends a condition: what was held arrives with the next retransmission of its connection.
    pub fn mend(&mut self, now: Time, id: ConditionId) -> Vec<(Time, ActorId, M)> {
        self.conditions.remove(id);
        let Network {
            conditions, stalls, ..
        } = self;
        let moving = stalls.release(now, |from, to| conditions.is_cut(from, to));
        let mut released = Vec::new();
        for (from, to, at, messages) in moving {
            for message in messages {
                let arrival = at + self.draw_latency(from);
                released.push((self.in_order(from, to, arrival), to, message));
            }
        }
        released
    }

    pub fn has_cuts(&self) -> bool {
        self.conditions.have_cuts()
    }

    /// What TCP has tried for too long, by sender and receiver, the incarnation meant, and whether it was an attempt to
    /// connect; that lasts as long as `patience` has it.
    pub fn give_up(&mut self, now: Time, patience: impl Fn(&M) -> Span) -> Vec<Failed<M>> {
        let failed = self.stalls.give_up(now, patience);
        failed
            .into_iter()
            .map(|(from, to, opening, messages)| Failed {
                from,
                to,
                incarnation: self.connection(from, to).incarnation,
                opening,
                messages,
            })
            .collect()
    }

    /// Resets the connection between two living processes, each with its incarnation. False: there is none that stands.
    pub fn reset(&mut self, one: (ActorId, u32), other: (ActorId, u32)) -> bool {
        let stands = |(me, peer, incarnation): (ActorId, ActorId, u32)| {
            let end = self.end(me, peer);
            end.view == View::Established && end.incarnation == incarnation && !end.told
        };
        if !stands((one.0, other.0, other.1)) || !stands((other.0, one.0, one.1)) {
            return false;
        }
        self.stalls.drop_between(one.0, other.0);
        for (me, peer) in [(one.0, other), (other.0, one)] {
            self.connection(me, peer.0).tell(peer.1);
            self.resets.begin(me, peer.0);
        }
        true
    }

    /// No connection between living processes has been reset of late.
    pub fn loses_nothing(&self) -> bool {
        self.resets.are_none()
    }

    /// Whether what arrives now was sent on a connection that was reset.
    pub fn loses(&mut self, from: ActorId, to: ActorId, now: Time) -> bool {
        self.resets.lose(from, to, now)
    }

    /// `me` learns that its connection with a living peer was reset, if it was: what it sends from now on arrives.
    fn learn(&mut self, me: ActorId, peer: ActorId) {
        let last = self.connection(me, peer).last;
        if self.resets.learn(me, peer, last) {
            let connection = self.connection(me, peer);
            connection.last = last + Span(1);
            connection.told = false;
        }
    }

    /// Closes this end of a connection: what was still to be sent or read on it is lost.
    pub fn hang_up(&mut self, me: ActorId, peer: ActorId) {
        self.stalls.drop_between(me, peer);
        self.learn(me, peer);
        let connection = self.connection(me, peer);
        let incarnation = connection.incarnation;
        connection.close(incarnation);
    }

    /// A message has reached a process that listens: both ends have a connection now.
    pub fn establish(&mut self, from: (ActorId, u32), to: (ActorId, u32)) {
        self.learn(from.0, to.0);
        self.learn(to.0, from.0);
        self.connection(from.0, to.0).establish(to.1);
        self.connection(to.0, from.0).establish(from.1);
    }

    /// An attempt of `me` to connect to this incarnation of the peer has failed. False: there was none any longer.
    pub fn close(&mut self, me: ActorId, peer: ActorId, incarnation: u32) -> bool {
        self.connection(me, peer).close(incarnation)
    }

    /// `me` learns that its connection with this incarnation of the peer was reset. False: it has a new one.
    pub fn take_reset(&mut self, me: ActorId, peer: ActorId, incarnation: u32) -> bool {
        let connection = self.connection(me, peer);
        let is_the_one = connection.told && connection.close(incarnation);
        self.learn(me, peer);
        is_the_one
    }

    pub fn view(&self, me: ActorId, peer: ActorId) -> View {
        self.end(me, peer).view
    }

    /// Which incarnation of the peer is, or was last, at the other end of `me`'s connection with it.
    pub fn incarnation(&self, me: ActorId, peer: ActorId) -> u32 {
        self.end(me, peer).incarnation
    }

    fn end(&self, me: ActorId, peer: ActorId) -> Connection {
        let connections = &self.ports[me.0 as usize].connections;
        let end = connections.get(peer.0 as usize);
        end.copied().unwrap_or_default()
    }

    /// Whether `me` is to be told that its connection to this incarnation of the peer is no more: once.
    pub fn tell(&mut self, me: ActorId, peer: ActorId, incarnation: u32) -> bool {
        self.connection(me, peer).tell(incarnation)
    }

    /// The same where a later incarnation of the peer has called meanwhile.
    pub fn tell_of_outlived(&mut self, me: ActorId, peer: ActorId, incarnation: u32) -> bool {
        self.connection(me, peer).tell_of_outlived(incarnation)
    }

    /// A process is gone, with its buffers and what it knew.
    pub fn forget(&mut self, actor: ActorId) {
        self.stalls.drop_of(actor);
        if !self.loses_nothing() {
            for peer in (0..self.ports.len() as u32).map(ActorId) {
                self.learn(actor, peer);
            }
        }
        for connection in &mut self.ports[actor.0 as usize].connections {
            connection.forget();
        }
        self.gates.retain(|(me, _), _| *me != actor);
    }

    /// After a refusal no attempt is made for a while.
    pub fn close_gate(&mut self, me: ActorId, peer: ActorId, incarnation: u32, until: Time) {
        self.gates.insert((me, peer), (incarnation, until));
    }

    pub fn is_gated(&self, now: Time, me: ActorId, peer: ActorId, incarnation: u32) -> bool {
        // Most of the time, there is none.
        !self.gates.is_empty()
            && self
                .gates
                .get(&(me, peer))
                .is_some_and(|(gated, until)| *gated == incarnation && now < *until)
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

    #[inline]
    fn connection(&mut self, from: ActorId, to: ActorId) -> &mut Connection {
        let hosts = self.ports.len();
        let connections = &mut self.ports[from.0 as usize].connections;
        if connections.is_empty() {
            connections.resize_with(hosts, Connection::default);
        }
        &mut connections[to.0 as usize]
    }
}

#[cfg(test)]
mod tests;
