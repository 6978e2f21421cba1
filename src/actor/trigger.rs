//! Faults that wait for something to happen.

use serde::Serialize;

use crate::dataflow::batch::CheckpointId;
use crate::kernel::{ActorId, Span, Time};

use super::fact::{ExecutionState, Fact, JobStatus};
use super::fault_action::FaultAction;

/// What has to happen, as the actors state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Trigger {
    CheckpointTriggered(CheckpointId),
    CheckpointCompleted(CheckpointId),
    /// The n-th time in the run, counted from one, that a JobManager is granted leadership.
    LeaderGranted(u32),
    /// Some execution gets into this state.
    TaskIs(ExecutionState),
    /// Some job gets into this state.
    JobIs(JobStatus),
    /// A fault of this kind befalls this process.
    Injected(&'static str, ActorId),
    /// Such a fault is over.
    Healed(&'static str, ActorId),
}

/// A fault that comes some time after its trigger.
#[derive(Clone, Debug)]
pub struct Conditional {
    /// Its place in the scenario's list.
    pub fault: usize,
    pub trigger: Trigger,
    /// What happens earlier does not count.
    pub not_before: Time,
    pub after: Span,
    pub action: FaultAction,
}

/// The faults that still wait.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    waiting: Vec<Conditional>,
    grants: u32,
}

impl Conditions {
    pub fn add(&mut self, conditional: Conditional) {
        self.waiting.push(conditional);
    }

    pub fn are_none(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Places in the scenario's list.
    pub fn waiting(&self) -> impl Iterator<Item = usize> {
        self.waiting.iter().map(|conditional| conditional.fault)
    }

    /// Something has been stated: the faults that this sets off, in the order of the plan, and how long after it.
    pub fn take(&mut self, actor: ActorId, fact: &Fact, now: Time) -> Vec<(Span, FaultAction)> {
        if matches!(fact, Fact::LeadershipGranted) {
            self.grants += 1;
        }
        let grants = self.grants;
        let fires = |conditional: &mut Conditional| {
            now >= conditional.not_before && holds(conditional.trigger, actor, fact, grants)
        };
        self.waiting
            .extract_if(.., fires)
            .map(|fired| (fired.after, fired.action))
            .collect()
    }
}

/// Whether a trigger can wait for such a fact; most are about records, and none does.
#[inline]
pub(super) fn is_awaited(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::CheckpointTriggered { .. }
            | Fact::CheckpointCompleted { .. }
            | Fact::LeadershipGranted
            | Fact::ExecutionChanged { .. }
            | Fact::JobStatusChanged { .. }
            | Fact::FaultInjected { .. }
            | Fact::FaultHealed { .. }
    )
}

fn holds(trigger: Trigger, actor: ActorId, fact: &Fact, grants: u32) -> bool {
    match (trigger, fact) {
        (Trigger::CheckpointTriggered(n), Fact::CheckpointTriggered { checkpoint, .. })
        | (Trigger::CheckpointCompleted(n), Fact::CheckpointCompleted { checkpoint, .. }) => {
            n == *checkpoint
        }
        (Trigger::LeaderGranted(n), Fact::LeadershipGranted) => n == grants,
        (Trigger::TaskIs(wanted), Fact::ExecutionChanged { state, .. }) => wanted == *state,
        (Trigger::JobIs(wanted), Fact::JobStatusChanged { status, .. }) => wanted == *status,
        (Trigger::Injected(kind, target), Fact::FaultInjected { what })
        | (Trigger::Healed(kind, target), Fact::FaultHealed { what }) => {
            (kind, target) == (*what, actor)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(trigger: Trigger, not_before: Time) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.add(Conditional {
            fault: 3,
            trigger,
            not_before,
            after: Span(7),
            action: FaultAction::GiveUp,
        });
        conditions
    }

    #[test]
    fn a_trigger_fires_once_and_not_too_early() {
        let fact = Fact::CheckpointTriggered {
            job: 0,
            checkpoint: 5,
        };
        let mut conditions = conditions(Trigger::CheckpointTriggered(5), Time(10));
        assert!(conditions.take(ActorId(0), &fact, Time(9)).is_empty());
        assert_eq!(conditions.waiting().collect::<Vec<_>>(), [3]);
        assert_eq!(conditions.take(ActorId(0), &fact, Time(10)).len(), 1);
        assert!(conditions.take(ActorId(0), &fact, Time(11)).is_empty());
        assert!(conditions.are_none());
    }

    #[test]
    fn grants_are_counted() {
        let mut conditions = conditions(Trigger::LeaderGranted(2), Time::ZERO);
        let mut fires = |actor| {
            let fired = conditions.take(ActorId(actor), &Fact::LeadershipGranted, Time(1));
            fired.len()
        };
        assert_eq!((fires(1), fires(2), fires(3)), (0, 1, 0));
    }

    #[test]
    fn another_process_or_another_kind_does_not_count() {
        let mut conditions = conditions(Trigger::Injected("kill", ActorId(3)), Time::ZERO);
        let mut fires = |actor, what| {
            let fact = Fact::FaultInjected { what };
            conditions.take(ActorId(actor), &fact, Time(1)).len()
        };
        assert_eq!(
            (fires(2, "kill"), fires(3, "hang"), fires(3, "kill")),
            (0, 0, 1)
        );
    }
}
