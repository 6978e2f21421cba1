//! The scenario as resolved, in the format of the file, with every default written out.

mod faults;

use super::file::{
    At, Bandwidth, ClusterFile, DatabaseFile, Decimal, Delay, DelayRange, Drawn, Duration, Either,
    EventTimeFile, HostFile, InputFile, JobFile, JobManagerFile, KafkaFile, LinkFile, LinksFile,
    MonitorFile, Named, OperatorFile, PlacementFile, ProfileFile, Rate, RebalanceWhenFile,
    ReceiverFile, RecoveryFile, ScenarioFile, Setting, Share, SinkFile, Size, StorageFile,
    TaskManagerFile, TopicFile, Unit, ZooKeeperFile,
};
use super::model::{
    Cluster, Exchange, Host, Input, Job, Liveness, Monitor, Operator, OperatorKind, Profile,
    Scenario, Service, SinkSpec, TaskManager, Topic,
};
use crate::dataflow::job_graph::DEFAULT_SLOT_SHARING_GROUP;
use crate::kernel::Distribution;

/// Loading the text gives an equal scenario; equal scenarios give equal bytes.
pub fn resolved_yaml(scenario: &Scenario) -> String {
    let options =
        serde_saphyr::ser_options! { prefer_block_scalars: false, compact_list_indent: true };
    // Writing into a string fails only for keys that are no text, of which there are none.
    serde_saphyr::to_string_with_options(&file(scenario), options).unwrap_or_default()
}

/// A profile by itself, as a file of its own has it: every value on a line.
pub fn profile_yaml(profile: &Profile) -> String {
    let map = serde_json::to_value(self::profile(profile)).unwrap_or_default();
    let lines = map.as_object().into_iter().flatten().map(|(key, value)| {
        // JSON is YAML in which nothing needs quotes more.
        format!("{key}: {value}\n")
    });
    lines.collect()
}

/// The fault plan, a fault on a line, as the file has it.
pub fn fault_lines(scenario: &Scenario) -> Vec<String> {
    let line = |fault| {
        // JSON is YAML in which nothing needs quotes more.
        let map = serde_json::to_value(faults::fault(fault, scenario)).unwrap_or_default();
        let parts: Vec<String> = map
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| match value.as_str() {
                Some(word) => format!("{key}: {word}"),
                None => format!("{key}: {value}"),
            })
            .collect();
        format!("{{{}}}", parts.join(", "))
    };
    scenario.faults.iter().map(line).collect()
}

fn at<T>(value: T) -> At<T> {
    At::nowhere(value)
}

fn name(text: &str) -> Option<At<String>> {
    Some(at(text.to_owned()))
}

fn file(s: &Scenario) -> ScenarioFile {
    let is_flink = s.switches.liveness == Liveness::RpcHeartbeats;
    ScenarioFile {
        name: at(s.name.clone()),
        about: (!s.about.is_empty()).then(|| s.about.clone()),
        model: Some(at(s.model)),
        flink_version: Some(at(s.flink_version.to_string())),
        seed: Some(s.seed),
        duration: Some(at(Duration(s.duration))),
        weight: Some(at(s.weight)),
        defects: (!s.defects.is_empty()).then(|| s.defects.iter().collect()),
        liveness: Some(at(s.switches.liveness)),
        scheduler: is_flink.then(|| at(s.switches.scheduler)),
        recovery: Some(RecoveryFile {
            scope: Some(at(s.switches.scope)),
        }),
        placement: Some(PlacementFile {
            policy: Some(at(s.switches.placement)),
            slots: Some(at(s.switches.slots)),
        }),
        rebalancing: Some(at(s.switches.rebalancing)),
        cluster: cluster(&s.cluster),
        profile: Some(at(Either::Map(profile(&s.profile)))),
        config: Some(Named(
            s.config
                .keys
                .iter()
                .map(|(key, value)| (at(key.clone()), at(Setting(Either::Word(value.clone())))))
                .collect(),
        )),
        topics: Named(
            s.topics
                .iter()
                .map(|topic| (at(topic.name.clone()), self::topic(topic)))
                .collect(),
        ),
        jobs: s.jobs.iter().map(|job| self::job(job, s)).collect(),
        monitor: Some(monitor(&s.monitor)),
        faults: Some(
            s.faults
                .iter()
                .map(|fault| at(faults::fault(fault, s)))
                .collect(),
        ),
        expect: Some(
            s.expect
                .iter()
                .map(|statement| at(statement.text.clone()))
                .collect(),
        ),
    }
}

