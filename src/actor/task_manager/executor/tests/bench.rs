//! A TaskManager on a bench: ZooKeeper and the JobManager are played by stubs, everything else is real.

use crate::dataflow::samples;
use std::sync::Arc;

use crate::actor::blueprint::{Blueprint, Directory};
use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::rpc::call::{AllocationId, TaskFailure};
use crate::actor::flink::rpc::{Address, Answer, Call, Endpoint, Rpc, RpcError};
use crate::actor::message::{Body, Envelope, FaultAction, ReplayFrom, TaskDeployment};
use crate::actor::settings::{
    Cluster, Config, Database, KafkaCluster, Monitor, Profile, Receiver, Storage, TaskManager,
    ZooKeeper,
};
use crate::actor::task_manager::executor::SlotState;
use crate::actor::world::World;
use crate::actor::world::stub::Script;
use crate::dataflow::job_graph::{Exchange, Input, Job, OperatorKind, Topic};
use crate::dataflow::sink::SinkSpec;
use crate::dataflow::topology::{SubtaskId, Topology, TopologyOptions};
use crate::kernel::time::SpanRange;
use crate::kernel::{ActorId, Distribution, Header, Observer, Simulation, Span, Streams, Time};
use crate::policy::{Liveness, Placement, RebalanceWhen, Rebalancing, RecoveryScope, Slots};

pub const RM_TOKEN: u64 = 70;
pub const JM_TOKEN: u64 = 80;
pub const ALLOCATION: AllocationId = AllocationId(9);

fn blueprint() -> Blueprint {
    let range = SpanRange::constant(Span::from_us(500));
    let taskmanager = |name: &str| TaskManager {
        name: name.into(),
        slots: 2,
        cpu_millicores: 2_000,
        network_bytes_per_s: 1_000_000_000,
        starts: true,
    };
    let cluster = Cluster {
        jobmanagers: vec!["jm-1".into()],
        taskmanagers: vec![taskmanager("tm-1"), taskmanager("tm-2")],
        zookeeper: ZooKeeper {
            servers: 1,
            tick_time: Span::from_secs(2),
        },
        storage: Storage {
            name: "hdfs".into(),
            read_bytes_per_s: 1_000_000,
            write_bytes_per_s: 1_000_000,
            latency: Span::ZERO,
        },
        kafka: KafkaCluster::default(),
        database: Database {
            name: "db".into(),
            commit_latency: range,
        },
        receiver: Receiver {
            name: "webhook".into(),
            latency: range,
            loss_per_mille: 0,
        },
        hosts: Vec::new(),
        link_latency: range,
    };
    let topic = Topic {
        rate_per_s: 10.0,
        linger: Span::ZERO,
        ..samples::topic("t", 2)
    };
    let input = |operator, exchange| vec![Input { operator, exchange }];
    let keyed = OperatorKind::Transform {
        inputs: input(0, Exchange::Hash),
    };
    let sink = OperatorKind::Sink {
        inputs: input(1, Exchange::Rebalance),
        spec: SinkSpec::default(),
    };
    let job = Job {
        name: "job".into(),
        operators: vec![
            samples::operator("source", 2, OperatorKind::Source { topic: 0 }),
            samples::operator("keyed", 2, keyed),
            samples::operator("sink", 1, sink),
        ],
        pins: Default::default(),
        event_time: None,
    };
    let topology = Topology::new(&[topic], &[job], TopologyOptions::default(), 1);
    let takes = Distribution::constant(Span::from_ms(1));
    Blueprint {
        directory: Directory::new(&cluster),
        pins: vec![None; topology.subtasks.len()],
        topology,
        cluster,
        config: Config::default(),
        profile: Profile::constant("test", takes),
        monitor: Monitor {
            late: Span::from_secs(1),
            interval: Span::from_secs(1),
            rebalance_when: RebalanceWhen {
                latency: Span::from_secs(1),
                back_pressure_per_mille: 500,
                lasting: Span::from_secs(10),
            },
        },
        liveness: Liveness::RpcHeartbeats,
        scope: RecoveryScope::Region,
        placement: Placement::LeastLoaded,
        slots: Slots::Bind,
        rebalancing: Rebalancing::Off,
        weight: 1,
        defects: Default::default(),
        streams: Streams::new(1),
    }
}

/// Everything that was delivered and stated.
#[derive(Default)]
struct Record {
    delivered: Vec<(Time, ActorId, Body)>,
    facts: Vec<(Time, ActorId, Fact)>,
}

impl Observer<World> for Record {
    fn message(&mut self, header: &Header, envelope: &Envelope) {
        let body = envelope.body.clone();
        self.delivered.push((header.time, header.actor, body));
    }

    fn fact(&mut self, header: &Header, fact: &Fact) {
        self.facts.push((header.time, header.actor, fact.clone()));
    }
}

pub struct Bench {
    sim: Simulation<World>,
    record: Record,
    blueprint: Arc<Blueprint>,
    pub zk: ActorId,
    pub jm: ActorId,
    pub tms: Vec<ActorId>,
    next_ask: u64,
    heartbeats: bool,
}

