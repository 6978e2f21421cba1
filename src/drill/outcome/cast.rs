//! Who takes part in a run, and what state each is in.

use serde::Serialize;

/// Who is there, and how that changes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Film {
    pub zookeeper: Vec<String>,
    pub jobmanagers: Vec<String>,
    pub taskmanagers: Vec<Machine>,
    pub storage: String,
    pub database: String,
    /// `transactions 4`, by split.
    pub partitions: Vec<String>,
    pub operators: Vec<String>,
    pub states: Vec<NodeState>,
    /// Records that wait in each partition, in the order of `partitions`; empty unless causes were remembered.
    pub lag: Vec<PartitionLag>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub name: String,
    pub slots: u32,
    /// False for a spare.
    pub starts: bool,
}

/// A process is in another state than before.
#[derive(Clone, Debug, Serialize)]
pub struct NodeState {
    pub at_ms: f64,
    pub node: String,
    /// `fault`, `healed`, `started`, `exited`, `session`, `expired`, `closed`, `leads`, `follows`, `registered`, `lost`
    pub what: &'static str,
    /// Of a fault, which.
    pub detail: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct PartitionLag {
    pub at_ms: f64,
    pub records: Vec<u64>,
}