fn cluster(c: &Cluster) -> ClusterFile {
    ClusterFile {
        jobmanagers: Some(at(c
            .jobmanagers
            .iter()
            .map(|jm| at(jobmanager(jm, c)))
            .collect())),
        taskmanagers: at(c.taskmanagers.iter().map(|tm| taskmanager(tm, c)).collect()),
        hosts: (!c.hosts.is_empty()).then(|| c.hosts.iter().map(host).collect()),
        zookeeper: Some(ZooKeeperFile {
            servers: Some(at(c.zookeeper.servers)),
            tick_time: Some(Duration(c.zookeeper.tick_time)),
            host: home("zk-1", c),
        }),
        storage: Some(StorageFile {
            name: name(&c.storage.name),
            read: Some(Bandwidth(c.storage.read_bytes_per_s)),
            write: Some(Bandwidth(c.storage.write_bytes_per_s)),
            latency: Some(Delay(c.storage.latency)),
        }),
        database: Some(DatabaseFile {
            name: name(&c.database.name),
            commit_latency: Some(DelayRange(c.database.commit_latency)),
        }),
        kafka: Some(KafkaFile {
            brokers: Some(at(c.kafka.brokers)),
            replication_factor: Some(at(c.kafka.replication_factor)),
            min_insync_replicas: Some(at(c.kafka.min_insync_replicas)),
            broker_session_timeout: Some(Duration(c.kafka.session_timeout)),
            broker_start_up: Some(Delay(c.kafka.start_up)),
            request_timeout: Some(Duration(c.kafka.request_timeout)),
            retry_backoff: Some(at(Duration(c.kafka.retry_backoff))),
            retry_backoff_max: Some(Duration(c.kafka.retry_backoff_max)),
            transaction_max_timeout: Some(Duration(c.kafka.transaction_timeout_max)),
            abort_interval: Some(at(Duration(c.kafka.abort_interval))),
            latency: Some(DelayRange(c.kafka.replication_latency)),
        }),
        receiver: Some(ReceiverFile {
            name: name(&c.receiver.name),
            latency: Some(DelayRange(c.receiver.latency)),
            loss: Some(Share(c.receiver.loss_per_mille)),
        }),
        links: Some(LinksFile {
            default: Some(LinkFile {
                latency: Some(DelayRange(c.link_latency)),
            }),
        }),
    }
}

fn host(host: &Host) -> HostFile {
    HostFile {
        name: at(host.name.clone()),
        cpu: Some(at(Decimal(u64::from(host.cpu_millicores)))),
    }
}

/// The host on which a process lives.
fn home(process: &str, c: &Cluster) -> Option<At<String>> {
    let lives_there = |host: &&Host| host.processes.iter().any(|name| name == process);
    let host = c.hosts.iter().find(lives_there)?;
    name(&host.name)
}

fn jobmanager(jm: &str, c: &Cluster) -> Either<JobManagerFile> {
    match home(jm, c) {
        None => Either::Word(jm.to_owned()),
        host => Either::Map(JobManagerFile {
            name: at(jm.to_owned()),
            host,
        }),
    }
}

