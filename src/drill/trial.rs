//! One run for a search: only checkers watch it, so that thousands of runs are affordable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::actor::message::{Envelope, Timer};
use crate::actor::world::World;
use crate::fault::Target;
use crate::invariant::delivery::Delivery;
use crate::invariant::{Checks, Kind};
use crate::kernel::{ActorId, Header, Observer, Simulation, Stall, Time};
use crate::scenario::model::Scenario;

use super::sights::{Sight, Sights};
use super::{build, plan};

/// A run and its checkers. A clone goes on to the same digest.
#[derive(Clone)]
pub struct Trial {
    end: Time,
    blueprint: Arc<Blueprint>,
    simulation: Simulation<World>,
    eyes: Eyes,
    stopped: Option<Stopped>,
}

/// Why a trial does not go on.
#[derive(Clone, Debug)]
enum Stopped {
    Stalled(String),
    Panicked(String),
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    pub digest: u128,
    pub events: u64,
    /// Every promise that broke, with its first violation; in the order of the catalogue.
    pub broken: Vec<Broken>,
    /// Rare situations that came about.
    pub seen: Vec<Sight>,
    /// Faults as they came: when, on whom, and the verb.
    pub injected: Vec<(Time, ActorId, &'static str)>,
}

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub id: String,
    pub kind: Kind,
    pub statement: String,
    pub at: Time,
    /// The event that was being handled.
    pub event: u64,
    pub what: String,
}

/// Id of the promise that the program's own assertions keep.
pub const NO_PANIC: &str = "no-panic";
/// Id of the promise that the stall guard keeps.
pub const NO_STALL: &str = "no-stall";

#[derive(Clone, Debug)]
struct Eyes {
    checks: Checks,
    delivery: Delivery,
    sights: Sights,
    injected: Vec<(Time, ActorId, &'static str)>,
}

impl Observer<World> for Eyes {
    fn fact(&mut self, header: &Header, fact: &Fact) {
        match fact {
            // Of these there are many, and they concern one checker at the most.
            Fact::SinkWritten { .. } | Fact::TaskMeasured { .. } | Fact::MachineMeasured { .. } => {
                return;
            }
            Fact::Appended { .. } | Fact::SourceEmitted { .. } => {
                return self.checks.fact(header, fact);
            }
            Fact::FaultInjected { what } => self.injected.push((header.time, header.actor, what)),
            _ => {}
        }
        self.sights.fact(header, fact);
        self.checks.fact(header, fact);
        self.delivery.fact(header, fact);
    }
}

/// Somebody does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    pub at: Time,
    pub actor: ActorId,
    /// A timer of its own went off and nothing came of it: no message, no other timer, no fact.
    pub idle: bool,
}

/// Notes who does something, and lets the checkers look.
struct Noting<'a> {
    eyes: &'a mut Eyes,
    visits: &'a mut Vec<Visit>,
}

impl Noting<'_> {
    fn note(&mut self, header: &Header, idle: bool) {
        self.visits.push(Visit {
            at: header.time,
            actor: header.actor,
            idle,
        });
    }
}

impl Observer<World> for Noting<'_> {
    fn message(&mut self, header: &Header, _: &Envelope) {
        self.note(header, false);
    }

    fn timer(&mut self, header: &Header, _: Timer) {
        self.note(header, true);
    }

    fn fact(&mut self, header: &Header, fact: &Fact) {
        if let Some(visit) = self.visits.last_mut() {
            visit.idle = false;
        }
        self.eyes.fact(header, fact);
    }
}

impl Trial {
    pub fn new(scenario: &Scenario) -> Trial {
        let blueprint = Arc::new(build::blueprint(scenario));
        let plan = plan::plan(scenario, &blueprint);
        Trial {
            end: Time(scenario.duration.0),
            simulation: build::simulation(Arc::clone(&blueprint), &plan),
            eyes: Eyes {
                checks: Checks::new(&blueprint),
                delivery: Delivery::new(&blueprint),
                sights: Sights::new(&blueprint),
                injected: Vec::new(),
            },
            blueprint,
            stopped: None,
        }
    }

    /// Computes no digest: a tenth of the time.
    pub fn without_digest(mut self) -> Trial {
        self.simulation.set_digesting(false);
        self
    }

