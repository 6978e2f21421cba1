//! The resolved scenario: every default filled in, every name checked, units turned into integers.
//!
//! Nothing below this room knows of files or defaults; nothing above it sees a scenario that is not whole.

pub use super::flink::FlinkVersion;
pub use crate::actor::settings::{
    Cluster, Config, Database, Host, KafkaCluster, Monitor, Profile, Receiver, SchedulerKind,
    Storage, TaskManager, ZooKeeper,
};
pub use crate::dataflow::event_time::WatermarkStrategy;
pub use crate::dataflow::job_graph::{
    Arrivals, Exchange, Input, Job, OffsetReset, Operator, OperatorKind, Service, Topic,
};
pub use crate::dataflow::sink::{Guarantee, KafkaSink, SinkSpec, SinkTarget, TransactionNaming};
pub use crate::fault::{Fault, FaultKind, Target, When};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::time::Span;
pub use crate::kernel::time::SpanRange as Range;
pub use crate::policy::defect::{Defect, Defects};
pub use crate::policy::{
    Liveness, Placement, RebalanceWhen, Rebalancing, RecoveryScope, Scheduler, Slots,
};

/// A whole drill, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub about: String,
    pub model: Model,
    /// Whose defaults hold.
    pub flink_version: FlinkVersion,
    pub seed: u64,
    /// Simulated length of the run.
    pub duration: Span,
    /// Real records that one simulated record stands for.
    pub weight: u32,
    /// Mistakes that are switched on, to check the checkers; none otherwise.
    pub defects: Defects,
    pub switches: Switches,
    pub cluster: Cluster,
    pub profile: Profile,
    pub config: Config,
    pub topics: Vec<Topic>,
    pub jobs: Vec<Job>,
    pub monitor: Monitor,
    pub faults: Vec<Fault>,
    pub expect: Vec<super::expect::Expectation>,
}

/// A named bundle of defaults for the switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename = "a model", rename_all = "kebab-case")]
#[schemars(rename = "Model")]
pub enum Model {
    /// ZooKeeper liveness, per-task reassignment, in-flight logs and deduplication.
    Story,
    /// Flink with the default scheduler: heartbeats and data-plane connections, regions, slots.
    FlinkDefault,
    /// Flink with the adaptive scheduler: the whole job restarts, with as many slots as there are.
    FlinkAdaptive,
    /// Flink with the adaptive scheduler in reactive mode: every slot is used.
    FlinkReactive,
}

/// What a model decides; each may be set by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    pub liveness: Liveness,
    pub scope: RecoveryScope,
    pub placement: Placement,
    pub slots: Slots,
    pub rebalancing: Rebalancing,
    /// `default` under the story's liveness, where it means nothing.
    pub scheduler: Scheduler,
}

impl Model {
    pub const ALL: &[Model] = &[
        Model::Story,
        Model::FlinkDefault,
        Model::FlinkAdaptive,
        Model::FlinkReactive,
    ];

    /// As the file and the reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Model::Story => "story",
            Model::FlinkDefault => "flink-default",
            Model::FlinkAdaptive => "flink-adaptive",
            Model::FlinkReactive => "flink-reactive",
        }
    }
}

impl Scenario {
    fn task_name(&self, task: crate::fault::Task) -> String {
        let operator = &self.jobs[task.job].operators[task.operator];
        format!("{} {}", operator.name, task.subtask)
    }

    /// By topic: partitions that it comes to have after the start.
    pub fn partitions_later(&self) -> Vec<u32> {
        let mut later = vec![0; self.topics.len()];
        for fault in &self.faults {
            if let (FaultKind::AddPartitions { count }, Target::Topic(topic)) =
                (&fault.kind, fault.target)
            {
                later[topic] += count;
            }
        }
        later
    }

    /// The name of a process, as the scenario gives it (`zk-1`, `zk-2`, ... for ZooKeeper's servers).
    pub fn target_name(&self, target: Target) -> String {
        match target {
            Target::JobManager(i) => self.cluster.jobmanagers[i].clone(),
            Target::TaskManager(i) => self.cluster.taskmanagers[i].name.clone(),
            Target::ZooKeeper(i) => format!("zk-{}", i + 1),
            Target::Host(i) => self.cluster.hosts[i].name.clone(),
            Target::Leader => "leader".to_owned(),
            Target::TaskManagerOf(task) => format!("taskmanager-of {}", self.task_name(task)),
            Target::Task(task) => self.task_name(task),
            Target::Job(i) => self.jobs[i].name.clone(),
            Target::Storage => self.cluster.storage.name.clone(),
            Target::Kafka => "kafka".to_owned(),
            Target::Broker(i) => format!("broker-{}", i + 1),
            Target::Database => self.cluster.database.name.clone(),
            Target::AllTaskManagers => "taskmanagers".to_owned(),
            Target::Topic(i) => self.topics[i].name.clone(),
            Target::Groups => String::new(),
        }
    }
}
