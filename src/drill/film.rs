//! Who is up, who leads, who is missed, and how far behind each partition is: what a moving picture of the cluster shows.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::{Detector, Fact};
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Header, Time};

use super::episode::is_moment;
use super::outcome::{Film, Machine, MetricPoint, NodeState, PartitionLag};
use super::recoveries::SAVEPOINT_AND_RESTART;

/// Lag is noted at every so many looks.
const LOOKS: u32 = 4;

#[derive(Clone, Debug, Default)]
pub struct Filming {
    states: Vec<(Time, ActorId, &'static str, &'static str)>,
    lag: Vec<(Time, Vec<u64>)>,
    looks: u32,
    counted: Counted,
    /// Whenever they change.
    gauges: Vec<Gauge>,
}

/// What the JobManager's gauges count.
#[derive(Clone, Debug, Default)]
struct Counted {
    taskmanagers: BTreeSet<ActorId>,
    /// By job: restarts, checkpoints completed, checkpoints failed, rescales.
    jobs: BTreeMap<JobId, [u64; 4]>,
}

#[derive(Clone, Copy, Debug)]
struct Gauge {
    at: Time,
    /// Who says so.
    node: ActorId,
    scope: &'static str,
    job: Option<JobId>,
    metric: &'static str,
    value: f64,
}

impl Filming {
    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        self.count(header, fact);
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

    /// Flink's gauges of the JobManager, whenever they change.
    fn count(&mut self, header: &Header, fact: &Fact) {
        let (at, node) = (header.time, header.actor);
        let Filming {
            counted, gauges, ..
        } = self;
        let mut job_gauge = |job: JobId, scope, metric, value| {
            let job = Some(job);
            gauges.push(Gauge {
                at,
                node,
                scope,
                job,
                metric,
                value,
            });
        };
        match fact {
            Fact::CheckpointTriggered { job, .. } if !counted.jobs.contains_key(job) => {
                counted.jobs.insert(*job, [0; 4]);
                for metric in [
                    "numRestarts",
                    "numberOfCompletedCheckpoints",
                    "numberOfFailedCheckpoints",
                ] {
                    job_gauge(*job, "job", metric, 0.0);
                }
            }
            Fact::RecoveryStarted { job, detector, .. } => {
                let counts = counted.jobs.entry(*job).or_default();
                match detector {
                    // A JobMaster begins to count anew.
                    Detector::NewLeader | Detector::Resubmission => (counts[0], counts[3]) = (0, 0),
                    Detector::StopWithSavepoint => {}
                    Detector::Rescaling => (counts[0], counts[3]) = (counts[0] + 1, counts[3] + 1),
                    _ => counts[0] += 1,
                }
                job_gauge(*job, "job", "numRestarts", counts[0] as f64);
                // Only the adaptive scheduler has it.
                if counts[3] > 0 {
                    job_gauge(*job, "job", "numRescales", counts[3] as f64);
                }
            }
            Fact::CheckpointCompleted {
                job,
                bytes,
                written_bytes,
                persisted_bytes,
                duration,
                ..
            } => {
                let counts = counted.jobs.entry(*job).or_default();
                counts[1] += 1;
                job_gauge(
                    *job,
                    "job",
                    "numberOfCompletedCheckpoints",
                    counts[1] as f64,
                );
                job_gauge(*job, "job", "lastCheckpointDuration", duration.as_ms());
                job_gauge(*job, "job", "lastCheckpointSize", *written_bytes as f64);
                job_gauge(*job, "job", "lastCheckpointFullSize", *bytes as f64);
                let persisted = *persisted_bytes as f64;
                job_gauge(*job, "job", "lastCheckpointPersistedData", persisted);
            }
            Fact::CheckpointAborted { job, .. } => {
                let counts = counted.jobs.entry(*job).or_default();
                counts[2] += 1;
                job_gauge(*job, "job", "numberOfFailedCheckpoints", counts[2] as f64);
            }
            Fact::TaskManagerRegistered { taskmanager }
            | Fact::TaskManagerLost { taskmanager, .. } => {
                match fact {
                    Fact::TaskManagerLost { .. } => counted.taskmanagers.remove(taskmanager),
                    _ => counted.taskmanagers.insert(*taskmanager),
                };
                let value = counted.taskmanagers.len() as f64;
                let metric = "numRegisteredTaskManagers";
                gauges.push(Gauge {
                    at,
                    node,
                    scope: "jobmanager",
                    job: None,
                    metric,
                    value,
                });
            }
            _ => {}
        }
    }

    /// The gauges as measurements.
    pub fn metrics(&self, blueprint: &Blueprint) -> impl Iterator<Item = MetricPoint> {
        self.gauges.iter().map(|gauge| MetricPoint {
            at_ms: gauge.at.as_ms(),
            scope: gauge.scope,
            subject: match gauge.job {
                Some(job) => blueprint.topology.jobs[job as usize].name.as_str().into(),
                None => blueprint.directory.name(gauge.node).into(),
            },
            metric: gauge.metric,
            value: gauge.value,
        })
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