    pub fn now(&self) -> Time {
        self.simulation.now()
    }

    /// Runs up to an instant, and what comes at it.
    pub fn advance(&mut self, to: Time) {
        self.go_on(|simulation, eyes| simulation.run_until(to, eyes));
    }

    /// Runs up to an instant, and says when who did something on the way.
    pub fn visits(&mut self, to: Time) -> Vec<Visit> {
        let mut visits = Vec::new();
        self.go_on(|simulation, eyes| {
            loop {
                let before = simulation.scheduled();
                let mut noting = Noting {
                    eyes,
                    visits: &mut visits,
                };
                if !simulation.step_to(to, &mut noting)? {
                    return Ok(());
                }
                if simulation.scheduled() > before
                    && let Some(visit) = visits.last_mut()
                {
                    visit.idle = false;
                }
            }
        });
        visits
    }

    /// Runs until a situation has come about; false where the run ends before.
    pub fn advance_to(&mut self, sight: Sight) -> bool {
        let end = self.end;
        let found = self.go_on(|simulation, eyes| {
            while !eyes.sights.has(sight) {
                if !simulation.step(eyes)? || simulation.now() >= end {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        found == Some(true)
    }

    /// Lets the run go on, unless something has stopped it. None: it is stopped now.
    fn go_on<T>(
        &mut self,
        on: impl FnOnce(&mut Simulation<World>, &mut Eyes) -> Result<T, Stall>,
    ) -> Option<T> {
        if self.stopped.is_some() {
            return None;
        }
        let Trial {
            simulation, eyes, ..
        } = self;
        let gone = catch_unwind(AssertUnwindSafe(|| on(simulation, eyes)));
        self.stopped = Some(match gone {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(stall)) => Stopped::Stalled(stall.to_string()),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text =
                    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Stopped::Panicked(text.unwrap_or_default())
            }
        });
        None
    }

    /// Puts the scenario's faults from number `first` on into a run that knows those before.
    pub fn inject(&mut self, scenario: &Scenario, first: usize) {
        let plan = plan::plan_from(scenario, first, &self.blueprint);
        build::inject(&mut self.simulation, plan);
    }

    /// Runs to the end.
    pub fn run(mut self) -> Findings {
        self.advance(self.end);
        let now = self.simulation.now();
        let mut broken = Vec::new();
        if let Some(Stopped::Panicked(what)) = &self.stopped {
            broken.push(Broken {
                id: NO_PANIC.to_owned(),
                kind: Kind::Safety,
                statement: "The simulation never contradicts itself.".to_owned(),
                at: now,
                event: u64::MAX,
                what: what.clone(),
            });
        }
        for (id, statement, _, violations) in self.eyes.delivery.promises() {
            if let Some((at, event, what)) = violations.first() {
                broken.push(Broken {
                    id: id.to_owned(),
                    kind: Kind::Safety,
                    statement: statement.to_owned(),
                    at: *at,
                    event: *event,
                    what: what.clone(),
                });
            }
        }
        for verdict in self.eyes.checks.finish(now) {
            if let Some(first) = verdict.violations.first() {
                broken.push(Broken {
                    id: verdict.id.to_owned(),
                    kind: verdict.kind,
                    statement: verdict.statement.to_owned(),
                    at: first.at,
                    event: first.event,
                    what: first.what.clone(),
                });
            }
        }
        if let Some(Stopped::Stalled(what)) = &self.stopped {
            broken.push(Broken {
                id: NO_STALL.to_owned(),
                kind: Kind::Liveness,
                statement: "A run makes progress in virtual time.".to_owned(),
                at: now,
                event: self.simulation.events(),
                what: what.clone(),
            });
        }
        Findings {
            digest: self.simulation.digest(),
            events: self.simulation.events(),
            broken,
            seen: self.eyes.sights.seen(),
            injected: self.eyes.injected,
        }
    }

    /// The processes of a target that is known beforehand.
    pub fn actors(&self, target: Target) -> Vec<ActorId> {
        plan::processes(target, &self.blueprint)
    }

    /// The names of all actors, by number.
    pub fn names(&self) -> Vec<String> {
        let directory = &self.blueprint.directory;
        (0..directory.len() as u32)
            .map(|actor| directory.name(ActorId(actor)).to_owned())
            .collect()
    }
}
