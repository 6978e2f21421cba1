//! What a sequence diagram shows: of all messages between a fault and "all tasks run" those that led to something, and
//! of these as many as can be read.

use std::collections::{BTreeMap, BTreeSet};

use crate::drill::outcome::{Outcome, TimelineEntry};

/// A row of the diagram, in order of time.
#[derive(Clone, Debug)]
pub struct Row {
    pub at_ms: f64,
    pub what: What,
    /// What goes first where there is no room: the higher, the earlier.
    rank: (u8, usize),
}

#[derive(Clone, Debug)]
pub enum What {
    /// From one lifeline to another.
    Message {
        from: String,
        to: String,
        name: &'static str,
        sent_ms: Option<f64>,
        times: u32,
    },
    /// Something happens to somebody.
    Note {
        actor: String,
        text: String,
        is_fault: bool,
    },
}

#[derive(Debug, Default)]
pub struct Sequence {
    /// Lifelines, from left to right.
    pub actors: Vec<String>,
    pub rows: Vec<Row>,
    /// Messages that led to something and have no room.
    pub left_out: usize,
}

/// Timers that are about somebody else: nothing was sent.
const TIMERS: [&str; 2] = ["HeartbeatTimeout", "Ask"];
/// Messages of one kind between the same two, so soon after each other, are one row.
const TOGETHER_MS: f64 = 50.0;

/// From when to when: from the fault until all tasks run, or as far as the recovery came.
pub fn window(outcome: &Outcome, recovery: usize) -> (f64, f64) {
    let spans = outcome
        .phases
        .iter()
        .filter(|span| span.recovery == recovery);
    let running = spans.filter(|span| matches!(span.phase, "first_output" | "catch_up"));
    let at = outcome.summary.recoveries[recovery].at_ms;
    let to = running
        .map(|span| span.from_ms)
        .fold(f64::NEG_INFINITY, f64::max);
    match to.is_finite() && to >= at {
        true => (at, to),
        false => (at, outcome.summary.simulated_ms.max(at)),
    }
}

pub fn pick(
    outcome: &Outcome,
    recovery: usize,
    fits: impl Fn(&[Row]) -> bool,
    actors_max: usize,
) -> Sequence {
    let (from, to) = window(outcome, recovery);
    // A message that ends the window comes with the statement that it leads to.
    let within = |at: f64| at >= from && at <= to + 0.001;
    let entries: Vec<&TimelineEntry> = outcome
        .timeline
        .iter()
        .filter(|entry| within(entry.at_ms))
        .collect();
    let mut rows = messages(outcome, recovery, &entries, from);
    rows.extend(entries.iter().filter_map(|entry| note(entry, to)));
    rows.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
    let rows = together(rows);
    let known = cast(outcome, &rows);
    let (actors, rows, hidden) = seen(rows, &known, actors_max);
    let (rows, dropped) = fitting(rows, fits);
    // Somebody whose rows are all gone needs no line.
    let still: BTreeSet<&str> = rows.iter().flat_map(|row| row.what.actors()).collect();
    Sequence {
        actors: actors
            .into_iter()
            .filter(|actor| still.contains(actor.as_str()))
            .collect(),
        left_out: hidden + dropped,
        rows,
    }
}

impl What {
    fn actors(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            What::Message { from, to, .. } => (from.as_str(), Some(to.as_str())),
            What::Note { actor, .. } => (actor.as_str(), None),
        };
        std::iter::once(one).chain(other)
    }
}

/// Everybody who may have a lifeline, in the order in which they are drawn.
fn cast(outcome: &Outcome, rows: &[Row]) -> Vec<String> {
    let film = &outcome.film;
    let mut all: Vec<String> = film
        .zookeeper
        .iter()
        .chain(&film.jobmanagers)
        .cloned()
        .collect();
    all.push(film.storage.clone());
    all.extend(film.taskmanagers.iter().map(|machine| machine.name.clone()));
    all.push("kafka".to_owned());
    all.push(film.database.clone());
    // The receiver of notifications and whoever else speaks.
    for actor in rows.iter().flat_map(|row| row.what.actors()) {
        if actor != "faults" && !all.iter().any(|known| known == actor) {
            all.push(actor.to_owned());
        }
    }
    all
}

