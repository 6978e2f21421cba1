//! What an actor may do while it handles a message: send, keep time, state facts.

use serde::Serialize;

use crate::kernel::{ActorId, Kernel, Span, Time, TimerId};
use crate::substrate::cpu::{Runnable, Slice};
use crate::substrate::machine::Machines;
use crate::substrate::network::{Network, Transit, Way};
use crate::substrate::process::Process;

use super::fact::Fact;
use super::flink::rpc::Address;
use super::message::{Body, Envelope, FaultAction, Timer};
use super::world::World;

/// The hands of one actor during one event.
pub struct Context<'a> {
    pub me: ActorId,
    pub(super) kernel: &'a mut Kernel<World>,
    pub(super) network: &'a mut Network<Envelope>,
    pub(super) machines: &'a mut Machines,
    pub(super) processes: &'a [Process],
}

impl Context<'_> {
    pub fn now(&self) -> Time {
        self.kernel.now()
    }

    /// Which life of a peer's process is at the other end of the connection with it.
    pub fn incarnation_of(&self, peer: ActorId) -> u32 {
        self.network.incarnation(self.me, peer)
    }

    /// Where this very process can be reached.
    pub fn address(&self) -> Address {
        Address {
            actor: self.me,
            incarnation: self.processes[self.me.0 as usize].incarnation,
        }
    }

    /// The process ends itself. `faults` is who carries such things out.
    pub fn exit(&mut self, faults: ActorId) {
        let action = FaultAction::Exit {
            target: self.me,
            incarnation: self.address().incarnation,
        };
        let incarnation = self.processes[faults.0 as usize].incarnation;
        let envelope = Envelope {
            from: faults,
            from_incarnation: incarnation,
            to_incarnation: incarnation,
            way: Way::Established,
            returns: false,
            body: Body::Fault(action),
        };
        self.kernel.schedule(self.kernel.now(), faults, envelope);
    }

    /// Sends a control message to whoever listens at a name or a well-known port; its size does not matter. If nobody
    /// does, [`Body::ConnectionRefused`] comes back.
    pub fn send(&mut self, to: ActorId, body: Body) {
        self.send_sized(to, 0, body);
    }

    /// Sends `bytes` over both ends' network cards.
    #[inline(never)]
    pub fn send_sized(&mut self, to: ActorId, bytes: u64, body: Body) {
        self.deliver(to, None, bytes, Span::ZERO, body);
    }

    /// The same, for what is sent most.
    #[inline(always)]
    pub fn send_data(&mut self, to: ActorId, bytes: u64, body: Body) {
        self.deliver(to, None, bytes, Span::ZERO, body);
    }

    /// Sends `bytes` to the very process that asked for them, not to a successor.
    pub fn answer(&mut self, to: Address, bytes: u64, body: Body) {
        self.deliver(to.actor, Some(to.incarnation), bytes, Span::ZERO, body);
    }

    /// Sends a control message when `delay` has passed: an answer that takes work.
    pub fn send_after(&mut self, delay: Span, to: ActorId, bytes: u64, body: Body) {
        self.deliver(to, None, bytes, delay, body);
    }

    /// Sends to one particular process. If nobody listens there, another incarnation least of all, the body comes back
    /// as [`Body::Undeliverable`]: over the network, or at once while the gate to that address is closed (RPC alone;
    /// `pekko.retry-gate-closed-for`). What goes out
    /// over a connection whose other end is gone, before this process has learnt of it, is lost without a word.
    pub fn send_to(&mut self, to: Address, body: Body) {
        let is_rpc = matches!(body, Body::Rpc(_) | Body::RpcAnswer(_));
        let now = self.kernel.now();
        if is_rpc
            && self
                .network
                .is_gated(now, self.me, to.actor, to.incarnation)
        {
            let envelope = Envelope {
                from: to.actor,
                from_incarnation: to.incarnation,
                to_incarnation: self.address().incarnation,
                way: Way::Notice,
                returns: false,
                body: Body::Undeliverable(Box::new(body)),
            };
            self.kernel.schedule(now, self.me, envelope);
            return;
        }
        self.deliver(to.actor, Some(to.incarnation), 0, Span::ZERO, body);
    }

    /// Tells oneself something later. Not cancellable, but gone with the process.
    pub fn after(&mut self, delay: Span, body: Body) {
        let incarnation = self.processes[self.me.0 as usize].incarnation;
        let envelope = Envelope {
            from: self.me,
            from_incarnation: incarnation,
            to_incarnation: incarnation,
            way: Way::Established,
            returns: false,
            body,
        };
        self.kernel
            .schedule(self.kernel.now() + delay, self.me, envelope);
    }

    // Inlined, so that an envelope is made where it waits: what is put together elsewhere and copied at once waits for
    // its parts to be written.
    #[inline(always)]
    fn deliver(&mut self, to: ActorId, wanted: Option<u32>, bytes: u64, delay: Span, body: Body) {
        let from = self.me;
        let current = self.processes[to.0 as usize].incarnation;
        let from_incarnation = self.processes[from.0 as usize].incarnation;
        let now = self.kernel.now() + delay;
        let (to_incarnation, way, transit) =
            self.network.send(now, from, to, wanted, current, bytes);
        let envelope = |body| Envelope {
            from,
            from_incarnation,
            to_incarnation,
            way,
            returns: wanted.is_some(),
            body,
        };
        match transit {
            Transit::Arrives(at) => {
                self.kernel.schedule(at, to, envelope(body));
            }
            Transit::Held => self.network.hold(from, to, envelope(body)),
        }
    }

    /// A runnable of this process wants a core for work that takes `work` on a whole one. When a slice of it is over,
    /// [`Body::WorkDone`] comes with its number; then ask [`Context::is_work_done`]. A runnable has one piece of work at a
    /// time. `sliced`: it gives others a turn now and then, even where no other process shares the machine.
    pub fn work(&mut self, number: u32, work: Span, sliced: bool) {
        let runnable = self.runnable(number);
        let slice = self.machines.run(runnable, work, sliced);
        self.begin(slice);
    }

    /// How long something takes on this process's machine that takes `span` at ordinary speed, without occupying a core.
    pub fn stretched(&mut self, span: Span) -> Span {
        match self.machines.home(self.me) {
            Some(machine) => self.machines.cpu(machine).stretched(span),
            None => span,
        }
    }

    /// A slice is over. True: the work is done; [`Context::release_core`] has to follow. Else it goes on by itself.
    pub fn is_work_done(&mut self, number: u32) -> bool {
        let runnable = self.runnable(number);
        match self.machines.of(self.me).end_slice(runnable) {
            None => true,
            Some(slice) => {
                self.begin(slice);
                false
            }
        }
    }

    /// Gives the core of finished work to whoever waits for one.
    pub fn release_core(&mut self, number: u32) {
        let runnable = self.runnable(number);
        let slice = self.machines.of(self.me).release(runnable);
        self.begin(slice);
    }

    /// The runnable does not want a core any more. If it has one, the end of its slice still comes.
    pub fn forget_work(&mut self, number: u32) {
        let runnable = self.runnable(number);
        self.machines.of(self.me).forget(runnable);
    }

    fn runnable(&self, number: u32) -> Runnable {
        Runnable {
            actor: self.me,
            number,
        }
    }

    fn begin(&mut self, slice: Option<Slice>) {
        if let Some(slice) = slice {
            begin_slice(slice, self.processes, self.kernel);
        }
    }

    /// Closes the connection to a peer: what a cut still holds back between the two is lost.
    pub fn hang_up(&mut self, peer: ActorId) {
        self.network.hang_up(self.me, peer);
    }

    pub fn timer(&mut self, timer: Timer) -> TimerId {
        self.kernel.timer(self.me, timer)
    }

    pub fn arm(&mut self, id: TimerId, delay: Span) {
        let at = self.kernel.now() + delay;
        self.kernel.arm(id, at);
    }

    pub fn arm_at(&mut self, id: TimerId, at: Time) {
        self.kernel.arm(id, at);
    }

    pub fn cancel(&mut self, id: TimerId) {
        self.kernel.cancel(id);
    }

    pub fn release(&mut self, id: TimerId) {
        self.kernel.release(id);
    }

    pub fn is_armed(&self, id: TimerId) -> bool {
        self.kernel.deadline(id).is_some()
    }

    pub fn state(&mut self, fact: Fact) {
        self.kernel.state(self.me, fact);
    }
}

