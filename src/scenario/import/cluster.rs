//! The section `cluster`: TaskManagers as they registered, the rest as the configuration lets one guess.

use std::collections::BTreeMap;

use super::checkpoints::Checkpoints;
use super::config::Decided;
use super::draft::{Section, rounded, scalar};
use super::plan::Plan;
use super::taskmanagers::{self, TaskManager};
use crate::scenario::units::{write_bandwidth, write_thousandths};

/// Longer ids are given a short name.
const NAME_MAX: usize = 24;
/// Less state says nothing about bandwidth.
const TELLING_BYTES: f64 = 1e6;
/// What a TaskManager has where nothing is said, in bytes per second.
const GIGABIT: f64 = 125e6;

pub fn section(
    taskmanagers: Option<&[TaskManager]>,
    plan: &Plan,
    decided: &Decided,
    checkpoints: &Checkpoints,
) -> Section {
    let mut section = Section::default();
    let needed = plan
        .vertices
        .iter()
        .map(|vertex| vertex.parallelism)
        .max()
        .unwrap_or(1);
    section.line("cluster:");
    match decided.is_zookeeper {
        true => {
            section.assume(
                "two JobManagers, one of them standing by: no answer tells how many there are",
            );
            section.line("  jobmanagers: [jm-1, jm-2]");
        }
        false => section.line("  jobmanagers: [jm-1]"),
    }
    match taskmanagers {
        Some(all) => registered(
            all,
            needed,
            telling(checkpoints).map(|(bytes, ms)| per_s(bytes, ms)),
            &mut section,
        ),
        None => assumed(needed, decided.slots, &mut section),
    }
    let servers = decided.zookeepers.unwrap_or_else(|| {
        section.assume("three ZooKeeper servers");
        3
    });
    section.line(format!("  zookeeper: {{servers: {servers}}}"));
    storage(checkpoints, &mut section);
    section
}

fn registered(all: &[TaskManager], needed: u32, speed: Option<f64>, section: &mut Section) {
    // What a checkpoint has shown may all have come from one of them.
    let network = speed.filter(|speed| *speed > GIGABIT).map(rate);
    let network = match network {
        Some(rate) => {
            section.assume(format!(
                "a network of {rate} for each TaskManager, enough for its checkpoints"
            ));
            format!(", network: {rate}")
        }
        None => {
            section.assume("1 Gbit/s of network for each TaskManager");
            String::new()
        }
    };
    let shared: BTreeMap<&str, String> = taskmanagers::shared(all)
        .into_iter()
        .enumerate()
        .map(|(number, address)| (address, format!("host-{}", number + 1)))
        .collect();
    let cores = |cores: f64| write_thousandths((cores * 1_000.0).round() as u64);
    if !shared.is_empty() {
        section.note("TaskManagers with one address share a machine");
        section.line("  hosts:");
        for (address, name) in &shared {
            let lives_there = |one: &&TaskManager| one.address == *address;
            let most = all.iter().filter(lives_there).filter_map(|one| one.cores);
            let most = most.fold(1.0, f64::max);
            section.line(format!(
                "    - {{name: {name}, cpu: {}}}  # {address}",
                cores(most)
            ));
        }
    }
    section.line("  taskmanagers:");
    let short_names = all.iter().all(|one| is_name(&one.id));
    for (number, one) in all.iter().enumerate() {
        let name = match short_names {
            true => one.id.clone(),
            false => format!("tm-{}", number + 1),
        };
        let machine = match (shared.get(one.address.as_str()), one.cores) {
            (Some(host), _) => format!(", host: {host}"),
            (None, Some(own)) => format!(", cpu: {}", cores(own)),
            (None, None) => String::new(),
        };
        let id: String = one.id.chars().filter(|c| !c.is_control()).collect();
        let memory = one
            .process_memory
            .map(|bytes| format!("{:.0} MiB of process memory", bytes / 1048576.0));
        let about: Vec<String> = (!short_names)
            .then_some(id)
            .into_iter()
            .chain(memory)
            .collect();
        let about = match about.is_empty() {
            true => String::new(),
            false => format!("  # {}", about.join(", ")),
        };
        section.line(format!(
            "    - {{name: {}, slots: {}{machine}{network}}}{about}",
            scalar(&name),
            one.slots
        ));
    }
    let slots: u32 = all.iter().map(|one| one.slots).sum();
    if slots < needed {
        section.note(format!(
            "The job needs {needed} slots and there are {slots}"
        ));
    }
    section.note("Memory is not modelled");
}

