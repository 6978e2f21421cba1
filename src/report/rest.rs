//! What Flink's REST API would answer of the first job when the run ends: `/jobs/:id`, `/jobs/:id/checkpoints` and
//! `/jobs/:id/exceptions`, for whoever has a program that reads them.
//!
//! Field names are those of Flink 2.3 (`JobDetailsInfo`, `CheckpointingStatistics`, `JobExceptionsInfoWithHistory`). Times are
//! milliseconds since the start of the simulation, where Flink has the wall clock's.

mod checkpoints;
mod exceptions;
mod job;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::drill::outcome::Outcome;

use super::{Artifact, Format};

pub struct Rest;

impl Format for Rest {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        let artifact = |name, value: Value| Artifact {
            name,
            bytes: format!("{value:#}\n").into_bytes(),
        };
        vec![
            artifact("rest-job.json", job::details(outcome)),
            artifact("rest-checkpoints.json", checkpoints::statistics(outcome)),
            artifact("rest-exceptions.json", exceptions::history(outcome)),
        ]
    }
}

/// An id as Flink has them, out of a name.
fn id(name: &str) -> String {
    format!("{:032x}", xxh3_128(name.as_bytes()))
}

/// Whole milliseconds.
fn ms(value: f64) -> i64 {
    value.round() as i64
}