fn taskmanager(tm: &TaskManager, c: &Cluster) -> TaskManagerFile {
    let host = home(&tm.name, c);
    TaskManagerFile {
        name: at(tm.name.clone()),
        slots: Some(at(tm.slots)),
        cpu: host
            .is_none()
            .then(|| at(Decimal(u64::from(tm.cpu_millicores)))),
        host,
        network: Some(Bandwidth(tm.network_bytes_per_s)),
        starts: Some(tm.starts),
    }
}

fn profile(p: &Profile) -> ProfileFile {
    fn drawn<U: Unit>(distribution: Distribution<U::Of>) -> Option<Drawn<U>> {
        Some(Drawn(distribution))
    }
    ProfileFile {
        name: name(&p.name),
        base: None,
        host_speed: drawn(p.host_speed_per_mille),
        process_startup: None,
        jobmanager_startup: drawn(p.process_startup.jobmanager),
        taskmanager_startup: drawn(p.process_startup.taskmanager),
        zookeeper_startup: drawn(p.process_startup.zookeeper),
        process_teardown: drawn(p.process_teardown),
        connection_notice: drawn(p.connection_notice),
        rpc_handling: drawn(p.rpc_handling),
        heartbeat_handling: drawn(p.heartbeat_handling),
        leader_services_startup: drawn(p.leader_services_startup),
        first_leader_services_startup: drawn(p.first_leader_services_startup),
        job_submission: drawn(p.job_submission),
        job_recovery: drawn(p.job_recovery),
        jobmaster_startup: drawn(p.jobmaster_startup),
        first_jobmaster_startup: drawn(p.first_jobmaster_startup),
        first_jobmaster_deployment: drawn(p.first_jobmaster_deployment),
        slot_allocation: drawn(p.slot_allocation),
        slot_offer: drawn(p.slot_offer),
        failover_handling: drawn(p.failover_handling),
        restart_handling: drawn(p.restart_handling),
        checkpoint_trigger: drawn(p.checkpoint_trigger),
        scheduling: drawn(p.scheduling),
        task_deployment: drawn(p.task_deployment),
        task_deployment_cpu: drawn(p.task_deployment_cpu),
        first_task_deployment_cpu: drawn(p.first_task_deployment_cpu),
        task_initialization: drawn(p.task_initialization),
        task_initialization_cpu: drawn(p.task_initialization_cpu),
        first_task_initialization_cpu: drawn(p.first_task_initialization_cpu),
        task_failure: drawn(p.task_failure),
        task_cancellation: drawn(p.task_cancellation),
        restore_read: drawn(p.restore_read_bytes_per_s),
        restore_rocksdb: drawn(p.restore_rocksdb_bytes_per_s),
        checkpoint_write: drawn(p.checkpoint_write_bytes_per_s),
        checkpoint_cpu: drawn(p.checkpoint_cpu),
        checkpoint_serialize: drawn(p.checkpoint_serialize_bytes_per_s),
        checkpoint_sync: drawn(p.checkpoint_sync),
        checkpoint_finalization: drawn(p.checkpoint_finalization),
        planning: drawn(p.planning),
    }
}

fn topic(t: &Topic) -> TopicFile {
    TopicFile {
        partitions: at(t.partitions),
        rate: at(Rate(t.rate_per_s)),
        arrivals: Some(t.arrivals),
        record_size: Some(at(Size(u64::from(t.record_bytes)))),
        keys: Some(at(t.keys)),
        linger: Some(Delay(t.linger)),
        retention: t.retention.map(|retention| at(Duration(retention))),
        offset_reset: Some(t.offset_reset),
        disorder: (t.disorder > crate::kernel::Span::ZERO).then_some(Delay(t.disorder)),
    }
}

