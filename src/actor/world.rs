//! All processes of the cluster and what runs in them. Delivers messages to whoever is up to receive them, and does
//! to processes and links what faults ask for.

mod clients;
mod faults;
mod notifications;
mod processes;
#[cfg(test)]
pub mod stub;
mod transport;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::SmallStream;
use crate::kernel::{ActorId, EventId, Kernel, Span, Time};
use crate::policy::Liveness;
use crate::substrate::cpu::Cpu;
use crate::substrate::machine::{MachineId, Machines};
use crate::substrate::network::{ConditionId, Network, Transfers, Way};
use crate::substrate::process::{Process, ProcessState};

use notifications::Notifications;

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
use super::trigger::{Conditional, Conditions, is_awaited};
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
    /// Plays a part in a test of somebody else.
    #[cfg(test)]
    Stub(Box<stub::Stub>),
}

/// What a hung process finds when it wakes.
#[derive(Clone, Debug)]
enum Waiting {
    Message(Envelope),
    Timer(Timer),
    /// It was about to end.
    Exit,
}

#[derive(Clone, Debug)]
pub struct World {
    blueprint: Arc<Blueprint>,
    actors: Vec<Actor>,
    processes: Vec<Process>,
    waiting: Vec<Vec<Waiting>>,
    network: Network<Envelope>,
    machines: Machines,
    startup: SmallStream,
    teardown: SmallStream,
    /// By actor: how long until it acts on a reset.
    notice: Vec<SmallStream>,
    plan: Plan,
}

/// What is still to come of the fault plan, beside what stands on the calendar.
#[derive(Clone, Debug, Default)]
struct Plan {
    conditions: Conditions,
    /// Those who are being stopped: how long after their end they start again.
    restarts: BTreeMap<ActorId, Span>,
    /// Whose machines have no power: nothing gets through to them.
    dark: BTreeMap<ActorId, ConditionId>,
    /// Of a rolling restart: who is under way, who is left, and the pause between two.
    rolling: Option<(ActorId, Box<[ActorId]>, Span)>,
    /// Where CPU was taken away: how much the machine has otherwise.
    cpu: BTreeMap<MachineId, u32>,
    /// It is on the calendar that TCP gives up now and then.
    giving_up: bool,
    /// Word of completed checkpoints that does not arrive as it should.
    notifications: Notifications,
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
            let transfers = match id == directory.storage {
                true => Transfers::OnTheirOwn,
                false => Transfers::OnOneConnection,
            };
            let name = directory.name(id);
            network.add_host(name, bytes_per_s, transfers, &blueprint.streams);
            processes.push(Process::new(taskmanager.is_none_or(|tm| tm.starts)));
            actors.push(new_actor(id, &blueprint));
        }
        let machines = machines(&blueprint);
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
            machines,
            startup,
            teardown,
            notice,
            plan: Plan::default(),
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

    /// A fault that comes when something else has happened.
    pub fn plan_when(&mut self, conditional: Conditional) {
        self.plan.conditions.add(conditional);
    }

    /// Faults whose condition has not come about, by their places in the scenario's list.
    pub fn waiting_faults(&self) -> impl Iterator<Item = usize> {
        self.plan.conditions.waiting()
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

    /// A message reaches a process, whatever has become of that.
    #[inline(never)]
    fn receive(&mut self, to: ActorId, envelope: Envelope, kernel: &mut Kernel<World>) {
        if !self.plan.notifications.are_well()
            && !self.plan.notifications.pass(to, &envelope, kernel)
        {
            return;
        }
        if envelope.way != Way::Notice && self.network.loses(envelope.from, to, kernel.now()) {
            return;
        }
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

    fn handle_message(&mut self, to: ActorId, envelope: Envelope, kernel: &mut Kernel<World>) {
        if envelope.way == Way::Notice {
            self.take_notice(to, &envelope, kernel.now());
        }
        let mut ctx = Context {
            me: to,
            kernel,
            network: &mut self.network,
            machines: &mut self.machines,
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
            #[cfg(test)]
            Actor::Stub(stub) => stub.on_message(envelope, &mut ctx),
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
            machines: &mut self.machines,
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
}

/// The hosts of the cluster, and one for each TaskManager that has none of those.
fn machines(blueprint: &Blueprint) -> Machines {
    let mut machines = Machines::default();
    let speed = |host: &str| {
        let mut random = blueprint.streams.small("host-speed", host);
        blueprint.profile.host_speed_per_mille.draw(&mut random)
    };
    for host in &blueprint.cluster.hosts {
        machines.add(Cpu::new(host.cpu_millicores, speed(&host.name), true));
    }
    let directory = &blueprint.directory;
    for id in (0..directory.len() as u32).map(ActorId) {
        let name = directory.name(id);
        let host = blueprint
            .cluster
            .hosts
            .iter()
            .position(|host| host.processes.iter().any(|process| process == name));
        let own = || {
            let index = directory.taskmanager_index(id)?;
            let millicores = blueprint.cluster.taskmanagers[index].cpu_millicores;
            Some(machines.add(Cpu::new(millicores, speed(name), false)))
        };
        let home = host.map(|host| host as u32).or_else(own);
        machines.settle(home);
    }
    machines
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

    #[inline]
    fn on_message(&mut self, to: ActorId, envelope: Envelope, kernel: &mut Kernel<World>) {
        let process = &self.processes[to.0 as usize];
        let is_usual = envelope.way == Way::Established
            && process.state == ProcessState::Up
            && process.incarnation == envelope.to_incarnation
            && self.network.loses_nothing()
            && self.plan.notifications.are_well();
        match &mut self.actors[to.0 as usize] {
            // Nine messages in ten.
            Actor::TaskManager(tm) if is_usual => {
                let mut ctx = Context {
                    me: to,
                    kernel,
                    network: &mut self.network,
                    machines: &mut self.machines,
                    processes: &self.processes,
                };
                tm.on_message(envelope, &mut ctx);
            }
            _ => self.receive(to, envelope, kernel),
        }
    }

    fn on_timer(&mut self, owner: ActorId, timer: Timer, kernel: &mut Kernel<World>) {
        match self.processes[owner.0 as usize].state {
            ProcessState::Up => self.handle_timer(owner, timer, kernel),
            ProcessState::Hung => self.waiting[owner.0 as usize].push(Waiting::Timer(timer)),
            ProcessState::Down => unreachable!("a process that is down has no timers"),
        }
    }

    #[inline]
    fn on_facts(&mut self, kernel: &mut Kernel<World>) {
        let mut facts = kernel.facts().iter();
        if !self.plan.conditions.are_none() && facts.any(|(_, fact)| is_awaited(fact)) {
            self.set_off(kernel);
        }
    }

    fn name(&self, actor: ActorId) -> String {
        self.blueprint.directory.name(actor).to_owned()
    }
}
