//! When something may be asked of the cluster, and how long it may take: the premises of liveness.

use std::collections::BTreeMap;

use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Span};
use crate::policy::Slots;
use crate::policy::restart::RestartStrategy;

use super::scene::Scene;

/// Votes, round trips, reconnects: whatever takes no more than moments.
const MARGIN: Span = Span::from_secs(10);
/// `cluster.registration.max-timeout`: a TaskManager that could not register tries again after this long.
const REGISTRATION_MAX: Span = Span::from_secs(30);
/// Bandwidth is shared, with the data of those that run among others.
const TRANSFER_FACTOR: u64 = 4;

/// However slow a channel or a fetch is; a full log in flight waits for a checkpoint besides.
const FLOWING: Span = Span::from_secs(20);

/// Whether most of ZooKeeper's servers are well.
pub fn has_quorum(scene: &Scene) -> bool {
    let servers = &scene.blueprint.directory.zookeeper;
    well(scene, servers) > servers.len() / 2
}

pub fn zookeeper_is_whole(scene: &Scene) -> bool {
    let servers = &scene.blueprint.directory.zookeeper;
    well(scene, servers) == servers.len()
}

pub fn storage_is_well(scene: &Scene) -> bool {
    works(scene.blueprint.directory.storage, scene)
}

/// At its own speed, too.
fn works(actor: ActorId, scene: &Scene) -> bool {
    scene.processes.is_well(actor) && !scene.processes.is_slow(actor)
}

/// Whether every machine works, at its own speed, and everybody reaches everybody.
pub fn everybody_is_well(scene: &Scene) -> bool {
    let directory = &scene.blueprint.directory;
    let surroundings = [directory.storage, directory.kafka, directory.database];
    let taskmanagers = directory
        .taskmanagers
        .iter()
        .zip(&scene.blueprint.cluster.taskmanagers);
    let mut taskmanagers = taskmanagers.filter(|(_, settings)| settings.starts);
    surroundings.iter().all(|actor| works(*actor, scene))
        && taskmanagers.all(|(actor, _)| works(*actor, scene))
}

/// Whether somebody could lead.
pub fn can_lead(scene: &Scene) -> bool {
    has_quorum(scene) && well(scene, &scene.blueprint.directory.jobmanagers) > 0
}

/// Whether somebody leads who is well, and there is room for every task.
pub fn can_run(scene: &Scene) -> bool {
    let blueprint = &scene.blueprint;
    let leads = scene
        .current_leader()
        .is_some_and(|(actor, _)| scene.processes.is_well(actor));
    let machines = blueprint
        .directory
        .taskmanagers
        .iter()
        .zip(&blueprint.cluster.taskmanagers);
    let mut slots = machines
        .filter(|(actor, _)| scene.processes.is_well(**actor))
        .map(|(_, settings)| settings.slots);
    let room = match blueprint.slots {
        _ if scene.is_flink() => slots.sum::<u32>() >= slots_needed(scene),
        Slots::Ignore => slots.next().is_some(),
        Slots::Bind => {
            let jobs = 0..blueprint.topology.jobs.len() as JobId;
            let tasks = jobs.map(|job| scene.layout(job).subtasks.len()).sum();
            slots.sum::<u32>() as usize >= tasks
        }
    };
    leads && room && has_quorum(scene)
}

/// Slots that all jobs need together.
fn slots_needed(scene: &Scene) -> u32 {
    let jobs = 0..scene.blueprint.topology.jobs.len() as JobId;
    jobs.map(|job| slots_of_job(scene, job)).sum()
}

/// Slots that a job needs, as it is configured: one for each subtask of the widest operator of a slot sharing group.
pub fn slots_of_job(scene: &Scene, job: JobId) -> u32 {
    let topology = &scene.blueprint.topology;
    let groups = topology.slot_sharing_groups(job);
    let parallelism = &topology.jobs[job as usize].layout.parallelism;
    let mut widths: BTreeMap<u32, u32> = BTreeMap::new();
    for (group, parallelism) in groups.into_iter().zip(parallelism) {
        let width = widths.entry(group).or_default();
        *width = (*width).max(*parallelism);
    }
    widths.values().sum()
}

