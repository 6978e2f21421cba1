//! The fault plan at work: what each action does, now or when somebody is found for it.

use crate::kernel::{ActorId, Kernel, Span};
use crate::substrate::network::{Condition, Group, Trouble};
use crate::substrate::process::ProcessState;
use crate::substrate::server::Server;

use super::{Actor, World};
use crate::actor::fact::Fact;
use crate::actor::message::{Body, FaultAction, LinkFault, LinkTrouble, StorageTrouble, Whom};
use crate::kernel::time::SpanRange;

/// How often it is tried again to find whom a fault is for.
const SEARCH_INTERVAL: Span = Span::from_ms(100);
/// While links are cut: how often TCP's patience is looked at.
const GIVE_UP_INTERVAL: Span = Span::from_secs(1);

impl World {
    /// What the facts of the last handler set off.
    #[cold]
    pub(super) fn set_off(&mut self, kernel: &mut Kernel<World>) {
        let now = kernel.now();
        let mut fired = Vec::new();
        for (actor, fact) in kernel.facts() {
            fired.append(&mut self.plan.conditions.take(*actor, fact, now));
        }
        for (after, action) in fired {
            self.plan(now + after, action, kernel);
        }
    }

    pub(super) fn carry_out(&mut self, action: FaultAction, kernel: &mut Kernel<World>) {
        let now = kernel.now();
        match action {
            FaultAction::Kill {
                target,
                restart_after,
            } => self.kill(target, restart_after, kernel),
            FaultAction::Stop {
                target,
                restart_after,
            } => self.stop(target, restart_after, kernel),
            FaultAction::Exit {
                target,
                incarnation,
            } => self.exit(target, incarnation, kernel),
            FaultAction::Start { target } => self.start_process(target, kernel),
            FaultAction::Boot {
                target,
                incarnation,
            } => self.boot(target, incarnation, kernel),
            FaultAction::Hang { target, lasts } => self.hang(target, lasts, kernel),
            FaultAction::Resume {
                target,
                incarnation,
            } => self.resume(target, incarnation, kernel),
            FaultAction::Continue { target } => {
                let incarnation = self.process(target).incarnation;
                self.resume(target, incarnation, kernel);
            }
            FaultAction::PowerOff { target, back_after } => {
                self.power_off(target, back_after, kernel)
            }
            FaultAction::PowerOn { target, condition } => self.power_on(target, condition, kernel),
            FaultAction::CloseSockets {
                target,
                incarnation,
            } => self.close_sockets(target, incarnation, kernel),
            FaultAction::Links(fault) => self.trouble_links(*fault, kernel),
            FaultAction::Mend {
                condition,
                what,
                concerned,
            } => {
                for process in concerned {
                    kernel.state(process, Fact::FaultHealed { what });
                }
                self.mend(condition, kernel);
            }
            FaultAction::GiveUp => self.give_up(kernel),
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
            FaultAction::TakeCpu {
                target,
                millicores,
                lasts,
            } => {
                kernel.state(target, Fact::FaultInjected { what: "take-cpu" });
                self.take_cpu(target, millicores, kernel);
                if let Some(lasts) = lasts {
                    self.plan(now + lasts, FaultAction::GiveCpu { target }, kernel);
                }
            }
            FaultAction::GiveCpu { target } => {
                kernel.state(target, Fact::FaultHealed { what: "take-cpu" });
                self.take_cpu(target, 0, kernel);
            }
            FaultAction::ExpireSession { target } => self.expire_session(target, kernel),
            FaultAction::Storage { trouble, lasts } => self.trouble_storage(trouble, lasts, kernel),
            FaultAction::StorageIsWell { what } => self.heal_storage(what, kernel),
            FaultAction::Notifications {
                target,
                trouble,
                lasts,
            } => {
                let what = trouble.verb();
                kernel.state(target, Fact::FaultInjected { what });
                self.plan.notifications.trouble(target, trouble);
                if let Some(lasts) = lasts {
                    let action = FaultAction::NotificationsAreWell { target, what };
                    self.plan(now + lasts, action, kernel);
                }
            }
            FaultAction::NotificationsAreWell { target, what } => {
                kernel.state(target, Fact::FaultHealed { what });
                self.plan.notifications.heal(target);
            }
            FaultAction::Throw { target, subtask } => {
                kernel.state(target, Fact::FaultInjected { what: "throw" });
                self.post(now, target, target, Body::Throw { subtask }, kernel);
            }
            FaultAction::StickCancel {
                target,
                subtask,
                lasts,
            } => {
                let what = "stuck-cancel";
                kernel.state(target, Fact::FaultInjected { what });
                let body = Body::StickCancel { subtask, lasts };
                self.post(now, target, target, body, kernel);
            }
            FaultAction::Broker {
                target,
                number,
                event,
            } => {
                let body = Body::Broker { number, event };
                self.post(now, target, target, body, kernel);
            }
            FaultAction::DropCheckpoint { job } => match self.zookeeper_leader() {
                Some(leader) => {
                    let what = "drop-checkpoint";
                    kernel.state(leader, Fact::FaultInjected { what });
                    kernel.state(leader, Fact::FaultHealed { what });
                    self.post(now, leader, leader, Body::DropCheckpoint { job }, kernel);
                }
                None => {
                    let again = FaultAction::DropCheckpoint { job };
                    self.plan(now + SEARCH_INTERVAL, again, kernel);
                }
            },
            FaultAction::Topic { target, change } => {
                self.post(now, target, target, Body::Topic(change), kernel);
            }
            FaultAction::SavepointAndRestart { target, job } => {
                self.savepoint_and_restart(target, job, kernel)
            }
            FaultAction::Client(request) => self.serve_client(request, kernel),
            FaultAction::Rolling { left, pause } => self.roll(left, pause, kernel),
            FaultAction::Find { whom, then } => match self.find(whom) {
                Some(process) => self.carry_out(then.aimed_at(process), kernel),
                None => {
                    let again = FaultAction::Find { whom, then };
                    self.plan(now + SEARCH_INTERVAL, again, kernel);
                }
            },
        }
    }

