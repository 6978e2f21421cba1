//! When a fault comes.

use crate::fault::{Condition, ExecutionState, JobStatus};
use crate::kernel::time::{Span, SpanRange, Time};
use crate::scenario::file::{At, FaultFile};
use crate::scenario::model::{Cluster, Scenario, Target, When};
use crate::scenario::resolve::Check;
use crate::scenario::units::{self, short};

/// States that a condition may name.
const TASK_STATES: [ExecutionState; 8] = [
    ExecutionState::Created,
    ExecutionState::Scheduled,
    ExecutionState::Deploying,
    ExecutionState::Initializing,
    ExecutionState::Running,
    ExecutionState::Canceling,
    ExecutionState::Canceled,
    ExecutionState::Failed,
];
/// Faults that a condition may wait for: they befall one process.
const AWAITED: [&str; 7] = [
    "kill",
    "stop",
    "hang",
    "power-off",
    "cut-off",
    "slow",
    "take-cpu",
];

/// When a fault comes: at an instant, or upon something else.
pub fn when(
    file: &At<FaultFile>,
    cluster: &Cluster,
    duration: Span,
    check: &mut Check,
) -> Option<When> {
    let f = &file.value;
    if let (Some(after), None) = (&f.after, &f.when) {
        check.refuse(
            after.place,
            "`after` goes with `when`: how long after the condition holds",
        );
    }
    let at = f.at.as_ref().map(|at| instants(at, duration, check));
    let Some(text) = &f.when else {
        if at.is_none() {
            check.refuse(
                file.place,
                "a fault says when it comes: `at: 60 s`, or `when: checkpoint 5 triggered`",
            );
        }
        return at?;
    };
    let not_before = match at {
        None => Time::ZERO,
        Some(None) => return None,
        Some(Some(When::At(time))) => time,
        Some(Some(_)) => {
            let place = f.at.as_ref().map_or(text.place, |at| at.place);
            check.refuse(
                place,
                "with `when`, `at` is one instant: the condition counts from then on",
            );
            return None;
        }
    };
    let none = SpanRange::constant(Span::ZERO);
    Some(When::Upon {
        condition: condition(text, cluster, check)?,
        not_before,
        after: f.after.as_ref().map_or(none, |after| after.value.0),
    })
}

fn condition(text: &At<String>, cluster: &Cluster, check: &mut Check) -> Option<Condition> {
    let words: Vec<&str> = text.value.split_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().ok().filter(|number| *number > 0);
    let found = match words[..] {
        ["checkpoint", n, "triggered"] => number(n).map(Condition::CheckpointTriggered),
        ["checkpoint", n, "completed"] => number(n).map(Condition::CheckpointCompleted),
        // The first leader is granted as the cluster comes up.
        ["leader", "granted"] => Some(Condition::LeaderGranted(2)),
        ["leader", "granted", n] => number(n)
            .and_then(|n| u32::try_from(n).ok())
            .map(Condition::LeaderGranted),
        ["any", "task", "is", state] => TASK_STATES
            .into_iter()
            .find(|known| known.name() == state)
            .map(Condition::TaskIs),
        ["job", "is", status] => JobStatus::ALL
            .iter()
            .copied()
            .find(|known| known.name() == status)
            .map(Condition::JobIs),
        [verb, target] => awaited(verb, target, false, cluster),
        [verb, target, "over"] => awaited(verb, target, true, cluster),
        _ => None,
    };
    if found.is_none() {
        check.refuse(
            text.place,
            format!(
                "`{}` is no condition; it is like `checkpoint 5 triggered`, `checkpoint 5 completed`, `leader granted`, `any task is INITIALIZING`, `job is RESTARTING`, `kill tm-3` or `hang tm-3 over`",
                short(&text.value)
            ),
        );
    }
    found
}

fn awaited(verb: &str, name: &str, over: bool, cluster: &Cluster) -> Option<Condition> {
    let verb = AWAITED.into_iter().find(|known| *known == verb)?;
    let target = super::target::process(name, cluster)?;
    let is_one = !matches!(target, Target::Host(_));
    is_one.then_some(Condition::Fault { verb, target, over })
}

/// How a condition stands in the file.
pub fn write_condition(condition: Condition, scenario: &Scenario) -> String {
    match condition {
        Condition::CheckpointTriggered(n) => format!("checkpoint {n} triggered"),
        Condition::CheckpointCompleted(n) => format!("checkpoint {n} completed"),
        Condition::LeaderGranted(n) => format!("leader granted {n}"),
        Condition::TaskIs(state) => format!("any task is {}", state.name()),
        Condition::JobIs(status) => format!("job is {}", status.name()),
        Condition::Fault { verb, target, over } => {
            let over = if over { " over" } else { "" };
            format!("{verb} {}{over}", scenario.target_name(target))
        }
    }
}

/// An instant within the run, or two between which one is drawn.
fn instants(at: &At<String>, duration: Span, check: &mut Check) -> Option<When> {
    let (from, to) = units::ends(&at.value);
    let mut instant = |text: &str| {
        if text.starts_with('-') {
            check.refuse(
                at.place,
                format!(
                    "`{}` is before the start of the run; a fault comes at `0 s` or later",
                    short(text)
                ),
            );
            return None;
        }
        match units::duration(text) {
            Ok(ns) if ns >= duration.0 => {
                check.refuse(
                    at.place,
                    format!(
                        "`{}` is after the end of the run, which lasts {}",
                        short(text),
                        units::write_duration(duration.0)
                    ),
                );
                None
            }
            Ok(ns) => Some(Time(ns)),
            Err(message) => {
                check.refuse(at.place, message);
                None
            }
        }
    };
    let (from, to) = if from == to {
        let both = instant(from)?;
        (both, both)
    } else {
        (instant(from)?, instant(to)?)
    };
    if from > to {
        check.refuse(
            at.place,
            format!(
                "`{}` ends before it starts; write the earlier time first",
                short(&at.value)
            ),
        );
        return None;
    }
    Some(if from == to {
        When::At(from)
    } else {
        When::Between(from, to)
    })
}
