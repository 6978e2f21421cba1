//! The adaptive scheduler (`AdaptiveScheduler` and its states): one execution graph after the other, each as wide as there
//! are slots for. Every failure restarts the whole job.

mod graph;
mod states;

use serde::Serialize;

use crate::actor::context::{Alarm, Context};
use crate::actor::flink::office::Office;
use crate::actor::message::Timer;
use crate::kernel::Span;
use crate::policy::adaptive::parallelism::{VertexRequirements, desired_slots, parallelism};
use crate::policy::adaptive::transition::{
    Resources, StateTransitionManager, TransitionAction, TransitionSettings, TransitionTimer,
};

use super::{JobMaster, JobMasterTimer};

/// What the timers of a state say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum AdaptiveTimer {
    /// The state has been entered: what is there already is looked at.
    Entered,
    /// `jobmanager.adaptive-scheduler.submission.resource-wait-timeout`
    ResourceTimeout,
    /// Of the state transition manager, in one of its phases.
    Transition { timer: TransitionTimer, phase: u32 },
    /// The execution graph has been made.
    GraphCreated,
    /// The back-off is over.
    BackoffOver,
}

#[derive(Clone, Debug)]
pub(super) struct AdaptiveScheduler {
    state: State,
    /// Counts states: a timer of an earlier one is void.
    number: u32,
    alarms: Vec<Alarm>,
    /// The recovery under way, or the last one.
    recovery: u32,
    /// `numRescales`
    rescales: u32,
}

#[derive(Clone, Debug)]
enum State {
    /// Nothing has been asked for yet.
    Created,
    WaitingForResources(StateTransitionManager),
    /// With the parallelism that was chosen, by operator.
    CreatingExecutionGraph(Vec<u32>),
    Executing {
        manager: StateTransitionManager,
        /// Checkpoints that may still fail before that is a trigger too; none: no change has been seen.
        failures_left: Option<u32>,
    },
    /// First every task ends, then the back-off runs.
    Restarting {
        backoff: Span,
        /// The parallelism that a rescale is for.
        rescales_to: Option<Vec<u32>>,
        canceled: bool,
    },
    /// The job ends, or this leader's part in it.
    Over,
}

impl AdaptiveScheduler {
    pub(super) fn new() -> AdaptiveScheduler {
        AdaptiveScheduler {
            state: State::Created,
            number: 0,
            alarms: Vec::new(),
            recovery: 0,
            rescales: 0,
        }
    }

    fn enter(&mut self, state: State, ctx: &mut Context<'_>) {
        for alarm in &mut self.alarms {
            alarm.release(ctx);
        }
        self.alarms.clear();
        self.number += 1;
        self.state = state;
    }

    pub(super) fn end(&mut self, ctx: &mut Context<'_>) {
        self.enter(State::Over, ctx);
    }
}

impl JobMaster {
    fn scheduler(&mut self) -> &mut AdaptiveScheduler {
        self.adaptive
            .as_mut()
            .expect("only the adaptive scheduler has these states")
    }

    /// A timer of the state that the scheduler is in.
    fn set_timer(&mut self, what: AdaptiveTimer, delay: Span, ctx: &mut Context<'_>) {
        let job = self.job;
        let scheduler = self.scheduler();
        scheduler.alarms.retain_mut(|alarm| {
            let waits = alarm.is_set(ctx);
            if !waits {
                alarm.release(ctx);
            }
            waits
        });
        let timer = JobMasterTimer::Adaptive {
            state: scheduler.number,
            what,
        };
        let mut alarm = Alarm::new(Timer::JobMaster { job, timer });
        alarm.set(delay, ctx);
        scheduler.alarms.push(alarm);
    }

    pub(super) fn on_adaptive_timer(
        &mut self,
        state: u32,
        what: AdaptiveTimer,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.scheduler().number != state {
            return;
        }
        match what {
            AdaptiveTimer::Entered => {
                self.on_resources_changed(office, ctx);
                if matches!(self.scheduler().state, State::Executing { .. }) {
                    self.trigger_rescale(office, ctx);
                }
            }
            AdaptiveTimer::ResourceTimeout => self.create_graph(office, ctx),
            AdaptiveTimer::Transition { timer, phase } => {
                let (now, resources) = (ctx.now(), self.resources(office));
                let actions = self
                    .manager()
                    .map(|manager| manager.on_timer(timer, phase, now, resources));
                self.carry_out(actions.unwrap_or_default(), office, ctx);
            }
            AdaptiveTimer::GraphCreated => self.execute(office, ctx),
            AdaptiveTimer::BackoffOver => self.on_backoff_over(office, ctx),
        }
    }

    fn manager(&mut self) -> Option<&mut StateTransitionManager> {
        match &mut self.scheduler().state {
            State::WaitingForResources(manager) | State::Executing { manager, .. } => Some(manager),
            _ => None,
        }
    }

