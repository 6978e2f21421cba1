//! From a scenario to a world that is ready to run.

use std::sync::Arc;

use crate::actor::blueprint::{Blueprint, Directory};
use crate::actor::settings::SchedulerKind;
use crate::actor::world::World;
use crate::dataflow::split_owner::SplitOwner;
use crate::dataflow::topology::{Elasticity, Topology, TopologyOptions};
use crate::kernel::{Guard, Simulation, Streams};
use crate::policy::Liveness;
use crate::scenario::model::Scenario;

use super::plan::Planned;

/// Events at one instant above which nothing will ever move on.
const EVENTS_PER_INSTANT_MAX: u64 = 5_000_000;
/// Events of a run above which it cannot be meant.
const EVENTS_MAX: u64 = 20_000_000_000;

pub fn blueprint(scenario: &Scenario) -> Blueprint {
    let topology = Topology::growing(
        &scenario.topics,
        &scenario.partitions_later(),
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
        defects: scenario.defects,
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

pub fn simulation(blueprint: Arc<Blueprint>, plan: &[Planned]) -> Simulation<World> {
    let mut simulation = Simulation::new(World::new(blueprint));
    simulation.guard(Guard {
        events_max: EVENTS_MAX,
        events_per_instant_max: EVENTS_PER_INSTANT_MAX,
    });
    simulation.setup(World::start);
    inject(&mut simulation, plan.to_vec());
    simulation
}

/// Puts faults on the calendar of a world.
pub fn inject(simulation: &mut Simulation<World>, plan: Vec<Planned>) {
    simulation.setup(|world, kernel| {
        for fault in plan {
            match fault {
                Planned::At(at, action) => world.plan(at, action, kernel),
                Planned::When(conditional) => world.plan_when(conditional),
            }
        }
    });
}
