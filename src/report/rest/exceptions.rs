//! `/jobs/:id/exceptions`: the failures that made the job restart, latest first; as far as the present JobMaster knows.

use serde_json::{Value, json};

use crate::drill::outcome::{Outcome, StatusChange};

use super::ms;

/// `web.exception-history-size`
const HISTORY: usize = 16;

pub(super) fn history(outcome: &Outcome) -> Value {
    let job = outcome.summary.jobs.first();
    let changes = job.into_iter().flat_map(|job| &job.history);
    let name = job.map_or("", |job| &job.name);
    let since = outcome.graphs.first().map_or(0.0, |graph| graph.since_ms);
    let failed: Vec<&StatusChange> = changes
        .filter(|change| change.at_ms >= since)
        .filter(|change| matches!(change.status.as_str(), "RESTARTING" | "FAILING"))
        .filter(|change| !is_planned(&change.reason))
        .collect();
    let entries: Vec<Value> = failed
        .iter()
        .rev()
        .take(HISTORY)
        .map(|change| entry(change, name, outcome))
        .collect();
    json!({
        "exceptionHistory": {
            "entries": entries,
            "truncated": failed.len() > HISTORY,
        }
    })
}

/// A restart that nothing failed for: the adaptive scheduler's rescale, or a task that moves because of load.
fn is_planned(reason: &str) -> bool {
    let word = reason.split([':', ' ']).next();
    matches!(word, Some("rescale" | "rebalancing"))
}

fn entry(change: &StatusChange, job: &str, outcome: &Outcome) -> Value {
    // Later failures of a recovery have their own causes.
    let detector = change.reason.split(':').next().unwrap_or("");
    let name = class(detector);
    // A task that failed at that instant is the one whose failure it is.
    let failed = outcome
        .tasks
        .iter()
        .find(|span| span.job == job && span.to_ms == Some(change.at_ms) && span.state == "FAILED");
    json!({
        "exceptionName": name,
        "stacktrace": format!("{name}: {}", change.reason),
        "timestamp": ms(change.at_ms),
        "failureLabels": {},
        "taskName": failed.map(|span| format!("{} - execution #{}", span.task, span.attempt.saturating_sub(1))),
        "endpoint": failed.map(|span| span.taskmanager.clone()),
        "taskManagerId": failed.map(|span| span.taskmanager.clone()),
        "concurrentExceptions": [],
    })
}

/// Flink's class for what noticed the failure.
fn class(detector: &str) -> &'static str {
    match detector {
        "data-plane" => {
            "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException"
        }
        "heartbeat-timeout" => "java.util.concurrent.TimeoutException",
        "resource-manager" | "rpc-unreachable" => {
            "org.apache.flink.runtime.jobmaster.JobMasterException"
        }
        "deployment-unreachable" => {
            "org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException"
        }
        "no-resources" => {
            "org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException"
        }
        "user-exception" => "java.lang.RuntimeException",
        _ => "org.apache.flink.util.FlinkException",
    }
}
