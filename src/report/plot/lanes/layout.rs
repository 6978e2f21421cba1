//! Which lanes are shown, over which time, and in which row of its lane each attempt goes.

use std::collections::BTreeMap;

use crate::drill::outcome::{Outcome, TaskSpan};

use super::super::frame::end_ms;

/// The stretch of time shown.
pub struct Window {
    pub from: f64,
    pub to: f64,
    pub is_part: bool,
}

impl Window {
    /// All of the run, unless faults and recoveries take less than a third of it.
    pub fn of(outcome: &Outcome) -> Window {
        let end = end_ms(outcome);
        let starts = outcome.faults.iter().map(|fault| fault.at_ms);
        let first = starts.clone().fold(f64::INFINITY, f64::min);
        let last = outcome
            .phases
            .iter()
            .map(|span| span.to_ms)
            .chain(starts)
            .fold(0.0, f64::max);
        let length = last - first;
        if !(first.is_finite() && last.is_finite()) || length <= 0.0 || length > end / 3.0 {
            return Window {
                from: 0.0,
                to: end,
                is_part: false,
            };
        }
        let (from, to) = (
            (first - length / 3.0).max(0.0),
            (last + length / 3.0).min(end),
        );
        Window {
            from,
            to,
            is_part: true,
        }
    }
}

/// One attempt in its lane.
pub struct Bar<'a> {
    pub span: &'a TaskSpan,
    pub row: usize,
    /// Where the task ran before, if that was elsewhere.
    pub moved_from: Option<&'a str>,
}

pub struct Lane<'a> {
    pub name: &'a str,
    pub bars: Vec<Bar<'a>>,
    pub rows: usize,
}

pub struct Layout<'a> {
    pub lanes: Vec<Lane<'a>>,
    /// Says what is left out.
    pub note: String,
}

impl<'a> Layout<'a> {
    /// Every TaskManager where all have room for labels, else those on which anything changed.
    pub fn of(outcome: &'a Outcome, window: &Window, room: f64) -> Layout<'a> {
        let mut lanes = lanes(outcome, window);
        let all = lanes.len();
        let rows_max = (room / (super::LABELLED + 1.5)) as usize;
        if rows(&lanes) <= rows_max {
            return Layout {
                lanes,
                note: format!("{all} TaskManagers"),
            };
        }
        lanes.retain(|lane| is_affected(outcome, lane, window));
        let affected = lanes.len();
        if affected == 0 {
            lanes = self::lanes(outcome, window);
        }
        // Below two pixels nothing could be told apart.
        let mut kept = 0;
        let mut used = 0;
        for lane in &lanes {
            used += lane.rows;
            if used as f64 * 2.0 + kept as f64 > room && kept > 0 {
                break;
            }
            kept += 1;
        }
        lanes.truncate(kept);
        let which = if affected == 0 || affected == all {
            ""
        } else {
            " on which anything changed"
        };
        let note = if kept == all {
            format!("{all} TaskManagers")
        } else if kept == affected {
            format!("the {kept} of {all} TaskManagers{which}")
        } else {
            format!(
                "the first {kept} of {} TaskManagers{which}",
                affected
                    .max(1)
                    .max(if affected == 0 { all } else { affected })
            )
        };
        Layout { lanes, note }
    }

    pub fn rows(&self) -> usize {
        rows(&self.lanes).max(1)
    }
}

fn rows(lanes: &[Lane<'_>]) -> usize {
    lanes.iter().map(|lane| lane.rows).sum()
}

/// A lane changed where a fault struck, an attempt ended, or a task came from elsewhere.
fn is_affected(outcome: &Outcome, lane: &Lane<'_>, window: &Window) -> bool {
    outcome.faults.iter().any(|fault| fault.target == lane.name)
        || lane.bars.iter().any(|bar| {
            bar.moved_from.is_some() || bar.span.to_ms.is_some_and(|to_ms| to_ms < window.to)
        })
}

fn lanes<'a>(outcome: &'a Outcome, window: &Window) -> Vec<Lane<'a>> {
    let mut names: Vec<&str> = outcome.taskmanagers.iter().map(String::as_str).collect();
    for span in &outcome.tasks {
        if !names.contains(&span.taskmanager.as_str()) {
            names.push(&span.taskmanager);
        }
    }
    let place: BTreeMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(i, name)| (*name, i))
        .collect();
    let mut spans: Vec<Vec<Bar<'_>>> = names.iter().map(|_| Vec::new()).collect();
    let mut ran_on: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for span in &outcome.tasks {
        let before = ran_on.insert((&span.job, &span.task), &span.taskmanager);
        let moved_from = before.filter(|before| *before != span.taskmanager);
        let shown = span.from_ms.is_finite()
            && span.from_ms <= window.to
            && span.to_ms.is_none_or(|to_ms| to_ms >= window.from);
        if shown {
            spans[place[span.taskmanager.as_str()]].push(Bar {
                span,
                row: 0,
                moved_from,
            });
        }
    }
    names
        .into_iter()
        .zip(spans)
        .map(|(name, bars)| packed(name, bars))
        .collect()
}

/// Puts each attempt into the first row that is free by then.
fn packed<'a>(name: &'a str, mut bars: Vec<Bar<'a>>) -> Lane<'a> {
    bars.sort_by(|a, b| a.span.from_ms.total_cmp(&b.span.from_ms));
    let mut free_from: Vec<f64> = Vec::new();
    for bar in &mut bars {
        let to_ms = bar
            .span
            .to_ms
            .unwrap_or(f64::INFINITY)
            .max(bar.span.from_ms);
        bar.row = free_from
            .iter()
            .position(|free| *free <= bar.span.from_ms)
            .unwrap_or(free_from.len());
        if bar.row == free_from.len() {
            free_from.push(to_ms);
        } else {
            free_from[bar.row] = to_ms;
        }
    }
    Lane {
        name,
        rows: free_from.len().max(1),
        bars,
    }
}