/// A name that may stand as it is, and that no other process of the cluster has.
fn is_name(id: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let taken = ["jm-", "zk-", "host-"]
        .iter()
        .any(|prefix| id.starts_with(prefix));
    let words = [
        "leader",
        "taskmanagers",
        "jobmanagers",
        "zookeeper",
        "kafka",
        "database",
        "hdfs",
    ];
    !id.is_empty()
        && id.len() <= NAME_MAX
        && id.chars().all(letters)
        && !taken
        && !words.contains(&id)
}

fn assumed(needed: u32, slots: Option<u32>, section: &mut Section) {
    let slots = slots.unwrap_or(1).max(1);
    let count = needed.div_ceil(slots).max(2);
    let each = if slots == 1 { "slot" } else { "slots" };
    section.assume(format!(
        "{count} TaskManagers of {slots} {each}, as many as the job needs, each with 2 cores: give /taskmanagers"
    ));
    section.line("  taskmanagers:");
    for number in 1..=count {
        section.line(format!(
            "    - {{name: tm-{number}, slots: {slots}, cpu: 2.0}}"
        ));
    }
}

/// What a checkpoint took tells how fast state is written: about half of it writing, beside what serializes it.
fn storage(checkpoints: &Checkpoints, section: &mut Section) {
    let Some((bytes, ms)) = telling(checkpoints) else {
        section.assume("checkpoint storage that reads 200 MB/s and writes 150 MB/s");
        section.line("  storage: {name: storage, read: 200 MB/s, write: 150 MB/s}");
        return;
    };
    let write = rate(per_s(bytes, ms));
    section.assume(format!(
        "checkpoint storage that writes {write}, for a checkpoint that wrote {:.1} MB took {ms} ms, and reads as fast",
        bytes / 1e6
    ));
    section.line(format!(
        "  storage: {{name: storage, read: {write}, write: {write}}}"
    ));
}

/// What a checkpoint wrote in which time, where it is enough to say something. Before Flink 1.15 no answer tells it from the state.
fn telling(checkpoints: &Checkpoints) -> Option<(f64, f64)> {
    let written = checkpoints.written_bytes.or(checkpoints.state_bytes);
    let known = written.zip(checkpoints.duration_ms);
    known.filter(|(bytes, ms)| *bytes >= TELLING_BYTES && *ms >= 1.0)
}

/// Bytes per second that all tasks together give and the storage takes.
fn per_s(bytes: f64, ms: f64) -> f64 {
    1_000.0 * bytes / (ms / 2.0)
}

fn rate(bytes_per_s: f64) -> String {
    write_bandwidth(rounded(bytes_per_s.max(1_000.0)))
}

/// `profile`, with what checkpoints show of a task's own speed.
pub fn profile(plan: &Plan, checkpoints: &Checkpoints) -> Section {
    let mut section = Section::default();
    section.assume(
        "the built-in profile of start-up, deployment and so on; `firedrill calibrate` makes one of your own",
    );
    let keyed = plan.vertices.iter().filter(|vertex| vertex.is_keyed());
    let tasks: u32 = keyed.map(|vertex| vertex.parallelism).sum();
    section.line(match telling(checkpoints) {
        Some((bytes, ms)) => {
            let one = rate(per_s(bytes, ms) / f64::from(tasks.max(1)));
            format!("profile: {{base: default, checkpoint-write: {one}}}")
        }
        None => "profile: default".to_owned(),
    });
    section
}