impl Bench {
    /// Nobody leads yet.
    pub fn new(change: impl FnOnce(&mut Config)) -> Bench {
        Bench::shaped(|blueprint| change(&mut blueprint.config))
    }

    pub fn shaped(change: impl FnOnce(&mut Blueprint)) -> Bench {
        let mut blueprint = blueprint();
        change(&mut blueprint);
        let blueprint = Arc::new(blueprint);
        let directory = &blueprint.directory;
        let (zk, jm) = (directory.zookeeper[0], directory.jobmanagers[0]);
        let tms = directory.taskmanagers.clone();
        let mut sim = Simulation::new(World::new(Arc::clone(&blueprint)));
        let others = [directory.kafka, directory.storage, directory.database];
        sim.setup(|world, kernel| {
            world.replace_by_stub(zk);
            world.replace_by_stub(jm);
            for actor in tms.iter().chain(&others) {
                world.start_one(*actor, kernel);
            }
        });
        Bench {
            sim,
            record: Record::default(),
            zk,
            jm,
            tms,
            next_ask: 1_000,
            heartbeats: true,
            blueprint,
        }
    }

    /// A ResourceManager and a JobMaster lead, and the first TaskManager has a slot that is active.
    pub fn with_slot(change: impl FnOnce(&mut Config)) -> Bench {
        Bench::new(change).and_slot()
    }

    pub fn and_slot(mut self) -> Bench {
        let bench = &mut self;
        bench.run(10);
        bench.publish(Component::ResourceManager, Some(RM_TOKEN));
        bench.publish(Component::JobMaster(0), Some(JM_TOKEN));
        bench.run(50);
        for tm in 0..bench.tms.len() {
            assert_eq!(bench.request_slot(tm, RM_TOKEN), Some(Ok(Answer::Ack)));
        }
        bench.run(50);
        assert_eq!(bench.slot(0), Some(SlotState::Active));
        self
    }

    /// Lets time pass; JobMaster and ResourceManager send their heartbeats meanwhile, unless they are silent.
    pub fn run(&mut self, ms: u64) {
        let end = self.sim.now() + Span::from_ms(ms);
        while self.sim.now() < end {
            let next = end.min(self.sim.now() + Span::from_secs(10));
            self.sim
                .run_until(next, &mut self.record)
                .expect("nothing stalls");
            if self.heartbeats && next < end {
                for tm in 0..self.tms.len() {
                    self.beat(tm, vec![ALLOCATION]);
                    self.call(
                        tm,
                        Endpoint::ResourceManager,
                        Call::HeartbeatFromResourceManager,
                    );
                }
            }
        }
    }

    /// No heartbeats from now on, and no answers.
    pub fn fall_silent(&mut self) {
        self.heartbeats = false;
        self.script(crate::actor::world::stub::silent);
    }

    pub fn beat(&mut self, tm: usize, owned: Vec<AllocationId>) {
        let call = Call::HeartbeatFromJobManager {
            job: 0,
            job_master: JM_TOKEN,
            owned,
        };
        self.call(tm, Endpoint::JobMaster(0), call);
    }

    pub fn now(&self) -> Time {
        self.sim.now()
    }

    pub fn script(&mut self, script: Script) {
        let jm = self.jm;
        self.sim.setup(|world, kernel| {
            world.with_stub(jm, kernel, |stub, _| stub.script = script);
        });
    }

    pub fn publish(&mut self, component: Component, token: Option<u64>) {
        let (zk, actor) = (self.zk, self.jm);
        let address = Address {
            actor,
            incarnation: 0,
        };
        self.sim.setup(|world, kernel| {
            world.with_stub(zk, kernel, |stub, ctx| {
                stub.publish(component, token.map(|token| (address, token)), ctx)
            });
        });
    }

    pub fn suspend_zookeeper(&mut self) {
        let zk = self.zk;
        self.sim.setup(|world, kernel| {
            world.with_stub(zk, kernel, |stub, ctx| stub.suspend(ctx));
        });
    }

    pub fn plan(&mut self, action: FaultAction) {
        self.sim
            .setup(|world, kernel| world.plan(kernel.now() + Span(1), action, kernel));
    }

    pub fn act(
        &mut self,
        tm: usize,
        act: impl FnOnce(
            &mut crate::actor::task_manager::TaskManager,
            &mut crate::actor::context::Context<'_>,
        ),
    ) {
        let tm = self.tms[tm];
        self.sim
            .setup(|world, kernel| world.with_taskmanager(tm, kernel, act));
    }

    /// Sends a call, which the caller waits for, to a TaskManager.
    pub fn call(&mut self, tm: usize, from: Endpoint, call: Call) -> u64 {
        self.next_ask += 1;
        let ask = self.next_ask;
        let rpc = Rpc {
            from,
            to: Endpoint::TaskExecutor,
            token: None,
            ask: Some(ask),
            call,
        };
        let (jm, to) = (self.jm, self.tms[tm]);
        self.sim.setup(|world, kernel| {
            world.with_stub(jm, kernel, |stub, ctx| stub.call(to, rpc, ctx));
        });
        ask
    }

