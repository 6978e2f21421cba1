//! `/jobs/:id/plan`, or `/jobs/:id`, which holds it beside what the job has done so far.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Answer;
use crate::scenario::error::{Place, Problem};
use crate::scenario::model::Exchange;
use crate::scenario::resolve::MAX_OPERATOR_PARALLELISM;
use crate::scenario::units::short;

/// The job graph as Flink runs it: a vertex is a chain of operators that one task runs.
#[derive(Debug)]
pub struct Plan {
    pub name: String,
    pub vertices: Vec<Vertex>,
    /// `schedulerType` of `/jobs/:id`.
    pub scheduler: Option<String>,
    /// The answer is that of `/jobs/:id`, which counts records once its metrics are in.
    pub counts: bool,
}

impl Plan {
    /// Vertices whose output others read.
    pub fn read(&self) -> BTreeSet<usize> {
        let inputs = self.vertices.iter().flat_map(|vertex| &vertex.inputs);
        inputs.map(|edge| edge.from).collect()
    }
}

#[derive(Debug)]
pub struct Vertex {
    pub id: String,
    /// The operators of the chain, from the first on.
    pub chain: Vec<String>,
    pub parallelism: u32,
    pub inputs: Vec<Edge>,
    pub done: Done,
}

/// How records come to a vertex.
#[derive(Debug)]
pub struct Edge {
    pub from: usize,
    pub exchange: Exchange,
    /// As the plan calls it.
    pub strategy: String,
    pub blocking: bool,
}

/// What `/jobs/:id` counts of a vertex since it runs; none where only the plan is there, or metrics are not in yet.
#[derive(Clone, Debug, Default)]
pub struct Done {
    pub seconds: Option<f64>,
    pub records_in: Option<f64>,
    pub records_out: Option<f64>,
    /// Of all subtasks together.
    pub busy_ms: Option<f64>,
    pub sharing_group: Option<String>,
}

impl Vertex {
    pub fn is_keyed(&self) -> bool {
        let keyed = |edge: &Edge| edge.exchange == Exchange::Hash;
        !self.inputs.is_empty() && self.inputs.iter().all(keyed)
    }

    /// Whether an operator of the chain is, or belongs to, a sink.
    pub fn sinks(&self) -> bool {
        let part = |name: &str| {
            name.contains("Sink") || name.ends_with("Writer") || name.ends_with("Committer")
        };
        self.chain.iter().any(|name| part(name))
    }
}

pub fn read(answer: Answer<'_>) -> Result<Plan, Problem> {
    let plan = answer.get(
        "plan",
        "the answer of /jobs/:id/plan, and that of /jobs/:id,",
    )?;
    let nodes = plan.get("nodes", "a plan")?;
    let done = done(answer)?;
    let mut ids = BTreeMap::new();
    let mut all = Vec::new();
    for node in nodes.list()? {
        let id = node.get("id", "a node of the plan")?;
        if ids.insert(id.text()?, all.len()).is_some() {
            return Err(id.refuse(format!("the node `{}` is there twice", short(id.text()?))));
        }
        all.push(node);
    }
    if all.is_empty() {
        return Err(nodes.refuse("the plan has no nodes: the job has nothing to run"));
    }
    let vertices = all
        .into_iter()
        .map(|node| vertex(node, &ids, &done))
        .collect::<Result<Vec<Vertex>, Problem>>()?;
    let text = |key: &str| {
        let found = plan.find(key).or_else(|| answer.find(key));
        found.map(Answer::text).transpose()
    };
    Ok(Plan {
        name: text("name")?.unwrap_or("job").to_owned(),
        scheduler: text("schedulerType")?.map(str::to_owned),
        counts: answer.find("vertices").is_some(),
        vertices: in_order(vertices, nodes.place())?,
    })
}

fn vertex(
    node: Answer<'_>,
    ids: &BTreeMap<&str, usize>,
    done: &BTreeMap<&str, Done>,
) -> Result<Vertex, Problem> {
    let of = "a node of the plan";
    let id = node.get("id", of)?.text()?;
    let parallelism = node.get("parallelism", of)?;
    let parallel = parallelism.whole(MAX_OPERATOR_PARALLELISM)?;
    if parallel == 0 {
        return Err(parallelism.refuse("a parallelism of 0: the job is not scheduled yet"));
    }
    let description = node.get("description", of)?;
    let chain = chain(description.text()?);
    if chain.is_empty() {
        return Err(description.refuse("the description names no operator"));
    }
    let mut inputs = Vec::new();
    if let Some(list) = node.find("inputs") {
        for input in list.list()? {
            inputs.push(edge(input, ids)?);
        }
    }
    Ok(Vertex {
        id: id.to_owned(),
        chain,
        parallelism: parallel,
        inputs,
        done: done.get(id).cloned().unwrap_or_default(),
    })
}

