//! Faults without a recovery, restarts without a fault, and what else is worth a line.

use serde::Serialize;

/// A restart that no fault explains, as after a failed transaction.
#[derive(Clone, Debug, Serialize)]
pub struct Unprovoked {
    pub job: String,
    pub at_ms: f64,
    /// What noticed: `task-failure`, ...
    pub detector: String,
    /// It did not restart: the job failed for good.
    pub failed: bool,
}

/// A fault of a TaskManager that ran no task of a job.
#[derive(Clone, Debug, Serialize)]
pub struct Spared {
    /// As of a recovery: `kill tm-3`
    pub fault: String,
    pub job: String,
    pub at_ms: f64,
    /// Who first gave the TaskManager up: `resource-manager`, `zookeeper-session`, ...; null where nobody did.
    pub noticed_by: Option<String>,
    pub noticed_ms: Option<f64>,
    /// One line: `tm-3 ran no task of fraud-detection: nothing to recover`
    pub what: String,
}

/// Something that surprises, in one line.
#[derive(Clone, Debug, Serialize)]
pub struct Notable {
    pub at_ms: f64,
    pub what: String,
}
