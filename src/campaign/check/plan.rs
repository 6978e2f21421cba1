//! From what was drawn to faults of a scenario: every kind that there is, at instants that matter.

use crate::actor::settings::Config;
use crate::dataflow::batch::CheckpointId;
use crate::fault::{
    Condition, ExecutionState, Fault, FaultKind, JobStatus, LinkTrouble, Links, Target, Task, When,
};
use crate::kernel::time::SpanRange;
use crate::kernel::{Span, Time};
use crate::scenario::model::{Liveness, Scenario};

use super::draw::{Draw, RawFault, RawWhen};
use super::survival;

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
}

const FAMILIES: [Family; 11] = [
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
];

/// The plan of a draw. What the cluster is not promised to survive is left out.
pub fn plan(draw: &Draw, scenario: &Scenario) -> Vec<Fault> {
    let on = |number: &usize| draw.families & (1 << number) != 0;
    let mut families: Vec<Family> = (0..FAMILIES.len())
        .filter(on)
        .map(|number| FAMILIES[number])
        .collect();
    if families.is_empty() {
        families = FAMILIES.to_vec();
    }
    let mut faults: Vec<Fault> = Vec::new();
    for raw in &draw.faults {
        let family = families[raw.family as usize % families.len()];
        let at = match family {
            Family::Zombies => with_orders_in_hand(raw),
            _ => when(draw, raw, scenario, &faults),
        };
        let Some(fault) = fault(family, raw, at, scenario) else {
            continue;
        };
        faults.push(fault);
        if !survival::survives(&faults, scenario) {
            faults.pop();
        }
    }
    faults
}

fn pick<T: Copy>(of: &[T], number: u32) -> Option<T> {
    (!of.is_empty()).then(|| of[number as usize % of.len()])
}

fn index(number: u32, of: usize) -> usize {
    number as usize % of.max(1)
}

