//! The switches: a model's defaults, changed one by one, by the file, by Flink's own keys or on the command line.

use super::Check;
use super::config::{Keys, rank};
use crate::policy::failover::FailoverStrategy;
use crate::scenario::error::Place;
use crate::scenario::file::{At, ScenarioFile};
use crate::scenario::flink::Family;
use crate::scenario::model::{
    Liveness, Model, Placement, Rebalancing, RecoveryScope, Scheduler, SchedulerKind, Slots,
    Switches,
};

/// The switches in force, and what follows for `config`.
pub struct Decided {
    pub model: Model,
    pub switches: Switches,
    pub family: Family,
}

impl Decided {
    pub fn scheduler(&self) -> SchedulerKind {
        match self.switches.scheduler {
            Scheduler::Default => SchedulerKind::Default,
            Scheduler::Adaptive | Scheduler::Reactive => SchedulerKind::Adaptive,
        }
    }

    pub fn reactive(&self) -> bool {
        self.switches.scheduler == Scheduler::Reactive
    }

    pub fn failover(&self) -> FailoverStrategy {
        match self.switches.scope {
            RecoveryScope::Full => FailoverStrategy::Full,
            _ => FailoverStrategy::Region,
        }
    }

    /// Who uses keys or does not, in messages.
    pub fn user(&self) -> &'static str {
        match self.family {
            Family::Story => "the model `story`",
            Family::Default => "the model with the default scheduler",
            Family::Adaptive => "the model with the adaptive scheduler",
        }
    }
}

/// The defaults that a model stands for.
fn defaults(model: Model) -> Switches {
    let flink = Switches {
        liveness: Liveness::RpcHeartbeats,
        scope: RecoveryScope::Region,
        placement: Placement::LeastLoaded,
        slots: Slots::Bind,
        rebalancing: Rebalancing::Off,
        scheduler: Scheduler::Default,
    };
    match model {
        Model::Story => Switches {
            liveness: Liveness::ZkEphemeral,
            scope: RecoveryScope::PerTask,
            slots: Slots::Ignore,
            ..flink
        },
        Model::FlinkDefault => flink,
        Model::FlinkAdaptive => Switches {
            scope: RecoveryScope::Full,
            scheduler: Scheduler::Adaptive,
            ..flink
        },
        Model::FlinkReactive => Switches {
            scope: RecoveryScope::Full,
            scheduler: Scheduler::Reactive,
            ..flink
        },
    }
}

pub fn decide(file: &ScenarioFile, keys: &Keys, check: &mut Check) -> Decided {
    let model = file.model.as_ref().map_or(Model::Story, |at| at.value);
    let mut choice = Choice {
        model,
        model_place: file.model.as_ref().map_or(Place::Nowhere, |at| at.place),
        check,
    };
    let recovery = file.recovery.as_ref();
    let placement = file.placement.as_ref();
    let model_liveness = defaults(model).liveness;
    let fits = |liveness: Liveness| {
        // A story may turn to Flink's liveness and so to Flink; Flink without its heartbeats is nothing.
        model == Model::Story || liveness == model_liveness
    };
    let flink_only =
        "Flink's control plane lives by its heartbeats; choose `model: story` for ZooKeeper's";
    let liveness = choice
        .switch("liveness", file.liveness.as_ref(), fits, flink_only)
        .unwrap_or(model_liveness);
    let is_flink = liveness == Liveness::RpcHeartbeats;
    let base = match (model, is_flink) {
        (Model::Story, true) => defaults(Model::FlinkDefault),
        _ => defaults(model),
    };
    let scheduler = match is_flink {
        true => scheduler(file, keys, base.scheduler, &mut choice),
        false => choice
            .switch(
                "scheduler",
                file.scheduler.as_ref(),
                |scheduler| scheduler == Scheduler::Default,
                "only Flink's own models have an adaptive scheduler; choose `model: flink-adaptive`",
            )
            .unwrap_or(base.scheduler),
    };
    let scope = choice.switch(
        "recovery.scope",
        recovery.and_then(|recovery| recovery.scope.as_ref()),
        |scope: RecoveryScope| !is_flink || !scope.spares_survivors(),
        "Flink restarts regions or the whole job; choose `region` or `full`",
    );
    let scope = match (is_flink, scheduler) {
        (true, Scheduler::Adaptive | Scheduler::Reactive) => {
            // `Restarting` of the adaptive scheduler knows no regions.
            RecoveryScope::Full
        }
        (true, Scheduler::Default) => failover(file, keys, scope, &mut choice),
        (false, _) => scope.unwrap_or(base.scope),
    };
    let slots = choice.switch(
        "placement.slots",
        placement.and_then(|placement| placement.slots.as_ref()),
        |slots| !is_flink || slots == Slots::Bind,
        "Flink runs a task nowhere but in a slot; choose `bind`",
    );
    let rebalancing = choice.switch(
        "rebalancing",
        file.rebalancing.as_ref(),
        |rebalancing| !is_flink || rebalancing == Rebalancing::Off,
        "Flink never moves running tasks because of load; choose `off`",
    );
    let policy = choice.switch(
        "placement.policy",
        placement.and_then(|placement| placement.policy.as_ref()),
        |policy| !is_flink || policy == base.placement,
        "Flink's slot manager chooses; choose `taskmanager.load-balance.mode` under `config`",
    );
    let family = match (is_flink, scheduler) {
        (false, _) => Family::Story,
        (true, Scheduler::Default) => Family::Default,
        (true, Scheduler::Adaptive | Scheduler::Reactive) => Family::Adaptive,
    };
    Decided {
        model,
        switches: Switches {
            liveness,
            scope,
            placement: policy.unwrap_or(base.placement),
            slots: slots.unwrap_or(base.slots),
            rebalancing: rebalancing.unwrap_or(base.rebalancing),
            scheduler,
        },
        family,
    }
}

