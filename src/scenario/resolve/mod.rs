//! From the file to the resolved scenario: defaults filled in, names looked up, everything checked that types
//! cannot check. Problems are collected, so that one look shows them all.

mod cluster;
mod config;
mod faults;
mod graph;
mod hosts;
mod jobs;
mod pins;
mod topics;

use crate::kernel::time::Span;
use crate::scenario::error::{Place, Problem};
use crate::scenario::file::{At, ScenarioFile};
use crate::scenario::model::{
    Liveness, Model, Monitor, Placement, RebalanceWhen, Rebalancing, RecoveryScope, Scenario,
    Slots, Switches,
};
use crate::scenario::{expectation, units};

pub const MAX_DURATION: Span = Span::from_secs(30 * 86_400);
pub const MAX_PROCESSES: usize = 4_096;
pub const MAX_PARTITIONS: u32 = 16_000;
pub const MAX_OPERATOR_PARALLELISM: u32 = 4_096;
pub const MAX_SLOTS: u32 = 4_096;
/// Of all jobs together.
pub const MAX_TASKS: u64 = 65_536;
/// Of all jobs together; a hash exchange has one from each producer to each consumer.
pub const MAX_CHANNELS: u64 = 1 << 22;
pub const MAX_OFFSET: f64 = (1_u64 << 34) as f64;
pub const MAX_STATE: u64 = 1 << 50;
const MAX_NAME: usize = 128;

/// What resolving has to say besides its result.
#[derive(Default)]
pub struct Check {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl Check {
    fn refuse(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::at(place, message));
    }

    fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.warnings.push(Problem::at(place, message));
    }

    /// A name that reports and messages can carry.
    fn name(&mut self, name: &At<String>, of: &str) {
        let text = &name.value;
        if text.is_empty() {
            self.refuse(
                name.place,
                format!("{of} needs a name of at least one letter"),
            );
        } else if text.chars().count() > MAX_NAME {
            self.refuse(
                name.place,
                format!("the name of {of} has more than {MAX_NAME} letters"),
            );
        } else if text.trim() != text || text.chars().any(char::is_control) {
            self.refuse(
                name.place,
                format!(
                    "the name of {of} may not start or end with a space or hold a control character"
                ),
            );
        }
    }

    /// A count that must be within bounds.
    fn within(&mut self, value: &At<u32>, min: u32, max: u32, what: &str) {
        if !(min..=max).contains(&value.value) {
            self.refuse(
                value.place,
                format!("`{}` {what}; it can be {min} to {max}", value.value),
            );
        }
    }

    /// A name that must not have been seen before.
    fn unique(
        &mut self,
        seen: &mut std::collections::BTreeSet<String>,
        name: &At<String>,
        of: &str,
    ) {
        if !seen.insert(name.value.clone()) {
            self.refuse(
                name.place,
                format!(
                    "{of} is named `{}` already; names must differ",
                    units::short(&name.value)
                ),
            );
        }
    }
}

/// The defaults that a model stands for.
fn switches(model: Model) -> Switches {
    match model {
        Model::Story => Switches {
            liveness: Liveness::ZkEphemeral,
            scope: RecoveryScope::PerTask,
            placement: Placement::LeastLoaded,
            slots: Slots::Ignore,
            rebalancing: Rebalancing::Off,
        },
        Model::FlinkDefault => Switches {
            liveness: Liveness::RpcHeartbeats,
            scope: RecoveryScope::Region,
            placement: Placement::LeastLoaded,
            slots: Slots::Bind,
            rebalancing: Rebalancing::Off,
        },
        Model::FlinkAdaptive | Model::FlinkReactive => Switches {
            scope: RecoveryScope::Full,
            ..switches(Model::FlinkDefault)
        },
    }
}

/// The whole file; what is wrong with it is in `check` afterwards, and the scenario is then not to be used.
pub fn resolve(file: &ScenarioFile, check: &mut Check) -> Scenario {
    let model = file.model.unwrap_or(Model::Story);
    let switches = overridden(switches(model), file);
    file_name(&file.name, check);

    let duration = file
        .duration
        .as_ref()
        .map_or(Span::from_secs(180), |at| at.value.0);
    if let Some(at) = file
        .duration
        .as_ref()
        .filter(|at| at.value.0 > MAX_DURATION)
    {
        check.refuse(at.place, "a run lasts 30 days (`720 h`) at the most");
    }
    let weight = file.weight.as_ref().map_or(1, |at| at.value);
    if let Some(at) = &file.weight {
        check.within(at, 1, 1_000_000, "is not a weight");
    }

    let settings = config::resolve(file.config.as_ref(), check);
    let cluster = cluster::resolve(&file.cluster, settings.slots, check);
    let profile = cluster::profile(file.profile.as_ref(), check);
    let topics = topics::resolve(&file.topics, duration, weight, check);
    let jobs = jobs::resolve(&file.jobs, &topics, &cluster, &settings, check);
    // Flink's slots hold a part of the pipeline each, and a shortage of them is something to rehearse.
    if switches.liveness == Liveness::ZkEphemeral {
        pins::slots(&file.cluster, &jobs, &cluster, switches.slots, check);
    }
    let faults = faults::resolve(
        file.faults.as_deref().unwrap_or(&[]),
        &cluster,
        duration,
        check,
    );
    let mut expect = Vec::new();
    for text in file.expect.iter().flatten() {
        match expectation::parse(&text.value) {
            Ok(statement) => expect.push(statement),
            Err(message) => check.refuse(text.place, message),
        }
    }

    Scenario {
        name: file.name.value.clone(),
        about: file.about.clone().unwrap_or_default(),
        model,
        seed: file.seed.unwrap_or(1),
        duration,
        weight,
        switches,
        cluster,
        profile,
        config: settings.config,
        topics,
        jobs,
        monitor: monitor(file),
        faults,
        expect,
    }
}

fn overridden(defaults: Switches, file: &ScenarioFile) -> Switches {
    let recovery = file.recovery.clone().unwrap_or_default();
    let placement = file.placement.clone().unwrap_or_default();
    Switches {
        liveness: file.liveness.unwrap_or(defaults.liveness),
        scope: recovery.scope.unwrap_or(defaults.scope),
        placement: placement.policy.unwrap_or(defaults.placement),
        slots: placement.slots.unwrap_or(defaults.slots),
        rebalancing: file.rebalancing.unwrap_or(defaults.rebalancing),
    }
}

/// Reports go to a folder of this name.
fn file_name(name: &At<String>, check: &mut Check) {
    let text = &name.value;
    let fits = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if text.is_empty() || text.len() > MAX_NAME || !fits || text.starts_with('.') {
        check.refuse(
            name.place,
            format!(
                "`{}` cannot name a scenario: reports go to a folder of that name; use letters, digits, `-`, `_` and `.`, like `fraud-detection`",
                units::short(text)
            ),
        );
    }
}

fn monitor(file: &ScenarioFile) -> Monitor {
    let monitor = file.monitor.clone().unwrap_or_default();
    let when = monitor.rebalance_when.unwrap_or_default();
    Monitor {
        interval: monitor.interval.map_or(Span::from_secs(1), |value| value.0),
        rebalance_when: RebalanceWhen {
            latency: when.latency.map_or(Span::from_secs(2), |value| value.0),
            back_pressure_per_mille: when.back_pressure.map_or(500, |value| value.0),
            lasting: when.r#for.map_or(Span::from_secs(10), |value| value.0),
        },
    }
}