    /// Who it is at this moment.
    pub(super) fn find(&self, whom: Whom) -> Option<ActorId> {
        let directory = &self.blueprint.directory;
        let is_up = |actor: &&ActorId| self.process(**actor).state == ProcessState::Up;
        match whom {
            Whom::Process(actor) => Some(actor),
            Whom::Leader => {
                let leads = |actor: &&ActorId| match &self.actors[actor.0 as usize] {
                    Actor::JobManager(jm) => jm.is_leading(),
                    Actor::FlinkJobManager(jm) => jm.is_leading(),
                    _ => false,
                };
                let mut up = directory.jobmanagers.iter().filter(is_up);
                up.find(leads).copied()
            }
            Whom::TaskManagerOf(subtask) => {
                let runs = |actor: &&ActorId| match &self.actors[actor.0 as usize] {
                    Actor::TaskManager(tm) => tm.runs(subtask),
                    _ => false,
                };
                let mut up = directory.taskmanagers.iter().filter(is_up);
                up.find(runs).copied()
            }
        }
    }

    fn trouble_links(&mut self, fault: LinkFault, kernel: &mut Kernel<World>) {
        let group = |members: &[Whom]| -> Vec<ActorId> {
            members.iter().filter_map(|whom| self.find(*whom)).collect()
        };
        let (from, to) = (group(&fault.from), group(&fault.to));
        let mut concerned = from.clone();
        concerned.extend(to.iter().filter(|actor| !from.contains(actor)));
        let what = fault.what;
        for process in &concerned {
            kernel.state(*process, Fact::FaultInjected { what });
        }
        let trouble = match fault.trouble {
            LinkTrouble::Cut => Trouble::Cut,
            LinkTrouble::Slow {
                latency_min,
                latency_max,
                bytes_per_s,
            } => Trouble::Slow {
                latency: SpanRange {
                    min: latency_min,
                    max: latency_max,
                },
                bandwidth: Server::new(bytes_per_s),
            },
            LinkTrouble::Lossy { per_mille } => Trouble::Lossy { per_mille },
            LinkTrouble::Reset => return self.reset_links(&from, &to, kernel),
        };
        let condition = self.network.trouble(Condition {
            from: Group::Of(from),
            to: match fault.to.is_empty() {
                true => Group::All,
                false => Group::Of(to),
            },
            one_way: fault.one_way,
            trouble,
            until: fault.lasts.map(|lasts| kernel.now() + lasts),
        });
        if let Some(lasts) = fault.lasts {
            let concerned = concerned.into();
            let mend = FaultAction::Mend {
                condition,
                what,
                concerned,
            };
            self.plan(kernel.now() + lasts, mend, kernel);
        }
        self.watch_patience(kernel);
    }

    /// While something is cut, TCP may lose its patience.
    pub(super) fn watch_patience(&mut self, kernel: &mut Kernel<World>) {
        if !self.plan.giving_up && self.network.has_cuts() {
            self.plan.giving_up = true;
            self.plan(kernel.now() + GIVE_UP_INTERVAL, FaultAction::GiveUp, kernel);
        }
    }

