//! Whom a fault befalls.

use crate::fault::Task;
use crate::scenario::file::At;
use crate::scenario::model::{Cluster, Job, Target};
use crate::scenario::near;
use crate::scenario::resolve::Check;
use crate::scenario::units::short;

/// Before the task that tells where it is.
const TASKMANAGER_OF: &str = "taskmanager-of ";

/// The brokers, as links and faults name them.
pub const KAFKA: &str = "kafka";

/// The number of `zk-1`, `zk-2`, ..., from zero.
pub fn zookeeper_server(name: &str) -> Option<usize> {
    numbered(name, "zk-")
}

/// The number behind a prefix, from zero.
fn numbered(name: &str, prefix: &str) -> Option<usize> {
    let number = name.strip_prefix(prefix)?;
    if number.starts_with('0') || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<usize>().ok()?.checked_sub(1)
}

/// The process of this name, or the one that it will be.
pub fn target(
    name: &At<String>,
    cluster: &Cluster,
    jobs: &[Job],
    check: &mut Check,
) -> Option<Target> {
    let text = name.value.as_str();
    if let Some(known) = process(text, cluster) {
        return Some(known);
    }
    if text == "leader" {
        return Some(Target::Leader);
    }
    let brokers = cluster.kafka.brokers as usize;
    if let Some(index) = numbered(text, "broker-").filter(|index| *index < brokers) {
        return Some(Target::Broker(index));
    }
    if let Some(task) = text.strip_prefix(TASKMANAGER_OF) {
        let task = At {
            value: task.trim().to_owned(),
            place: name.place,
        };
        return self::task(&task, jobs, check).map(Target::TaskManagerOf);
    }
    let servers = zookeepers(cluster);
    let brokers = (1..=cluster.kafka.brokers.min(15)).map(|number| format!("broker-{number}"));
    let brokers: Vec<String> = brokers.collect();
    let known = cluster
        .taskmanagers
        .iter()
        .map(|tm| tm.name.as_str())
        .chain(cluster.jobmanagers.iter().map(String::as_str))
        .chain(servers.iter().map(String::as_str))
        .chain(brokers.iter().map(String::as_str))
        .chain(cluster.hosts.iter().map(|host| host.name.as_str()))
        .chain([KAFKA, cluster.database.name.as_str()]);
    let hint = near::hint(text, known);
    check.refuse(
        name.place,
        format!("unknown process `{}`{hint}", short(text)),
    );
    None
}

/// What is known from the start.
pub fn process(text: &str, cluster: &Cluster) -> Option<Target> {
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
    if text == KAFKA {
        return Some(Target::Kafka);
    }
    if text == cluster.database.name {
        return Some(Target::Database);
    }
    let host = cluster.hosts.iter().position(|host| host.name == text);
    host.map(Target::Host)
}

fn zookeepers(cluster: &Cluster) -> Vec<String> {
    (1..=cluster.zookeeper.servers.min(15))
        .map(|number| format!("zk-{number}"))
        .collect()
}

/// One end of links: a process, a host, or everybody of a kind.
pub fn group(
    names: &[At<String>],
    cluster: &Cluster,
    jobs: &[Job],
    check: &mut Check,
) -> Vec<Target> {
    let mut members = Vec::new();
    for name in names {
        match name.value.as_str() {
            "taskmanagers" => {
                members.extend((0..cluster.taskmanagers.len()).map(Target::TaskManager))
            }
            "jobmanagers" => members.extend((0..cluster.jobmanagers.len()).map(Target::JobManager)),
            "zookeeper" => {
                members.extend((0..cluster.zookeeper.servers as usize).map(Target::ZooKeeper))
            }
            _ => members.extend(target(name, cluster, jobs, check)),
        }
    }
    members
}

/// `Parse JSON 2` or `Parse JSON subtask 2`: an operator, in any job, and a subtask; without a number the first.
pub fn task(name: &At<String>, jobs: &[Job], check: &mut Check) -> Option<Task> {
    let text = name.value.as_str();
    let find = |operator_name: &str, subtask: u32| {
        jobs.iter().enumerate().find_map(|(job, spec)| {
            let is_it =
                |operator: &crate::scenario::model::Operator| operator.name == operator_name;
            let operator = spec.operators.iter().position(is_it)?;
            Some(Task {
                job,
                operator,
                subtask,
            })
        })
    };
    let numbered = text.rsplit_once(' ').and_then(|(operator, number)| {
        let operator = operator.trim_end();
        let operator = operator.strip_suffix(" subtask").unwrap_or(operator);
        find(operator.trim_end(), number.parse().ok()?)
    });
    let Some(task) = find(text, 0).or(numbered) else {
        let known = jobs
            .iter()
            .flat_map(|job| &job.operators)
            .map(|operator| operator.name.as_str());
        let operator = text.rsplit_once(' ').map_or(text, |(operator, _)| operator);
        let hint = near::hint(operator, known);
        check.refuse(
            name.place,
            format!(
                "`{}` is no task; write an operator and a subtask, like `Parse JSON 2`{hint}",
                short(text)
            ),
        );
        return None;
    };
    let operator = &jobs[task.job].operators[task.operator];
    if task.subtask >= operator.parallelism {
        check.refuse(
            name.place,
            format!(
                "`{}` has no subtask {}; its subtasks are 0 to {}",
                operator.name,
                task.subtask,
                operator.parallelism - 1
            ),
        );
        return None;
    }
    Some(task)
}
