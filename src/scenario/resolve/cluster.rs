//! The cluster and its environment.

use std::collections::BTreeSet;

use super::{Check, MAX_PROCESSES, MAX_SLOTS, hosts};
use crate::kernel::time::Span;
use crate::scenario::file::{
    At, Bandwidth, ClusterFile, Delay, DelayRange, Duration, Either, JobManagerFile,
    TaskManagerFile,
};
use crate::scenario::model::{
    Cluster, Database, KafkaCluster, Range, Receiver, Storage, TaskManager, ZooKeeper,
};

/// Thousands of cores on one host would overflow nothing, but mean nothing either.
pub(super) const MAX_CPU_MILLICORES: u64 = 4_096_000;

pub fn resolve(file: &ClusterFile, default_slots: Option<u32>, check: &mut Check) -> Cluster {
    let jobmanagers = jobmanagers(file, check);
    let mut taskmanagers = taskmanagers(file, default_slots, check);
    names(file, check);
    let zookeeper = file.zookeeper.clone().unwrap_or_default();
    if let Some(servers) = &zookeeper.servers {
        check.within(servers, 1, 15, "is no size of an ensemble");
        if servers.value > 0 && servers.value % 2 == 0 {
            check.warn(
                servers.place,
                format!(
                    "an ensemble of {} survives no more losses than one of {}: a majority has to be left",
                    servers.value,
                    servers.value - 1
                ),
            );
        }
    }
    let servers = zookeeper.servers.as_ref().map_or(3, |at| at.value);
    let hosts = hosts::resolve(file, servers, &mut taskmanagers, check);
    let storage = file.storage.clone().unwrap_or_default();
    let database = file.database.clone().unwrap_or_default();
    let receiver = file.receiver.clone().unwrap_or_default();
    for (name, of) in [
        (&storage.name, "the storage"),
        (&database.name, "the database"),
        (&receiver.name, "the receiver"),
    ] {
        if let Some(name) = name {
            check.name(name, of);
        }
    }
    let link = file
        .links
        .clone()
        .unwrap_or_default()
        .default
        .unwrap_or_default();
    Cluster {
        jobmanagers,
        taskmanagers,
        zookeeper: ZooKeeper {
            servers,
            tick_time: zookeeper
                .tick_time
                .map_or(Span::from_secs(2), |value| value.0),
        },
        storage: Storage {
            name: or(storage.name, "hdfs"),
            read_bytes_per_s: storage.read.map_or(200_000_000, |Bandwidth(value)| value),
            write_bytes_per_s: storage.write.map_or(150_000_000, |Bandwidth(value)| value),
            latency: storage
                .latency
                .map_or(Span::from_ms(5), |Delay(value)| value),
        },
        database: Database {
            name: or(database.name, "database"),
            commit_latency: range(database.commit_latency, 5_000, 20_000),
        },
        kafka: kafka(file, check),
        receiver: Receiver {
            name: or(receiver.name, "prometheus-webhook"),
            latency: range(receiver.latency, 20_000, 200_000),
            loss_per_mille: receiver.loss.map_or(50, |share| share.0),
        },
        hosts,
        link_latency: range(link.latency, 300, 800),
    }
}

/// More brokers than anybody's Kafka has.
const MAX_BROKERS: u32 = 1_000;

fn kafka(file: &ClusterFile, check: &mut Check) -> KafkaCluster {
    let file = file.kafka.clone().unwrap_or_default();
    let default = KafkaCluster::default();
    if let Some(interval) = &file.abort_interval
        && interval.value.0 == Span::ZERO
    {
        check.refuse(interval.place, "brokers need some time between two looks");
    }
    let interval = file.abort_interval.map(|at| at.value.0);
    let mut count = |given: &Option<At<u32>>, default: u32| {
        if let Some(at) = given {
            check.within(at, 1, MAX_BROKERS, "is no number of brokers");
        }
        given
            .as_ref()
            .map_or(default, |at| at.value.clamp(1, MAX_BROKERS))
    };
    let brokers = count(&file.brokers, default.brokers);
    let replication_factor = count(
        &file.replication_factor,
        default.replication_factor.min(brokers),
    );
    let min_insync_replicas = count(&file.min_insync_replicas, default.min_insync_replicas);
    for (at, value, most) in [
        (&file.replication_factor, replication_factor, brokers),
        (
            &file.min_insync_replicas,
            min_insync_replicas,
            replication_factor,
        ),
    ] {
        if let Some(at) = at.as_ref().filter(|_| value > most) {
            check.refuse(
                at.place,
                format!("no more than {most} can hold a partition here"),
            );
        }
    }
    if let Some(at) = file
        .retry_backoff
        .as_ref()
        .filter(|at| at.value.0 == Span::ZERO)
    {
        check.refuse(at.place, "clients need some time between two tries");
    }
    let span =
        |given: Option<Duration>, default: Span| given.map_or(default, |Duration(span)| span);
    let start_up = file
        .broker_start_up
        .map_or(default.start_up, |Delay(span)| span);
    KafkaCluster {
        brokers,
        replication_factor,
        min_insync_replicas,
        session_timeout: span(file.broker_session_timeout, default.session_timeout),
        start_up,
        request_timeout: span(file.request_timeout, default.request_timeout),
        retry_backoff: span(file.retry_backoff.map(|at| at.value), default.retry_backoff),
        retry_backoff_max: span(file.retry_backoff_max, default.retry_backoff_max),
        transaction_timeout_max: file
            .transaction_max_timeout
            .map_or(default.transaction_timeout_max, |Duration(value)| value),
        abort_interval: interval.unwrap_or(default.abort_interval),
        replication_latency: file
            .latency
            .map_or(default.replication_latency, |DelayRange(range)| range),
    }
}

