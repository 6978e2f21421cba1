//! The jobs as graphs, their checkpoints one by one, and how wide they ran: what Flink's REST API tells of them.

use serde::Serialize;

/// A job with its operators, which are the vertices of its execution graph.
#[derive(Clone, Debug, Serialize)]
pub struct JobGraph {
    pub name: String,
    /// Since when its JobMaster has it: what an earlier one knew is not known any more.
    pub since_ms: f64,
    /// `jobmanager.scheduler`: `Default` or `Adaptive`
    pub scheduler: &'static str,
    pub vertices: Vec<Vertex>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Vertex {
    pub name: String,
    pub parallelism: u32,
    pub max_parallelism: u32,
    pub inputs: Vec<VertexInput>,
    pub io: VertexIo,
}

/// What the latest attempts of a vertex's tasks have done since each began, as far as TaskManagers have reported it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct VertexIo {
    /// Through the network: of a source none.
    pub read_records: u64,
    pub read_bytes: u64,
    pub write_records: u64,
    pub write_bytes: u64,
    /// Added up over the tasks.
    pub busy_ms: f64,
    pub idle_ms: f64,
    pub back_pressured_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct VertexInput {
    /// Index into the job's vertices.
    pub from: usize,
    /// `FORWARD`, `REBALANCE` or `HASH`
    pub ship_strategy: &'static str,
}

/// A checkpoint that was triggered.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointEntry {
    /// Index of the job.
    pub job: usize,
    pub id: u64,
    pub triggered_ms: f64,
    /// When it completed or was given up; null while it is under way.
    pub ended_ms: Option<f64>,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`
    pub status: &'static str,
    /// What a restore reads, and what was written for it; 0 unless it has completed.
    pub state_bytes: u64,
    pub written_bytes: u64,
    /// Of these, what barriers have overtaken.
    pub persisted_bytes: u64,
    pub is_savepoint: bool,
    /// Barriers have overtaken records, or could have from the start.
    pub is_unaligned: bool,
    /// It has made room for younger ones.
    pub discarded: bool,
    /// Tasks that there are, and those that have acknowledged it.
    pub tasks: u32,
    pub acknowledged: u32,
    /// Why it was given up.
    pub failure: Option<&'static str>,
    /// When a restart went back to it, each time.
    pub restored_ms: Vec<f64>,
}

/// A job has come to have another parallelism.
#[derive(Clone, Debug, Serialize)]
pub struct Rescale {
    pub at_ms: f64,
    /// Of each operator.
    pub from: Vec<u32>,
    pub to: Vec<u32>,
    /// `rescaling`, who detected the failure that it came with, or `submission`.
    pub cause: String,
}
