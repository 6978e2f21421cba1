//! `perfetto.json`: the run in Chrome's Trace Event Format, for ui.perfetto.dev and chrome://tracing. A process is a node, a thread a task in its
//! slot or a role; messages that led to something are slices joined by flows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::drill::outcome::{Outcome, TimelineEntry};

use super::{Artifact, Format};

pub struct Perfetto;

impl Format for Perfetto {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        let mut trace = Trace::default();
        trace.nodes(outcome);
        recoveries(outcome, &mut trace);
        tasks(outcome, &mut trace);
        faults(outcome, &mut trace);
        for entry in &outcome.timeline {
            log(entry, &mut trace);
        }
        messages(outcome, &mut trace);
        counters(outcome, &mut trace);
        vec![Artifact {
            name: "perfetto.json",
            bytes: trace.into_bytes(),
        }]
    }
}

/// The process of what concerns no node: recoveries, counters.
const RUN: &str = "run";
/// Messages take no time to handle; a slice has to have some to be seen.
const HANDLED_US: f64 = 1.0;

#[derive(Default)]
struct Trace {
    /// Events with their time in microseconds.
    events: Vec<(f64, Value)>,
    processes: BTreeMap<String, u32>,
    threads: BTreeMap<(u32, String), u32>,
    names: Vec<Value>,
}

impl Trace {
    /// Nodes in the order in which they are drawn.
    fn nodes(&mut self, outcome: &Outcome) {
        self.process(RUN);
        let film = &outcome.film;
        let taskmanagers = film.taskmanagers.iter().map(|machine| &machine.name);
        let nodes = film
            .jobmanagers
            .iter()
            .chain(&film.zookeeper)
            .chain(taskmanagers);
        for node in nodes {
            self.process(node);
        }
    }

    fn process(&mut self, name: &str) -> u32 {
        if let Some(pid) = self.processes.get(name) {
            return *pid;
        }
        let pid = self.processes.len() as u32 + 1;
        self.processes.insert(name.to_owned(), pid);
        let meta = |what: &str, args: Value| json!({"ph": "M", "pid": pid, "tid": 0, "name": what, "args": args});
        self.names.push(meta("process_name", json!({"name": name})));
        self.names
            .push(meta("process_sort_index", json!({"sort_index": pid})));
        pid
    }

    fn thread(&mut self, process: &str, name: &str) -> (u32, u32) {
        let pid = self.process(process);
        let next = self.threads.len() as u32 + 1;
        let mut is_new = false;
        let tid = *self
            .threads
            .entry((pid, name.to_owned()))
            .or_insert_with(|| {
                is_new = true;
                next
            });
        if is_new {
            let args = json!({"name": name});
            self.names.push(
                json!({"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": args}),
            );
        }
        (pid, tid)
    }

    fn slice(
        &mut self,
        at: (u32, u32),
        name: &str,
        category: &str,
        from_ms: f64,
        to_ms: f64,
        args: Value,
    ) {
        let (from, to) = (us(from_ms), us(to_ms));
        let event = json!({
            "ph": "X", "pid": at.0, "tid": at.1, "name": name, "cat": category, "ts": from, "dur": (to - from).max(0.0), "args": args,
        });
        self.events.push((from, event));
    }

    fn into_bytes(mut self) -> Vec<u8> {
        // Of equal times in the order in which they were made: a longer slice before those inside it.
        self.events.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all: Vec<Value> = self
            .names
            .into_iter()
            .chain(self.events.into_iter().map(|(_, event)| event))
            .collect();
        let value = json!({"displayTimeUnit": "ms", "traceEvents": all});
        let mut bytes = value.to_string().into_bytes();
        bytes.push(b'\n');
        bytes
    }
}

/// Microseconds, to the nanosecond.
fn us(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e3
}

/// Each recovery, with its phases inside.
fn recoveries(outcome: &Outcome, trace: &mut Trace) {
    let end = outcome.summary.simulated_ms;
    for (number, recovery) in outcome.summary.recoveries.iter().enumerate() {
        let at = trace.thread(RUN, &format!("recovery {number} of {}", recovery.job));
        let to = recovery
            .total_ms
            .map_or(end, |total| recovery.at_ms + total);
        let args = json!({
            "detector": recovery.detector, "restarts": recovery.restarts, "restored_checkpoint": recovery.restored_checkpoint,
        });
        trace.slice(at, &recovery.fault, "recovery", recovery.at_ms, to, args);
        for span in outcome.phases.iter().filter(|span| span.recovery == number) {
            trace.slice(
                at,
                span.phase,
                "phase",
                span.from_ms,
                span.to_ms.min(to),
                json!({}),
            );
        }
    }
}

