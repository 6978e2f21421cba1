//! What every actor may look up: who is who, the laid-out jobs, the settings. It never changes during a run.

use crate::dataflow::topology::Topology;
use crate::kernel::{ActorId, Streams};
use crate::policy::defect::Defects;
use crate::policy::{Liveness, Placement, Rebalancing, RecoveryScope, Slots};

use super::settings::{Cluster, Config, Monitor, Profile};

/// Shared by all actors of one run.
#[derive(Clone, Debug)]
pub struct Blueprint {
    pub directory: Directory,
    pub topology: Topology,
    /// TaskManager (by its place in the cluster) of each subtask that is pinned at the start.
    pub pins: Vec<Option<usize>>,
    pub cluster: Cluster,
    pub config: Config,
    pub profile: Profile,
    pub monitor: Monitor,
    pub liveness: Liveness,
    pub scope: RecoveryScope,
    pub placement: Placement,
    pub slots: Slots,
    pub rebalancing: Rebalancing,
    /// Real records that one simulated record stands for.
    pub weight: u32,
    /// Mistakes that are switched on; none, but for a check of the checkers.
    pub defects: Defects,
    pub streams: Streams,
}

/// Actor numbers by role.
#[derive(Clone, Debug)]
pub struct Directory {
    names: Vec<String>,
    pub zookeeper: Vec<ActorId>,
    pub jobmanagers: Vec<ActorId>,
    pub taskmanagers: Vec<ActorId>,
    pub kafka: ActorId,
    pub storage: ActorId,
    pub database: ActorId,
    pub receiver: ActorId,
    /// Who injects faults: not a process, only a name in the trace.
    pub faults: ActorId,
}

impl Directory {
    pub fn new(cluster: &Cluster) -> Directory {
        let mut names = Vec::new();
        let mut add = |name: String| {
            names.push(name);
            ActorId(names.len() as u32 - 1)
        };
        Directory {
            zookeeper: (1..=cluster.zookeeper.servers)
                .map(|n| add(format!("zk-{n}")))
                .collect(),
            jobmanagers: cluster
                .jobmanagers
                .iter()
                .map(|name| add(name.clone()))
                .collect(),
            taskmanagers: cluster
                .taskmanagers
                .iter()
                .map(|tm| add(tm.name.clone()))
                .collect(),
            kafka: add("kafka".to_owned()),
            storage: add(cluster.storage.name.clone()),
            database: add(cluster.database.name.clone()),
            receiver: add(cluster.receiver.name.clone()),
            faults: add("faults".to_owned()),
            names,
        }
    }

    pub fn name(&self, actor: ActorId) -> &str {
        &self.names[actor.0 as usize]
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The TaskManager's place in the cluster.
    pub fn taskmanager_index(&self, actor: ActorId) -> Option<usize> {
        self.taskmanagers.iter().position(|tm| *tm == actor)
    }
}
