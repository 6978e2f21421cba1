//! From a scenario to a world that is ready to run.

use std::sync::Arc;

use crate::actor::blueprint::{Blueprint, Directory};
use crate::actor::message::FaultAction;
use crate::actor::settings::SchedulerKind;
use crate::actor::world::World;
use crate::dataflow::split_owner::SplitOwner;
use crate::dataflow::topology::{Elasticity, Topology, TopologyOptions};
use crate::fault::{Fault, FaultKind, Target, When};
use crate::kernel::{ActorId, Guard, Random, Simulation, Streams, Time};
use crate::policy::Liveness;
use crate::scenario::model::Scenario;

/// Events at one instant above which nothing will ever move on.
const EVENTS_PER_INSTANT_MAX: u64 = 5_000_000;
/// Events of a run above which it cannot be meant.
const EVENTS_MAX: u64 = 20_000_000_000;

/// A fault with its time drawn.
#[derive(Clone, Debug)]
pub struct PlannedFault {
    pub at: Time,
    pub target: ActorId,
    pub fault: Fault,
}

pub fn blueprint(scenario: &Scenario) -> Blueprint {
    let topology = Topology::new(
        &scenario.topics,
        &scenario.jobs,
        TopologyOptions {
            max_parallelism: scenario.config.max_parallelism,
            elasticity: elasticity(scenario),
            split_owner: match scenario.switches.liveness {
                Liveness::ZkEphemeral => SplitOwner::InTurn,
                Liveness::RpcHeartbeats => SplitOwner::KafkaSource,
            },
        },
        scenario.weight,
    );
    let mut pins = vec![None; topology.subtasks.len()];
    for (job, spec) in scenario.jobs.iter().enumerate() {
        for ((operator, subtask), taskmanager) in &spec.pins {
            let operator = topology.jobs[job].operators[*operator];
            pins[topology.subtask(operator, *subtask) as usize] = Some(*taskmanager);
        }
    }
    Blueprint {
        directory: Directory::new(&scenario.cluster),
        topology,
        pins,
        cluster: scenario.cluster.clone(),
        config: scenario.config.clone(),
        profile: scenario.profile.clone(),
        monitor: scenario.monitor.clone(),
        liveness: scenario.switches.liveness,
        scope: scenario.switches.scope,
        placement: scenario.switches.placement,
        slots: scenario.switches.slots,
        rebalancing: scenario.switches.rebalancing,
        weight: scenario.weight,
        streams: Streams::new(scenario.seed),
    }
}

/// How far the scheduler may depart from the parallelism that the jobs say.
fn elasticity(scenario: &Scenario) -> Elasticity {
    let slots = scenario
        .cluster
        .taskmanagers
        .iter()
        .map(|tm| tm.slots)
        .sum();
    match scenario.config.scheduler {
        SchedulerKind::Default => Elasticity::Fixed,
        SchedulerKind::Adaptive if scenario.config.reactive => Elasticity::Reactive { slots },
        SchedulerKind::Adaptive => Elasticity::Shrinks,
    }
}

/// Draws the times that the scenario leaves open; one stream per fault, so that another fault shifts none.
pub fn plan(scenario: &Scenario, blueprint: &Blueprint) -> Vec<PlannedFault> {
    let draw = |(number, fault): (usize, &Fault)| {
        let at = match fault.at {
            When::At(at) => at,
            When::Between(from, to) => {
                let mut random = blueprint
                    .streams
                    .small("fault-time", &format!("fault-{number}"));
                from + random.between(crate::kernel::Span::ZERO, to - from)
            }
        };
        PlannedFault {
            at,
            target: actor(fault.target, &blueprint.directory),
            fault: fault.clone(),
        }
    };
    let mut planned: Vec<_> = scenario.faults.iter().enumerate().map(draw).collect();
    planned.sort_by_key(|fault| fault.at);
    planned
}

fn actor(target: Target, directory: &Directory) -> ActorId {
    match target {
        Target::JobManager(index) => directory.jobmanagers[index],
        Target::TaskManager(index) => directory.taskmanagers[index],
        Target::ZooKeeper(index) => directory.zookeeper[index],
    }
}

pub fn simulation(blueprint: Arc<Blueprint>, plan: &[PlannedFault]) -> Simulation<World> {
    let mut simulation = Simulation::new(World::new(blueprint));
    simulation.guard(Guard {
        events_max: EVENTS_MAX,
        events_per_instant_max: EVENTS_PER_INSTANT_MAX,
    });
    simulation.setup(|world, kernel| {
        world.start(kernel);
        for fault in plan {
            world.plan(fault.at, action(fault), kernel);
        }
    });
    simulation
}

fn action(planned: &PlannedFault) -> FaultAction {
    let target = planned.target;
    let lasts = planned.fault.lasts;
    let needed = || lasts.expect("a scenario says how long such a fault lasts");
    match planned.fault.kind {
        FaultKind::Kill => FaultAction::Kill {
            target,
            restart_after: lasts,
        },
        FaultKind::Start => FaultAction::Start { target },
        FaultKind::Hang => FaultAction::Hang {
            target,
            lasts: needed(),
        },
        FaultKind::CutOff => FaultAction::CutOff {
            target,
            lasts: needed(),
        },
        FaultKind::Slow { factor_per_mille } => FaultAction::Slow {
            target,
            factor_per_mille,
            lasts,
        },
    }
}
