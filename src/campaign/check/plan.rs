//! From what was drawn to faults of a scenario: every kind that there is, at instants that matter.

use crate::fault::{Fault, FaultKind, LinkTrouble, Links, NotificationTrouble, Target, When};
use crate::kernel::Span;
use crate::kernel::time::SpanRange;
use crate::scenario::model::{Liveness, Scenario};

use super::draw::{Draw, RawFault};
use super::instants::{LONGEST, about, again, index, when, with_orders_in_hand};
use super::survival;
use super::targets::{links, pick, session_owner, spare, task, taskmanager};

/// Kinds of fault that are switched on and off together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    TaskManagers,
    Leaders,
    ZooKeeper,
    Hangs,
    Cuts,
    BadLinks,
    Slowness,
    Storage,
    Tasks,
    Operations,
    Zombies,
    Notifications,
    Surroundings,
    Workload,
}

const FAMILIES: [Family; 14] = [
    Family::TaskManagers,
    Family::Leaders,
    Family::ZooKeeper,
    Family::Hangs,
    Family::Cuts,
    Family::BadLinks,
    Family::Slowness,
    Family::Storage,
    Family::Tasks,
    Family::Operations,
    Family::Zombies,
    Family::Notifications,
    Family::Surroundings,
    Family::Workload,
];

impl Family {
    /// The kinds of fault that are in it, by their verbs.
    fn verbs(self) -> &'static [&'static str] {
        match self {
            Family::TaskManagers | Family::Leaders => &["kill", "stop", "power-off"],
            Family::ZooKeeper => &["kill", "stop", "power-off", "hang", "expire-session"],
            Family::Hangs => &["hang", "resume"],
            Family::Cuts => &["cut", "cut-off"],
            Family::BadLinks => &["slow-link", "lossy-link", "reset-connections"],
            Family::Slowness => &["slow", "take-cpu"],
            Family::Storage => &["slow-storage", "fail-storage", "lose-storage"],
            Family::Tasks => &["throw", "stuck-cancel"],
            Family::Operations => &[
                "start",
                "rolling-restart",
                "stop",
                "savepoint-and-restart",
                "drop-checkpoint",
            ],
            Family::Zombies => &["hang", "cut"],
            Family::Notifications => &[
                "lose-notifications",
                "double-notifications",
                "delay-notifications",
            ],
            Family::Surroundings => &["hang", "cut-off", "kill"],
            Family::Workload => &["add-partitions", "silence"],
        }
    }
}

/// The verbs of all faults that a plan may have: every kind. `restart` and `replace` are ways to write `start`.
pub fn drawn_faults() -> Vec<&'static str> {
    let mut verbs: Vec<&str> = FAMILIES
        .into_iter()
        .flat_map(|family| family.verbs().iter().copied())
        .collect();
    verbs.sort_unstable();
    verbs.dedup();
    verbs
}

/// One fault in so many changes the workload: that alone breaks little, and is not to take the place of what does.
const WORKLOAD_CHANGES: u32 = 12;

/// How often a fault is drawn anew where only some kinds are asked for: what the numbers decide comes round sooner.
const DRAWS_MAX: u32 = 128;

/// The plan of a draw: of faults with these verbs alone, where any are named. What the cluster is not promised to survive is left
/// out.
pub fn plan(draw: &Draw, scenario: &Scenario, only: &[&str]) -> Vec<Fault> {
    let is_wanted = |verb: &str| only.is_empty() || only.contains(&verb);
    let wanted: Vec<(usize, Family)> = FAMILIES
        .into_iter()
        .enumerate()
        .filter(|(_, family)| family.verbs().iter().any(|verb| is_wanted(verb)))
        .collect();
    let is_on = |(number, family): &&(usize, Family)| {
        draw.families & (1 << number) != 0 && (*family != Family::Workload || !only.is_empty())
    };
    let mut families: Vec<Family> = wanted.iter().filter(is_on).map(|(_, on)| *on).collect();
    if families.is_empty() {
        families = wanted.iter().map(|(_, family)| *family).collect();
    }
    let mut faults: Vec<Fault> = Vec::new();
    for raw in &draw.faults {
        let family = match only.is_empty() && raw.amount.is_multiple_of(WORKLOAD_CHANGES) {
            true => Some(Family::Workload),
            false => pick(&families, raw.family),
        };
        let Some(family) = family else {
            continue;
        };
        let before = faults
            .last()
            .filter(|before| raw.again || is_of_work(before) && raw.lasts_ms.is_multiple_of(2));
        let at = match (family, before) {
            (Family::Zombies, _) => with_orders_in_hand(raw),
            (Family::TaskManagers, _) if raw.amount.is_multiple_of(4) => with_orders_in_hand(raw),
            // Orders that are on their way are lost.
            (Family::BadLinks, _) if raw.verb % 3 == 2 && raw.amount.is_multiple_of(2) => {
                with_orders_in_hand(raw)
            }
            // While what was done to the job takes effect.
            (_, Some(before)) if is_of_work(before) => again(before, raw, scenario),
            _ => when(draw, raw, scenario, &faults),
        };
        let is_wanted = |fault: &Fault| is_wanted(fault.kind.verb());
        let repeated = before.and_then(|before| repeat(before, raw, scenario));
        let repeated = repeated.filter(is_wanted);
        let draws = 0..if only.is_empty() { 1 } else { DRAWS_MAX };
        let mut drawn = draws.filter_map(|number| {
            let raw = raw.turned(number);
            undone(family, &raw, at, scenario, &faults)
                .or_else(|| fault(family, &raw, at, scenario))
        });
        let Some(fault) = repeated.or_else(|| drawn.find(is_wanted)) else {
            continue;
        };
        faults.push(fault);
        if !survival::survives(&faults, scenario) {
            faults.pop();
        }
    }
    faults
}