fn job(job: &Job, scenario: &Scenario) -> JobFile {
    let pins = scenario
        .cluster
        .taskmanagers
        .iter()
        .enumerate()
        .filter_map(|(host, tm)| {
            let tasks: Vec<At<String>> = job
                .pins
                .iter()
                .filter(|(_, pinned)| **pinned == host)
                .map(|((operator, subtask), _)| {
                    at(format!("{} {subtask}", job.operators[*operator].name))
                })
                .collect();
            (!tasks.is_empty()).then(|| (at(tm.name.clone()), tasks))
        });
    JobFile {
        name: at(job.name.clone()),
        operators: job
            .operators
            .iter()
            .map(|operator| self::operator(operator, job, scenario))
            .collect(),
        placement: Some(Named(pins.collect())),
        event_time: job.event_time.map(|strategy| EventTimeFile {
            out_of_orderness: Some(Delay(strategy.out_of_orderness)),
            idleness: strategy.idleness.map(|idleness| at(Duration(idleness))),
        }),
    }
}

fn operator(o: &Operator, job: &Job, scenario: &Scenario) -> OperatorFile {
    let (mut topic, mut sink, mut guarantee, mut given) = (None, None, None, &[][..]);
    match &o.kind {
        OperatorKind::Source { topic: index } => topic = name(&scenario.topics[*index].name),
        OperatorKind::Transform { inputs } => given = inputs,
        OperatorKind::Sink { inputs, spec } => {
            (given, guarantee) = (inputs, Some(at(spec.guarantee)));
            sink = Some(at(self::sink(spec)));
        }
    }
    let from = |operator: usize| at(job.operators[operator].name.clone());
    let inherited = |input: &Input| &job.operators[input.operator].slot_sharing_group;
    let shares_by_itself = match given {
        [] => o.slot_sharing_group != DEFAULT_SLOT_SHARING_GROUP,
        given => given
            .iter()
            .any(|input| *inherited(input) != o.slot_sharing_group),
    };
    let several = given.iter().map(|input| {
        at(Either::Map(InputFile {
            operator: from(input.operator),
            exchange: Some(input.exchange),
        }))
    });
    let one = match given {
        [one] => Some(one),
        _ => None,
    };
    OperatorFile {
        name: at(o.name.clone()),
        topic,
        input: one.map(|input| from(input.operator)),
        inputs: (given.len() > 1).then(|| at(several.collect())),
        exchange: one.map(|input| at(input.exchange)),
        parallelism: Some(at(o.parallelism)),
        cpu: Some(Delay(o.cpu_per_record)),
        service: (o.service != Service::Constant).then_some(o.service),
        state: Some(at(Size(o.state_bytes))),
        max_rate: o.max_rate_per_s.map(|rate| at(Rate(rate))),
        slot_sharing_group: shares_by_itself.then(|| at(o.slot_sharing_group.clone())),
        key: given
            .iter()
            .any(|input| input.exchange == Exchange::Hash)
            .then(|| at(o.key.clone())),
        sink,
        guarantee,
    }
}

fn sink(spec: &SinkSpec) -> Either<SinkFile> {
    let kind = spec.target.name().to_owned();
    if spec.prepares() {
        return Either::Word(kind);
    }
    let kafka = spec.kafka();
    Either::Map(SinkFile {
        kind: at(kind),
        linger: Some(Delay(spec.linger)),
        topic: kafka.map(|kafka| at(kafka.topic.clone())),
        partitions: kafka.map(|kafka| at(kafka.partitions)),
        transaction_timeout: kafka.map(|kafka| at(Duration(kafka.transaction_timeout))),
        transaction_naming: kafka.map(|kafka| at(kafka.naming)),
    })
}

fn monitor(m: &Monitor) -> MonitorFile {
    MonitorFile {
        interval: Some(Duration(m.interval)),
        rebalance_when: Some(RebalanceWhenFile {
            latency: Some(Duration(m.rebalance_when.latency)),
            back_pressure: Some(Share(m.rebalance_when.back_pressure_per_mille)),
            r#for: Some(Duration(m.rebalance_when.lasting)),
        }),
        late: Some(Duration(m.late)),
    }
}
