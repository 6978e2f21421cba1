//! Each checkpoint from its trigger to its end, and the restarts that went back to it: Flink's `CheckpointStatsHistory`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::gauges::{is_beginning, job_of};
use super::tasks::Tasks;
use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::actor::settings::SchedulerKind;
use crate::dataflow::batch::{Alignment, CheckpointId};
use crate::dataflow::job_graph::Exchange;
use crate::dataflow::topology::JobId;
use crate::kernel::{Header, Time};
use crate::policy::Liveness;

use super::outcome::{CheckpointEntry, JobGraph, Vertex, VertexInput};

#[derive(Clone, Debug)]
pub struct CheckpointHistory {
    blueprint: Arc<Blueprint>,
    pub entries: Vec<CheckpointEntry>,
    savepoints: BTreeSet<(JobId, CheckpointId)>,
    /// In the store of each job, oldest first.
    retained: BTreeMap<JobId, Vec<CheckpointId>>,
    /// The parallelism of each job's operators, where it is not what the scenario says.
    widths: BTreeMap<JobId, Vec<u32>>,
    /// Since when each job has the JobMaster that it has.
    begun: BTreeMap<JobId, Time>,
}

impl CheckpointHistory {
    pub fn new(blueprint: &Arc<Blueprint>) -> CheckpointHistory {
        CheckpointHistory {
            blueprint: Arc::clone(blueprint),
            entries: Vec::new(),
            savepoints: BTreeSet::new(),
            retained: BTreeMap::new(),
            widths: BTreeMap::new(),
            begun: BTreeMap::new(),
        }
    }

    /// How wide the job's operators are now.
    fn widths(&self, job: JobId) -> &[u32] {
        let planned = &self.blueprint.topology.jobs[job as usize]
            .layout
            .parallelism;
        self.widths.get(&job).unwrap_or(planned)
    }

    fn alignment(&self) -> Alignment {
        self.blueprint.config.checkpointing.alignment()
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let now = header.time.as_ms();
        if let Some(job) = job_of(fact, &self.blueprint.topology) {
            self.begun.entry(job).or_insert(header.time);
        }
        match fact {
            Fact::RecoveryStarted { job, .. } if is_beginning(fact) => {
                self.begun.insert(*job, header.time);
            }
            Fact::ExecutionGraphCreated { job, parallelism } => {
                self.widths.insert(*job, parallelism.clone());
            }
            Fact::SavepointTriggered(job, checkpoint) => {
                self.savepoints.insert((*job, *checkpoint));
            }
            Fact::JobResubmitted(job, _) => {
                self.retained.remove(job);
            }
            Fact::CheckpointTriggered { job, checkpoint } => self.entries.push(CheckpointEntry {
                is_savepoint: self.savepoints.contains(&(*job, *checkpoint)),
                is_unaligned: self.alignment() == Alignment::Unaligned
                    && !self.savepoints.contains(&(*job, *checkpoint)),
                discarded: false,
                tasks: self.widths(*job).iter().sum(),
                job: *job as usize,
                id: *checkpoint,
                triggered_ms: now,
                ended_ms: None,
                status: "IN_PROGRESS",
                state_bytes: 0,
                written_bytes: 0,
                persisted_bytes: 0,
                acknowledged: 0,
                failure: None,
                restored_ms: Vec::new(),
            }),
            Fact::CheckpointAcknowledged {
                job, checkpoint, ..
            } => self.with(*job, *checkpoint, |entry| entry.acknowledged += 1),
            Fact::CheckpointCompleted {
                job,
                checkpoint,
                bytes,
                written_bytes,
                persisted_bytes,
                ..
            } => {
                self.with(*job, *checkpoint, |entry| {
                    entry.status = "COMPLETED";
                    entry.ended_ms = Some(now);
                    entry.state_bytes = *bytes;
                    entry.written_bytes = *written_bytes;
                    entry.persisted_bytes = *persisted_bytes;
                });
                self.retain(*job, *checkpoint);
            }
            // Barriers that have waited for `aligned-checkpoint-timeout`.
            Fact::ChannelsOvertaken {
                subtask,
                checkpoint,
                ..
            } => {
                let job = self.blueprint.topology.job_of(*subtask);
                self.with(job, *checkpoint, |entry| entry.is_unaligned = true);
            }
            Fact::CheckpointAborted {
                job,
                checkpoint,
                reason,
            } => self.with(*job, *checkpoint, |entry| {
                entry.status = "FAILED";
                entry.ended_ms = Some(now);
                entry.failure = Some(reason);
            }),
            Fact::RetrievalStarted {
                job, checkpoint, ..
            } => self.with(*job, *checkpoint, |entry| entry.restored_ms.push(now)),
            _ => {}
        }
    }

    /// What is beyond `num-retained` is discarded. A savepoint is its owner's, and not in the store.
    fn retain(&mut self, job: JobId, id: CheckpointId) {
        if self.savepoints.contains(&(job, id)) {
            return;
        }
        let most = self.blueprint.config.checkpointing.retained.max(1) as usize;
        let retained = self.retained.entry(job).or_default();
        retained.push(id);
        let surplus = retained.len().saturating_sub(most);
        for old in retained.drain(..surplus).collect::<Vec<_>>() {
            self.with(job, old, |entry| entry.discarded = true);
        }
    }

    /// Those that anything still happens to are the latest.
    fn with(&mut self, job: JobId, id: CheckpointId, change: impl FnOnce(&mut CheckpointEntry)) {
        let is_it = |entry: &&mut CheckpointEntry| entry.job == job as usize && entry.id == id;
        if let Some(entry) = self.entries.iter_mut().rev().find(is_it) {
            change(entry);
        }
    }

    /// The jobs as they are now.
    pub fn graphs(&self, tasks: &Tasks) -> Vec<JobGraph> {
        let blueprint = &*self.blueprint;
        let topology = &blueprint.topology;
        let graph = |(number, job): (usize, &crate::dataflow::topology::JobInfo)| JobGraph {
            name: job.name.clone(),
            since_ms: self
                .begun
                .get(&(number as JobId))
                .map_or(0.0, |at| at.as_ms()),
            scheduler: match (blueprint.liveness, blueprint.config.scheduler) {
                (Liveness::RpcHeartbeats, SchedulerKind::Adaptive) => "Adaptive",
                _ => "Default",
            },
            vertices: job
                .operators
                .iter()
                .zip(self.widths(number as JobId))
                .map(|(id, parallelism)| {
                    let info = &topology.operators[*id as usize];
                    let inputs = info.spec.kind.inputs().iter();
                    Vertex {
                        name: info.spec.name.clone(),
                        parallelism: *parallelism,
                        max_parallelism: info.max_parallelism,
                        io: tasks.io(*id, blueprint),
                        inputs: inputs
                            .map(|input| VertexInput {
                                from: input.operator,
                                ship_strategy: match input.exchange {
                                    Exchange::Forward => "FORWARD",
                                    Exchange::Rebalance => "REBALANCE",
                                    Exchange::Hash => "HASH",
                                },
                            })
                            .collect(),
                    }
                })
                .collect(),
        };
        topology.jobs.iter().enumerate().map(graph).collect()
    }
}
