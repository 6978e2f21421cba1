//! When the adaptive scheduler moves on with the resources that it has: Flink's `DefaultStateTransitionManager`.
//!
//! Both WaitingForResources and Executing own one. It is told of changes (slots came or went) and triggers (a
//! checkpoint completed), and decides when its state may go on to the next.

use serde::Serialize;

use crate::kernel::{Span, Time};

/// The three lengths that a manager is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionSettings {
    /// `jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling`; nothing for WaitingForResources.
    pub cooldown: Span,
    /// `jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout` or
    /// `jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout`
    pub stabilization: Span,
    /// `jobmanager.adaptive-scheduler.rescale-trigger.max-delay`; nothing for WaitingForResources.
    pub max_trigger_delay: Span,
}

/// The resources of the job at the moment. Of Executing both are false while they would not change the parallelism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Slots for the parallelism that is wanted.
    pub desired: bool,
    /// Slots for the least parallelism that is allowed.
    pub sufficient: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Too soon after the last change of parallelism; changes are only noted.
    Cooldown { first_change: Option<Time> },
    /// Nothing has changed.
    Idling,
    /// Changes may go on: only the desired resources will do.
    Stabilizing {
        first_change: Time,
        evaluation_scheduled: bool,
    },
    /// Sufficient resources will do, at the next trigger.
    Stabilized,
    /// Decided: the last phase.
    Transitioning,
}

/// What a timer of the manager is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TransitionTimer {
    CooldownOver,
    /// The resource stabilization timeout.
    Stabilized,
    /// The longest delay of a trigger, in the phase in which it was armed.
    MaxTriggerDelay,
}

/// What the owner has to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionAction {
    /// Call [`StateTransitionManager::on_timer`] with these at that time.
    Arm {
        timer: TransitionTimer,
        phase: u32,
        at: Time,
    },
    /// `transitionToSubsequentState`
    Transition,
}

#[derive(Clone, Debug)]
pub struct StateTransitionManager {
    settings: TransitionSettings,
    phase: Phase,
    /// Counts phases, so that timers of earlier ones are known to be stale.
    number: u32,
}

impl StateTransitionManager {
    /// Begins its cooldown; the first action is the timer of that.
    pub fn new(
        settings: TransitionSettings,
        now: Time,
    ) -> (StateTransitionManager, Vec<TransitionAction>) {
        let manager = StateTransitionManager {
            settings,
            phase: Phase::Cooldown { first_change: None },
            number: 0,
        };
        let armed = manager.arm(TransitionTimer::CooldownOver, now, settings.cooldown, now);
        (manager, vec![armed])
    }

    /// `onChange`: slots or requirements have changed.
    pub fn on_change(&mut self, now: Time, resources: Resources) -> Vec<TransitionAction> {
        match &mut self.phase {
            Phase::Cooldown { first_change } => {
                if resources.sufficient {
                    first_change.get_or_insert(now);
                }
                Vec::new()
            }
            Phase::Idling if resources.sufficient => self.stabilize(now, now),
            Phase::Stabilizing {
                evaluation_scheduled,
                ..
            } if !*evaluation_scheduled => {
                *evaluation_scheduled = true;
                vec![self.arm_evaluation(now, now)]
            }
            _ => Vec::new(),
        }
    }

