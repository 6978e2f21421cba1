//! `/jobs/:id/checkpoints`: counts, a summary of the completed ones, the latest of each kind, and the last ten; of those
//! that the present JobMaster has triggered, as in Flink.

use serde_json::{Value, json};

use crate::drill::outcome::{CheckpointEntry, Outcome};

use super::{id, ms};

/// `web.checkpoints.history`
const HISTORY: usize = 10;

/// What tasks read while they align.
const NOT_MEASURED: Value = Value::Null;

pub(super) fn statistics(outcome: &Outcome) -> Value {
    let since = outcome.graphs.first().map_or(0.0, |graph| graph.since_ms);
    let first_job = || outcome.checkpoints.iter().filter(|entry| entry.job == 0);
    let all: Vec<&CheckpointEntry> = first_job()
        .filter(|entry| entry.triggered_ms >= since)
        .collect();
    let count = |status: &str| all.iter().filter(|entry| entry.status == status).count();
    let restored = |entry: &CheckpointEntry| {
        let restored = entry.restored_ms.iter();
        restored.filter(|at| **at >= since).count()
    };
    let restored: usize = first_job().map(restored).sum();
    let latest = |status: &str, is_savepoint: bool| {
        let is_one = |entry: &&&CheckpointEntry| {
            entry.status == status && (entry.is_savepoint == is_savepoint || status == "FAILED")
        };
        let found = all.iter().rev().find(is_one);
        found.map_or(Value::Null, |entry| checkpoint(entry, outcome))
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
            "processed_data": NOT_MEASURED,
            "persisted_data": over(|entry| entry.persisted_bytes as f64),
        },
        "latest": {
            "completed": latest("COMPLETED", false),
            "savepoint": latest("COMPLETED", true),
            "failed": latest("FAILED", false),
            "restored": self::restored(first_job(), since, outcome),
        },
        "history": all.iter().rev().take(HISTORY).map(|entry| checkpoint(entry, outcome)).collect::<Vec<_>>(),
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

fn checkpoint(entry: &CheckpointEntry, outcome: &Outcome) -> Value {
    let now = outcome.summary.simulated_ms;
    let mut value = json!({
        "className": entry.status.to_lowercase(),
        "id": entry.id,
        "status": entry.status,
        "is_savepoint": entry.is_savepoint,
        "savepointFormat": entry.is_savepoint.then_some("CANONICAL"),
        "trigger_timestamp": ms(entry.triggered_ms),
        "latest_ack_timestamp": entry.ended_ms.map_or(-1, ms),
        "checkpointed_size": entry.written_bytes,
        "state_size": entry.state_bytes,
        "end_to_end_duration": ms(entry.ended_ms.unwrap_or(now) - entry.triggered_ms),
        "alignment_buffered": 0,
        "processed_data": NOT_MEASURED,
        "persisted_data": entry.persisted_bytes,
        "num_subtasks": entry.tasks,
        "num_acknowledged_subtasks": entry.acknowledged.min(entry.tasks),
        // A savepoint here is one with which the job is stopped.
        "checkpoint_type": match (entry.is_savepoint, entry.is_unaligned) {
            (true, _) => "SYNC_SAVEPOINT",
            (false, true) => "UNALIGNED_CHECKPOINT",
            (false, false) => "CHECKPOINT",
        },
        "tasks": {},
    });
    match entry.status {
        "COMPLETED" => {
            value["external_path"] = json!(path(entry, outcome));
            value["discarded"] = json!(entry.discarded);
        }
        "FAILED" => {
            value["failure_timestamp"] = json!(entry.ended_ms.map_or(-1, ms));
            value["failure_message"] = json!(entry.failure);
        }
        _ => {}
    }
    value
}

/// A new JobMaster begins with one that it has not triggered.
fn restored<'a>(
    all: impl Iterator<Item = &'a CheckpointEntry>,
    since: f64,
    outcome: &Outcome,
) -> Value {
    let each = |entry: &'a CheckpointEntry| entry.restored_ms.last().map(|at| (*at, entry));
    let last = all
        .filter_map(each)
        .filter(|(at, _)| *at >= since)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    last.map_or(Value::Null, |(at, entry)| {
        json!({
            "id": entry.id,
            "restore_timestamp": ms(at),
            "is_savepoint": entry.is_savepoint,
            "external_path": path(entry, outcome),
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
    match entry.is_savepoint {
        true => format!("{storage}:/savepoint-{}", &id(job)[..6]),
        false => format!("{storage}:/{}/chk-{}", id(job), entry.id),
    }
}