    /// Slots have come into the pool, or have become free in it.
    pub(super) fn on_resources_changed(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let waits = match &mut self.scheduler().state {
            State::WaitingForResources(_) => true,
            State::Executing { failures_left, .. } => {
                let allowed = office.blueprint.config.adaptive.max_checkpoint_failures;
                failures_left.get_or_insert(allowed);
                false
            }
            _ => return,
        };
        let (now, resources) = (ctx.now(), self.resources(office));
        let actions = self
            .manager()
            .map(|manager| manager.on_change(now, resources));
        self.carry_out(actions.unwrap_or_default(), office, ctx);
        if waits {
            self.trigger_rescale(office, ctx);
        }
    }

    /// `onTrigger`
    fn trigger_rescale(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let resources = self.resources(office);
        let actions = self.manager().map(|manager| manager.on_trigger(resources));
        self.carry_out(actions.unwrap_or_default(), office, ctx);
    }

    /// A completed checkpoint is the moment to rescale: nothing has to be done twice.
    pub(super) fn on_checkpoint_completed(
        &mut self,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        if let State::Executing { failures_left, .. } = &mut self.scheduler().state {
            *failures_left = None;
            self.trigger_rescale(office, ctx);
        }
    }

    /// Where checkpoints keep failing, whatever the reason, there is no better moment to wait for
    /// (`CheckpointStatsListener`).
    pub(super) fn on_checkpoint_failed(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        if let Some(scheduler) = &mut self.adaptive
            && let State::Executing {
                failures_left: Some(left),
                ..
            } = &mut scheduler.state
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.on_checkpoint_completed(office, ctx);
            }
        }
    }

    fn carry_out(
        &mut self,
        actions: Vec<TransitionAction>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        for action in actions {
            match action {
                TransitionAction::Arm { timer, phase, at } => {
                    let what = AdaptiveTimer::Transition { timer, phase };
                    self.set_timer(what, at - ctx.now(), ctx);
                }
                // Whoever is being stopped is not rescaled (`StopWithSavepoint`).
                TransitionAction::Transition if self.stopping.is_some() => {}
                TransitionAction::Transition => match self.scheduler().state {
                    State::Executing { .. } => self.rescale(office, ctx),
                    _ => self.create_graph(office, ctx),
                },
            }
        }
    }

    /// What each operator may and should have.
    fn requirements(&self, office: &Office<'_>) -> Vec<VertexRequirements> {
        let topology = &office.blueprint.topology;
        let operators = topology.jobs[self.job as usize].operators.iter();
        operators
            .zip(topology.slot_sharing_groups(self.job))
            .map(|(operator, slot_sharing_group)| {
                let operator = &topology.operators[*operator as usize];
                VertexRequirements {
                    slot_sharing_group,
                    lower: 1,
                    upper: if office.blueprint.config.reactive {
                        operator.max_parallelism
                    } else {
                        operator.spec.parallelism
                    },
                }
            })
            .collect()
    }

    /// The slots that the job asks for, whatever it has.
    pub(super) fn desired_slots(&self, office: &Office<'_>) -> u32 {
        desired_slots(&self.requirements(office))
    }

    /// The parallelism that the slots of the pool allow; those of a TaskManager that is gone count for as long as it is
    /// not given up.
    fn available_parallelism(&self, office: &Office<'_>) -> Option<Vec<u32>> {
        let topology = &office.blueprint.topology;
        let slots = self.pool.all().count() as u32;
        let mut available = parallelism(&self.requirements(office), slots)?;
        let operators = &topology.jobs[self.job as usize].operators;
        for (width, operator) in available.iter_mut().zip(operators) {
            *width = (*width).min(topology.operators[*operator as usize].widest);
        }
        Some(available)
    }

    fn resources(&self, office: &Office<'_>) -> Resources {
        let available = self.available_parallelism(office);
        let executing = self
            .adaptive
            .as_ref()
            .is_some_and(|scheduler| matches!(scheduler.state, State::Executing { .. }));
        let matters = match &available {
            None => false,
            Some(available) => !executing || *available != self.layout.parallelism,
        };
        let slots = self.pool.all().count() as u32;
        Resources {
            desired: matters && slots >= self.desired_slots(office),
            sufficient: matters,
        }
    }
}

/// Of the manager in WaitingForResources.
fn while_waiting(office: &Office<'_>) -> TransitionSettings {
    TransitionSettings {
        cooldown: Span::ZERO,
        stabilization: office.blueprint.config.adaptive.stabilization,
        max_trigger_delay: Span::ZERO,
    }
}

/// Of the manager in Executing.
fn while_executing(office: &Office<'_>) -> TransitionSettings {
    let config = &office.blueprint.config;
    let adaptive = &config.adaptive;
    let interval = config.checkpointing.interval.unwrap_or(Span::ZERO);
    let several = interval * (u64::from(adaptive.max_checkpoint_failures) + 1);
    TransitionSettings {
        cooldown: adaptive.cooldown,
        stabilization: adaptive.executing_stabilization,
        max_trigger_delay: adaptive.max_delay.unwrap_or(several),
    }
}
