//! When faults come, and how long they last: around timeouts, upon conditions, close together, one after the other.

use crate::actor::settings::Config;
use crate::dataflow::batch::CheckpointId;
use crate::fault::{Condition, ExecutionState, Fault, JobStatus, Target, When};
use crate::kernel::time::SpanRange;
use crate::kernel::{Span, Time};
use crate::scenario::model::Scenario;

use super::draw::{Draw, RawFault, RawWhen};

pub(super) fn index(number: u32, of: usize) -> usize {
    number as usize % of.max(1)
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
pub(super) const LONGEST: Span = Span::from_secs(20);

/// A little before, or a little after one of the timeouts.
pub(super) fn about(timeout: u32, ms: u64, scenario: &Scenario) -> Span {
    let timeouts = timeouts(&scenario.config);
    let timeout = timeouts[index(timeout, timeouts.len())].min(LONGEST);
    (timeout + Span::from_ms(ms % 1_000)).max(Span::from_ms(550)) - Span::from_ms(500)
}

/// The moments at which a leader has decided something and not said so yet.
pub(super) fn with_orders_in_hand(raw: &RawFault) -> When {
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
        RawWhen::At(ms) => ms % 1_500,
        // At once: what follows from it is not done yet.
        RawWhen::Near(_) => 0,
        RawWhen::Upon { after_ms, .. } => after_ms % 100,
    };
    let started = raw.amount.is_multiple_of(2);
    When::Upon {
        condition: conditions[index(raw.other, conditions.len())],
        not_before: Time(Span::from_ms(if started { 0 } else { 8_000 }).0),
        after: SpanRange::constant(Span::from_ms(after_ms)),
    }
}

pub(super) fn when(draw: &Draw, raw: &RawFault, scenario: &Scenario, before: &[Fault]) -> When {
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
        ExecutionState::Running,
        ExecutionState::Canceling,
        ExecutionState::Failed,
    ];
    let jobs = [
        JobStatus::Running,
        JobStatus::Created,
        JobStatus::Failing,
        JobStatus::Failed,
        JobStatus::Finished,
        JobStatus::Finished,
    ];
    let early = CheckpointId::from(1 + number % 5);
    let awaited = before
        .iter()
        .rev()
        .find_map(|fault| awaited(fault, number % 2 == 1));
    match (condition % 9, awaited) {
        (0, _) => Condition::CheckpointTriggered(early),
        (1, _) => Condition::CheckpointCompleted(early),
        (2, _) => Condition::LeaderGranted(2 + number % 2),
        (3, _) => Condition::JobIs(JobStatus::Restarting),
        (4, Some(awaited)) | (5, Some(awaited)) => awaited,
        (6, _) => Condition::JobIs(jobs[index(number, jobs.len())]),
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

/// The fault before befalls the same victim once more, shortly after it was over: who has come back, or leads now, is caught
/// in the middle of what it does then.
pub(super) fn again(before: &Fault, raw: &RawFault, scenario: &Scenario) -> When {
    let more = match raw.when {
        RawWhen::At(ms) | RawWhen::Near(ms) => Span::from_ms(ms % 6_000),
        RawWhen::Upon {
            timeout, after_ms, ..
        } => match timeout {
            None => Span::from_ms(after_ms),
            Some(timeout) => about(timeout, after_ms, scenario),
        },
    };
    let later = before.lasts.unwrap_or(Span::ZERO) + more;
    match before.at {
        When::At(at) => When::At(at + later),
        When::Between(_, at) => When::At(at + later),
        When::Upon {
            condition,
            not_before,
            after,
        } => When::Upon {
            condition,
            not_before,
            after: SpanRange::constant(after.max + later),
        },
    }
}