fn fault(family: Family, raw: &RawFault, at: When, scenario: &Scenario) -> Option<Fault> {
    let lasting = match raw.lasts_timeout {
        None => Span::from_ms(raw.lasts_ms),
        Some(timeout) => about(timeout, raw.lasts_ms, scenario),
    };
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
            let trouble = match raw.verb % 2 {
                0 => LinkTrouble::Slow {
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
        Family::Operations => match (raw.verb % 3, spare(raw.target, scenario)) {
            (0, Some(spare)) => (FaultKind::Start, spare, None),
            (1, _) => (FaultKind::RollingRestart, Target::AllTaskManagers, lasts),
            _ => (FaultKind::Stop, anybody, restart),
        },
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

/// A TaskManager that starts, by its place or by what runs on it.
fn taskmanager(number: u32, scenario: &Scenario) -> Target {
    let taskmanagers = &scenario.cluster.taskmanagers;
    let start: Vec<usize> = (0..taskmanagers.len())
        .filter(|i| taskmanagers[*i].starts)
        .collect();
    match number % 4 {
        0 => Target::TaskManagerOf(task(number / 4, scenario)),
        _ => Target::TaskManager(pick(&start, number / 4).unwrap_or(0)),
    }
}

fn spare(number: u32, scenario: &Scenario) -> Option<Target> {
    let taskmanagers = &scenario.cluster.taskmanagers;
    let spares: Vec<usize> = (0..taskmanagers.len())
        .filter(|i| !taskmanagers[*i].starts)
        .collect();
    pick(&spares, number).map(Target::TaskManager)
}

fn task(number: u32, scenario: &Scenario) -> Task {
    let job = index(number, scenario.jobs.len());
    let operators = &scenario.jobs[job].operators;
    let operator = index(number / 7, operators.len());
    let subtask = number / 77 % operators[operator].parallelism.max(1);
    Task {
        job,
        operator,
        subtask,
    }
}

/// Somebody who has a session at ZooKeeper.
fn session_owner(raw: &RawFault, scenario: &Scenario) -> Target {
    match raw.other % 2 {
        0 => taskmanager(raw.target, scenario),
        _ => Target::Leader,
    }
}

/// Two groups that have nobody in common.
fn links(raw: &RawFault, trouble: LinkTrouble, scenario: &Scenario) -> Option<FaultKind> {
    let cluster = &scenario.cluster;
    let taskmanagers = cluster.taskmanagers.len();
    let tm = |number: u32| Target::TaskManager(index(number, taskmanagers));
    let jms: Vec<Target> = (0..cluster.jobmanagers.len())
        .map(Target::JobManager)
        .collect();
    let zks: Vec<Target> = (0..cluster.zookeeper.servers as usize)
        .map(Target::ZooKeeper)
        .collect();
    let one = tm(raw.target);
    let (from, to) = match raw.other / 2 % 6 {
        0 => (vec![one], jms),
        1 => (vec![one], zks),
        2 if taskmanagers > 1 => (vec![one], vec![tm(raw.target % taskmanagers as u32 + 1)]),
        3 => (jms, zks),
        4 => (vec![pick(&jms, raw.target)?], Vec::new()),
        5 if taskmanagers > 1 => {
            let half = taskmanagers / 2;
            let side = |range: std::ops::Range<usize>| range.map(Target::TaskManager).collect();
            (side(0..half), side(half..taskmanagers))
        }
        _ => (vec![one], Vec::new()),
    };
    let one_way = raw.other % 2 == 1 && trouble == LinkTrouble::Cut && !to.is_empty();
    Some(FaultKind::Links(Links {
        from,
        to,
        one_way,
        trouble,
    }))
}

/// Lengths of time after which protocols act.
fn timeouts(config: &Config) -> [Span; 6] {
    [
        config.ha.session_timeout,
        config.heartbeat.timeout,
        config.rpc.ask_timeout,
        config.checkpointing.interval.unwrap_or(Span::from_secs(10)),
        config.ha.session_timeout * 2 / 3,
        config.restart_delay,
    ]
}

/// A timeout counts as no longer than this, or nothing would come of it in a short run.
const LONGEST: Span = Span::from_secs(20);

/// A little before, or a little after one of the timeouts.
fn about(timeout: u32, ms: u64, scenario: &Scenario) -> Span {
    let timeouts = timeouts(&scenario.config);
    let timeout = timeouts[index(timeout, timeouts.len())].min(LONGEST);
    (timeout + Span::from_ms(ms % 1_000)).max(Span::from_ms(550)) - Span::from_ms(500)
}

/// The moments at which a leader has decided something and not said so yet.
fn with_orders_in_hand(raw: &RawFault) -> When {
    let early = CheckpointId::from(1 + raw.amount % 5);
    let conditions = [
        Condition::TaskIs(ExecutionState::Scheduled),
        Condition::JobIs(JobStatus::Restarting),
        Condition::TaskIs(ExecutionState::Canceling),
        Condition::TaskIs(ExecutionState::Deploying),
        Condition::CheckpointTriggered(early),
        Condition::JobIs(JobStatus::Created),
    ];
    let after_ms = match raw.when {
        RawWhen::At(ms) | RawWhen::Near(ms) => ms % 1_500,
        RawWhen::Upon { after_ms, .. } => after_ms % 100,
    };
    let started = raw.amount.is_multiple_of(2);
    When::Upon {
        condition: conditions[index(raw.other, conditions.len())],
        not_before: Time(Span::from_ms(if started { 0 } else { 8_000 }).0),
        after: SpanRange::constant(Span::from_ms(after_ms)),
    }
}

fn when(draw: &Draw, raw: &RawFault, scenario: &Scenario, before: &[Fault]) -> When {
    let instant = |ms: u64| When::At(Time(Span::from_ms(ms).0));
    match raw.when {
        RawWhen::At(ms) => instant(ms),
        RawWhen::Near(ms) => instant(draw.centre_ms + ms),
        RawWhen::Upon {
            condition,
            number,
            timeout,
            after_ms,
        } => {
            let after = match timeout {
                None => Span::from_ms(after_ms),
                Some(timeout) => about(timeout, after_ms, scenario),
            };
            When::Upon {
                condition: self::condition(condition, number, before),
                not_before: Time(Span::from_ms(1_000 + u64::from(number % 12_000)).0),
                after: SpanRange::constant(after),
            }
        }
    }
}

fn condition(condition: u32, number: u32, before: &[Fault]) -> Condition {
    let tasks = [
        ExecutionState::Scheduled,
        ExecutionState::Deploying,
        ExecutionState::Initializing,
        ExecutionState::Initializing,
        ExecutionState::Canceling,
        ExecutionState::Failed,
    ];
    let early = CheckpointId::from(1 + number % 5);
    let awaited = before
        .iter()
        .rev()
        .find_map(|fault| awaited(fault, number % 2 == 1));
    match (condition % 8, awaited) {
        (0, _) => Condition::CheckpointTriggered(early),
        (1, _) => Condition::CheckpointCompleted(early),
        (2, _) => Condition::LeaderGranted(2),
        (3, _) => Condition::JobIs(JobStatus::Restarting),
        (4, Some(awaited)) | (5, Some(awaited)) => awaited,
        (6, _) => Condition::JobIs(JobStatus::Running),
        _ => Condition::TaskIs(tasks[index(number, tasks.len())]),
    }
}

/// Another fault of the plan, where a condition can name it.
fn awaited(fault: &Fault, over: bool) -> Option<Condition> {
    let verb = fault.kind.verb();
    let known = ["kill", "stop", "hang", "power-off", "cut-off"];
    let one = matches!(
        fault.target,
        Target::JobManager(_) | Target::TaskManager(_) | Target::ZooKeeper(_)
    );
    let ends = over && fault.lasts.is_some() && matches!(verb, "hang" | "cut-off");
    (one && known.contains(&verb)).then_some(Condition::Fault {
        verb,
        target: fault.target,
        over: ends,
    })
}