/// Whether a fault is something that is done to a job or its topics: what comes while it takes effect matters most.
fn is_of_work(fault: &Fault) -> bool {
    matches!(fault.target, Target::Job(_) | Target::Topic(_))
}

/// Something befalls the victim of another fault once more.
fn repeat(before: &Fault, raw: &RawFault, scenario: &Scenario) -> Option<Fault> {
    let is_process = matches!(
        before.target,
        Target::JobManager(_)
            | Target::TaskManager(_)
            | Target::ZooKeeper(_)
            | Target::Leader
            | Target::TaskManagerOf(_)
    );
    let kinds = [FaultKind::Kill, FaultKind::Hang, FaultKind::CutOff];
    let kind = kinds[index(raw.verb, kinds.len())].clone();
    let stays_away = raw.for_good && kind == FaultKind::Kill;
    is_process.then(|| Fault {
        kind,
        target: before.target,
        at: again(before, raw, scenario),
        lasts: (!stays_away).then(|| lasting(raw, scenario)),
    })
}

/// What another fault has done is put right: who was stopped goes on before its time, who went for good is started again.
fn undone(
    family: Family,
    raw: &RawFault,
    at: When,
    scenario: &Scenario,
    before: &[Fault],
) -> Option<Fault> {
    let has_name = |fault: &&Fault| {
        matches!(
            fault.target,
            Target::JobManager(_) | Target::TaskManager(_) | Target::ZooKeeper(_)
        )
    };
    let mut before = before.iter().rev().filter(has_name);
    let (kind, target, at) = match (family, raw.verb % 4) {
        (Family::Hangs, 0) => {
            let hung = before.find(|fault| fault.kind == FaultKind::Hang)?;
            (FaultKind::Resume, hung.target, at)
        }
        (Family::Operations, 0) => {
            let gone = before.find(|fault| survival::is_for_good(fault))?;
            (FaultKind::Start, gone.target, again(gone, raw, scenario))
        }
        _ => return None,
    };
    Some(Fault {
        kind,
        target,
        at,
        lasts: None,
    })
}

fn lasting(raw: &RawFault, scenario: &Scenario) -> Span {
    match raw.lasts_timeout {
        None => Span::from_ms(raw.lasts_ms),
        Some(timeout) => about(timeout, raw.lasts_ms, scenario),
    }
}