    /// Attempts to connect that have taken too long fail; so do connections whose data nobody acknowledges.
    fn give_up(&mut self, kernel: &mut Kernel<World>) {
        let config = &self.blueprint.config;
        let (rpc, other) = (config.rpc.tcp_timeout, config.network.connect_timeout);
        let patience = |envelope: &crate::actor::message::Envelope| match envelope.body {
            Body::Rpc(_) | Body::RpcAnswer(_) => rpc,
            _ => other,
        };
        for lost in self.network.give_up(kernel.now(), patience) {
            self.fail_connection(lost, kernel);
        }
        self.plan.giving_up = false;
        self.watch_patience(kernel);
    }

    fn take_cpu(&mut self, target: ActorId, millicores: u32, kernel: &mut Kernel<World>) {
        let Some(machine) = self.machines.home(target) else {
            return;
        };
        let cpu = self.machines.cpu(machine);
        let whole = *self
            .plan
            .cpu
            .entry(machine)
            .or_insert_with(|| cpu.millicores());
        // The scheduler of the operating system leaves nobody without any.
        let slices = cpu.resize(whole.saturating_sub(millicores).max(whole.div_ceil(100)));
        self.begin(slices, kernel);
    }

    fn zookeeper_leader(&self) -> Option<ActorId> {
        let leads = |actor: &&ActorId| match &self.actors[actor.0 as usize] {
            Actor::ZooKeeper(server) => {
                self.process(**actor).state == ProcessState::Up && server.serves_as_leader()
            }
            _ => false,
        };
        let leader = self.blueprint.directory.zookeeper.iter().find(leads);
        leader.copied()
    }

    fn expire_session(&mut self, target: ActorId, kernel: &mut Kernel<World>) {
        let Some(leader) = self.zookeeper_leader() else {
            let again = FaultAction::ExpireSession { target };
            self.plan(kernel.now() + SEARCH_INTERVAL, again, kernel);
            return;
        };
        let what = "expire-session";
        kernel.state(target, Fact::FaultInjected { what });
        let body = Body::ExpireSessionsOf { owner: target };
        self.post(kernel.now(), leader, leader, body, kernel);
    }

    fn trouble_storage(
        &mut self,
        trouble: StorageTrouble,
        lasts: Option<Span>,
        kernel: &mut Kernel<World>,
    ) {
        let target = self.blueprint.directory.storage;
        let what = trouble.name();
        kernel.state(target, Fact::FaultInjected { what });
        let process = &mut self.processes[target.0 as usize];
        if trouble == StorageTrouble::Silent {
            if process.state == ProcessState::Up {
                process.hang();
            }
        } else {
            self.turn_storage(Some(trouble), kernel);
        }
        if let Some(lasts) = lasts {
            let action = FaultAction::StorageIsWell { what };
            self.plan(kernel.now() + lasts, action, kernel);
        }
    }

    fn heal_storage(&mut self, what: &'static str, kernel: &mut Kernel<World>) {
        let target = self.blueprint.directory.storage;
        kernel.state(target, Fact::FaultHealed { what });
        if self.process(target).state == ProcessState::Hung && what == StorageTrouble::Silent.name()
        {
            self.processes[target.0 as usize].resume();
            self.work_off(target, kernel);
        } else {
            self.turn_storage(None, kernel);
        }
    }

    fn turn_storage(&mut self, trouble: Option<StorageTrouble>, kernel: &mut Kernel<World>) {
        let target = self.blueprint.directory.storage;
        let Actor::Storage(storage) = &mut self.actors[target.0 as usize] else {
            return;
        };
        for at in storage.suffer(trouble, kernel.now()) {
            self.post(at, target, target, Body::StorageDue, kernel);
        }
    }

    fn slow_down(&mut self, target: ActorId, factor_per_mille: u32) {
        if let Some(machine) = self.machines.home(target) {
            self.machines.cpu(machine).slow_down(factor_per_mille);
        }
    }

    /// The next of a rolling restart is stopped; the one after it when this one is up again.
    fn roll(&mut self, mut left: Box<[ActorId]>, pause: Span, kernel: &mut Kernel<World>) {
        let is_up = |actor: &ActorId| self.process(*actor).state == ProcessState::Up;
        let Some(next) = left.iter().position(is_up) else {
            return;
        };
        let process = left[next];
        left = left[next + 1..].into();
        self.plan.rolling = Some((process, left, pause));
        self.stop(process, Some(Span::ZERO), kernel);
    }
}
