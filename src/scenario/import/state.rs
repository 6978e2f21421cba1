//! How much state each operator has.

use std::collections::BTreeMap;

use super::checkpoints::Checkpoints;
use super::draft::Section;
use super::names::chain_name;
use super::plan::{Plan, Vertex};

/// State below this, where it is not kept by key, is offsets and the like.
const SMALL: f64 = 1e6;

/// Bytes of state by vertex, of those that keep it by key.
pub fn state<'a>(
    plan: &'a Plan,
    checkpoints: &'a Checkpoints,
    section: &mut Section,
) -> BTreeMap<&'a str, f64> {
    let keyed: Vec<&Vertex> = plan
        .vertices
        .iter()
        .filter(|vertex| vertex.is_keyed())
        .collect();
    if !checkpoints.of_vertex.is_empty() {
        let elsewhere = |vertex: &&Vertex| !vertex.is_keyed();
        for vertex in plan.vertices.iter().filter(elsewhere) {
            let bytes = checkpoints
                .of_vertex
                .get(&vertex.id)
                .copied()
                .unwrap_or(0.0);
            if bytes >= SMALL {
                section.assume(format!(
                    "no state in `{}`, which has {:.1} MB of it but does not get its records by key",
                    chain_name(&vertex.chain),
                    bytes / 1e6
                ));
            }
        }
        let by_id = |vertex: &&'a Vertex| {
            checkpoints
                .of_vertex
                .get(&vertex.id)
                .map(|bytes| (vertex.id.as_str(), *bytes))
        };
        // A few kilobytes are what is written where there is no state.
        return keyed
            .iter()
            .filter_map(by_id)
            .filter(|(_, bytes)| *bytes >= 10_000.0)
            .collect();
    }
    let Some(bytes) = checkpoints.state_bytes else {
        if !keyed.is_empty() {
            section.assume("no state anywhere: give /jobs/:id/checkpoints, or better its details of one checkpoint");
        }
        return BTreeMap::new();
    };
    if keyed.is_empty() {
        if bytes >= SMALL {
            section.assume(format!(
                "no state, though a checkpoint has {:.1} MB: no operator gets its records by key",
                bytes / 1e6
            ));
        }
        return BTreeMap::new();
    }
    let tasks: u32 = keyed.iter().map(|vertex| vertex.parallelism).sum();
    if keyed.len() > 1 {
        section.assume(format!(
            "the checkpoint's {:.1} MB spread over the {} tasks that read by key: give /jobs/:id/checkpoints/details/:checkpointid",
            bytes / 1e6,
            tasks
        ));
    }
    let share = |vertex: &&'a Vertex| {
        let bytes = bytes * f64::from(vertex.parallelism) / f64::from(tasks);
        (vertex.id.as_str(), bytes)
    };
    keyed.iter().map(share).collect()
}