/// So long data may take on its way while a job runs.
pub fn flow_bound(scene: &Scene) -> Span {
    let config = &scene.blueprint.config;
    // Tasks of a process that has died run in the leader's view until it is missed.
    let missed = match scene.is_flink() {
        true => config.heartbeat.timeout,
        false => config.ha.session_timeout,
    };
    FLOWING + missed + config.checkpointing.interval.unwrap_or(Span::ZERO) * 2
}

/// Until a leader is published: the client's silence is noticed, the session of whoever led ends, a server is found.
pub fn leader_bound(scene: &Scene) -> Span {
    let session = scene.session_timeout();
    let profile = &scene.blueprint.profile;
    let services = [
        profile.leader_services_startup,
        profile.first_leader_services_startup,
        profile.job_recovery,
        profile.jobmaster_startup,
        profile.first_jobmaster_startup,
    ];
    let services = services
        .iter()
        .fold(Span::ZERO, |all, range| all + range.max());
    session + session * 2 / 3 + tick(scene) * 2 + hunting(scene) + services * 2 + MARGIN
}

/// Until a job runs, under a leader: sessions of the dead end, members register, state comes back.
pub fn job_bound(scene: &Scene, job: JobId) -> Span {
    let profile = &scene.blueprint.profile;
    let steps = [
        profile.planning,
        profile.task_deployment,
        profile.task_initialization,
    ];
    let steps = steps
        .iter()
        .fold(Span::ZERO, |all, range| all + range.max());
    scene.session_timeout()
        + tick(scene) * 2
        + hunting(scene)
        + REGISTRATION_MAX
        + failover(scene)
        + steps
        + transfer(scene, job)
        + MARGIN
}

/// Until a failed job is scheduled again. Under Flink whoever has been lost is missed, what is cancelled ends, and
/// deployments onto the dead fail and back off again.
fn failover(scene: &Scene) -> Span {
    let config = &scene.blueprint.config;
    if !scene.is_flink() {
        return config.restart_delay;
    }
    let backoff = match config.restart {
        RestartStrategy::NoRestart => Span::ZERO,
        RestartStrategy::FixedDelay { delay, .. } | RestartStrategy::FailureRate { delay, .. } => {
            delay
        }
        RestartStrategy::ExponentialDelay { max, .. } => max * 2,
    };
    let missed = (config.heartbeat.timeout + config.heartbeat.interval) * 2;
    let cancelled = config.rpc.ask_timeout * 4 + config.task.cancellation_timeout.unwrap_or(missed);
    missed + cancelled + config.slots.request_timeout + config.slots.timeout + backoff * 3
}

/// Until a running job's checkpoint that is pending is over, or else the next one is triggered.
pub fn checkpoint_bound(scene: &Scene, pending: bool) -> Option<Span> {
    let config = &scene.blueprint.config;
    let interval = config
        .checkpointing
        .interval?
        .max(config.checkpointing.min_pause);
    Some(
        if pending {
            config.checkpointing.timeout
        } else {
            interval
        } + MARGIN,
    )
}

fn well(scene: &Scene, actors: &[ActorId]) -> usize {
    actors
        .iter()
        .filter(|actor| scene.processes.is_well(**actor))
        .count()
}

fn tick(scene: &Scene) -> Span {
    scene.blueprint.cluster.zookeeper.tick_time
}

/// A client tries one server after the other.
fn hunting(scene: &Scene) -> Span {
    let servers = &scene.blueprint.directory.zookeeper;
    let silent = servers.len() - well(scene, servers);
    (scene.blueprint.config.ha.connection_timeout + Span::from_secs(2)) * (silent as u64 + 1)
}

/// All state of the job, over the narrowest way.
fn transfer(scene: &Scene, job: JobId) -> Span {
    let blueprint = &scene.blueprint;
    let operators = &blueprint.topology.jobs[job as usize].operators;
    let bytes = operators
        .iter()
        .map(|operator| {
            blueprint.topology.operators[*operator as usize]
                .spec
                .state_bytes
        })
        .sum();
    let cards = blueprint
        .cluster
        .taskmanagers
        .iter()
        .map(|settings| settings.network_bytes_per_s);
    let rates = cards
        .chain([blueprint.cluster.storage.read_bytes_per_s])
        .filter(|rate| *rate > 0);
    Span::of_transfer(bytes, rates.min().unwrap_or(0)) * TRANSFER_FACTOR
}
