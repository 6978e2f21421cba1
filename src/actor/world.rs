//! All processes of the cluster and what runs in them. Delivers messages to whoever is up to receive them, and does
//! to processes and links what faults ask for.

use std::sync::Arc;

use crate::kernel::SmallStream;
use crate::kernel::{ActorId, EventId, Kernel, Span, Time};
use crate::policy::Liveness;
use crate::substrate::network::{Condition, Group, Network, Transit, Trouble, Way};
use crate::substrate::process::{Process, ProcessState};

use super::blueprint::Blueprint;
use super::context::Context;
use super::database::Database;
use super::fact::Fact;
use super::flink::job_manager::JobManager as FlinkJobManager;
use super::job_manager::JobManager;
use super::kafka::Kafka;
use super::message::{Body, Envelope, FaultAction, Timer};
use super::receiver::Receiver;
use super::storage::Storage;
use super::task_manager::TaskManager;
use super::zookeeper::server::Server as ZooKeeper;

/// Between the starts of two JobManagers.
const JOBMANAGER_STAGGER: Span = Span::from_ms(100);

#[derive(Clone, Debug)]
enum Actor {
    ZooKeeper(Box<ZooKeeper>),
    JobManager(Box<JobManager>),
    FlinkJobManager(Box<FlinkJobManager>),
    TaskManager(Box<TaskManager>),
    Kafka(Box<Kafka>),
    Storage(Box<Storage>),
    Database(Box<Database>),
    Receiver(Box<Receiver>),
    /// Stands for the fault plan; faults are carried out by the world itself.
    Faults,
}

/// What a hung process finds when it wakes.
#[derive(Clone, Debug)]
enum Waiting {
    Message(Envelope),
    Timer(Timer),
}

#[derive(Clone, Debug)]
pub struct World {
    blueprint: Arc<Blueprint>,
    actors: Vec<Actor>,
    processes: Vec<Process>,
    waiting: Vec<Vec<Waiting>>,
    network: Network<Envelope>,
    startup: SmallStream,
    teardown: SmallStream,
    /// By actor: how long until it acts on a reset.
    notice: Vec<SmallStream>,
}

impl World {
    pub fn new(blueprint: Arc<Blueprint>) -> World {
        let directory = &blueprint.directory;
        let mut network = Network::new(blueprint.cluster.link_latency);
        let mut actors = Vec::new();
        let mut processes = Vec::new();
        for id in (0..directory.len() as u32).map(ActorId) {
            let taskmanager = directory
                .taskmanager_index(id)
                .map(|index| &blueprint.cluster.taskmanagers[index]);
            let bytes_per_s = taskmanager.map_or(0, |tm| tm.network_bytes_per_s);
            network.add_host(directory.name(id), bytes_per_s, &blueprint.streams);
            processes.push(Process::new(taskmanager.is_none_or(|tm| tm.starts)));
            actors.push(new_actor(id, &blueprint));
        }
        let waiting = vec![Vec::new(); actors.len()];
        let startup = blueprint.streams.small("process-startup", "world");
        let teardown = blueprint.streams.small("process-teardown", "world");
        let notice = (0..actors.len() as u32)
            .map(|id| {
                let name = blueprint.directory.name(ActorId(id));
                blueprint.streams.small("connection-notice", name)
            })
            .collect();
        World {
            blueprint,
            actors,
            processes,
            waiting,
            network,
            startup,
            teardown,
            notice,
        }
    }

    /// Starts every process that is up; JobManagers one after the other, so that they join the election in order.
    pub fn start(&mut self, kernel: &mut Kernel<World>) {
        for id in (0..self.actors.len() as u32).map(ActorId) {
            let is_process = !matches!(self.actors[id.0 as usize], Actor::Faults);
            if is_process && self.processes[id.0 as usize].state == ProcessState::Up {
                let place = self
                    .blueprint
                    .directory
                    .jobmanagers
                    .iter()
                    .position(|jm| *jm == id);
                let at = Time::ZERO + JOBMANAGER_STAGGER * place.unwrap_or(0) as u64;
                self.post(at, id, id, Body::Start, kernel);
            }
        }
    }

