//! From the scenario's faults to what the world is to do, and when: times are drawn, names become numbers.

use crate::actor::blueprint::{Blueprint, Directory};
use crate::actor::kafka::brokers::BrokerEvent;
use crate::actor::kafka::topics::TopicChange;
use crate::actor::message::{
    FaultAction, LinkFault, LinkTrouble as ActorTrouble, StorageTrouble, Whom,
};
use crate::actor::trigger::{Conditional, Trigger};
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::fault::{Condition, Fault, FaultKind, LinkTrouble, Links, Target, Task, When};
use crate::kernel::{ActorId, Random, Span, Time};
use crate::scenario::model::Scenario;

/// A fault, ready for the world.
#[derive(Clone, Debug)]
pub enum Planned {
    At(Time, FaultAction),
    When(Conditional),
}

/// Draws what the scenario leaves open; one stream per fault, so that another fault shifts none.
pub fn plan(scenario: &Scenario, blueprint: &Blueprint) -> Vec<Planned> {
    plan_from(scenario, 0, blueprint)
}

/// The plan of the faults from number `first` on: what a run that knows those before is still to be told.
pub fn plan_from(scenario: &Scenario, first: usize, blueprint: &Blueprint) -> Vec<Planned> {
    let mut planned = Vec::new();
    for (number, fault) in scenario.faults.iter().enumerate().skip(first) {
        let mut random = blueprint
            .streams
            .small("fault-time", &format!("fault-{number}"));
        for action in actions(fault, blueprint) {
            planned.push(match fault.at {
                When::At(at) => Planned::At(at, action),
                When::Between(from, to) => {
                    // The same for all who live on one host.
                    let mut random = random.clone();
                    Planned::At(from + random.between(Span::ZERO, to - from), action)
                }
                When::Upon {
                    condition,
                    not_before,
                    after,
                } => Planned::When(Conditional {
                    fault: number,
                    trigger: trigger(condition, blueprint),
                    not_before,
                    after: random.between(after.min, after.max),
                    action,
                }),
            });
        }
    }
    planned.sort_by_key(|planned| match planned {
        Planned::At(at, _) => *at,
        Planned::When(_) => Time::MAX,
    });
    planned
}

fn trigger(condition: Condition, blueprint: &Blueprint) -> Trigger {
    match condition {
        Condition::CheckpointTriggered(n) => Trigger::CheckpointTriggered(n),
        Condition::CheckpointCompleted(n) => Trigger::CheckpointCompleted(n),
        Condition::LeaderGranted(n) => Trigger::LeaderGranted(n),
        Condition::TaskIs(state) => Trigger::TaskIs(state),
        Condition::JobIs(status) => Trigger::JobIs(status),
        Condition::Fault { verb, target, over } => {
            let target = processes(target, blueprint)
                .first()
                .copied()
                .expect("a condition names a process");
            match over {
                false => Trigger::Injected(verb, target),
                true => Trigger::Healed(verb, target),
            }
        }
    }
}

/// Who it is, where that is known from the start.
pub fn processes(target: Target, blueprint: &Blueprint) -> Vec<ActorId> {
    let directory = &blueprint.directory;
    match target {
        Target::JobManager(index) => vec![directory.jobmanagers[index]],
        Target::TaskManager(index) => vec![directory.taskmanagers[index]],
        Target::ZooKeeper(index) => vec![directory.zookeeper[index]],
        Target::Storage => vec![directory.storage],
        Target::Kafka | Target::Broker(_) | Target::Topic(_) => vec![directory.kafka],
        Target::Database => vec![directory.database],
        Target::AllTaskManagers => directory.taskmanagers.clone(),
        Target::Host(index) => {
            let names = &blueprint.cluster.hosts[index].processes;
            (0..directory.len() as u32)
                .map(ActorId)
                .filter(|actor| names.iter().any(|name| name == directory.name(*actor)))
                .collect()
        }
        Target::Leader
        | Target::TaskManagerOf(_)
        | Target::Task(_)
        | Target::Job(_)
        | Target::Groups => Vec::new(),
    }
}

fn subtask(task: Task, blueprint: &Blueprint) -> SubtaskId {
    let topology = &blueprint.topology;
    let operator = topology.jobs[task.job].operators[task.operator];
    let first = topology
        .subtasks
        .iter()
        .position(|s| s.operator == operator);
    first.expect("operators have subtasks") as SubtaskId + task.subtask
}

fn whom(target: Target, blueprint: &Blueprint) -> Vec<Whom> {
    match target {
        Target::Leader => vec![Whom::Leader],
        Target::TaskManagerOf(task) | Target::Task(task) => {
            vec![Whom::TaskManagerOf(subtask(task, blueprint))]
        }
        Target::Job(_) => vec![Whom::Leader],
        known => processes(known, blueprint)
            .into_iter()
            .map(Whom::Process)
            .collect(),
    }
}

