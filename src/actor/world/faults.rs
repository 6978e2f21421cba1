//! What faults do to processes, machines and links.

use crate::kernel::{ActorId, Kernel, Span};
use crate::substrate::cpu::Slice;
use crate::substrate::network::{Condition, Group, Trouble};
use crate::substrate::process::ProcessState;

use super::{Actor, Waiting, World, new_actor};
use crate::actor::context::begin_slice;
use crate::actor::fact::Fact;
use crate::actor::message::{Body, FaultAction};

impl World {
    pub(super) fn carry_out(&mut self, action: FaultAction, kernel: &mut Kernel<World>) {
        let now = kernel.now();
        match action {
            FaultAction::Kill {
                target,
                restart_after,
            } => {
                self.kill(target, kernel);
                if let Some(delay) = restart_after {
                    self.plan(now + delay, FaultAction::Start { target }, kernel);
                }
            }
            FaultAction::Exit {
                target,
                incarnation,
            } => {
                let process = &self.processes[target.0 as usize];
                if process.state == ProcessState::Up && process.incarnation == incarnation {
                    kernel.state(target, Fact::ProcessExited);
                    self.end(target, kernel);
                }
            }
            FaultAction::Start { target } => self.start_process(target, kernel),
            FaultAction::Boot {
                target,
                incarnation,
            } => self.boot(target, incarnation, kernel),
            FaultAction::Hang { target, lasts } => {
                let process = &mut self.processes[target.0 as usize];
                if process.state == ProcessState::Up {
                    process.hang();
                    let incarnation = process.incarnation;
                    kernel.state(target, Fact::FaultInjected { what: "hang" });
                    if self.machines.home(target).is_some() {
                        let slices = self.machines.of(target).stop(target);
                        self.begin(slices, kernel);
                    }
                    self.plan(
                        now + lasts,
                        FaultAction::Resume {
                            target,
                            incarnation,
                        },
                        kernel,
                    );
                }
            }
            FaultAction::Resume {
                target,
                incarnation,
            } => self.resume(target, incarnation, kernel),
            FaultAction::CloseSockets {
                target,
                incarnation,
            } => self.close_sockets(target, incarnation, kernel),
            FaultAction::CutOff { target, lasts } => {
                let condition = self.network.trouble(Condition {
                    from: Group::Of(vec![target]),
                    to: Group::All,
                    one_way: false,
                    trouble: Trouble::Cut,
                });
                kernel.state(target, Fact::FaultInjected { what: "cut-off" });
                self.plan(now + lasts, FaultAction::Heal { target, condition }, kernel);
            }
            FaultAction::Heal { target, condition } => {
                kernel.state(target, Fact::FaultHealed { what: "cut-off" });
                for (at, to, envelope) in self.network.mend(now, condition) {
                    kernel.schedule(at, to, envelope);
                }
            }
            FaultAction::Slow {
                target,
                factor_per_mille,
                lasts,
            } => {
                kernel.state(target, Fact::FaultInjected { what: "slow" });
                self.slow_down(target, factor_per_mille);
                if let Some(lasts) = lasts {
                    self.plan(now + lasts, FaultAction::Recovered { target }, kernel);
                }
            }
            FaultAction::Recovered { target } => {
                kernel.state(target, Fact::FaultHealed { what: "slow" });
                self.slow_down(target, 1000);
            }
        }
    }

    fn kill(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
        if self.processes[target.0 as usize].state == ProcessState::Down {
            self.processes[target.0 as usize].abandon_start();
            return;
        }
        kernel.state(target, Fact::FaultInjected { what: "kill" });
        self.end(target, kernel);
    }

    /// A process ends, whatever ended it.
    fn end(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
        let incarnation = self.processes[target.0 as usize].incarnation;
        self.processes[target.0 as usize].kill();
        self.network.forget(target);
        if self.machines.home(target).is_some() {
            let slices = self.machines.of(target).forget_all(target);
            self.begin(slices, kernel);
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
        self.waiting[target.0 as usize].clear();
        kernel.release_all(target);
        match &mut self.actors[target.0 as usize] {
            // What ZooKeeper has logged is on disk.
            Actor::ZooKeeper(server) => server.crash(),
            actor => *actor = new_actor(target, &self.blueprint),
        }
    }

    /// The operating system is done with what is left of a process.
    fn close_sockets(&mut self, target: ActorId, incarnation: u32, kernel: &mut Kernel<World>) {
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

    fn start_process(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
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

    fn boot(&mut self, target: ActorId, incarnation: u32, kernel: &mut Kernel<World>) {
        let process = &mut self.processes[target.0 as usize];
        if process.state == ProcessState::Down && process.incarnation == incarnation {
            process.start();
            kernel.state(target, Fact::ProcessStarted { incarnation });
            self.post(kernel.now(), target, target, Body::Start, kernel);
        }
    }

    fn resume(&mut self, target: ActorId, incarnation: u32, kernel: &mut Kernel<World>) {
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
        for waiting in std::mem::take(&mut self.waiting[target.0 as usize]) {
            match waiting {
                Waiting::Message(envelope) => self.handle_message(target, envelope, kernel),
                Waiting::Timer(timer) => self.handle_timer(target, timer, kernel),
            }
        }
    }

    fn slow_down(&mut self, target: ActorId, factor_per_mille: u32) {
        if let Some(machine) = self.machines.home(target) {
            self.machines.cpu(machine).slow_down(factor_per_mille);
        }
    }

    /// Runnables that have got a core.
    fn begin(&mut self, slices: Vec<Slice>, kernel: &mut Kernel<World>) {
        for slice in slices {
            begin_slice(slice, &self.processes, kernel);
        }
    }
}
