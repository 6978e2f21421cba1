//! The sections `topics`, `jobs` and `faults`.

use std::collections::BTreeSet;

use super::checkpoints::Checkpoints;
use super::config::Checkpointing;
use super::draft::{Section, rounded, scalar};
use super::names::{chain_name, distinct, job_name};
use super::plan::{Plan, Vertex};
use super::state::state;
use crate::kernel::Span;
use crate::scenario::model::Exchange;
use crate::scenario::units::write_size;

/// Where no answer says how many records there are, per second and subtask of a source.
const RATE: f64 = 100.0;
const KEYS: u32 = 1_000;
/// CPU of an operator whose share nobody measured.
const CPU_US: u64 = 10;

/// An operator of the scenario: a vertex, or one end of a vertex that is source and sink in one.
struct Operator<'a> {
    vertex: &'a Vertex,
    name: String,
    topic: Option<String>,
    inputs: Vec<(usize, Exchange)>,
    is_read: bool,
    /// Its share of the vertex's operators.
    chained: usize,
    splits_vertex: bool,
}

pub struct Workload {
    pub topics: Section,
    pub job: Section,
    pub faults: Section,
    /// Real records for each simulated one.
    pub weight: u64,
    pub duration: Span,
}

pub fn sections(plan: &Plan, checkpoints: &Checkpoints, checkpointing: &Checkpointing) -> Workload {
    let mut job = Section::default();
    let operators = operators(plan, &mut job);
    let (topics, rate) = topics(&operators, plan.counts);
    jobs(
        plan,
        &operators,
        checkpoints,
        checkpointing.exactly_once,
        &mut job,
    );
    // Two checkpoints should be behind the fault, and time for timeouts and catching up behind it.
    let before = checkpointing.interval.0.saturating_mul(5) / 2;
    let at = Span(
        before
            .clamp(60_000_000_000, 3_600_000_000_000)
            .next_multiple_of(10_000_000_000),
    );
    let duration = Span(at.0 + 180_000_000_000);
    Workload {
        topics,
        faults: faults(&operators, checkpoints, at),
        job,
        weight: rounded((rate * duration.as_secs() / 1e6).ceil().clamp(1.0, 1e6)).max(1),
        duration,
    }
}

fn operators<'a>(plan: &'a Plan, section: &mut Section) -> Vec<Operator<'a>> {
    let read = plan.read();
    let mut names = BTreeSet::new();
    let mut topics = BTreeSet::new();
    let mut all: Vec<Operator<'a>> = Vec::new();
    // Where in `all` the output of a vertex is.
    let mut ends = Vec::new();
    for (number, vertex) in plan.vertices.iter().enumerate() {
        let is_read = read.contains(&number);
        let topic = vertex.inputs.is_empty().then(|| {
            let first = vertex.chain[0].as_str();
            let bare = first.strip_prefix("Source: ").unwrap_or(first);
            distinct(bare.split('[').next().unwrap_or(bare).trim(), &mut topics)
        });
        let (head, tail) = match (&topic, is_read) {
            // The model's sources read and its sinks write: a vertex that does both becomes two.
            (Some(_), false) => vertex.chain.split_at(1),
            _ => vertex.chain.split_at(vertex.chain.len()),
        };
        let splits_vertex = topic.is_some() && !is_read;
        let inputs = vertex
            .inputs
            .iter()
            .map(|edge| (ends[edge.from], edge.exchange));
        all.push(Operator {
            vertex,
            name: distinct(&chain_name(head), &mut names),
            topic,
            inputs: inputs.collect(),
            is_read: is_read || splits_vertex,
            chained: head.len(),
            splits_vertex,
        });
        if splits_vertex {
            let name = match tail.is_empty() {
                true => "Sink".to_owned(),
                false => chain_name(tail),
            };
            let name = distinct(&name, &mut names);
            section.assume(format!(
                "`{}` as a source and a sink joined by forward, where Flink runs one task",
                chain_name(&vertex.chain)
            ));
            let from = all.len() - 1;
            all.push(Operator {
                vertex,
                name,
                topic: None,
                inputs: vec![(from, Exchange::Forward)],
                is_read: false,
                chained: tail.len().max(1),
                splits_vertex,
            });
        }
        ends.push(all.len() - 1);
    }
    all
}