struct Choice<'a> {
    model: Model,
    model_place: Place,
    check: &'a mut Check,
}

impl Choice<'_> {
    /// A switch of the file if it fits. If it does not, it is refused; or passed over, where the command line chose
    /// another model than the file was written for.
    fn switch<T: Copy>(
        &mut self,
        name: &str,
        chosen: Option<&At<T>>,
        fits: impl Fn(T) -> bool,
        why: &str,
    ) -> Option<T> {
        let at = chosen?;
        if fits(at.value) {
            return Some(at.value);
        }
        let other_model = matches!(self.model_place, Place::Argument(_))
            && !matches!(at.place, Place::Argument(_));
        let model = self.model.name();
        if other_model {
            self.check.warn(
                at.place,
                format!("`{name}` has no effect under the model `{model}`: {why}"),
            );
        } else {
            self.check.refuse(
                at.place,
                format!("`{name}` does not go with the model `{model}`: {why}"),
            );
        }
        None
    }

    /// How late the model was chosen. Its defaults come before everything, unless it was named on the command line.
    fn model_rank(&self) -> u8 {
        match self.model_place {
            Place::Argument(_) => 3,
            _ => 0,
        }
    }
}

/// The scheduler that was chosen latest: by the model, the switch, or Flink's keys.
fn scheduler(
    file: &ScenarioFile,
    keys: &Keys,
    of_model: Scheduler,
    choice: &mut Choice<'_>,
) -> Scheduler {
    let mut best = (choice.model_rank(), of_model, "the model");
    if let Some(at) = file
        .scheduler
        .as_ref()
        .filter(|at| rank(at.place) >= best.0)
    {
        best = (rank(at.place), at.value, "`scheduler`");
    }
    let settings = &keys.settings;
    let by_key = match (settings.reactive, settings.scheduler) {
        (Some(true), Some(SchedulerKind::Default)) => {
            if let Some(place) = keys.place("scheduler-mode") {
                choice.check.refuse(
                    place,
                    "reactive mode needs the adaptive scheduler; `jobmanager.scheduler` says `Default`",
                );
            }
            Some(Scheduler::Default)
        }
        (Some(true), _) => Some(Scheduler::Reactive),
        (_, Some(SchedulerKind::Adaptive)) => Some(Scheduler::Adaptive),
        (_, Some(SchedulerKind::Default)) => Some(Scheduler::Default),
        (_, None) => None,
    };
    let places = ["scheduler-mode", "jobmanager.scheduler"];
    let place = places.iter().filter_map(|key| keys.place(key));
    let Some((by_key, place)) = by_key.zip(place.max_by_key(|place| rank(*place))) else {
        return best.1;
    };
    let agrees = by_key == best.1
        // The key alone does not speak of reactive mode.
        || (by_key == Scheduler::Adaptive && best.1 == Scheduler::Reactive && best.0 != rank(place));
    if agrees {
        return best.1;
    }
    match rank(place).cmp(&best.0) {
        std::cmp::Ordering::Greater => {
            if matches!(place, Place::Beside { .. }) {
                choice.check.warn(
                    place,
                    format!(
                        "this chooses another scheduler than the model `{}`, and wins",
                        choice.model.name()
                    ),
                );
            }
            by_key
        }
        std::cmp::Ordering::Equal => {
            choice
                .check
                .refuse(place, format!("this contradicts {}", best.2));
            best.1
        }
        std::cmp::Ordering::Less => {
            choice.check.warn(
                place,
                format!("{} chooses another scheduler, and wins", best.2),
            );
            best.1
        }
    }
}

/// `recovery.scope`, or `jobmanager.execution.failover-strategy` where that comes later.
fn failover(
    file: &ScenarioFile,
    keys: &Keys,
    scope: Option<RecoveryScope>,
    choice: &mut Choice<'_>,
) -> RecoveryScope {
    let by_key = keys.settings.failover.map(|failover| match failover {
        FailoverStrategy::Region => RecoveryScope::Region,
        FailoverStrategy::Full => RecoveryScope::Full,
    });
    let key_place = keys.place("jobmanager.execution.failover-strategy");
    let switch_place = file
        .recovery
        .as_ref()
        .and_then(|recovery| recovery.scope.as_ref())
        .map(|at| at.place);
    match (scope.zip(switch_place), by_key.zip(key_place)) {
        (None, None) => RecoveryScope::Region,
        (Some((scope, _)), None) | (None, Some((scope, _))) => scope,
        (Some((scope, _)), Some((by_key, _))) if scope == by_key => scope,
        (Some((scope, at)), Some((by_key, key_at))) => match rank(key_at).cmp(&rank(at)) {
            std::cmp::Ordering::Greater => by_key,
            std::cmp::Ordering::Less => scope,
            std::cmp::Ordering::Equal => {
                choice
                    .check
                    .refuse(key_at, "this contradicts `recovery.scope`");
                scope
            }
        },
    }
}
