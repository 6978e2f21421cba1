//! What is measured again and again: single points of it.

use std::sync::Arc;

use serde::Serialize;

#[derive(Clone, Debug)]
pub struct MetricPoint {
    pub at_ms: f64,
    /// `job`, `task`, `taskmanager`, `partition`, `checkpoint`
    pub scope: &'static str,
    /// Which job, task, ...
    pub subject: Arc<str>,
    /// Flink's own name where there is one (`busyTimeMsPerSecond`).
    pub metric: &'static str,
    pub value: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct LatencyPoint {
    /// Middle of the second.
    pub at_ms: f64,
    pub records: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct LagPoint {
    pub at_ms: f64,
    /// Over all partitions.
    pub total: u64,
    /// The partition furthest behind.
    pub max: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct WatermarkLagPoint {
    pub at_ms: f64,
    pub lag_ms: f64,
}