/// The section, and the records per second of all topics together.
fn topics(operators: &[Operator<'_>], counts: bool) -> (Section, f64) {
    let mut section = Section::default();
    let mut total = 0.0;
    let mut lines = Vec::new();
    let mut unknown = Vec::new();
    for operator in operators {
        let Some(topic) = &operator.topic else {
            continue;
        };
        let vertex = operator.vertex;
        let partitions = vertex.parallelism;
        let counted = vertex.done.records_out.zip(vertex.done.seconds);
        let rate = match counted {
            Some((records, seconds)) => (records / seconds / f64::from(partitions)).max(0.1),
            None => {
                unknown.push(topic.as_str());
                RATE
            }
        };
        total += rate * f64::from(partitions);
        lines.push(format!(
            "  {}: {{partitions: {partitions}, rate: {rate:.1}/s, keys: {KEYS}, arrivals: poisson}}",
            scalar(topic)
        ));
    }
    section.assume("as many partitions as the source has subtasks; each record with one of 1000 keys, of 200 bytes");
    match unknown.is_empty() {
        true => section.note("Rates as the sources have put records out, by partition"),
        false => section.assume(format!(
            "{RATE} records a second and partition of {}: {}",
            unknown.join(", "),
            match counts {
                true =>
                    "the metrics of /jobs/:id were not in yet, ask it once more after ten seconds",
                false => "give /jobs/:id as the plan, which counts them",
            }
        )),
    }
    section.line("topics:");
    lines.into_iter().for_each(|line| section.line(line));
    (section, total)
}

fn jobs(
    plan: &Plan,
    operators: &[Operator<'_>],
    checkpoints: &Checkpoints,
    exactly_once: bool,
    section: &mut Section,
) {
    section.line("jobs:");
    section.line(format!("  - name: {}", scalar(job_name(&plan.name))));
    section.line("    operators:");
    let spread = state(plan, checkpoints, section);
    let groups = sharing_groups(plan);
    let mut unmeasured = false;
    for operator in operators {
        let mut parts = vec![format!("name: {}", scalar(&operator.name))];
        if let Some(topic) = &operator.topic {
            parts.push(format!("topic: {}", scalar(topic)));
        }
        match operator.inputs.as_slice() {
            [] => {}
            [(from, exchange)] => {
                parts.push(format!("input: {}", scalar(&operators[*from].name)));
                parts.push(format!("exchange: {}", word(*exchange)));
            }
            several => {
                let each = several.iter().map(|(from, exchange)| {
                    let name = scalar(&operators[*from].name);
                    format!("{{operator: {name}, exchange: {}}}", word(*exchange))
                });
                parts.push(format!("inputs: [{}]", each.collect::<Vec<_>>().join(", ")));
            }
        }
        let vertex = operator.vertex;
        parts.push(format!("parallelism: {}", vertex.parallelism));
        let records = vertex.done.records_in.or(vertex.done.records_out);
        match vertex.done.busy_ms.zip(records) {
            Some((busy, records)) => {
                let share = if operator.splits_vertex { 0.5 } else { 1.0 };
                let us = rounded((share * busy * 1_000.0 / records).clamp(1.0, 1e6)).max(1);
                parts.push(format!("cpu: {us} us"));
            }
            None => {
                unmeasured = true;
                parts.push(format!("cpu: {} us", CPU_US * operator.chained as u64));
            }
        }
        if let Some(bytes) = spread.get(vertex.id.as_str())
            && vertex.is_keyed()
        {
            parts.push(format!("state: {}", write_size(rounded(*bytes))));
        }
        if let (2.., Some(id)) = (groups.len(), &vertex.done.sharing_group) {
            let number = groups.iter().position(|group| *group == id);
            let number = number.map_or(0, |at| at + 1);
            parts.push(format!("slot-sharing-group: group-{number}"));
        }
        if !operator.is_read {
            parts.push(format!(
                "guarantee: {}",
                guarantee(operator, exactly_once, section)
            ));
        }
        section.line(format!("      - {{{}}}", parts.join(", ")));
    }
    match unmeasured {
        true => section.assume(format!(
            "{CPU_US} us of CPU for each record and operator of a chain where /jobs/:id does not tell busy time"
        )),
        false => section.note("CPU per record is busy time over records, so waiting inside an operator counts as work"),
    }
    exchanges(plan, section);
}

/// In the order in which they come first. Flink tells their ids, not their names.
fn sharing_groups(plan: &Plan) -> Vec<&String> {
    let mut groups = Vec::new();
    let ids = plan
        .vertices
        .iter()
        .filter_map(|vertex| vertex.done.sharing_group.as_ref());
    for id in ids {
        if !groups.contains(&id) {
            groups.push(id);
        }
    }
    groups
}

fn word(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Forward => "forward",
        Exchange::Rebalance => "rebalance",
        Exchange::Hash => "hash",
    }
}

/// A committer makes a sink that commits with the checkpoint; what is behind other sinks no plan says.
fn guarantee(operator: &Operator<'_>, exactly_once: bool, section: &mut Section) -> &'static str {
    let chain = &operator.vertex.chain;
    let commits = chain.iter().any(|name| name.ends_with("Committer"));
    match commits && exactly_once {
        true => {
            section.assume(format!(
                "`{}` commits with each checkpoint, exactly-once, into a database: it has a committer",
                operator.name
            ));
            "exactly-once"
        }
        false => {
            section.assume(format!(
                "`{}` writes at least once, into a database",
                operator.name
            ));
            "at-least-once"
        }
    }
}

/// Ways of shipping records that the model has not.
fn exchanges(plan: &Plan, section: &mut Section) {
    let mut said = BTreeSet::new();
    for edge in plan.vertices.iter().flat_map(|vertex| &vertex.inputs) {
        let strategy = edge.strategy.as_str();
        if edge.blocking && said.insert("blocking") {
            section.assume("pipelined exchanges, where the plan has blocking ones: regions are larger than Flink's");
        }
        let like = match strategy {
            "HASH" | "FORWARD" | "REBALANCE" => continue,
            "RESCALE" => "forward in groups",
            "BROADCAST" => "rebalance, so that each record goes to one subtask alone",
            _ => "rebalance",
        };
        if said.insert(strategy) {
            section.assume(format!("{strategy} as {like}"));
        }
    }
    let inner = |vertex: &&Vertex| vertex.sinks() && !vertex.inputs.is_empty();
    let read = plan.read();
    for (_, vertex) in plan
        .vertices
        .iter()
        .enumerate()
        .filter(|(at, vertex)| read.contains(at) && inner(vertex))
    {
        section.assume(format!(
            "no sink inside `{}`, whose output others read",
            chain_name(&vertex.chain)
        ));
    }
}

/// The TaskManager that hurts: where the operator with the most state has its first subtask.
fn faults(operators: &[Operator<'_>], checkpoints: &Checkpoints, at: Span) -> Section {
    let mut section = Section::default();
    let weight = |operator: &Operator<'_>| {
        let vertex = operator.vertex;
        let bytes = checkpoints
            .of_vertex
            .get(&vertex.id)
            .copied()
            .unwrap_or(0.0);
        (bytes, u8::from(vertex.is_keyed()), vertex.parallelism)
    };
    let heavier = |one: &&Operator<'_>, other: &&Operator<'_>| {
        let (one, other) = (weight(one), weight(other));
        one.0
            .total_cmp(&other.0)
            .then((one.1, one.2).cmp(&(other.1, other.2)))
    };
    section.assume("the fault: a TaskManager is killed, and its machine starts another after 30 s");
    section.line("faults:");
    if let Some(operator) = operators.iter().max_by(heavier) {
        let target = scalar(&format!("taskmanager-of {} 0", operator.name));
        section.line(format!(
            "  - {{kill: {target}, at: {} s, restart-after: 30 s}}",
            at.0 / 1_000_000_000
        ));
    }
    section
}
