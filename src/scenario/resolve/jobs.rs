//! Jobs: operators, what they read and how.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{self, Link};
use super::{
    Check, MAX_CHANNELS, MAX_OPERATOR_PARALLELISM, MAX_STATE, MAX_TASKS, pins, sinks, topics,
};
use crate::dataflow::job_graph::DEFAULT_SLOT_SHARING_GROUP;
use crate::kernel::time::Span;
use crate::scenario::error::{Place, Problem};
use crate::scenario::file::{Delay, JobFile, OperatorFile};
use crate::scenario::flink::{MAX_PARALLELISM, Settings};
use crate::scenario::model::{
    Cluster, Exchange, Input, Job, Operator, OperatorKind, Topic, WatermarkStrategy,
};
use crate::scenario::units::short;

/// One second for one record; more is a unit gone wrong.
const MAX_CPU: Span = Span::from_secs(60);

pub fn resolve(
    files: &[JobFile],
    topics: &[Topic],
    cluster: &Cluster,
    settings: &Settings,
    check: &mut Check,
) -> Vec<Job> {
    if files.is_empty() {
        check.problems.push(Problem::nowhere(
            "a scenario needs at least one job under `jobs`",
        ));
    }
    let (mut tasks, mut channels) = (0_u64, 0_u64);
    let mut seen = BTreeSet::new();
    let mut jobs = Vec::new();
    for file in files {
        check.name(&file.name, "a job");
        check.unique(&mut seen, &file.name, "a job");
        let before = check.problems.len();
        let links = graph::links(file, check);
        let order = graph::order(file, &links, check);
        let consumed: BTreeSet<usize> = links.iter().flatten().map(|link| link.from).collect();
        let mut operators = Vec::new();
        for &index in &order {
            let own = Own {
                file: &file.operators[index],
                links: &links[index],
                consumed: consumed.contains(&index),
            };
            let operator = operator(&own, file, &order, topics, settings, check);
            tasks = tasks.saturating_add(u64::from(operator.parallelism));
            channels = channels.saturating_add(fan_in(&own, file, settings, operator.parallelism));
            operators.push(operator);
        }
        share_slots(&mut operators);
        if tasks > MAX_TASKS || channels > MAX_CHANNELS {
            check.refuse(
                file.name.place,
                format!("{tasks} tasks and {channels} channels between them; {MAX_TASKS} and {MAX_CHANNELS} are possible"),
            );
        }
        let whole = check.problems.len() == before && order.len() == file.operators.len();
        let pins = if whole {
            pins::resolve(file, &operators, cluster, check)
        } else {
            BTreeMap::new()
        };
        jobs.push(Job {
            name: file.name.value.clone(),
            operators,
            pins,
            event_time: file.event_time.as_ref().map(|time| {
                if let Some(at) = time.idleness.as_ref().filter(|at| at.value.0 == Span::ZERO) {
                    check.refuse(
                        at.place,
                        "an idleness of nothing is none; leave it out, or write a time",
                    );
                }
                WatermarkStrategy {
                    out_of_orderness: time.out_of_orderness.map_or(Span::ZERO, |Delay(span)| span),
                    idleness: time.idleness.as_ref().map(|at| at.value.0),
                }
            }),
        });
    }
    jobs
}

/// Who names no slot sharing group is in that of its inputs, where they agree (`StreamGraphGenerator.determineSlotSharingGroup`).
fn share_slots(operators: &mut [Operator]) {
    for at in 0..operators.len() {
        if !operators[at].slot_sharing_group.is_empty() {
            continue;
        }
        let inputs = operators[at].kind.inputs().iter();
        let groups: BTreeSet<&str> = inputs
            .map(|input| operators[input.operator].slot_sharing_group.as_str())
            .collect();
        let group = match groups.first() {
            Some(group) if groups.len() == 1 => (*group).to_owned(),
            _ => DEFAULT_SLOT_SHARING_GROUP.to_owned(),
        };
        operators[at].slot_sharing_group = group;
    }
}

/// An operator of the file and its place in the graph.
struct Own<'a> {
    file: &'a OperatorFile,
    links: &'a [Link],
    consumed: bool,
}

pub fn parallelism(file: &OperatorFile, settings: &Settings) -> u32 {
    file.parallelism
        .as_ref()
        .map_or(settings.parallelism.unwrap_or(1), |at| at.value)
}

/// Flink's own default: forward where subtasks pair up, else rebalance.
fn exchange(link: &Link, from: u32, to: u32) -> Exchange {
    link.exchange.unwrap_or(if from == to {
        Exchange::Forward
    } else {
        Exchange::Rebalance
    })
}