/// Somebody has got a core: tells them when their slice is over.
pub(super) fn begin_slice(slice: Slice, processes: &[Process], kernel: &mut Kernel<World>) {
    let Runnable { actor, number } = slice.runnable;
    let incarnation = processes[actor.0 as usize].incarnation;
    let envelope = Envelope {
        from: actor,
        from_incarnation: incarnation,
        to_incarnation: incarnation,
        way: Way::Established,
        returns: false,
        body: Body::WorkDone { task: number },
    };
    kernel.schedule(kernel.now() + slice.lasts, actor, envelope);
}

/// A timer that an actor may or may not have: created on first use.
#[derive(Clone, Debug, Serialize)]
pub struct Alarm {
    #[serde(skip)]
    id: Option<TimerId>,
    timer: Timer,
}

impl Alarm {
    pub fn new(timer: Timer) -> Alarm {
        Alarm { id: None, timer }
    }

    pub fn set(&mut self, delay: Span, ctx: &mut Context<'_>) {
        let at = ctx.now() + delay;
        self.set_at(at, ctx);
    }

    pub fn set_at(&mut self, at: Time, ctx: &mut Context<'_>) {
        let id = *self.id.get_or_insert_with(|| ctx.timer(self.timer));
        ctx.arm_at(id, at);
    }

    pub fn cancel(&mut self, ctx: &mut Context<'_>) {
        if let Some(id) = self.id {
            ctx.cancel(id);
        }
    }

    pub fn is_set(&self, ctx: &Context<'_>) -> bool {
        self.id.is_some_and(|id| ctx.is_armed(id))
    }

    /// Gives the timer back: its owner ends.
    pub fn release(&mut self, ctx: &mut Context<'_>) {
        if let Some(id) = self.id.take() {
            ctx.release(id);
        }
    }
}
