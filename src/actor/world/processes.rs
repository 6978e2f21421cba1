//! Processes come and go: killed, stopped, hung, without power, started.

use crate::kernel::{ActorId, Kernel, Span};
use crate::substrate::cpu::Slice;
use crate::substrate::network::{Condition, ConditionId, Group, Trouble};
use crate::substrate::process::ProcessState;

use super::{Actor, Waiting, World, new_actor};
use crate::actor::context::begin_slice;
use crate::actor::fact::Fact;
use crate::actor::message::{Body, FaultAction};

impl World {
    pub(super) fn kill(
        &mut self,
        target: ActorId,
        restart_after: Option<Span>,
        kernel: &mut Kernel<World>,
    ) {
        if let Some(delay) = restart_after {
            self.plan(kernel.now() + delay, FaultAction::Start { target }, kernel);
        }
        if self.processes[target.0 as usize].state == ProcessState::Down {
            self.processes[target.0 as usize].abandon_start();
            return;
        }
        kernel.state(target, Fact::FaultInjected { what: "kill" });
        self.end(target, kernel);
    }

    /// SIGTERM. A process that hangs finds it when it goes on.
    pub(super) fn stop(
        &mut self,
        target: ActorId,
        restart_after: Option<Span>,
        kernel: &mut Kernel<World>,
    ) {
        if self.process(target).state == ProcessState::Down {
            return;
        }
        kernel.state(target, Fact::FaultInjected { what: "stop" });
        if let Some(delay) = restart_after {
            self.plan.restarts.insert(target, delay);
        }
        // The thread of the shutdown hook begins, and waits for a core as others do.
        let notice = self.blueprint.profile.connection_notice;
        let notice = notice.draw(&mut self.notice[target.0 as usize]);
        let at = kernel.now() + notice;
        self.post(at, target, target, Body::Shutdown, kernel);
    }

    /// A process has ended itself. One that is stopped on its way out ends as soon as it goes on.
    pub(super) fn exit(&mut self, target: ActorId, incarnation: u32, kernel: &mut Kernel<World>) {
        let process = self.process(target);
        if process.incarnation != incarnation {
            return;
        }
        match process.state {
            ProcessState::Up => {
                kernel.state(target, Fact::ProcessExited);
                self.end(target, kernel);
            }
            ProcessState::Hung => self.waiting[target.0 as usize].push(Waiting::Exit),
            ProcessState::Down => {}
        }
    }

    /// A process ends, whatever ended it.
    fn end(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
        let incarnation = self.processes[target.0 as usize].incarnation;
        self.clear_away(target, kernel);
        if let Some(delay) = self.plan.restarts.remove(&target) {
            self.plan(kernel.now() + delay, FaultAction::Start { target }, kernel);
        }
        let teardown = self.blueprint.profile.process_teardown;
        let teardown = teardown.draw(&mut self.teardown);
        if teardown == Span::ZERO {
            self.close_sockets(target, incarnation, kernel);
        } else {
            let action = FaultAction::CloseSockets {
                target,
                incarnation,
            };
            self.plan(kernel.now() + teardown, action, kernel);
        }
    }

    /// What was in the process's memory is gone.
    fn clear_away(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
        self.processes[target.0 as usize].kill();
        self.network.forget(target);
        if self.machines.home(target).is_some() {
            let slices = self.machines.of(target).forget_all(target);
            self.begin(slices, kernel);
        }
        self.waiting[target.0 as usize].clear();
        kernel.release_all(target);
        match &mut self.actors[target.0 as usize] {
            // What ZooKeeper has logged is on disk.
            Actor::ZooKeeper(server) => server.crash(),
            actor => *actor = new_actor(target, &self.blueprint),
        }
    }

    /// The operating system is done with what is left of a process.
    pub(super) fn close_sockets(
        &mut self,
        target: ActorId,
        incarnation: u32,
        kernel: &mut Kernel<World>,
    ) {
        let process = &mut self.processes[target.0 as usize];
        if process.state == ProcessState::Down {
            process.sockets_open = false;
        }
        for peer in (0..self.processes.len() as u32).map(ActorId) {
            if peer != target && self.processes[peer.0 as usize].state != ProcessState::Down {
                self.reset((target, incarnation), peer, kernel);
            }
        }
    }