    /// Puts a fault on the calendar.
    pub fn plan(&mut self, at: Time, action: FaultAction, kernel: &mut Kernel<World>) {
        let faults = self.blueprint.directory.faults;
        self.post(at, faults, faults, Body::Fault(action), kernel);
    }

    pub fn blueprint(&self) -> &Arc<Blueprint> {
        &self.blueprint
    }

    pub fn process(&self, actor: ActorId) -> &Process {
        &self.processes[actor.0 as usize]
    }

    fn post(
        &mut self,
        at: Time,
        from: ActorId,
        to: ActorId,
        body: Body,
        kernel: &mut Kernel<World>,
    ) -> EventId {
        let envelope = Envelope {
            from,
            from_incarnation: self.processes[from.0 as usize].incarnation,
            to_incarnation: self.processes[to.0 as usize].incarnation,
            way: Way::Established,
            returns: false,
            body,
        };
        kernel.schedule(at, to, envelope)
    }

    #[inline]
    fn handle_message(&mut self, to: ActorId, envelope: Envelope, kernel: &mut Kernel<World>) {
        if envelope.way == Way::Notice {
            self.take_notice(to, &envelope, kernel.now());
        }
        let mut ctx = Context {
            me: to,
            kernel,
            network: &mut self.network,
            processes: &self.processes,
        };
        match &mut self.actors[to.0 as usize] {
            Actor::TaskManager(tm) => tm.on_message(envelope, &mut ctx),
            Actor::Kafka(kafka) => kafka.on_message(envelope, &mut ctx),
            Actor::JobManager(jm) => jm.on_message(envelope, &mut ctx),
            Actor::FlinkJobManager(jm) => jm.on_message(envelope, &mut ctx),
            Actor::ZooKeeper(zk) => zk.on_message(envelope, &mut ctx),
            Actor::Storage(storage) => storage.on_message(envelope, &mut ctx),
            Actor::Database(database) => database.on_message(envelope, &mut ctx),
            Actor::Receiver(receiver) => receiver.on_message(envelope, &mut ctx),
            Actor::Faults => match envelope.body {
                Body::Fault(action) => self.carry_out(action, kernel),
                body => unreachable!("the fault plan receives faults, not {body:?}"),
            },
        }
    }

    fn handle_timer(&mut self, owner: ActorId, timer: Timer, kernel: &mut Kernel<World>) {
        let mut ctx = Context {
            me: owner,
            kernel,
            network: &mut self.network,
            processes: &self.processes,
        };
        match &mut self.actors[owner.0 as usize] {
            Actor::TaskManager(tm) => tm.on_timer(timer, &mut ctx),
            Actor::JobManager(jm) => jm.on_timer(timer, &mut ctx),
            Actor::FlinkJobManager(jm) => jm.on_timer(timer, &mut ctx),
            Actor::ZooKeeper(zk) => zk.on_timer(timer, &mut ctx),
            _ => unreachable!("{timer:?} belongs to nobody"),
        }
    }

