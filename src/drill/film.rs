//! Who is up, who leads, who is missed, and how far behind each partition is: what a moving picture of the cluster shows.

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::kernel::{ActorId, Header, Time};

use super::episode::is_moment;
use super::outcome::{Film, Machine, NodeState, PartitionLag};
use super::recoveries::SAVEPOINT_AND_RESTART;

/// Lag is noted at every so many looks.
const LOOKS: u32 = 4;

#[derive(Clone, Debug, Default)]
pub struct Filming {
    states: Vec<(Time, ActorId, &'static str, &'static str)>,
    lag: Vec<(Time, Vec<u64>)>,
    looks: u32,
}

impl Filming {
    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let (node, what, detail) = match fact {
            Fact::JobResubmitted(..) => {
                let asked = |state: &&(Time, ActorId, &str, &str)| state.3 == SAVEPOINT_AND_RESTART;
                match self.states.iter().rfind(asked) {
                    Some((_, node, ..)) => (*node, "healed", SAVEPOINT_AND_RESTART),
                    None => return,
                }
            }
            Fact::FaultInjected { what } => (header.actor, "fault", *what),
            Fact::FaultHealed { what } => (header.actor, "healed", *what),
            Fact::ProcessStarted { .. } => (header.actor, "started", ""),
            Fact::ProcessExited => (header.actor, "exited", ""),
            Fact::SessionOpened { owner, .. } => (*owner, "session", ""),
            Fact::SessionExpired { owner, .. } => (*owner, "expired", ""),
            Fact::SessionClosed { owner, .. } => (*owner, "closed", ""),
            Fact::EnsembleLeader { .. }
            | Fact::LeadershipGranted
            | Fact::LeaderPublished { .. } => (header.actor, "leads", ""),
            Fact::LeadershipLost { .. } => (header.actor, "follows", ""),
            Fact::TaskManagerRegistered { taskmanager } => (*taskmanager, "registered", ""),
            Fact::TaskManagerLost { taskmanager, .. } => (*taskmanager, "lost", ""),
            _ => return,
        };
        // What is stated again is no change.
        let last = self.states.iter().rev().find(|state| state.1 == node);
        if last.is_none_or(|state| (state.2, state.3) != (what, detail)) {
            self.states.push((header.time, node, what, detail));
        }
        if what == "fault" && is_moment(detail) {
            self.states.push((header.time, node, "healed", detail));
        }
    }

    /// Lag by split, now and then.
    pub fn look(&mut self, now: Time, lags: impl Iterator<Item = u64>) {
        if self.looks.is_multiple_of(LOOKS) {
            self.lag.push((now, lags.collect()));
        }
        self.looks += 1;
    }

    pub fn film(self, blueprint: &Blueprint) -> Film {
        let (directory, topology) = (&blueprint.directory, &blueprint.topology);
        let names = |actors: &[ActorId]| -> Vec<String> {
            actors
                .iter()
                .map(|actor| directory.name(*actor).to_owned())
                .collect()
        };
        let machines = blueprint.cluster.taskmanagers.iter();
        let splits = topology.splits.iter();
        let states = self.states.iter();
        Film {
            zookeeper: names(&directory.zookeeper),
            jobmanagers: names(&directory.jobmanagers),
            taskmanagers: machines
                .map(|machine| Machine {
                    name: machine.name.clone(),
                    slots: machine.slots,
                    starts: machine.starts,
                })
                .collect(),
            storage: blueprint.cluster.storage.name.clone(),
            database: blueprint.cluster.database.name.clone(),
            partitions: splits
                .map(|split| format!("{} {}", topology.topics[split.topic].name, split.partition))
                .collect(),
            operators: topology
                .operators
                .iter()
                .map(|operator| operator.spec.name.clone())
                .collect(),
            states: states
                .map(|(at, node, what, detail)| NodeState {
                    at_ms: at.as_ms(),
                    node: directory.name(*node).to_owned(),
                    what,
                    detail,
                })
                .collect(),
            lag: self
                .lag
                .into_iter()
                .map(|(at, records)| PartitionLag {
                    at_ms: at.as_ms(),
                    records,
                })
                .collect(),
        }
    }
}