fn or(name: Option<At<String>>, default: &str) -> String {
    name.map_or_else(|| default.to_owned(), |at| at.value)
}

fn range(value: Option<DelayRange>, min_us: u64, max_us: u64) -> Range {
    value.map_or(
        Range {
            min: Span::from_us(min_us),
            max: Span::from_us(max_us),
        },
        |DelayRange(range)| range,
    )
}

/// One that leads and two that stand by.
fn default_jobmanagers() -> impl Iterator<Item = String> {
    (1..=3).map(|number| format!("jm-{number}"))
}

fn jobmanagers(file: &ClusterFile, check: &mut Check) -> Vec<String> {
    let Some(list) = &file.jobmanagers else {
        return default_jobmanagers().collect();
    };
    if list.value.is_empty() {
        check.refuse(list.place, "a cluster needs at least one JobManager");
    }
    if list.value.len() > MAX_PROCESSES {
        check.refuse(list.place, format!("more than {MAX_PROCESSES} JobManagers"));
    }
    list.value
        .iter()
        .map(|jm| jobmanager_name(jm).value)
        .collect()
}

/// The name, given by itself or with the host.
pub(super) fn jobmanager_name(file: &At<Either<JobManagerFile>>) -> At<String> {
    match &file.value {
        Either::Word(name) => At {
            value: name.clone(),
            place: file.place,
        },
        Either::Map(map) => map.name.clone(),
    }
}

fn taskmanagers(
    file: &ClusterFile,
    default_slots: Option<u32>,
    check: &mut Check,
) -> Vec<TaskManager> {
    let list = &file.taskmanagers;
    if list.value.len() > MAX_PROCESSES {
        check.refuse(
            list.place,
            format!("more than {MAX_PROCESSES} TaskManagers"),
        );
    }
    if !list.value.iter().any(|tm| tm.starts.unwrap_or(true)) {
        check.refuse(
            list.place,
            "a cluster needs at least one TaskManager that starts",
        );
    }
    list.value
        .iter()
        .map(|tm| taskmanager(tm, default_slots, check))
        .collect()
}

fn taskmanager(
    file: &TaskManagerFile,
    default_slots: Option<u32>,
    check: &mut Check,
) -> TaskManager {
    if let Some(slots) = &file.slots {
        check.within(slots, 1, MAX_SLOTS, "is no number of slots");
    }
    let cpu = file.cpu.as_ref().map_or(2_000, |at| at.value.0);
    if let Some(at) = file
        .cpu
        .as_ref()
        .filter(|at| at.value.0 > MAX_CPU_MILLICORES)
    {
        check.refuse(at.place, "a TaskManager has 4096 cores at the most");
    }
    TaskManager {
        name: file.name.value.clone(),
        slots: file
            .slots
            .as_ref()
            .map_or(default_slots.unwrap_or(4), |at| at.value),
        cpu_millicores: u32::try_from(cpu).unwrap_or(u32::MAX),
        network_bytes_per_s: file.network.map_or(125_000_000, |Bandwidth(value)| value),
        starts: file.starts.unwrap_or(true),
    }
}

/// Faults name processes: every name must mean one.
fn names(file: &ClusterFile, check: &mut Check) {
    let jobmanagers = file
        .jobmanagers
        .iter()
        .flat_map(|list| &list.value)
        .map(|jm| (jobmanager_name(jm), "a JobManager"));
    let taskmanagers = file
        .taskmanagers
        .value
        .iter()
        .map(|tm| (tm.name.clone(), "a TaskManager"));
    let mut seen: BTreeSet<String> = BTreeSet::new();
    if file.jobmanagers.is_none() {
        seen.extend(default_jobmanagers());
    }
    let hosts = file.hosts.iter().flatten();
    let hosts = hosts.map(|host| (host.name.clone(), "a host"));
    for (name, of) in jobmanagers.chain(taskmanagers).chain(hosts) {
        check.name(&name, of);
        check.unique(&mut seen, &name, of);
        if super::faults::zookeeper_server(&name.value).is_some() {
            check.refuse(
                name.place,
                format!(
                    "`{}` is the name of a ZooKeeper server; call {of} something else",
                    name.value
                ),
            );
        }
    }
}
