//! The search for a fault plan that breaks a promise: many seeds, each with faults and settings of its own.

mod draw;
pub mod exhaustive;
pub mod forks;
mod instants;
mod plan;
pub mod results;
mod shapes;
pub mod shrink;
mod sinks;
mod sized;
mod survival;
mod targets;
mod variants;

use crate::drill::sights::Sight;
pub use crate::drill::trial::NO_PANIC;
use crate::drill::trial::{Broken, Findings, Trial};
use crate::fault::{Fault, FaultKind, NotificationTrouble};
use crate::kernel::{ActorId, Span, Time};
use crate::scenario::model::{Liveness, RecoveryScope, Scenario, SchedulerKind};

pub use plan::drawn_faults;
pub use variants::Base;

/// How much longer a run goes on in which everything must be well again.
const SETTLING_STORY: Span = Span::from_secs(90);
const SETTLING_FLINK: Span = Span::from_secs(240);

/// Among so many seeds each kind of fault comes up that can.
const SEEDS_WITH_A_FAULT: u64 = 50;

/// A scenario, laid out for a search.
pub struct Search {
    variants: Vec<Scenario>,
    /// Verbs of the faults that are drawn; empty: all.
    faults: Vec<&'static str>,
}

impl Search {
    /// `scenario` is what `base` makes.
    pub fn new(base: &Base<'_>, scenario: &Scenario) -> Search {
        Search {
            variants: variants::variants(base, scenario),
            faults: Vec::new(),
        }
    }

    /// Under faults with these verbs alone; without any under all.
    pub fn with_faults(mut self, verbs: &[&'static str]) -> Search {
        self.faults = verbs.to_vec();
        self
    }

    /// Whether any fault comes of the first seeds: a model may not have the kind that was asked for.
    pub fn draws_faults(&self) -> bool {
        let mut seeds = 0..SEEDS_WITH_A_FAULT;
        seeds.any(|seed| !self.plan(&draw::draw(seed), self.plain()).is_empty())
    }

    fn plan(&self, draw: &draw::Draw, scenario: &Scenario) -> Vec<Fault> {
        plan::plan(draw, scenario, &self.faults)
    }

    /// The scenario with its own settings, as a check runs it.
    pub fn plain(&self) -> &Scenario {
        &self.variants[0]
    }

    /// What a seed runs: sizes, settings and faults are drawn from it alone.
    pub fn case(&self, seed: u64) -> Scenario {
        let draw = draw::draw(seed);
        let mut scenario = self.variants[draw.variant as usize % self.variants.len()].clone();
        scenario.seed = seed;
        resize(&draw, &mut scenario);
        if draw.settles {
            let settling = match scenario.switches.liveness {
                Liveness::ZkEphemeral => SETTLING_STORY,
                Liveness::RpcHeartbeats => SETTLING_FLINK,
            };
            scenario.duration += settling;
        }
        scenario.faults = self.plan(&draw, &scenario);
        scenario
    }
}

/// Fewer processes and tasks, as long as there is room for the job.
fn resize(draw: &draw::Draw, scenario: &mut Scenario) {
    if draw.parallelism_max > 0 {
        sized::cap_parallelism(scenario, draw.parallelism_max);
    }
    let starting = scenario
        .cluster
        .taskmanagers
        .iter()
        .filter(|taskmanager| taskmanager.starts)
        .count();
    let most = match scenario.config.scheduler {
        // So few that each loss changes the parallelism.
        SchedulerKind::Adaptive => starting.min(draw.parallelism_max.max(2) as usize),
        SchedulerKind::Default => starting,
    };
    let keep = 1 + draw.taskmanagers as usize % most.max(1);
    let slots = scenario
        .cluster
        .taskmanagers
        .iter()
        .filter(|taskmanager| taskmanager.starts);
    let room: u32 = slots.take(keep).map(|taskmanager| taskmanager.slots).sum();
    if room >= sized::slots_needed(scenario) {
        sized::keep_taskmanagers(scenario, keep);
    }
    let jobmanagers = scenario.cluster.jobmanagers.len();
    sized::keep_jobmanagers(scenario, 1 + draw.jobmanagers as usize % jobmanagers.max(1));
}

const LOST: FaultKind = FaultKind::Notifications(NotificationTrouble::Lost);

/// `recovery.in-flight-log.size` by default: no run of a search fills it.
const LOG_THAT_NEVER_FILLS: u64 = 256 << 20;

/// Why a promise may break in this scenario without a bug in the model: what is modelled breaks it too.
pub fn documented(scenario: &Scenario, invariant: &str) -> Option<&'static str> {
    let has = |kind: FaultKind| scenario.faults.iter().any(|fault| fault.kind == kind);
    let waits = matches!(invariant, "K5" | "R8");
    if waits && has(FaultKind::SavepointAndRestart) && has(LOST) {
        return Some(
            "tasks end when they hear that their savepoint is complete, which nobody tells them twice (StopWithSavepointTerminationManager): where that word is lost the job stands still",
        );
    }
    match scenario.switches.scope {
        RecoveryScope::PerTask
            if invariant == "K5" && scenario.config.in_flight_log_bytes < LOG_THAT_NEVER_FILLS =>
        {
            Some(
                "recovery.in-flight-log.size: a log that is full holds its task up until a checkpoint completes, and the barrier of that checkpoint waits behind the task; logs that spill to disk would not (Clonos, Silvestre et al. 2021)",
            )
        }
        RecoveryScope::PerTaskNaive => Some(
            "recovery.scope: per-task-naive restarts single tasks without logs and deduplication, to show how that breaks",
        ),
        _ => None,
    }
}

/// What one run showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub broken: Vec<Broken>,
    pub seen: Vec<Sight>,
    pub digest: u128,
    pub events: u64,
    /// When each fault came, and its verb and victim.
    pub injected: Vec<(Time, String)>,
}

/// Runs a scenario; whatever goes wrong in the program itself counts as broken too.
pub fn run(scenario: &Scenario) -> Shown {
    show(Trial::new(scenario))
}

/// The same for one of many: the digest is there where something has broken, as nobody asks for it otherwise.
pub fn glance(scenario: &Scenario) -> Shown {
    let shown = show(Trial::new(scenario).without_digest());
    match shown.broken.is_empty() {
        true => shown,
        false => run(scenario),
    }
}

fn show(trial: Trial) -> Shown {
    let names = trial.names();
    let Findings {
        digest,
        events,
        broken,
        seen,
        injected,
    } = trial.run();
    let named = |(at, actor, what): (Time, ActorId, &str)| {
        (at, format!("{what} {}", names[actor.0 as usize]))
    };
    Shown {
        broken,
        seen,
        digest,
        events,
        injected: injected.into_iter().map(named).collect(),
    }
}
