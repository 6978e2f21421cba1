//! Machines that several processes share.

use super::Check;
use super::cluster::{MAX_CPU_MILLICORES, jobmanager_name};
use crate::scenario::file::{At, ClusterFile, Either};
use crate::scenario::model::{Host, TaskManager};
use crate::scenario::near;
use crate::scenario::units::short;

/// The hosts with who lives there. A TaskManager's part of its host is what is left for each of the TaskManagers there.
pub fn resolve(
    file: &ClusterFile,
    zookeeper_servers: u32,
    taskmanagers: &mut [TaskManager],
    check: &mut Check,
) -> Vec<Host> {
    let mut hosts = Vec::new();
    for host in file.hosts.iter().flatten() {
        let cpu = host.cpu.as_ref().map_or(2_000, |at| at.value.0);
        if let (Some(at), true) = (&host.cpu, cpu > MAX_CPU_MILLICORES) {
            check.refuse(at.place, "a host has 4096 cores at the most");
        }
        hosts.push(Host {
            name: host.name.value.clone(),
            cpu_millicores: u32::try_from(cpu).unwrap_or(u32::MAX),
            processes: Vec::new(),
        });
    }
    for jobmanager in file.jobmanagers.iter().flat_map(|list| &list.value) {
        if let Either::Map(map) = &jobmanager.value {
            let name = jobmanager_name(jobmanager).value;
            settle(name, map.host.as_ref(), &mut hosts, check);
        }
    }
    let mut tenants = vec![0; hosts.len()];
    let mut homes = Vec::new();
    for tm in &file.taskmanagers.value {
        if let (Some(_), Some(cpu)) = (&tm.host, &tm.cpu) {
            check.refuse(
                cpu.place,
                "a TaskManager on a host uses the host's CPU; give `cpu` to the host",
            );
        }
        let home = settle(tm.name.value.clone(), tm.host.as_ref(), &mut hosts, check);
        homes.push(home);
        if let Some(host) = home {
            tenants[host] += 1;
        }
    }
    for (tm, home) in taskmanagers.iter_mut().zip(homes) {
        if let Some(host) = home {
            tm.cpu_millicores = (hosts[host].cpu_millicores / tenants[host]).max(1);
        }
    }
    let host = file.zookeeper.as_ref().and_then(|zk| zk.host.as_ref());
    for number in 1..=zookeeper_servers.min(15) {
        if settle(format!("zk-{number}"), host, &mut hosts, check).is_none() {
            break;
        }
    }
    hosts
}

fn settle(
    process: String,
    host: Option<&At<String>>,
    hosts: &mut [Host],
    check: &mut Check,
) -> Option<usize> {
    let host = host?;
    let found = hosts.iter().position(|known| known.name == host.value);
    match found {
        Some(index) => hosts[index].processes.push(process),
        None => {
            let known = hosts.iter().map(|host| host.name.as_str());
            let hint = near::hint(&host.value, known);
            let message = if hosts.is_empty() {
                format!(
                    "unknown host `{}`: the cluster has no `hosts`; write `hosts: [{{name: {}, cpu: 2.0}}]`",
                    short(&host.value),
                    short(&host.value)
                )
            } else {
                format!("unknown host `{}`{hint}", short(&host.value))
            };
            check.refuse(host.place, message);
        }
    }
    found
}
