//! What operating systems say about connections: accepted, refused, reset.

use crate::kernel::{ActorId, Kernel, Span, Time};
use crate::substrate::network::{Failed, Transit, Way};
use crate::substrate::process::ProcessState;

use super::World;
use crate::actor::message::{Body, Envelope};

impl World {
    /// The target is down, or not the process that the sender meant.
    #[cold]
    pub(super) fn miss(&mut self, to: ActorId, envelope: Envelope, kernel: &mut Kernel<World>) {
        let sender = &self.processes[envelope.from.0 as usize];
        if envelope.from == to
            || sender.state == ProcessState::Down
            || sender.incarnation != envelope.from_incarnation
        {
            return;
        }
        let meant = (to, envelope.to_incarnation);
        match envelope.way {
            // Its operating system still takes what comes, for nobody.
            _ if self.processes[to.0 as usize].state == ProcessState::Down
                && self.processes[to.0 as usize].sockets_open => {}
            Way::Opening if envelope.returns => {
                let body = Body::Undeliverable(Box::new(envelope.body));
                self.notify(meant, envelope.from, body, Span::ZERO, kernel);
            }
            Way::Opening => {
                let body = Body::ConnectionRefused { peer: to };
                self.notify(meant, envelope.from, body, Span::ZERO, kernel);
            }
            // Lost; a reset is on its way, if the sender was not told before.
            Way::Established => self.reset(meant, envelope.from, kernel),
            Way::Notice => {}
        }
    }

    /// The first message over a new connection has come to somebody who listens.
    #[cold]
    pub(super) fn accept(&mut self, to: ActorId, envelope: &Envelope) {
        let sender = &self.processes[envelope.from.0 as usize];
        if sender.incarnation == envelope.from_incarnation && envelope.from != to {
            self.network.establish(
                (envelope.from, envelope.from_incarnation),
                (to, envelope.to_incarnation),
            );
        }
    }

    /// Resets the connection that `peer` has with a process that is gone, if it has one.
    pub(super) fn reset(
        &mut self,
        gone: (ActorId, u32),
        peer: ActorId,
        kernel: &mut Kernel<World>,
    ) {
        let tells = self.network.tell(peer, gone.0, gone.1);
        if tells || self.outlives(gone, peer) {
            self.tell_of_reset(gone, peer, kernel);
        }
    }

    fn tell_of_reset(&mut self, with: (ActorId, u32), me: ActorId, kernel: &mut Kernel<World>) {
        let notice = &self.blueprint.profile.connection_notice;
        let notice = notice.draw(&mut self.notice[me.0 as usize]);
        let body = Body::ConnectionReset { peer: with.0 };
        self.notify(with, me, body, notice, kernel);
    }

    /// Somebody between two groups resets all connections that stand between processes of theirs, as a firewall or a NAT gateway does
    /// that has forgotten them. The other group is everybody where it is empty.
    pub(super) fn reset_links(
        &mut self,
        one: &[ActorId],
        other: &[ActorId],
        kernel: &mut Kernel<World>,
    ) {
        let directory = &self.blueprint.directory;
        let processes = [
            &directory.zookeeper,
            &directory.jobmanagers,
            &directory.taskmanagers,
        ];
        let everybody = processes.into_iter().flatten().copied();
        let other: Vec<ActorId> = everybody
            .filter(|peer| other.is_empty() || other.contains(peer))
            .collect();
        for me in one {
            for peer in &other {
                let end = |actor: ActorId| (actor, self.processes[actor.0 as usize].incarnation);
                let (mine, theirs) = (end(*me), end(*peer));
                if me != peer && self.network.reset(mine, theirs) {
                    self.tell_of_reset(theirs, *me, kernel);
                    self.tell_of_reset(mine, *peer, kernel);
                }
            }
        }
    }

    /// TaskManagers tell the connections of their peers' processes apart. Everybody else knows peers by name, and has the later
    /// process's connection in the stead of the one that is reset.
    fn outlives(&mut self, gone: (ActorId, u32), peer: ActorId) -> bool {
        let taskmanagers = &self.blueprint.directory.taskmanagers;
        let between = [gone.0, peer].iter().all(|end| taskmanagers.contains(end));
        between && self.network.tell_of_outlived(peer, gone.0, gone.1)
    }

    /// Word of the operating system where a process was, to another process, which takes `notice` to see it.
    fn notify(
        &mut self,
        from: (ActorId, u32),
        to: ActorId,
        body: Body,
        notice: Span,
        kernel: &mut Kernel<World>,
    ) {
        let envelope = Envelope {
            from: from.0,
            from_incarnation: from.1,
            to_incarnation: self.processes[to.0 as usize].incarnation,
            way: Way::Notice,
            returns: false,
            body,
        };
        let now = kernel.now();
        match self.network.transmit(now, from.0, to, 0, Way::Notice) {
            Transit::Arrives(at) => {
                kernel.schedule(at + notice, to, envelope);
            }
            Transit::Held => self.network.hold(from.0, to, envelope),
        }
    }

    /// A process learns what became of a connection of its own.
    pub(super) fn take_notice(&mut self, me: ActorId, envelope: &Envelope, now: Time) {
        let (peer, incarnation) = (envelope.from, envelope.from_incarnation);
        let closed = match envelope.body {
            Body::ConnectionReset { .. } => self.network.take_reset(me, peer, incarnation),
            _ => self.network.close(me, peer, incarnation),
        };
        // Pekko gates an address that has dropped it, or cannot be reached.
        if closed && !matches!(envelope.body, Body::ConnectionRefused { .. }) {
            let gate = self.blueprint.config.rpc.retry_gate_closed_for;
            self.network.close_gate(me, peer, incarnation, now + gate);
        }
    }

    /// TCP has given up: the sender's own operating system tells it.
    pub(super) fn fail_connection(&mut self, failed: Failed<Envelope>, kernel: &mut Kernel<World>) {
        let gone = (failed.to, failed.incarnation);
        let tell = |body: Body, world: &World, kernel: &mut Kernel<World>| {
            let envelope = Envelope {
                from: gone.0,
                from_incarnation: gone.1,
                to_incarnation: world.process(failed.from).incarnation,
                way: Way::Notice,
                returns: false,
                body,
            };
            kernel.schedule(kernel.now(), failed.from, envelope);
        };
        if !failed.opening {
            if self.network.tell(failed.from, gone.0, gone.1) {
                tell(Body::ConnectionReset { peer: gone.0 }, self, kernel);
            }
            return;
        }
        for envelope in failed.messages {
            let body = match envelope.returns {
                true => Body::Undeliverable(Box::new(envelope.body)),
                false => Body::ConnectionRefused { peer: gone.0 },
            };
            tell(body, self, kernel);
        }
    }
}
