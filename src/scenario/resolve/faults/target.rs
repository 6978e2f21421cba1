//! Whom a fault befalls.

use crate::scenario::file::At;
use crate::scenario::model::{Cluster, Target};
use crate::scenario::near;
use crate::scenario::resolve::Check;
use crate::scenario::units::short;

/// The number of `zk-1`, `zk-2`, ..., from zero.
pub fn zookeeper_server(name: &str) -> Option<usize> {
    let number = name.strip_prefix("zk-")?;
    if number.starts_with('0') || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<usize>().ok()?.checked_sub(1)
}

/// The process of this name.
pub fn target(name: &At<String>, cluster: &Cluster, check: &mut Check) -> Option<Target> {
    let text = name.value.as_str();
    if let Some(index) = cluster.taskmanagers.iter().position(|tm| tm.name == text) {
        return Some(Target::TaskManager(index));
    }
    if let Some(index) = cluster.jobmanagers.iter().position(|jm| jm == text) {
        return Some(Target::JobManager(index));
    }
    let servers = cluster.zookeeper.servers as usize;
    if let Some(index) = zookeeper_server(text).filter(|index| *index < servers) {
        return Some(Target::ZooKeeper(index));
    }
    let zookeepers: Vec<String> = (1..=servers.min(15))
        .map(|number| format!("zk-{number}"))
        .collect();
    let known = cluster
        .taskmanagers
        .iter()
        .map(|tm| tm.name.as_str())
        .chain(cluster.jobmanagers.iter().map(String::as_str))
        .chain(zookeepers.iter().map(String::as_str));
    let hint = near::hint(text, known);
    check.refuse(
        name.place,
        format!("unknown process `{}`{hint}", short(text)),
    );
    None
}