fn fan_in(own: &Own<'_>, job: &JobFile, settings: &Settings, to: u32) -> u64 {
    let count = |link: &Link| {
        let from = parallelism(&job.operators[link.from], settings);
        match exchange(link, from, to) {
            Exchange::Forward => u64::from(from.max(to)),
            Exchange::Rebalance | Exchange::Hash => u64::from(from) * u64::from(to),
        }
    };
    own.links.iter().map(count).fold(0, u64::saturating_add)
}

fn operator(
    own: &Own<'_>,
    job: &JobFile,
    order: &[usize],
    topics: &[Topic],
    settings: &Settings,
    check: &mut Check,
) -> Operator {
    let file = own.file;
    let to = parallelism(file, settings);
    let max = settings
        .config
        .max_parallelism
        .unwrap_or(MAX_PARALLELISM)
        .min(MAX_OPERATOR_PARALLELISM);
    match &file.parallelism {
        Some(at) => check.within(at, 1, max, "is no parallelism here"),
        None if to > max => check.refuse(
            file.name.place,
            format!("`parallelism.default` is more than {max}"),
        ),
        None => {}
    }
    let inputs: Vec<Input> = own
        .links
        .iter()
        .filter_map(|link| {
            let operator = order.iter().position(|&index| index == link.from)?;
            Some(Input {
                operator,
                exchange: exchange(link, parallelism(&job.operators[link.from], settings), to),
            })
        })
        .collect();
    // An input that is not there is reported already; what follows from it is not worth a message.
    if own.links.len() == graph::named(file) {
        keyed(file, &inputs, check);
    }
    let source = file.topic.is_some();
    let cpu = file.cpu.map_or(
        Span::from_us(if source { 5 } else { 10 }),
        |Delay(value)| value,
    );
    if cpu > MAX_CPU {
        check.refuse(
            file.name.place,
            format!(
                "`{}` takes more than a minute of CPU for one record",
                short(&file.name.value)
            ),
        );
    }
    if source || own.consumed {
        sinks::refuse(file, check);
    }
    if let Some(at) = &file.max_rate {
        if !source {
            check.refuse(
                at.place,
                "only a source, an operator with a topic, has a rate limit",
            );
        } else if at.value.0 < MIN_RATE_LIMIT {
            check.refuse(at.place, "a rate limit is at least 0.001/s");
        }
    }
    Operator {
        name: file.name.value.clone(),
        parallelism: to,
        cpu_per_record: cpu,
        service: file.service.unwrap_or_default(),
        kind: kind(own, inputs, topics, to, check),
        state_bytes: file.state.as_ref().map_or(0, |at| at.value.0),
        max_rate_per_s: file.max_rate.as_ref().map(|at| at.value.0),
        slot_sharing_group: file
            .slot_sharing_group
            .as_ref()
            .map_or_else(String::new, |at| at.value.clone()),
        key: file
            .key
            .as_ref()
            .map_or_else(|| "key".to_owned(), |at| at.value.clone()),
    }
}

fn kind(
    own: &Own<'_>,
    inputs: Vec<Input>,
    topics: &[Topic],
    parallelism: u32,
    check: &mut Check,
) -> OperatorKind {
    if let Some(name) = &own.file.topic {
        return OperatorKind::Source {
            topic: topics::find(name, topics, check).unwrap_or(0),
        };
    }
    if own.consumed {
        return OperatorKind::Transform { inputs };
    }
    let spec = sinks::resolve(own.file, parallelism, check);
    OperatorKind::Sink { inputs, spec }
}

/// Slower reads would be a topic that nobody reads.
const MIN_RATE_LIMIT: f64 = 0.001;

/// State is kept by key group, so records must come by key.
fn keyed(file: &OperatorFile, inputs: &[Input], check: &mut Check) {
    let hashed = inputs.iter().any(|input| input.exchange == Exchange::Hash);
    if let Some(state) = &file.state {
        if state.value.0 > MAX_STATE {
            check.refuse(state.place, "more than a pebibyte of state");
        } else if state.value.0 > 0
            && (inputs.is_empty() || inputs.iter().any(|input| input.exchange != Exchange::Hash))
        {
            check.refuse(
                state.place,
                "an operator with state needs its records by key: `exchange: hash` on every input",
            );
        }
    }
    if let Some(key) = &file.key {
        check.name(key, "a key");
        if !hashed && key.place != Place::Nowhere {
            check.refuse(key.place, "a key has a meaning only with `exchange: hash`");
        }
    }
}
