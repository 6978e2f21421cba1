//! `report.html`: the whole report as one page that moves, without anything from a network.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::drill::outcome::{Film, Outcome, PartitionLag, TimelineEntry};

use super::template::{escaped, filled};
use super::{Artifact, Format, text};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// In the order in which they use each other.
const SCRIPTS: [&str; 6] = [
    include_str!("state.js"),
    include_str!("text.js"),
    include_str!("cluster.js"),
    include_str!("charts.js"),
    include_str!("log.js"),
    include_str!("player.js"),
];

/// Lines of the log that bring along what led to them.
const EXPLAINED_MAX: usize = 4_000;
/// Values of lag that the picture needs at the most.
const LAG_VALUES_MAX: usize = 100_000;
/// Points that a line of a chart needs at the most.
const POINTS_MAX: usize = 4_000;

pub struct Page;

impl Format for Page {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        vec![Artifact {
            name: "report.html",
            bytes: page(outcome).into_bytes(),
        }]
    }
}

fn page(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let title = format!("{} · {}", summary.scenario, summary.model);
    let parts = [
        ("TITLE", escaped(&title)),
        ("STYLE", STYLE.to_owned()),
        ("TEXT", escaped(&text(outcome, 100, false, None))),
        ("DATA", data(outcome)),
        ("SCRIPT", SCRIPTS.concat()),
    ];
    filled(PAGE, &parts)
}

/// What the page draws from, as JSON that cannot end its element.
fn data(outcome: &Outcome) -> String {
    let mut names = Names::default();
    let timeline: Vec<Line<'_>> = outcome
        .timeline
        .iter()
        .enumerate()
        .map(|(number, entry)| Line::new(entry, number < EXPLAINED_MAX, &mut names))
        .collect();
    let latency: Vec<[f64; 4]> = thinned(&outcome.latency, POINTS_MAX)
        .map(|point| [point.at_ms, point.p50_ms, point.p99_ms, point.max_ms])
        .collect();
    let lag: Vec<[f64; 3]> = thinned(&outcome.lag, POINTS_MAX)
        .map(|point| [point.at_ms, point.total as f64, point.max as f64])
        .collect();
    let film = &outcome.film;
    let partitions = film.partitions.len().max(1);
    let film = Film {
        lag: thinned(&film.lag, LAG_VALUES_MAX / partitions)
            .cloned()
            .collect::<Vec<PartitionLag>>(),
        ..film.clone()
    };
    let value = json!({
        "summary": outcome.summary,
        "film": film,
        "names": names.list,
        "timeline": timeline,
        "tasks": outcome.tasks,
        "latency": latency,
        "lag": lag,
        "phases": outcome.phases,
        "faults": outcome.faults,
        "explanations": outcome.explanations,
    });
    value.to_string().replace('<', "\\u003c")
}

/// Every so many-th, so that no more than `most` are left.
fn thinned<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    all.iter().step_by(all.len().div_ceil(most.max(1)).max(1))
}

/// A line of the log; its causes as numbers and places in the list of names.
#[derive(Serialize)]
struct Line<'a> {
    at_ms: f64,
    event: u64,
    actor: &'a str,
    kind: &'a str,
    text: &'a str,
    /// Event, time, receiver, sender, name.
    causes: Vec<(u64, f64, usize, usize, usize)>,
}

impl<'a> Line<'a> {
    fn new(entry: &'a TimelineEntry, explained: bool, names: &mut Names<'a>) -> Line<'a> {
        let causes = entry.causes.iter().filter(|_| explained).map(|reason| {
            let mut name = |text| names.number(text);
            let (actor, from) = (name(&reason.actor), name(&reason.from));
            (reason.event, reason.at_ms, actor, from, name(reason.what))
        });
        Line {
            at_ms: entry.at_ms,
            event: entry.event,
            actor: &entry.actor,
            kind: &entry.kind,
            text: &entry.text,
            causes: causes.collect(),
        }
    }
}

#[derive(Default)]
struct Names<'a> {
    list: Vec<&'a str>,
    known: BTreeMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    fn number(&mut self, name: &'a str) -> usize {
        let list = &mut self.list;
        *self.known.entry(name).or_insert_with(|| {
            list.push(name);
            list.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_data_can_be_read_back_whatever_a_scenario_says() {
        for mut outcome in fixture::all() {
            outcome.summary.about = "</script><b>&\"'".into();
            let page = page(&outcome);
            let (_, rest) = page.split_once("id=\"data\">").unwrap();
            let (data, _) = rest.split_once("</script>").unwrap();
            let value: serde_json::Value = serde_json::from_str(data).unwrap();
            assert_eq!(value["summary"]["about"], "</script><b>&\"'");
            assert_eq!(
                value["timeline"].as_array().unwrap().len(),
                outcome.timeline.len()
            );
        }
    }

    #[test]
    fn nothing_comes_from_a_network() {
        let page = page(&fixture::story());
        let (code, _) = page.split_once("id=\"data\">").unwrap();
        for word in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!code.contains(word), "{word}");
        }
        let namespace = "\"http://www.w3.org/2000/svg\"";
        let scripts = SCRIPTS.concat().replace(namespace, "");
        for word in ["http:", "https:", "fetch(", "import(", "XMLHttpRequest"] {
            assert!(!scripts.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn long_lists_are_thinned_to_their_limit() {
        let many: Vec<u32> = (0..10_001).collect();
        for most in [1, 3, 100, 10_000, 20_000] {
            let left: Vec<_> = thinned(&many, most).collect();
            assert!(
                left.len() <= most && *left[0] == 0,
                "{most}: {}",
                left.len()
            );
        }
    }
}
