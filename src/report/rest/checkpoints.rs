//! `/jobs/:id/checkpoints`: counts, a summary of the completed ones, the latest of each kind, and the last ten.

use serde_json::{Value, json};

use crate::drill::outcome::{CheckpointEntry, Outcome};

use super::{id, ms};

/// `web.checkpoints.history`
const HISTORY: usize = 10;

pub(super) fn statistics(outcome: &Outcome) -> Value {
    let first_job = outcome.checkpoints.iter().filter(|entry| entry.job == 0);
    let all: Vec<&CheckpointEntry> = first_job.collect();
    let count = |status: &str| all.iter().filter(|entry| entry.status == status).count();
    let restored: usize = all.iter().map(|entry| entry.restored_ms.len()).sum();
    let tasks: u32 = outcome.graphs.first().map_or(0, |graph| {
        graph.vertices.iter().map(|vertex| vertex.parallelism).sum()
    });
    let latest = |status: &str| {
        let found = all.iter().rev().find(|entry| entry.status == status);
        found.map_or(Value::Null, |entry| checkpoint(entry, tasks, outcome))
    };
    let done: Vec<&&CheckpointEntry> = all
        .iter()
        .filter(|entry| entry.status == "COMPLETED")
        .collect();
    let over =
        |of: fn(&CheckpointEntry) -> f64| summary(done.iter().map(|entry| of(entry)).collect());
    json!({
        "counts": {
            "restored": restored,
            "total": all.len(),
            "in_progress": count("IN_PROGRESS"),
            "completed": count("COMPLETED"),
            "failed": count("FAILED"),
        },
        "summary": {
            "checkpointed_size": over(|entry| entry.written_bytes as f64),
            "state_size": over(|entry| entry.state_bytes as f64),
            "end_to_end_duration": over(duration),
            "alignment_buffered": over(|_| 0.0),
            "processed_data": over(|_| 0.0),
            "persisted_data": over(|entry| entry.persisted_bytes as f64),
        },
        "latest": {
            "completed": latest("COMPLETED"),
            "savepoint": null,
            "failed": latest("FAILED"),
            "restored": self::restored(&all),
        },
        "history": all.iter().rev().take(HISTORY).map(|entry| checkpoint(entry, tasks, outcome)).collect::<Vec<_>>(),
    })
}

fn duration(entry: &CheckpointEntry) -> f64 {
    entry
        .ended_ms
        .map_or(0.0, |ended| ended - entry.triggered_ms)
}

/// `MinMaxAvgStatistics`, with quantiles by the nearest rank.
fn summary(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let whole = |value: f64| value.round() as i64;
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let quantile = |per_mille: usize| -> f64 {
        let rank = (values.len() * per_mille).div_ceil(1_000).max(1);
        values.get(rank - 1).copied().unwrap_or(0.0).round()
    };
    json!({
        "min": whole(values.first().copied().unwrap_or(0.0)),
        "max": whole(values.last().copied().unwrap_or(0.0)),
        "avg": whole(mean),
        "p50": quantile(500),
        "p90": quantile(900),
        "p95": quantile(950),
        "p99": quantile(990),
        "p999": quantile(999),
    })
}

fn checkpoint(entry: &CheckpointEntry, tasks: u32, outcome: &Outcome) -> Value {
    let now = outcome.summary.simulated_ms;
    let mut value = json!({
        "className": entry.status.to_lowercase(),
        "id": entry.id,
        "status": entry.status,
        "is_savepoint": false,
        "savepointFormat": null,
        "trigger_timestamp": ms(entry.triggered_ms),
        "latest_ack_timestamp": entry.ended_ms.map_or(-1, ms),
        "checkpointed_size": entry.written_bytes,
        "state_size": entry.state_bytes,
        "end_to_end_duration": ms(entry.ended_ms.unwrap_or(now) - entry.triggered_ms),
        "alignment_buffered": 0,
        "processed_data": 0,
        "persisted_data": entry.persisted_bytes,
        "num_subtasks": tasks,
        "num_acknowledged_subtasks": entry.acknowledged.min(tasks),
        "checkpoint_type": "CHECKPOINT",
        "tasks": {},
    });
    match entry.status {
        "COMPLETED" => {
            value["external_path"] = json!(path(entry, outcome));
            value["discarded"] = json!(false);
        }
        "FAILED" => {
            value["failure_timestamp"] = json!(entry.ended_ms.map_or(-1, ms));
            value["failure_message"] = json!(entry.failure);
        }
        _ => {}
    }
    value
}

fn restored(all: &[&CheckpointEntry]) -> Value {
    let each = |entry: &&CheckpointEntry| entry.restored_ms.last().map(|at| (*at, entry.id));
    let last = all
        .iter()
        .filter_map(each)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    last.map_or(Value::Null, |(at, id)| {
        json!({
            "id": id,
            "restore_timestamp": ms(at),
            "is_savepoint": false,
            "external_path": null,
        })
    })
}

/// Where it would lie: `execution.checkpointing.dir` is not simulated.
fn path(entry: &CheckpointEntry, outcome: &Outcome) -> String {
    let job = outcome
        .graphs
        .first()
        .map_or("", |graph| graph.name.as_str());
    let storage = &outcome.film.storage;
    format!("{storage}:/{}/chk-{}", id(job), entry.id)
}
