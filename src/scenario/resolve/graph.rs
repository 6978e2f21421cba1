//! The job graph: who reads whom, in which order, and that it goes from sources to sinks.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::scenario::error::Place;
use crate::scenario::file::{At, Either, JobFile, OperatorFile};
use crate::scenario::model::Exchange;
use crate::scenario::near;
use crate::scenario::units::short;

/// One input of an operator.
pub struct Link {
    /// Index in the file's list.
    pub from: usize,
    /// As the file says, if it does.
    pub exchange: Option<Exchange>,
    /// Of the name of the producing operator.
    pub place: Place,
}

/// How many inputs the file gives an operator.
pub fn named(operator: &OperatorFile) -> usize {
    usize::from(operator.input.is_some())
        + operator.inputs.as_ref().map_or(0, |list| list.value.len())
}

/// The inputs of each operator, by the file's order.
pub fn links(job: &JobFile, check: &mut Check) -> Vec<Vec<Link>> {
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (at, operator) in job.operators.iter().enumerate() {
        check.name(&operator.name, "an operator");
        check.unique(&mut seen, &operator.name, "an operator of this job");
        index.entry(&operator.name.value).or_insert(at);
    }
    if job.operators.is_empty() {
        check.refuse(
            job.name.place,
            "a job needs operators: at least a source (with `topic`) and a sink (with `input`)",
        );
    } else if job
        .operators
        .iter()
        .all(|operator| operator.topic.is_none())
    {
        check.refuse(
            job.name.place,
            format!(
                "the job `{}` has no source; a source names its `topic`",
                short(&job.name.value)
            ),
        );
    }
    let all: Vec<Vec<Link>> = job
        .operators
        .iter()
        .map(|operator| inputs(operator, &index, check))
        .collect();
    let read: BTreeSet<usize> = all.iter().flatten().map(|link| link.from).collect();
    for (at, operator) in job.operators.iter().enumerate() {
        if operator.topic.is_some() && !read.contains(&at) {
            let name = short(&operator.name.value);
            check.refuse(
                operator.name.place,
                format!("nobody reads the source `{name}`; the job has no sink behind it"),
            );
        }
    }
    all
}

fn inputs(operator: &OperatorFile, index: &BTreeMap<&str, usize>, check: &mut Check) -> Vec<Link> {
    let mut links = Vec::new();
    let mut named: Vec<(At<String>, Option<Exchange>)> = Vec::new();
    let common = operator.exchange.as_ref().map(|at| at.value);
    if let Some(input) = &operator.input {
        named.push((input.clone(), common));
    }
    if let Some(list) = &operator.inputs {
        if operator.input.is_some() {
            check.refuse(list.place, "an operator has either `input` or `inputs`");
        }
        for item in &list.value {
            named.push(match &item.value {
                Either::Word(name) => (
                    At {
                        value: name.clone(),
                        place: item.place,
                    },
                    common,
                ),
                Either::Map(map) => (map.operator.clone(), map.exchange.or(common)),
            });
        }
    }
    match (&operator.topic, named.is_empty()) {
        (Some(topic), false) => check.refuse(
            topic.place,
            "an operator has either a `topic`, which makes it a source, or an `input`",
        ),
        (None, true) => {
            let name = short(&operator.name.value);
            check.refuse(
                operator.name.place,
                format!(
                    "`{name}` reads nothing; give it an `input`, or a `topic` to make it a source"
                ),
            );
        }
        (Some(_), true) => {
            if let Some(exchange) = &operator.exchange {
                check.refuse(
                    exchange.place,
                    "a source reads a topic; there is no exchange into it",
                );
            }
        }
        (None, false) => {}
    }
    let mut seen = BTreeSet::new();
    for (name, exchange) in named {
        let Some(&from) = index.get(name.value.as_str()) else {
            let hint = near::hint(&name.value, index.keys().copied());
            check.refuse(
                name.place,
                format!("unknown operator `{}` as input{hint}", short(&name.value)),
            );
            continue;
        };
        if !seen.insert(from) {
            check.refuse(
                name.place,
                format!("`{}` is an input twice", short(&name.value)),
            );
            continue;
        }
        links.push(Link {
            from,
            exchange,
            place: name.place,
        });
    }
    links
}

/// The file's order, changed only where an operator stands before its input. Without the operators of cycles.
pub fn order(job: &JobFile, links: &[Vec<Link>], check: &mut Check) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let mut done = vec![false; links.len()];
    while let Some(next) =
        (0..links.len()).find(|&at| !done[at] && links[at].iter().all(|link| done[link.from]))
    {
        done[next] = true;
        order.push(next);
    }
    if let Some(start) = done.iter().position(|done| !done) {
        cycle(job, links, &done, start, check);
    }
    order
}

/// Walks up from an operator that never became ready; every such operator has an input like it.
fn cycle(job: &JobFile, links: &[Vec<Link>], done: &[bool], start: usize, check: &mut Check) {
    let mut path: Vec<usize> = vec![start];
    let (mut at, mut place) = (start, job.operators[start].name.place);
    while let Some(link) = links[at].iter().find(|link| !done[link.from]) {
        at = link.from;
        place = link.place;
        if let Some(first) = path.iter().position(|&seen| seen == at) {
            let mut names: Vec<String> = path[first..]
                .iter()
                .map(|&i| format!("`{}`", short(&job.operators[i].name.value)))
                .collect();
            // The walk went against the stream.
            names.reverse();
            names.push(names[0].clone());
            check.refuse(
                place,
                format!(
                    "the operators form a cycle: {}; a job flows from sources to sinks",
                    names.join(" -> ")
                ),
            );
            return;
        }
        path.push(at);
    }
    check.refuse(place, "the operators form a cycle");
}
