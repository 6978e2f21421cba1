//! `/jobs/:id`: the job's status, its vertices with the states of their tasks, and its plan.

use serde_json::{Map, Value, json};

use crate::drill::outcome::{JobGraph, JobSummary, Outcome, TaskSpan, Vertex, VertexIo};

use super::{id, ms};

const JOB_STATUSES: [&str; 11] = [
    "INITIALIZING",
    "CREATED",
    "RUNNING",
    "FAILING",
    "FAILED",
    "CANCELLING",
    "CANCELED",
    "FINISHED",
    "RESTARTING",
    "SUSPENDED",
    "RECONCILING",
];
const EXECUTION_STATES: [&str; 10] = [
    "CREATED",
    "SCHEDULED",
    "DEPLOYING",
    "RUNNING",
    "FINISHED",
    "CANCELING",
    "CANCELED",
    "FAILED",
    "RECONCILING",
    "INITIALIZING",
];

pub(super) fn details(outcome: &Outcome) -> Value {
    let (Some(graph), Some(job)) = (outcome.graphs.first(), outcome.summary.jobs.first()) else {
        return json!({"errors": ["Job not found"]});
    };
    let now = outcome.summary.simulated_ms;
    let vertices: Vec<(Value, &str)> = graph
        .vertices
        .iter()
        .map(|vertex| self::vertex(vertex, graph, outcome, now))
        .collect();
    let counts = counts(vertices.iter().map(|(_, status)| *status));
    let start = graph.since_ms;
    let ended = job
        .history
        .last()
        .filter(|change| matches!(change.status.as_str(), "FAILED" | "FINISHED"));
    let end = ended.map(|change| change.at_ms);
    json!({
        "jid": id(&graph.name),
        // Handed in by itself, a job is an application of its own.
        "application-id": id(&graph.name),
        "name": graph.name,
        "isStoppable": false,
        "state": job.status,
        "job-type": "STREAMING",
        "schedulerType": graph.scheduler,
        "start-time": ms(start),
        "end-time": end.map_or(-1, ms),
        "duration": ms(end.unwrap_or(now)) - ms(start),
        "maxParallelism": -1,
        "now": ms(now),
        "timestamps": timestamps(job, start),
        "vertices": vertices.into_iter().map(|(value, _)| value).collect::<Vec<_>>(),
        "status-counts": counts,
        "plan": plan(graph),
        "pending-operators": 0,
    })
}

/// When the job came into each state last; 0: never. Its JobMaster begins as INITIALIZING.
fn timestamps(job: &JobSummary, since_ms: f64) -> Value {
    let mut all = Map::new();
    for status in JOB_STATUSES {
        all.insert(status.to_owned(), json!(0));
    }
    all.insert("INITIALIZING".to_owned(), json!(ms(since_ms)));
    for change in &job.history {
        if change.at_ms >= since_ms {
            all.insert(change.status.clone(), json!(ms(change.at_ms)));
        }
    }
    Value::Object(all)
}

fn counts<'a>(states: impl Iterator<Item = &'a str>) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for state in EXECUTION_STATES {
        all.insert(state.to_owned(), json!(0));
    }
    for state in states {
        let count = all.get(state).and_then(Value::as_u64).unwrap_or(0);
        all.insert(state.to_owned(), json!(count + 1));
    }
    Value::Object(all)
}

/// The latest attempt of each subtask.
fn latest<'a>(vertex: &Vertex, graph: &JobGraph, outcome: &'a Outcome) -> Vec<&'a TaskSpan> {
    let mut latest: Vec<&TaskSpan> = Vec::new();
    // Where the graph has become narrower there are others no more.
    let own = |span: &&TaskSpan| {
        span.job == graph.name && span.operator == vertex.name && span.subtask < vertex.parallelism
    };
    for span in outcome.tasks.iter().filter(own) {
        match latest
            .iter_mut()
            .find(|known| known.subtask == span.subtask)
        {
            Some(known) if (known.attempt, known.from_ms) < (span.attempt, span.from_ms) => {
                *known = span
            }
            Some(_) => {}
            None => latest.push(span),
        }
    }
    latest.sort_by_key(|span| span.subtask);
    latest
}

/// The vertex, and its state: that of the task furthest behind, as `ExecutionJobVertex.getAggregateJobVertexState` has it.
fn vertex(vertex: &Vertex, graph: &JobGraph, outcome: &Outcome, now: f64) -> (Value, &'static str) {
    let tasks = latest(vertex, graph, outcome);
    let has = |state: &str| tasks.iter().any(|span| span.state == state);
    let order = ["FAILED", "CANCELING", "CANCELED", "INITIALIZING", "RUNNING"];
    // All else is CREATED.
    let status = order.into_iter().find(|state| has(state));
    let status = status.unwrap_or("CREATED");
    let start = tasks
        .iter()
        .map(|span| span.from_ms)
        .fold(f64::INFINITY, f64::min);
    let started = start.is_finite();
    // All have ended: so has the vertex, with the last of them.
    let ends = tasks.iter().map(|span| span.to_ms);
    let end = ends.reduce(|one, other| Some(one?.max(other?))).flatten();
    let value = json!({
        "id": id(&vertex.name),
        "slotSharingGroupId": id("default"),
        "name": vertex.name,
        "maxParallelism": vertex.max_parallelism,
        "parallelism": vertex.parallelism,
        "status": status,
        "start-time": if started { ms(start) } else { -1 },
        "end-time": end.map_or(-1, ms),
        "duration": if started { ms(end.unwrap_or(now)) - ms(start) } else { -1 },
        "tasks": counts(tasks.iter().map(|span| span.state.as_str())),
        "metrics": metrics(&vertex.io),
    });
    (value, status)
}

/// `IOMetricsInfo`
fn metrics(io: &VertexIo) -> Value {
    json!({
        "read-bytes": io.read_bytes,
        "read-bytes-complete": true,
        "write-bytes": io.write_bytes,
        "write-bytes-complete": true,
        "read-records": io.read_records,
        "read-records-complete": true,
        "write-records": io.write_records,
        "write-records-complete": true,
        "accumulated-backpressured-time": ms(io.back_pressured_ms),
        "accumulated-idle-time": ms(io.idle_ms),
        "accumulated-busy-time": io.busy_ms.round(),
    })
}

/// `JobPlanInfo`
fn plan(graph: &JobGraph) -> Value {
    let node = |vertex: &Vertex| {
        let mut node = json!({
            "id": id(&vertex.name),
            "operator": "",
            "parallelism": vertex.parallelism,
            "operator_strategy": "",
            "description": format!("{}<br/>", vertex.name),
            "optimizer_properties": {},
        });
        let inputs: Vec<Value> = vertex
            .inputs
            .iter()
            .enumerate()
            .map(|(number, input)| {
                json!({
                    "id": id(&graph.vertices[input.from].name),
                    "num": number,
                    "exchange": "pipelined_bounded",
                    "ship_strategy": input.ship_strategy,
                })
            })
            .collect();
        if !inputs.is_empty() {
            node["inputs"] = json!(inputs);
        }
        node
    };
    json!({
        "jid": id(&graph.name),
        "name": graph.name,
        "type": "STREAMING",
        "nodes": graph.vertices.iter().map(node).collect::<Vec<_>>(),
    })
}