    /// Asks, and waits a little for what is answered.
    pub fn ask(
        &mut self,
        tm: usize,
        from: Endpoint,
        call: Call,
    ) -> Option<Result<Answer, RpcError>> {
        let ask = self.call(tm, from, call);
        self.run(5);
        self.record
            .delivered
            .iter()
            .find_map(|(_, to, body)| match body {
                Body::RpcAnswer(answer) if *to == self.jm && answer.ask == ask => {
                    Some(answer.result.clone())
                }
                _ => None,
            })
    }

    pub fn request_slot(&mut self, tm: usize, token: u64) -> Option<Result<Answer, RpcError>> {
        let call = Call::RequestSlot {
            slot: 0,
            allocation: ALLOCATION,
            job: 0,
            job_master: Address {
                actor: self.jm,
                incarnation: 0,
            },
            resource_manager: token,
        };
        self.ask(tm, Endpoint::ResourceManager, call)
    }

    pub fn attempt(&self, number: u32) -> Attempt {
        Attempt::new(JM_TOKEN, number)
    }

    /// A first attempt, from the beginning of everything; its producers are on the TaskManager named.
    pub fn descriptor(&self, subtask: SubtaskId, producers_on: usize) -> TaskDeployment {
        let layout = &self.blueprint.topology.jobs[0].layout;
        let vertex = layout.vertex(subtask);
        let producers = vec![(self.tms[producers_on], self.attempt(0)); vertex.inputs.len()];
        TaskDeployment {
            subtask,
            attempt: self.attempt(0),
            restored_checkpoint: 0,
            layout: Arc::clone(layout),
            state: Vec::new(),
            channels: Default::default(),
            splits: vertex.splits.iter().map(|split| (*split, 0)).collect(),
            aborted_up_to: 0,
            incarnations: vec![0; producers.len()],
            producers,
            inputs_from: ReplayFrom::Checkpoint(0),
        }
    }

    pub fn submit(
        &mut self,
        tm: usize,
        subtask: SubtaskId,
        producers_on: usize,
    ) -> Option<Result<Answer, RpcError>> {
        let call = Call::SubmitTask {
            job_master: JM_TOKEN,
            allocation: ALLOCATION,
            task: Box::new(self.descriptor(subtask, producers_on)),
        };
        self.ask(tm, Endpoint::JobMaster(0), call)
    }

    /// What was told or asked of the JobManager so far, with its time and token.
    pub fn heard(&self) -> impl Iterator<Item = (Time, &Rpc)> {
        self.record
            .delivered
            .iter()
            .filter_map(|(at, to, body)| match body {
                Body::Rpc(rpc) if *to == self.jm => Some((*at, &**rpc)),
                _ => None,
            })
    }

    pub fn facts(&self, tm: usize) -> impl Iterator<Item = (Time, &Fact)> {
        let tm = self.tms[tm];
        self.record
            .facts
            .iter()
            .filter_map(move |(at, actor, fact)| (*actor == tm).then_some((*at, fact)))
    }

    pub fn count(&self, is: impl Fn(&Call) -> bool) -> usize {
        self.heard().filter(|(_, rpc)| is(&rpc.call)).count()
    }

    /// States of a task, as its JobMaster hears of them.
    pub fn states(&self, subtask: SubtaskId) -> Vec<ExecutionState> {
        self.heard()
            .filter_map(|(_, rpc)| match &rpc.call {
                Call::UpdateTaskExecutionState {
                    subtask: of, state, ..
                } if *of == subtask => Some(*state),
                _ => None,
            })
            .collect()
    }

    pub fn failure(&self, subtask: SubtaskId) -> Option<TaskFailure> {
        self.heard().find_map(|(_, rpc)| match &rpc.call {
            Call::UpdateTaskExecutionState {
                subtask: of,
                failure: Some(failure),
                ..
            } if *of == subtask => Some(failure.clone()),
            _ => None,
        })
    }

    /// Files that were asked of storage.
    pub fn reads(&self) -> usize {
        let is_read = |(_, _, body): &&(Time, ActorId, Body)| matches!(body, Body::Read { .. });
        self.record.delivered.iter().filter(is_read).count()
    }

    /// How tasks of a subtask have ended on a TaskManager.
    pub fn ended(&self, tm: usize, subtask: SubtaskId) -> Vec<ExecutionState> {
        self.facts(tm)
            .filter_map(|(_, fact)| match fact {
                Fact::TaskEnded {
                    subtask: of, state, ..
                } if *of == subtask => Some(*state),
                _ => None,
            })
            .collect()
    }

    /// The latest state of the first slot.
    pub fn slot(&self, tm: usize) -> Option<SlotState> {
        self.facts(tm)
            .filter_map(|(_, fact)| match fact {
                Fact::TaskSlotChanged { slot: 0, state, .. } => Some(*state),
                _ => None,
            })
            .last()
    }

    pub fn exited(&self, tm: usize) -> Option<Time> {
        self.facts(tm)
            .find(|(_, fact)| matches!(fact, Fact::ProcessExited))
            .map(|(at, _)| at)
    }
}