    /// `onTrigger`: a good moment to change the parallelism.
    pub fn on_trigger(&mut self, resources: Resources) -> Vec<TransitionAction> {
        match self.phase {
            Phase::Stabilizing { .. } if resources.desired => self.transition(),
            Phase::Stabilized if resources.sufficient => self.transition(),
            Phase::Stabilized => {
                self.enter(Phase::Idling);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// A timer of the phase with that number is due; of an earlier one it is void.
    pub fn on_timer(
        &mut self,
        timer: TransitionTimer,
        phase: u32,
        now: Time,
        resources: Resources,
    ) -> Vec<TransitionAction> {
        if phase != self.number {
            return Vec::new();
        }
        match (timer, &mut self.phase) {
            (TransitionTimer::CooldownOver, Phase::Cooldown { first_change: None }) => {
                self.enter(Phase::Idling);
                Vec::new()
            }
            (
                TransitionTimer::CooldownOver,
                Phase::Cooldown {
                    first_change: Some(first_change),
                },
            ) => {
                let first_change = *first_change;
                self.stabilize(first_change, now)
            }
            (TransitionTimer::Stabilized, Phase::Stabilizing { first_change, .. }) => {
                let first_change = *first_change;
                self.enter(Phase::Stabilized);
                vec![self.arm(
                    TransitionTimer::MaxTriggerDelay,
                    first_change,
                    self.settings.max_trigger_delay,
                    now,
                )]
            }
            (
                TransitionTimer::MaxTriggerDelay,
                Phase::Stabilizing {
                    evaluation_scheduled,
                    ..
                },
            ) => {
                *evaluation_scheduled = false;
                self.on_trigger(resources)
            }
            (TransitionTimer::MaxTriggerDelay, Phase::Stabilized) => self.on_trigger(resources),
            (timer, phase) => unreachable!("{timer:?} is not armed in {phase:?}"),
        }
    }

    fn stabilize(&mut self, first_change: Time, now: Time) -> Vec<TransitionAction> {
        self.enter(Phase::Stabilizing {
            first_change,
            evaluation_scheduled: true,
        });
        let stabilized = self.arm(
            TransitionTimer::Stabilized,
            first_change,
            self.settings.stabilization,
            now,
        );
        vec![stabilized, self.arm_evaluation(first_change, now)]
    }

    fn transition(&mut self) -> Vec<TransitionAction> {
        self.enter(Phase::Transitioning);
        vec![TransitionAction::Transition]
    }

    fn enter(&mut self, phase: Phase) {
        assert!(
            self.phase != Phase::Transitioning,
            "the transition has been decided already"
        );
        self.phase = phase;
        self.number += 1;
    }

    fn arm_evaluation(&self, since: Time, now: Time) -> TransitionAction {
        self.arm(
            TransitionTimer::MaxTriggerDelay,
            since,
            self.settings.max_trigger_delay,
            now,
        )
    }

    /// `scheduleRelativelyTo`: what is overdue is due now.
    fn arm(&self, timer: TransitionTimer, since: Time, lasts: Span, now: Time) -> TransitionAction {
        TransitionAction::Arm {
            timer,
            phase: self.number,
            at: (since + lasts).max(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXECUTING: TransitionSettings = TransitionSettings {
        cooldown: Span::from_secs(30),
        stabilization: Span::from_secs(60),
        max_trigger_delay: Span::from_secs(90),
    };
    const WAITING: TransitionSettings = TransitionSettings {
        cooldown: Span::ZERO,
        stabilization: Span::from_secs(10),
        max_trigger_delay: Span::ZERO,
    };
    const NOTHING: Resources = Resources {
        desired: false,
        sufficient: false,
    };
    const SUFFICIENT: Resources = Resources {
        desired: false,
        sufficient: true,
    };
    const DESIRED: Resources = Resources {
        desired: true,
        sufficient: true,
    };

    /// A manager with its timers, driven second by second.
    struct Driven {
        manager: StateTransitionManager,
        timers: Vec<(u64, TransitionTimer, u32)>,
        now: u64,
        resources: Resources,
        /// When it went on, in seconds.
        transition: Option<u64>,
    }

    impl Driven {
        fn new(settings: TransitionSettings, resources: Resources) -> Driven {
            let (manager, actions) = StateTransitionManager::new(settings, Time::ZERO);
            let mut driven = Driven {
                manager,
                timers: Vec::new(),
                now: 0,
                resources,
                transition: None,
            };
            driven.carry_out(actions);
            driven
        }

        fn time(&self) -> Time {
            Time::ZERO + Span::from_secs(self.now)
        }

        fn carry_out(&mut self, actions: Vec<TransitionAction>) {
            for action in actions {
                match action {
                    TransitionAction::Arm { timer, phase, at } => {
                        self.timers.push((at.0 / 1_000_000_000, timer, phase));
                    }
                    TransitionAction::Transition => self.transition = Some(self.now),
                }
            }
        }

        fn until(&mut self, second: u64) -> &mut Driven {
            loop {
                let due = self.timers.iter().enumerate().min_by_key(|(_, t)| t.0);
                let Some((at, (when, timer, phase))) = due.map(|(at, t)| (at, *t)) else {
                    break;
                };
                if when > second {
                    break;
                }
                self.now = when;
                self.timers.remove(at);
                let actions = self
                    .manager
                    .on_timer(timer, phase, self.time(), self.resources);
                self.carry_out(actions);
            }
            self.now = second;
            self
        }

        fn change(&mut self, resources: Resources) -> &mut Driven {
            self.resources = resources;
            let actions = self.manager.on_change(self.time(), resources);
            self.carry_out(actions);
            self
        }

        fn trigger(&mut self) -> &mut Driven {
            let actions = self.manager.on_trigger(self.resources);
            self.carry_out(actions);
            self
        }
    }

    #[test]
    fn waiting_goes_on_at_once_when_the_desired_resources_are_there() {
        let mut waiting = Driven::new(WAITING, NOTHING);
        waiting.change(NOTHING).trigger().until(3);
        assert_eq!(waiting.transition, None);
        waiting.change(DESIRED).until(4);
        assert_eq!(waiting.transition, Some(3));
    }

    #[test]
    fn waiting_makes_do_with_sufficient_resources_after_the_stabilization_timeout() {
        let mut waiting = Driven::new(WAITING, NOTHING);
        waiting.until(2).change(SUFFICIENT).trigger();
        // More of the same does not begin the wait anew.
        waiting.until(7).change(SUFFICIENT).trigger().until(11);
        assert_eq!(waiting.transition, None);
        waiting.until(20);
        assert_eq!(waiting.transition, Some(12));
    }

    #[test]
    fn resources_that_were_there_from_the_start_count() {
        let mut waiting = Driven::new(WAITING, SUFFICIENT);
        waiting.change(SUFFICIENT).trigger().until(9);
        assert_eq!(waiting.transition, None);
        waiting.until(10);
        assert_eq!(waiting.transition, Some(10));
    }

    #[test]
    fn a_returning_taskmanager_waits_for_the_cooldown_and_the_next_checkpoint() {
        let mut executing = Driven::new(EXECUTING, NOTHING);
        executing.until(5).change(DESIRED);
        executing.until(12).trigger().until(29).trigger();
        assert_eq!(executing.transition, None, "cooldown ignores triggers");
        executing.until(42).trigger();
        assert_eq!(executing.transition, Some(42));
    }

    #[test]
    fn merely_sufficient_resources_wait_for_a_trigger_after_stabilization() {
        let mut executing = Driven::new(EXECUTING, NOTHING);
        executing.until(35).change(SUFFICIENT);
        executing.until(40).trigger().until(90).trigger();
        assert_eq!(executing.transition, None);
        // Stabilized 60 s after the change.
        executing.until(96).trigger();
        assert_eq!(executing.transition, Some(96));
    }

    #[test]
    fn without_a_trigger_the_longest_delay_decides() {
        let mut desired = Driven::new(EXECUTING, NOTHING);
        desired.until(10).change(DESIRED).until(200);
        assert_eq!(desired.transition, Some(100), "90 s after the change");
        let mut sufficient = Driven::new(EXECUTING, NOTHING);
        sufficient.until(35).change(SUFFICIENT).until(200);
        assert_eq!(sufficient.transition, Some(125));
    }

    #[test]
    fn resources_that_went_again_end_in_idling_and_begin_anew() {
        let mut executing = Driven::new(EXECUTING, NOTHING);
        executing
            .until(35)
            .change(SUFFICIENT)
            .until(50)
            .change(NOTHING);
        executing.until(100).trigger();
        assert_eq!(executing.transition, None);
        executing.until(110).trigger().until(300);
        assert_eq!(executing.transition, None, "idling ignores triggers");
        executing.change(SUFFICIENT).until(361).trigger();
        assert_eq!(executing.transition, Some(361));
    }

    #[test]
    fn nothing_happens_without_a_change() {
        let mut executing = Driven::new(EXECUTING, DESIRED);
        for second in (0..1_000).step_by(10) {
            executing.until(second).trigger();
        }
        assert_eq!(executing.transition, None);
    }
}