    /// The target is down, or not the process that the sender meant.
    #[cold]
    fn miss(&mut self, to: ActorId, envelope: Envelope, kernel: &mut Kernel<World>) {
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
    fn accept(&mut self, to: ActorId, envelope: &Envelope) {
        let sender = &self.processes[envelope.from.0 as usize];
        if sender.incarnation == envelope.from_incarnation && envelope.from != to {
            self.network.establish(
                (envelope.from, envelope.from_incarnation),
                (to, envelope.to_incarnation),
            );
        }
    }

    /// Resets the connection that `peer` has with a process that is gone, if it has one.
    fn reset(&mut self, gone: (ActorId, u32), peer: ActorId, kernel: &mut Kernel<World>) {
        if self.network.tell(peer, gone.0, gone.1) {
            let notice = &self.blueprint.profile.connection_notice;
            let notice = notice.draw(&mut self.notice[peer.0 as usize]);
            let body = Body::ConnectionReset { peer: gone.0 };
            self.notify(gone, peer, body, notice, kernel);
        }
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
    fn take_notice(&mut self, me: ActorId, envelope: &Envelope, now: Time) {
        let (peer, incarnation) = (envelope.from, envelope.from_incarnation);
        let was_open = self.network.close(me, peer, incarnation);
        if was_open && matches!(envelope.body, Body::Undeliverable(_)) {
            let gate = self.blueprint.config.rpc.retry_gate_closed_for;
            self.network.close_gate(me, peer, incarnation, now + gate);
        }
    }

    fn carry_out(&mut self, action: FaultAction, kernel: &mut Kernel<World>) {
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
        for waiting in std::mem::take(&mut self.waiting[target.0 as usize]) {
            match waiting {
                Waiting::Message(envelope) => self.handle_message(target, envelope, kernel),
                Waiting::Timer(timer) => self.handle_timer(target, timer, kernel),
            }
        }
    }

    fn slow_down(&mut self, target: ActorId, factor_per_mille: u32) {
        if let Actor::TaskManager(tm) = &mut self.actors[target.0 as usize] {
            tm.slow_down(factor_per_mille);
        }
    }
}

fn new_actor(id: ActorId, blueprint: &Arc<Blueprint>) -> Actor {
    let directory = &blueprint.directory;
    if directory.zookeeper.contains(&id) {
        Actor::ZooKeeper(Box::new(ZooKeeper::new(id, Arc::clone(blueprint))))
    } else if directory.jobmanagers.contains(&id) {
        match blueprint.liveness {
            Liveness::ZkEphemeral => {
                Actor::JobManager(Box::new(JobManager::new(id, Arc::clone(blueprint))))
            }
            Liveness::RpcHeartbeats => {
                Actor::FlinkJobManager(Box::new(FlinkJobManager::new(id, Arc::clone(blueprint))))
            }
        }
    } else if directory.taskmanagers.contains(&id) {
        Actor::TaskManager(Box::new(TaskManager::new(id, Arc::clone(blueprint))))
    } else if id == directory.kafka {
        Actor::Kafka(Box::new(Kafka::new(Arc::clone(blueprint))))
    } else if id == directory.storage {
        Actor::Storage(Box::new(Storage::new(&blueprint.cluster.storage)))
    } else if id == directory.database {
        Actor::Database(Box::new(Database::new(Arc::clone(blueprint))))
    } else if id == directory.receiver {
        Actor::Receiver(Box::new(Receiver::new(Arc::clone(blueprint))))
    } else {
        assert_eq!(id, directory.faults, "every actor has a role");
        Actor::Faults
    }
}

impl crate::kernel::World for World {
    type Message = Envelope;
    type Timer = Timer;
    type Fact = Fact;

    fn on_message(&mut self, to: ActorId, envelope: Envelope, kernel: &mut Kernel<World>) {
        let process = &self.processes[to.0 as usize];
        if process.state == ProcessState::Down || process.incarnation != envelope.to_incarnation {
            return self.miss(to, envelope, kernel);
        }
        let hangs = process.state == ProcessState::Hung;
        if envelope.way == Way::Opening {
            self.accept(to, &envelope);
        }
        if hangs {
            self.waiting[to.0 as usize].push(Waiting::Message(envelope));
        } else {
            self.handle_message(to, envelope, kernel);
        }
    }

    fn on_timer(&mut self, owner: ActorId, timer: Timer, kernel: &mut Kernel<World>) {
        match self.processes[owner.0 as usize].state {
            ProcessState::Up => self.handle_timer(owner, timer, kernel),
            ProcessState::Hung => self.waiting[owner.0 as usize].push(Waiting::Timer(timer)),
            ProcessState::Down => unreachable!("a process that is down has no timers"),
        }
    }

    fn name(&self, actor: ActorId) -> String {
        self.blueprint.directory.name(actor).to_owned()
    }
}
