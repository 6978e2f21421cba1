//! The fault plan.

mod links;
mod target;
mod topics;
mod verbs;
mod when;

use super::Check;
use crate::fault::{LinkTrouble, NotificationTrouble};
use crate::kernel::time::{Span, Time};
use crate::scenario::error::Place;
use crate::scenario::file::{At, FaultFile};
use crate::scenario::model::{Cluster, Fault, FaultKind, Job, Liveness, Target, Topic, When};
use crate::scenario::near;
use crate::scenario::units::short;

use target::target;
use verbs::Object;
use when::when;

pub use target::zookeeper_server;
pub use when::write_condition;

/// What faults are resolved against.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub cluster: &'a Cluster,
    pub jobs: &'a [Job],
    pub topics: &'a [Topic],
    pub liveness: Liveness,
    pub duration: Span,
}

pub fn resolve(files: &[At<FaultFile>], around: Around<'_>, check: &mut Check) -> Vec<Fault> {
    let cluster = around.cluster;
    let mut faults: Vec<(Fault, At<String>)> = Vec::new();
    for file in files {
        let before = check.problems.len();
        let fault = fault(file, &around, check);
        if let (Some((fault, name)), true) = (fault, check.problems.len() == before) {
            faults.push((fault, name));
        }
    }
    topics::in_all(&faults, around.topics, check);
    for (fault, name) in &faults {
        starts_something(fault, name, &faults, cluster, check);
    }
    faults.into_iter().map(|(fault, _)| fault).collect()
}

/// A start needs a process that is not running by then.
fn starts_something(
    fault: &Fault,
    name: &At<String>,
    all: &[(Fault, At<String>)],
    cluster: &Cluster,
    check: &mut Check,
) {
    let spare = matches!(fault.target, Target::TaskManager(index) if cluster.taskmanagers.get(index).is_some_and(|tm| !tm.starts));
    if fault.kind != FaultKind::Start || spare {
        return;
    }
    let latest = bounds(fault.at).1;
    let killed = all.iter().any(|(other, _)| {
        let ends = [FaultKind::Kill, FaultKind::Stop, FaultKind::PowerOff];
        ends.contains(&other.kind)
            && (other.target == fault.target || found_later(other.target))
            && bounds(other.at).0 <= latest
    });
    if !killed {
        let running = format!(
            "`{}` is running by then: no fault kills it before; kill it first, or make it a spare with `starts: false`",
            name.value
        );
        check.refuse(name.place, running);
    }
}

/// It may turn out to be anybody.
fn found_later(target: Target) -> bool {
    matches!(
        target,
        Target::Leader | Target::TaskManagerOf(_) | Target::Host(_)
    )
}

fn bounds(at: When) -> (Time, Time) {
    match at {
        When::At(time) => (time, time),
        When::Between(from, to) => (from, to),
        When::Upon { not_before, .. } => (not_before, Time::MAX),
    }
}