fn edge(input: Answer<'_>, ids: &BTreeMap<&str, usize>) -> Result<Edge, Problem> {
    let of = "an input of a node";
    let id = input.get("id", of)?;
    let from = *ids.get(id.text()?).ok_or_else(|| {
        let name = short(id.text().unwrap_or_default());
        id.refuse(format!("there is no node `{name}` that this could read"))
    })?;
    let strategy = input.get("ship_strategy", of)?.text()?;
    // `HASH[key]` in plans of SQL.
    let strategy = strategy.split(['[', '(', ' ']).next().unwrap_or_default();
    let blocking = input.find("exchange").map(Answer::text).transpose()?;
    Ok(Edge {
        from,
        exchange: match strategy {
            "HASH" => Exchange::Hash,
            "FORWARD" | "RESCALE" => Exchange::Forward,
            _ => Exchange::Rebalance,
        },
        strategy: strategy.to_owned(),
        blocking: blocking.is_some_and(|exchange| exchange.starts_with("blocking")),
    })
}

/// Flink 2 draws a chain as a tree of lines (`A<br/>+- B<br/>`), Flink 1 writes `A -&gt; B`.
fn chain(description: &str) -> Vec<String> {
    let text = description
        .replace("<br/>", "\n")
        .replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    let branch = |c: char| c.is_whitespace() || matches!(c, ':' | '+' | '|');
    let bare = |line: &str| {
        let line = line.trim_start_matches(branch);
        let line = line.strip_prefix("- ").unwrap_or(line).trim();
        line.chars().filter(|c| !c.is_control()).collect::<String>()
    };
    let lines: Vec<String> = text.lines().map(bare).filter(|l| !l.is_empty()).collect();
    match lines.as_slice() {
        [line] => parts(line),
        _ => lines,
    }
}

/// `A -> (B -> C, D)` is A and what follows it: a fork stays in one piece.
fn parts(line: &str) -> Vec<String> {
    let (mut depth, mut from, mut parts) = (0_u32, 0, Vec::new());
    for (at, c) in line.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '-' if depth == 0
                && at >= from
                && line[..at].ends_with(' ')
                && line[at..].starts_with("-> ") =>
            {
                parts.push(line[from..at].trim().to_owned());
                from = at + 3;
            }
            _ => {}
        }
    }
    parts.push(line[from..].trim().to_owned());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Sources first: plans list vertices in any order.
fn in_order(vertices: Vec<Vertex>, place: Place) -> Result<Vec<Vertex>, Problem> {
    let mut new_place: Vec<Option<usize>> = vec![None; vertices.len()];
    let mut order: Vec<usize> = Vec::new();
    let ready = |vertex: &Vertex, places: &[Option<usize>]| {
        let known = |edge: &Edge| places[edge.from].is_some();
        vertex.inputs.iter().all(known)
    };
    while let Some(next) =
        (0..vertices.len()).find(|&at| new_place[at].is_none() && ready(&vertices[at], &new_place))
    {
        new_place[next] = Some(order.len());
        order.push(next);
    }
    if order.len() < vertices.len() {
        let message = "the nodes form a cycle: iterations are outside the model";
        return Err(Problem::at(place, message));
    }
    let mut all: Vec<Option<Vertex>> = vertices.into_iter().map(Some).collect();
    let mut sorted: Vec<Vertex> = order.iter().filter_map(|&at| all[at].take()).collect();
    for edge in sorted.iter_mut().flat_map(|vertex| &mut vertex.inputs) {
        edge.from = new_place[edge.from].unwrap_or(edge.from);
    }
    Ok(sorted)
}

/// `vertices` of `/jobs/:id`, by id.
fn done(answer: Answer<'_>) -> Result<BTreeMap<&str, Done>, Problem> {
    let mut all = BTreeMap::new();
    let Some(vertices) = answer.find("vertices") else {
        return Ok(all);
    };
    for vertex in vertices.list()? {
        let id = vertex.get("id", "a vertex of /jobs/:id")?.text()?;
        let metric = |key: &str| -> Result<Option<f64>, Problem> {
            let Some(metrics) = vertex.find("metrics") else {
                return Ok(None);
            };
            let complete = metrics.find(&format!("{key}-complete"));
            match complete.map(Answer::text).transpose()? {
                Some("false") => Ok(None),
                _ => metrics.amount(key),
            }
        };
        let group = vertex.find("slotSharingGroupId").map(Answer::text);
        let seconds = vertex.amount("duration")?.map(|ms| ms / 1_000.0);
        let done = Done {
            seconds: seconds.filter(|seconds| *seconds >= 1.0),
            records_in: metric("read-records")?.filter(|count| *count > 0.0),
            records_out: metric("write-records")?.filter(|count| *count > 0.0),
            busy_ms: metric("accumulated-busy-time")?.filter(|ms| *ms > 0.0),
            sharing_group: group.transpose()?.map(str::to_owned),
        };
        all.insert(id, done);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_both_kinds_come_apart() {
        let two = "Source: a<br/>:- B<br/>:  +- C &lt;x&gt;<br/>+- D: Writer<br/>";
        assert_eq!(chain(two), ["Source: a", "B", "C <x>", "D: Writer"]);
        assert_eq!(
            chain("Source: a -&gt; Map -&gt; Sink: b"),
            ["Source: a", "Map", "Sink: b"]
        );
        assert_eq!(chain("A -> (B -> C, D)"), ["A", "(B -> C, D)"]);
        assert_eq!(chain("one-two"), ["one-two"]);
        assert!(chain("<br/>").is_empty());
    }
}