fn fault(family: Family, raw: &RawFault, at: When, scenario: &Scenario) -> Option<Fault> {
    let lasting = lasting(raw, scenario);
    let lasts = Some(lasting);
    let restart = (!raw.for_good).then_some(lasting);
    let cluster = &scenario.cluster;
    let taskmanager = taskmanager(raw.target, scenario);
    let jobmanager = match raw.other % 3 {
        0 => Target::JobManager(index(raw.target, cluster.jobmanagers.len())),
        _ => Target::Leader,
    };
    let server = Target::ZooKeeper(index(raw.target, cluster.zookeeper.servers as usize));
    let anybody = match raw.other % 8 {
        0..4 => taskmanager,
        4..7 => jobmanager,
        _ => server,
    };
    let ends = match raw.verb / 4 % 4 {
        0 | 1 => FaultKind::Kill,
        2 => FaultKind::Stop,
        _ => FaultKind::PowerOff,
    };
    let (kind, target, lasts) = match family {
        Family::TaskManagers => (ends, taskmanager, restart),
        Family::Leaders => (ends, jobmanager, restart),
        Family::ZooKeeper => match raw.verb % 4 {
            0 => (FaultKind::Hang, server, lasts),
            1 => (FaultKind::ExpireSession, session_owner(raw, scenario), None),
            _ => (ends, server, restart),
        },
        Family::Hangs => (FaultKind::Hang, anybody, lasts),
        Family::Cuts => match raw.verb % 3 {
            0 => (FaultKind::CutOff, anybody, lasts),
            _ => (
                links(raw, LinkTrouble::Cut, scenario)?,
                Target::Groups,
                lasts,
            ),
        },
        Family::BadLinks => {
            let trouble = match (raw.verb % 3, scenario.switches.liveness) {
                (2, Liveness::RpcHeartbeats) => LinkTrouble::Reset,
                (0, _) => LinkTrouble::Slow {
                    latency: SpanRange {
                        min: Span::from_ms(1),
                        max: Span::from_ms(1 + u64::from(raw.amount % 2_000)),
                    },
                    bytes_per_s: [0, 0, 1_000_000][index(raw.amount, 3)],
                },
                _ => LinkTrouble::Lossy {
                    per_mille: 10 + raw.amount % 500,
                },
            };
            let lasts = lasts.filter(|_| trouble != LinkTrouble::Reset);
            (links(raw, trouble, scenario)?, Target::Groups, lasts)
        }
        Family::Slowness => match raw.verb % 2 {
            0 => (
                FaultKind::Slow {
                    factor_per_mille: 1_000 * (2 + raw.amount % 15),
                },
                taskmanager,
                lasts,
            ),
            _ => (
                FaultKind::TakeCpu {
                    millicores: 100 + raw.amount % 2_000,
                },
                taskmanager,
                lasts,
            ),
        },
        Family::Storage => match raw.verb % 3 {
            0 => (
                FaultKind::SlowStorage {
                    factor_per_mille: 1_000 * (2 + raw.amount % 100),
                },
                Target::Storage,
                lasts,
            ),
            1 => (FaultKind::FailStorage, Target::Storage, lasts),
            _ => (FaultKind::LoseStorage, Target::Storage, lasts),
        },
        Family::Tasks => {
            let task = Target::Task(task(raw.target, scenario));
            match (raw.verb % 3, scenario.switches.liveness) {
                (0, Liveness::RpcHeartbeats) => (FaultKind::StuckCancel, task, lasts),
                _ => (FaultKind::Throw, task, None),
            }
        }
        Family::Operations => {
            let job = Target::Job(index(raw.target, scenario.jobs.len()));
            let is_flink = scenario.switches.liveness == Liveness::RpcHeartbeats;
            match (raw.verb % 3, spare(raw.target, scenario)) {
                (0, Some(spare)) => (FaultKind::Start, spare, None),
                (1, _) => (FaultKind::RollingRestart, Target::AllTaskManagers, lasts),
                _ => match raw.verb / 3 % 4 {
                    0 | 1 if is_flink => (FaultKind::SavepointAndRestart, job, None),
                    2 => (FaultKind::DropCheckpoint, job, None),
                    _ => (FaultKind::Stop, anybody, restart),
                },
            }
        }
        Family::Workload => {
            let topic = index(raw.target, scenario.topics.len());
            let partitions = scenario.topics[topic].partitions;
            let (kind, lasts) = match raw.verb % 3 {
                0 | 1 => {
                    let count = 1 + raw.amount / WORKLOAD_CHANGES % 2;
                    (FaultKind::AddPartitions { count }, None)
                }
                _ => {
                    let partition = raw.amount / WORKLOAD_CHANGES % partitions;
                    (FaultKind::Silence { partition }, restart)
                }
            };
            (kind, Target::Topic(topic), lasts)
        }
        Family::Notifications => {
            let trouble = match raw.verb % 4 {
                0 => NotificationTrouble::Doubled,
                1 => NotificationTrouble::Late {
                    by: Span::from_ms(1 + u64::from(raw.amount % 10_000)),
                },
                _ => NotificationTrouble::Lost,
            };
            let whom = match raw.other % 2 {
                0 => taskmanager,
                _ => Target::AllTaskManagers,
            };
            (FaultKind::Notifications(trouble), whom, lasts)
        }
        // What jobs read from and write to.
        Family::Surroundings => {
            let broker = Target::Broker(index(raw.target, cluster.kafka.brokers as usize));
            let reach = match raw.verb % 2 {
                0 => FaultKind::Hang,
                _ => FaultKind::CutOff,
            };
            match raw.other % 4 {
                0 => (reach, Target::Kafka, lasts),
                1 => (reach, Target::Database, lasts),
                2 => (FaultKind::Hang, broker, lasts),
                _ => (FaultKind::Kill, broker, lasts),
            }
        }
        // A leader that others take for dead, and that is not: stopped, or out of touch with ZooKeeper alone.
        Family::Zombies => {
            let session = scenario.config.ha.session_timeout.min(LONGEST);
            let lasts = Some(session + Span::from_ms(500 + raw.lasts_ms / 2));
            match raw.verb % 3 {
                0 => {
                    let jms = (0..cluster.jobmanagers.len()).map(Target::JobManager);
                    let zks = (0..cluster.zookeeper.servers as usize).map(Target::ZooKeeper);
                    let cut = Links {
                        from: vec![pick(&jms.collect::<Vec<_>>(), raw.target)?],
                        to: zks.collect(),
                        one_way: false,
                        trouble: LinkTrouble::Cut,
                    };
                    (FaultKind::Links(cut), Target::Groups, lasts)
                }
                _ => (FaultKind::Hang, Target::Leader, lasts),
            }
        }
    };
    Some(Fault {
        kind,
        target,
        at,
        lasts,
    })
}