fn fault(
    file: &At<FaultFile>,
    around: &Around<'_>,
    check: &mut Check,
) -> Option<(Fault, At<String>)> {
    let f = &file.value;
    let verbs = verbs::given(f);
    let Some((verb, object)) = verbs.first() else {
        check.refuse(
            file.place,
            format!(
                "a fault names what happens to whom, like `kill: tm-3`; what can happen is {}",
                near::quoted(verbs::ALL)
            ),
        );
        return None;
    };
    if let Some((other, object)) = verbs.get(1) {
        check.refuse(
            object.place(),
            format!("a fault is one thing: this is `{verb}` and `{other}`; write two faults"),
        );
    }
    let place = object.place();
    verbs::parts(f, verb, place, check);
    let at = when(file, around.cluster, around.duration, check);
    let lasts = [&f.r#for, &f.restart_after, &f.pause]
        .into_iter()
        .flatten()
        .next()
        .map(|at| at.value.0);
    let (kind, target, named) = match object {
        Object::Links(links) => {
            let links = links.resolve(around, check);
            let nobody = At {
                value: String::new(),
                place,
            };
            let kind = FaultKind::Links(links?);
            if !is_for_model(&kind, place, around, check) {
                return None;
            }
            (kind, Target::Groups, nobody)
        }
        Object::Name(name) => {
            let (kind, target) = named(f, verb, name, around, check)?;
            let named = match verb {
                // The one that comes, not the one that is gone.
                &"replace" => f.with.as_ref()?.clone(),
                _ => (*name).clone(),
            };
            (kind, target, named)
        }
    };
    let fault = Fault {
        kind,
        target,
        at: at?,
        lasts,
    };
    Some((fault, named))
}

/// Refuses what the story does not know.
fn is_for_model(kind: &FaultKind, place: Place, around: &Around<'_>, check: &mut Check) -> bool {
    let why = match kind {
        FaultKind::SavepointAndRestart => "the story takes no savepoints",
        FaultKind::StuckCancel => "the story has no `stuck-cancel`",
        FaultKind::Links(links) if links.trouble == LinkTrouble::Reset => {
            "in the story nobody's connections are reset but those of a process that is gone"
        }
        _ => return true,
    };
    let is_flink = around.liveness != Liveness::ZkEphemeral;
    if !is_flink {
        let models = "choose one of Flink's models, like `model: flink-default`";
        check.refuse(place, format!("{why}; {models}"));
    }
    is_flink
}

/// A fault that befalls somebody with a name.
fn named(
    f: &FaultFile,
    verb: &str,
    name: &At<String>,
    around: &Around<'_>,
    check: &mut Check,
) -> Option<(FaultKind, Target)> {
    let Around { cluster, jobs, .. } = *around;
    let factor = f.factor.as_ref().map_or(1_000, |at| at.value.0);
    let factor_per_mille = u32::try_from(factor).unwrap_or(u32::MAX);
    let kind = match verb {
        "kill" => FaultKind::Kill,
        "stop" => FaultKind::Stop,
        "hang" => FaultKind::Hang,
        "resume" => FaultKind::Resume,
        "power-off" => FaultKind::PowerOff,
        "cut-off" => FaultKind::CutOff,
        "slow" => FaultKind::Slow { factor_per_mille },
        "take-cpu" => FaultKind::TakeCpu {
            millicores: f
                .cores
                .as_ref()
                .map_or(0, |at| u32::try_from(at.value.0).unwrap_or(u32::MAX)),
        },
        "expire-session" => FaultKind::ExpireSession,
        "slow-storage" => FaultKind::SlowStorage { factor_per_mille },
        "fail-storage" => FaultKind::FailStorage,
        "lose-storage" => FaultKind::LoseStorage,
        "lose-notifications" => FaultKind::Notifications(NotificationTrouble::Lost),
        "delay-notifications" => FaultKind::Notifications(NotificationTrouble::Late {
            by: f.by.as_ref().map_or(Span::ZERO, |at| at.value.0),
        }),
        "double-notifications" => FaultKind::Notifications(NotificationTrouble::Doubled),
        "throw" => FaultKind::Throw,
        "stuck-cancel" => FaultKind::StuckCancel,
        "rolling-restart" => FaultKind::RollingRestart,
        "savepoint-and-restart" => FaultKind::SavepointAndRestart,
        "drop-checkpoint" => FaultKind::DropCheckpoint,
        "add-partitions" => FaultKind::AddPartitions {
            count: f.count.as_ref().map_or(0, |at| at.value),
        },
        "silence" => FaultKind::Silence {
            partition: f.partition.as_ref().map_or(0, |at| at.value),
        },
        _ => FaultKind::Start,
    };
    if !is_for_model(&kind, name.place, around, check) {
        return None;
    }
    let target = match &kind {
        FaultKind::SlowStorage { .. } | FaultKind::FailStorage | FaultKind::LoseStorage => {
            let known = cluster.storage.name.as_str();
            if name.value != known {
                let message = format!("the storage is called `{known}`");
                check.refuse(name.place, message);
            }
            Target::Storage
        }
        FaultKind::Throw | FaultKind::StuckCancel => Target::Task(target::task(name, jobs, check)?),
        FaultKind::AddPartitions { .. } | FaultKind::Silence { .. } => {
            topics::of_topic(f, name, around.topics, check)?
        }
        FaultKind::Notifications(_) if name.value == "taskmanagers" => Target::AllTaskManagers,
        FaultKind::RollingRestart => {
            if name.value != "taskmanagers" {
                check.refuse(name.place, "a rolling restart is of all `taskmanagers`");
            }
            Target::AllTaskManagers
        }
        FaultKind::SavepointAndRestart | FaultKind::DropCheckpoint => {
            let Some(job) = jobs.iter().position(|job| job.name == name.value) else {
                let hint = near::hint(&name.value, jobs.iter().map(|job| job.name.as_str()));
                let message = format!("unknown job `{}`{hint}", short(&name.value));
                check.refuse(name.place, message);
                return None;
            };
            Target::Job(job)
        }
        _ => {
            let target = target(name, cluster, jobs, check)?;
            match verb {
                "replace" => self::target::target(f.with.as_ref()?, cluster, jobs, check)?,
                _ => target,
            }
        }
    };
    suits(&kind, verb, target, name, cluster, check);
    Some((kind, target))
}

/// Whether that can happen to them.
fn suits(
    kind: &FaultKind,
    verb: &str,
    target: Target,
    name: &At<String>,
    cluster: &Cluster,
    check: &mut Check,
) {
    let whole_machine = matches!(
        kind,
        FaultKind::PowerOff
            | FaultKind::Slow { .. }
            | FaultKind::TakeCpu { .. }
            | FaultKind::CutOff
    );
    if let Target::Host(index) = target {
        if !whole_machine {
            check.refuse(
                name.place,
                format!(
                    "`{}` is a host; `{verb}` befalls a process, and `power-off` a host",
                    name.value
                ),
            );
        } else if cluster.hosts[index].processes.is_empty() {
            check.refuse(name.place, format!("nobody lives on `{}`", name.value));
        }
    }
    if matches!(kind, FaultKind::ExpireSession) && matches!(target, Target::ZooKeeper(_)) {
        check.refuse(name.place, "a ZooKeeper server has no session of its own");
    }
    if matches!(kind, FaultKind::Start | FaultKind::Resume)
        && matches!(target, Target::Leader | Target::TaskManagerOf(_))
    {
        let message = format!(
            "`{verb}` needs the name of a process: who is not running is neither leader nor runs a task"
        );
        check.refuse(name.place, message);
    }
    let stays = matches!(
        kind,
        FaultKind::Hang | FaultKind::Resume | FaultKind::CutOff
    );
    if matches!(target, Target::Kafka | Target::Database) && !stays {
        let message = format!(
            "`{verb}` cannot befall `{}`; `hang` and `cut-off` can",
            name.value
        );
        check.refuse(name.place, message);
    }
    let of_broker = matches!(
        kind,
        FaultKind::Kill | FaultKind::Stop | FaultKind::Start | FaultKind::Hang | FaultKind::Resume
    );
    if matches!(target, Target::Broker(_)) && !of_broker {
        let message = format!(
            "`{verb}` cannot befall a single broker; `kill`, `stop`, `start`, `hang` and `resume` can"
        );
        check.refuse(name.place, message);
    }
    let hears = matches!(
        target,
        Target::TaskManager(_) | Target::TaskManagerOf(_) | Target::AllTaskManagers
    );
    if matches!(kind, FaultKind::Notifications(_)) && !hears {
        let message = format!("`{verb}` befalls a TaskManager, or all `taskmanagers`");
        check.refuse(name.place, message);
    }
    let has_machine = match target {
        Target::JobManager(index) => lives_on_a_host(&cluster.jobmanagers[index], cluster),
        Target::ZooKeeper(index) => lives_on_a_host(&format!("zk-{}", index + 1), cluster),
        Target::Leader => cluster
            .jobmanagers
            .iter()
            .all(|jm| lives_on_a_host(jm, cluster)),
        _ => true,
    };
    if matches!(kind, FaultKind::TakeCpu { .. } | FaultKind::Slow { .. }) && !has_machine {
        let message = format!(
            "`{}` has no CPU to take away; let it live on one of `hosts`",
            name.value
        );
        check.refuse(name.place, message);
    }
}

fn lives_on_a_host(process: &str, cluster: &Cluster) -> bool {
    let hosts = &mut cluster.hosts.iter();
    hosts.any(|host| host.processes.iter().any(|name| name == process))
}
