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
    /// All of the run, unless faults and recoveries take less than a quarter of it.
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
        if !(first.is_finite() && last.is_finite()) || length <= 0.0 || length > end / 4.0 {
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

impl Window {
    pub fn contains(&self, ms: f64) -> bool {
        self.from <= ms && ms <= self.to
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
    /// The most attempts at one time.
    pub at_once: usize,
}

pub struct Layout<'a> {
    pub lanes: Vec<Lane<'a>>,
    /// Whether each attempt has its bar; else lanes are one row high.
    pub detailed: bool,
    /// Says what is shown.
    pub note: String,
}

/// Thinner lanes could not be told apart.
const LANES_MAX: usize = 180;

impl<'a> Layout<'a> {
    /// In detail where that leaves room for labels: all TaskManagers, or those on which anything changed.
    pub fn of(outcome: &'a Outcome, window: &Window, room: f64) -> Layout<'a> {
        let mut lanes = lanes(outcome, window);
        let all = lanes.len();
        let fits = |lanes: &[Lane<'_>]| {
            let gaps = 5.0 * lanes.len() as f64;
            rows(lanes) as f64 * super::LABELLED + gaps <= room
        };
        if fits(&lanes) {
            return Layout {
                lanes,
                detailed: true,
                note: format!("{all} TaskManagers"),
            };
        }
        let (affected, others): (Vec<_>, Vec<_>) = lanes
            .into_iter()
            .partition(|lane| is_affected(outcome, lane, window));
        if !affected.is_empty() && fits(&affected) {
            let note = format!(
                "the {} of {all} TaskManagers on which anything changed",
                affected.len()
            );
            return Layout {
                lanes: affected,
                detailed: true,
                note,
            };
        }
        lanes = if all <= LANES_MAX {
            self::lanes(outcome, window)
        } else {
            affected.into_iter().chain(others).take(LANES_MAX).collect()
        };
        for lane in &mut lanes {
            lane.rows = 1;
        }
        let note = if all <= LANES_MAX {
            format!("{all} TaskManagers")
        } else {
            format!("{LANES_MAX} of {all} TaskManagers, those on which anything changed first")
        };
        Layout {
            lanes,
            detailed: false,
            note,
        }
    }

    pub fn rows(&self) -> usize {
        rows(&self.lanes).max(1)
    }

    /// The most attempts that any TaskManager had at one time.
    pub fn most_at_once(&self) -> usize {
        self.lanes
            .iter()
            .map(|lane| lane.at_once)
            .max()
            .unwrap_or(0)
    }

    /// Names without their domain, unless that would make two of them the same.
    pub fn short_names(&self) -> Vec<&'a str> {
        let whole: Vec<&str> = self.lanes.iter().map(|lane| lane.name).collect();
        let hosts: Vec<&str> = whole
            .iter()
            .map(|name| name.split('.').next().unwrap_or(name))
            .collect();
        let mut distinct = hosts.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() == hosts.len() {
            hosts
        } else {
            whole
        }
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
    let rows = free_from.len();
    Lane {
        name,
        bars,
        rows: rows.max(1),
        at_once: rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_story_is_shown_in_detail_and_whole() {
        let outcome = fixture::story();
        let window = Window::of(&outcome);
        assert!(!window.is_part);
        let layout = Layout::of(&outcome, &window, 525.0);
        assert!(layout.detailed);
        let shown: usize = layout.lanes.iter().map(|lane| lane.bars.len()).sum();
        assert_eq!(shown, outcome.tasks.len());
        let moved = |lane: &Lane<'_>| lane.bars.iter().filter(|b| b.moved_from.is_some()).count();
        assert_eq!(
            layout.lanes.iter().map(moved).collect::<Vec<_>>(),
            [1, 1, 0, 2, 1]
        );
    }

    #[test]
    fn a_hundred_taskmanagers_all_have_a_lane() {
        let outcome = fixture::hundred();
        let layout = Layout::of(&outcome, &Window::of(&outcome), 525.0);
        assert!(!layout.detailed && layout.lanes.len() == 100);
        assert_eq!(layout.short_names()[16], "taskmanager-17");
        assert_eq!(layout.most_at_once(), 20);
    }

    #[test]
    fn a_short_failure_in_a_long_run_is_zoomed_in_on() {
        let mut outcome = fixture::story();
        outcome.summary.simulated_ms = 3_600_000.0;
        let window = Window::of(&outcome);
        assert!(window.is_part && window.from < 60_000.0 && window.to > 107_550.0);
        assert!(window.to < 200_000.0);
    }
}
