//! Tasks pinned to TaskManagers, and whether slots suffice.

use std::collections::BTreeMap;

use super::Check;
use crate::scenario::file::{At, ClusterFile, JobFile};
use crate::scenario::model::{Cluster, Job, Operator, Slots};
use crate::scenario::near;
use crate::scenario::units::short;

pub fn resolve(
    job: &JobFile,
    operators: &[Operator],
    cluster: &Cluster,
    check: &mut Check,
) -> BTreeMap<(usize, u32), usize> {
    let mut pins = BTreeMap::new();
    for (name, tasks) in job.placement.iter().flat_map(|map| &map.0) {
        let Some(host) = cluster
            .taskmanagers
            .iter()
            .position(|tm| tm.name == name.value)
        else {
            let hint = near::hint(
                &name.value,
                cluster.taskmanagers.iter().map(|tm| tm.name.as_str()),
            );
            check.refuse(
                name.place,
                format!("unknown TaskManager `{}`{hint}", short(&name.value)),
            );
            continue;
        };
        if !cluster.taskmanagers[host].starts {
            check.refuse(name.place, format!("`{}` does not start with the run (`starts: false`), so nothing can be pinned to it", name.value));
        }
        for task in tasks {
            let Some(key) = self::task(task, operators, check) else {
                continue;
            };
            if let Some(&other) = pins.get(&key) {
                let other: usize = other;
                let other = &cluster.taskmanagers[other].name;
                check.refuse(
                    task.place,
                    format!("`{}` is pinned already, to `{other}`", short(&task.value)),
                );
            } else {
                pins.insert(key, host);
            }
        }
    }
    pins
}

/// `Parse JSON 2`: an operator and a subtask.
fn task(task: &At<String>, operators: &[Operator], check: &mut Check) -> Option<(usize, u32)> {
    let Some((name, number)) = task.value.rsplit_once(' ') else {
        check.refuse(
            task.place,
            format!(
                "`{}` is no task; write the operator's name and the subtask, like `Parse JSON 2`",
                short(&task.value)
            ),
        );
        return None;
    };
    let name = name.trim();
    let Some(index) = operators.iter().position(|operator| operator.name == name) else {
        let hint = near::hint(
            name,
            operators.iter().map(|operator| operator.name.as_str()),
        );
        check.refuse(
            task.place,
            format!("unknown operator `{}`{hint}", short(name)),
        );
        return None;
    };
    let last = operators[index].parallelism.saturating_sub(1);
    match number.parse::<u32>() {
        Ok(subtask) if subtask <= last => Some((index, subtask)),
        _ => {
            check.refuse(
                task.place,
                format!(
                    "`{}` is no subtask of `{name}`; they are 0 to {last}",
                    short(number)
                ),
            );
            None
        }
    }
}

/// Where slots bind, every task needs one.
pub fn slots(file: &ClusterFile, jobs: &[Job], cluster: &Cluster, rule: Slots, check: &mut Check) {
    if rule == Slots::Ignore {
        return;
    }
    let tasks: u64 = jobs
        .iter()
        .flat_map(|job| &job.operators)
        .map(|operator| u64::from(operator.parallelism))
        .sum();
    let slots = cluster.slots_at_start();
    if tasks > slots {
        check.refuse(
            file.taskmanagers.place,
            format!("{tasks} tasks for {slots} slots, and slots bind; add slots or TaskManagers, or set `placement.slots: ignore`"),
        );
    }
    for (host, tm) in cluster.taskmanagers.iter().enumerate() {
        let pinned = jobs
            .iter()
            .flat_map(|job| job.pins.values())
            .filter(|&&pin| pin == host)
            .count();
        if pinned as u64 > u64::from(tm.slots) {
            let place = file
                .taskmanagers
                .value
                .get(host)
                .map_or(file.taskmanagers.place, |tm| tm.name.place);
            check.refuse(
                place,
                format!(
                    "{pinned} tasks are pinned to `{}`, which has {} slot{}, and slots bind",
                    tm.name,
                    tm.slots,
                    if tm.slots == 1 { "" } else { "s" }
                ),
            );
        }
    }
}