    /// Whoever starts a process gives its machine power first, where it has none.
    pub(super) fn start_process(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
        if let Some(condition) = self.plan.dark.remove(&target) {
            kernel.state(target, Fact::FaultHealed { what: "power-off" });
            self.mend(condition, kernel);
        }
        let process = &self.processes[target.0 as usize];
        if process.state == ProcessState::Down {
            let incarnation = process.incarnation;
            let startup = &self.blueprint.profile.process_startup;
            let startup = startup.of(target, &self.blueprint.directory);
            let at = kernel.now() + startup.draw(&mut self.startup);
            self.plan(
                at,
                FaultAction::Boot {
                    target,
                    incarnation,
                },
                kernel,
            );
        }
    }

    pub(super) fn boot(&mut self, target: ActorId, incarnation: u32, kernel: &mut Kernel<World>) {
        let process = &mut self.processes[target.0 as usize];
        if process.state == ProcessState::Down && process.incarnation == incarnation {
            process.start();
            kernel.state(target, Fact::ProcessStarted { incarnation });
            self.post(kernel.now(), target, target, Body::Start, kernel);
            if let Some((_, left, pause)) = self
                .plan
                .rolling
                .take_if(|(awaited, ..)| *awaited == target)
            {
                let next = FaultAction::Rolling { left, pause };
                self.plan(kernel.now() + pause, next, kernel);
            }
        }
    }

    pub(super) fn hang(
        &mut self,
        target: ActorId,
        lasts: Option<Span>,
        kernel: &mut Kernel<World>,
    ) {
        let process = &mut self.processes[target.0 as usize];
        if process.state != ProcessState::Up {
            return;
        }
        process.hang();
        let incarnation = process.incarnation;
        kernel.state(target, Fact::FaultInjected { what: "hang" });
        if self.machines.home(target).is_some() {
            let slices = self.machines.of(target).stop(target);
            self.begin(slices, kernel);
        }
        if let Some(lasts) = lasts {
            let action = FaultAction::Resume {
                target,
                incarnation,
            };
            self.plan(kernel.now() + lasts, action, kernel);
        }
    }

    /// The machine of a process goes dark: nothing is closed, nobody answers.
    pub(super) fn power_off(
        &mut self,
        target: ActorId,
        back_after: Option<Span>,
        kernel: &mut Kernel<World>,
    ) {
        if self.process(target).state == ProcessState::Down {
            return;
        }
        kernel.state(target, Fact::FaultInjected { what: "power-off" });
        let condition = self.network.trouble(Condition {
            from: Group::Of(vec![target]),
            to: Group::All,
            one_way: false,
            trouble: Trouble::Cut,
            until: None,
        });
        self.clear_away(target, kernel);
        self.processes[target.0 as usize].sockets_open = false;
        self.plan.dark.insert(target, condition);
        if let Some(after) = back_after {
            let action = FaultAction::PowerOn { target, condition };
            self.plan(kernel.now() + after, action, kernel);
        }
        self.watch_patience(kernel);
    }

    /// The machine is up again: it answers for connections that it knows nothing of.
    pub(super) fn power_on(
        &mut self,
        target: ActorId,
        condition: ConditionId,
        kernel: &mut Kernel<World>,
    ) {
        if self.plan.dark.get(&target) == Some(&condition) {
            self.start_process(target, kernel);
        }
    }

    pub(super) fn mend(&mut self, condition: ConditionId, kernel: &mut Kernel<World>) {
        for (at, to, envelope) in self.network.mend(kernel.now(), condition) {
            kernel.schedule(at, to, envelope);
        }
    }

    pub(super) fn resume(&mut self, target: ActorId, incarnation: u32, kernel: &mut Kernel<World>) {
        let process = &mut self.processes[target.0 as usize];
        if process.state != ProcessState::Hung || process.incarnation != incarnation {
            return;
        }
        process.resume();
        kernel.state(target, Fact::FaultHealed { what: "hang" });
        if self.machines.home(target).is_some() {
            let slices = self.machines.of(target).go_on(target);
            self.begin(slices, kernel);
        }
        self.work_off(target, kernel);
    }

    /// A process that hung handles what has come meanwhile.
    pub(super) fn work_off(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
        for waiting in std::mem::take(&mut self.waiting[target.0 as usize]) {
            match waiting {
                Waiting::Message(envelope) => self.handle_message(target, envelope, kernel),
                Waiting::Timer(timer) => self.handle_timer(target, timer, kernel),
                // Nobody is left for the rest.
                Waiting::Exit => {
                    let incarnation = self.process(target).incarnation;
                    return self.exit(target, incarnation, kernel);
                }
            }
        }
    }

    /// Runnables that have got a core.
    pub(super) fn begin(&mut self, slices: Vec<Slice>, kernel: &mut Kernel<World>) {
        for slice in slices {
            begin_slice(slice, &self.processes, kernel);
        }
    }
}