/// What the world does, for each process that the fault befalls.
fn actions(fault: &Fault, blueprint: &Blueprint) -> Vec<FaultAction> {
    let directory = &blueprint.directory;
    match &fault.kind {
        FaultKind::Links(links) => vec![FaultAction::Links(Box::new(link_fault(
            links,
            fault.lasts,
            blueprint,
        )))],
        FaultKind::CutOff => vec![FaultAction::Links(Box::new(LinkFault {
            what: "cut-off",
            from: whom(fault.target, blueprint),
            to: Vec::new(),
            one_way: false,
            trouble: ActorTrouble::Cut,
            lasts: fault.lasts,
        }))],
        FaultKind::SlowStorage { factor_per_mille } => vec![storage(
            StorageTrouble::Slow {
                factor_per_mille: *factor_per_mille,
            },
            fault.lasts,
        )],
        FaultKind::FailStorage => vec![storage(StorageTrouble::Failing, fault.lasts)],
        FaultKind::LoseStorage => vec![storage(StorageTrouble::Silent, fault.lasts)],
        FaultKind::DropCheckpoint => match fault.target {
            Target::Job(job) => vec![FaultAction::DropCheckpoint { job: job as JobId }],
            other => unreachable!("{other:?} is no job"),
        },
        FaultKind::RollingRestart => vec![FaultAction::Rolling {
            left: processes(fault.target, blueprint).into(),
            pause: fault.lasts.unwrap_or(Span::ZERO),
        }],
        // Those who live on one machine share it: what befalls it befalls it once.
        FaultKind::Slow { .. } | FaultKind::TakeCpu { .. } => whom(fault.target, blueprint)
            .into_iter()
            .take(1)
            .map(|whom| aim(whom, action(fault, directory, blueprint)))
            .collect(),
        _ => whom(fault.target, blueprint)
            .into_iter()
            .map(|whom| aim(whom, action(fault, directory, blueprint)))
            .collect(),
    }
}

fn aim(whom: Whom, then: FaultAction) -> FaultAction {
    match whom {
        Whom::Process(process) => then.aimed_at(process),
        whom => FaultAction::Find {
            whom,
            then: Box::new(then),
        },
    }
}

fn storage(trouble: StorageTrouble, lasts: Option<Span>) -> FaultAction {
    FaultAction::Storage { trouble, lasts }
}

/// The action, before it is known whom it befalls.
fn action(fault: &Fault, directory: &Directory, blueprint: &Blueprint) -> FaultAction {
    let target = directory.faults;
    let lasts = fault.lasts;
    if let Target::Broker(number) = fault.target {
        let event = match fault.kind {
            FaultKind::Kill => BrokerEvent::Kill { back_after: lasts },
            FaultKind::Stop => BrokerEvent::Stop { back_after: lasts },
            FaultKind::Start => BrokerEvent::Start,
            FaultKind::Hang => BrokerEvent::Hang { lasts },
            FaultKind::Resume => BrokerEvent::Resume { life: None },
            _ => unreachable!("{} befalls no broker", fault.kind.verb()),
        };
        let number = number as u32;
        return FaultAction::Broker {
            target,
            number,
            event,
        };
    }
    if let Target::Topic(topic) = fault.target {
        let topic = topic as u32;
        let change = match fault.kind {
            FaultKind::AddPartitions { count } => TopicChange::Grows { topic, count },
            FaultKind::Silence { partition } => TopicChange::Silence {
                topic,
                partition,
                lasts,
            },
            _ => unreachable!("{} befalls no topic", fault.kind.verb()),
        };
        return FaultAction::Topic { target, change };
    }
    let of_task = || match fault.target {
        Target::Task(task) => subtask(task, blueprint),
        other => unreachable!("{other:?} is no task"),
    };
    match fault.kind {
        FaultKind::Kill => FaultAction::Kill {
            target,
            restart_after: lasts,
        },
        FaultKind::Stop => FaultAction::Stop {
            target,
            restart_after: lasts,
        },
        FaultKind::Start => FaultAction::Start { target },
        FaultKind::Hang => FaultAction::Hang { target, lasts },
        FaultKind::Resume => FaultAction::Continue { target },
        FaultKind::PowerOff => FaultAction::PowerOff {
            target,
            back_after: lasts,
        },
        FaultKind::Slow { factor_per_mille } => FaultAction::Slow {
            target,
            factor_per_mille,
            lasts,
        },
        FaultKind::TakeCpu { millicores } => FaultAction::TakeCpu {
            target,
            millicores,
            lasts,
        },
        FaultKind::ExpireSession => FaultAction::ExpireSession { target },
        FaultKind::Notifications(trouble) => FaultAction::Notifications {
            target,
            trouble,
            lasts,
        },
        FaultKind::Throw => FaultAction::Throw {
            target,
            subtask: of_task(),
        },
        FaultKind::StuckCancel => FaultAction::StickCancel {
            target,
            subtask: of_task(),
            lasts,
        },
        FaultKind::SavepointAndRestart => FaultAction::SavepointAndRestart {
            target,
            job: match fault.target {
                Target::Job(job) => job as JobId,
                other => unreachable!("{other:?} is no job"),
            },
        },
        _ => unreachable!("{} befalls no single process", fault.kind.verb()),
    }
}

fn link_fault(links: &Links, lasts: Option<Span>, blueprint: &Blueprint) -> LinkFault {
    let group = |targets: &[Target]| {
        targets
            .iter()
            .flat_map(|target| whom(*target, blueprint))
            .collect()
    };
    LinkFault {
        what: links.verb(),
        from: group(&links.from),
        to: group(&links.to),
        one_way: links.one_way,
        trouble: match links.trouble {
            LinkTrouble::Cut => ActorTrouble::Cut,
            LinkTrouble::Slow {
                latency,
                bytes_per_s,
            } => ActorTrouble::Slow {
                latency_min: latency.min,
                latency_max: latency.max,
                bytes_per_s,
            },
            LinkTrouble::Lossy { per_mille } => ActorTrouble::Lossy { per_mille },
            LinkTrouble::Reset => ActorTrouble::Reset,
        },
        lasts,
    }
}