/// Each attempt: while it comes up, and while it runs.
fn tasks(outcome: &Outcome, trace: &mut Trace) {
    let end = outcome.summary.simulated_ms;
    for span in &outcome.tasks {
        let place = match span.slot {
            Some(slot) => format!("slot {slot}: {}", span.task),
            None => span.task.clone(),
        };
        let at = trace.thread(&span.taskmanager, &place);
        let to = span.to_ms.unwrap_or(end);
        let args = || json!({"job": span.job, "attempt": span.attempt, "state": span.state, "partitions": span.partitions});
        let running = span.running_ms.unwrap_or(to).min(to);
        trace.slice(at, "coming up", "task", span.from_ms, running, args());
        if running < to {
            trace.slice(at, &span.task, "task", running, to, args());
        }
    }
}

fn faults(outcome: &Outcome, trace: &mut Trace) {
    let end = outcome.summary.simulated_ms;
    for (number, fault) in outcome.faults.iter().enumerate() {
        // Faults of one node may overlap, and slices of a thread may not.
        let at = trace.thread(&fault.target, &format!("fault {number}"));
        trace.slice(
            at,
            &fault.fault,
            "fault",
            fault.at_ms,
            fault.until_ms.unwrap_or(end),
            json!({}),
        );
    }
}

fn log(entry: &TimelineEntry, trace: &mut Trace) {
    let (pid, tid) = trace.thread(&entry.actor, "log");
    let ts = us(entry.at_ms);
    let event = json!({
        "ph": "i", "s": "t", "pid": pid, "tid": tid, "name": entry.text, "cat": entry.kind, "ts": ts, "args": {"event": entry.event},
    });
    trace.events.push((ts, event));
}

/// The events that led to lines of the log, joined to their causes.
fn messages(outcome: &Outcome, trace: &mut Trace) {
    let mut drawn = BTreeSet::new();
    let mut joined = BTreeSet::new();
    for entry in &outcome.timeline {
        for reason in &entry.causes {
            if drawn.insert(reason.event) {
                let at = trace.thread(&reason.actor, "messages");
                let args = json!({"event": reason.event, "from": reason.from});
                let to_ms = reason.at_ms + HANDLED_US / 1e3;
                trace.slice(at, reason.what, "message", reason.at_ms, to_ms, args);
            }
        }
        // Latest first: each is followed by its cause.
        for pair in entry.causes.windows(2) {
            let [later, earlier] = pair else { continue };
            if !joined.insert(later.event) {
                continue;
            }
            for (phase, reason) in [("s", earlier), ("f", later)] {
                let (pid, tid) = trace.thread(&reason.actor, "messages");
                let ts = us(reason.at_ms);
                let mut event = json!({
                    "ph": phase, "id": later.event, "pid": pid, "tid": tid, "name": later.what, "cat": "cause", "ts": ts,
                });
                if phase == "f" {
                    event["bp"] = json!("e");
                }
                trace.events.push((ts, event));
            }
        }
    }
}

fn counters(outcome: &Outcome, trace: &mut Trace) {
    let pid = trace.process(RUN);
    let mut counter = |name: &str, at_ms: f64, values: Value| {
        let ts = us(at_ms);
        let event =
            json!({"ph": "C", "pid": pid, "tid": 0, "name": name, "ts": ts, "args": values});
        trace.events.push((ts, event));
    };
    for point in &outcome.latency {
        counter(
            "latency, ms",
            point.at_ms,
            json!({"p50": point.p50_ms, "p99": point.p99_ms}),
        );
    }
    for point in &outcome.lag {
        counter(
            "records that wait",
            point.at_ms,
            json!({"all": point.total}),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_event_has_what_the_format_asks_for() {
        for outcome in fixture::all() {
            let bytes = Perfetto.artifacts(&outcome).remove(0).bytes;
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            for event in value["traceEvents"].as_array().unwrap() {
                let phase = event["ph"].as_str().unwrap();
                assert!(event["pid"].is_u64() && event["tid"].is_u64(), "{event}");
                assert!(event["name"].is_string(), "{event}");
                assert_eq!(event["ts"].is_number(), phase != "M", "{event}");
                assert_eq!(
                    event["dur"].as_f64().is_some_and(|dur| dur >= 0.0),
                    phase == "X",
                    "{event}"
                );
            }
        }
    }
}