/// Messages in the chains of causes that end in a statement about the recovery.
fn messages(
    outcome: &Outcome,
    recovery: usize,
    entries: &[&TimelineEntry],
    from_ms: f64,
) -> Vec<Row> {
    let path = outcome
        .explanations
        .get(recovery)
        .map_or(&[][..], |found| &found.path);
    let critical: BTreeSet<u64> = path
        .iter()
        .filter_map(|step| step.events)
        .flatten()
        .collect();
    let mut known: BTreeMap<u64, Row> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| is_about_recovery(entry)) {
        for (distance, reason) in entry.causes.iter().enumerate() {
            if reason.from == reason.actor
                || TIMERS.contains(&reason.what)
                || reason.at_ms < from_ms
            {
                continue;
            }
            let sent = entry
                .causes
                .get(distance + 1)
                .filter(|cause| cause.actor == reason.from);
            let among_servers = outcome.film.zookeeper.contains(&reason.from)
                && outcome.film.zookeeper.contains(&reason.actor);
            let rank = match (critical.contains(&reason.event), among_servers) {
                (true, _) => 0,
                (false, false) => 2,
                (false, true) => 4,
            };
            let row = Row {
                at_ms: reason.at_ms,
                rank: (rank, distance),
                what: What::Message {
                    from: reason.from.clone(),
                    to: reason.actor.clone(),
                    name: reason.what,
                    sent_ms: sent.map(|cause| cause.at_ms),
                    times: 1,
                },
            };
            let row_rank = row.rank;
            let kept = known.entry(reason.event).or_insert(row);
            kept.rank = kept.rank.min(row_rank);
        }
    }
    known.into_values().collect()
}

fn is_about_recovery(entry: &TimelineEntry) -> bool {
    matches!(
        entry.kind.as_str(),
        "detection"
            | "leadership"
            | "reassignment"
            | "retrieval"
            | "redistribution"
            | "resumption"
            | "job-status"
    )
}

fn note(entry: &TimelineEntry, to: f64) -> Option<Row> {
    let rank = match entry.kind.as_str() {
        "fault" => 0,
        // How it ends must be seen.
        "resumption" if entry.at_ms >= to - 0.001 => 0,
        "detection" | "leadership" | "reassignment" | "resumption" => 1,
        "retrieval" | "job-status" => 3,
        _ => return None,
    };
    let is_fault = entry.kind == "fault";
    // The plan of faults is nobody's lifeline: the fault is noted where it strikes.
    let struck = entry.text.rsplit(' ').next().unwrap_or_default();
    let actor = match is_fault && entry.actor == "faults" {
        true => struck.to_owned(),
        false => entry.actor.clone(),
    };
    Some(Row {
        at_ms: entry.at_ms,
        rank: (rank, 0),
        what: What::Note {
            actor,
            text: entry.text.clone(),
            is_fault,
        },
    })
}

/// Repeated messages become one row.
fn together(rows: Vec<Row>) -> Vec<Row> {
    let mut merged: Vec<Row> = Vec::new();
    for row in rows {
        let known = merged
            .iter_mut()
            .rev()
            .take_while(|known| row.at_ms - known.at_ms <= TOGETHER_MS);
        let same = known
            .into_iter()
            .find(|known| match (&known.what, &row.what) {
                (
                    What::Message { from, to, name, .. },
                    What::Message {
                        from: f,
                        to: t,
                        name: n,
                        ..
                    },
                ) => (from, to, name) == (f, t, n),
                (
                    What::Note { actor, text, .. },
                    What::Note {
                        actor: a, text: t, ..
                    },
                ) => (actor, text) == (a, t),
                _ => false,
            });
        match same {
            Some(known) => {
                known.rank = known.rank.min(row.rank);
                if let What::Message { times, .. } = &mut known.what {
                    *times += 1;
                }
            }
            None => merged.push(row),
        }
    }
    merged
}

/// The lifelines that have most to show, and what happens between them.
fn seen(rows: Vec<Row>, known: &[String], most: usize) -> (Vec<String>, Vec<Row>, usize) {
    let mut weight: BTreeMap<&str, u32> = BTreeMap::new();
    for row in &rows {
        let worth = match row.rank.0 {
            0 => 100,
            1 => 10,
            _ => 1,
        };
        for actor in row.what.actors() {
            *weight.entry(actor).or_default() += worth;
        }
    }
    let mut order: Vec<&String> = known
        .iter()
        .filter(|name| weight.contains_key(name.as_str()))
        .collect();
    order.sort_by_key(|name| std::cmp::Reverse(weight[name.as_str()]));
    order.truncate(most);
    let chosen: BTreeSet<String> = order.into_iter().cloned().collect();
    let all = rows.len();
    let shown: Vec<Row> = rows
        .into_iter()
        .filter(|row| row.what.actors().all(|actor| chosen.contains(actor)))
        .collect();
    let hidden = all - shown.len();
    let actors = known
        .iter()
        .filter(|name| chosen.contains(*name))
        .cloned()
        .collect();
    (actors, shown, hidden)
}

/// As many rows as fit: what matters least goes first, and of that what is furthest from both ends.
fn fitting(mut rows: Vec<Row>, fits: impl Fn(&[Row]) -> bool) -> (Vec<Row>, usize) {
    let mut dropped = 0;
    while rows.len() > 1 && !fits(&rows) {
        let from_middle = |at: usize| (2 * at + 1).abs_diff(rows.len());
        let last = rows
            .iter()
            .enumerate()
            .max_by_key(|(at, row)| (row.rank, std::cmp::Reverse(from_middle(*at))));
        let Some((at, _)) = last else { break };
        rows.remove(at);
        dropped += 1;
    }
    (rows, dropped)
}
