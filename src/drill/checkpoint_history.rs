//! Each checkpoint from its trigger to its end, and the restarts that went back to it: Flink's `CheckpointStatsHistory`.

use super::tasks::Tasks;
use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::actor::settings::SchedulerKind;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::job_graph::Exchange;
use crate::dataflow::topology::JobId;
use crate::kernel::Header;
use crate::policy::Liveness;

use super::outcome::{CheckpointEntry, JobGraph, Vertex, VertexInput};

#[derive(Clone, Debug, Default)]
pub struct CheckpointHistory {
    pub entries: Vec<CheckpointEntry>,
}

impl CheckpointHistory {
    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let now = header.time.as_ms();
        match fact {
            Fact::CheckpointTriggered { job, checkpoint } => self.entries.push(CheckpointEntry {
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
            } => self.with(*job, *checkpoint, |entry| {
                entry.status = "COMPLETED";
                entry.ended_ms = Some(now);
                entry.state_bytes = *bytes;
                entry.written_bytes = *written_bytes;
                entry.persisted_bytes = *persisted_bytes;
            }),
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

    /// Those that anything still happens to are the latest.
    fn with(&mut self, job: JobId, id: CheckpointId, change: impl FnOnce(&mut CheckpointEntry)) {
        let is_it = |entry: &&mut CheckpointEntry| entry.job == job as usize && entry.id == id;
        if let Some(entry) = self.entries.iter_mut().rev().find(is_it) {
            change(entry);
        }
    }
}

/// The jobs as they were submitted.
pub fn graphs(tasks: &Tasks, blueprint: &Blueprint) -> Vec<JobGraph> {
    let topology = &blueprint.topology;
    let graph = |job: &crate::dataflow::topology::JobInfo| JobGraph {
        name: job.name.clone(),
        scheduler: match (blueprint.liveness, blueprint.config.scheduler) {
            (Liveness::RpcHeartbeats, SchedulerKind::Adaptive) => "Adaptive",
            _ => "Default",
        },
        vertices: job
            .operators
            .iter()
            .map(|id| {
                let info = &topology.operators[*id as usize];
                let inputs = info.spec.kind.inputs().iter();
                Vertex {
                    name: info.spec.name.clone(),
                    parallelism: info.spec.parallelism,
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
    topology.jobs.iter().map(graph).collect()
}
