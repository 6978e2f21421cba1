//! Floor 6: one run, from scenario to outcome.

pub mod outcome;

mod arrivals;
mod build;
mod episode;
mod expectations;
mod following;
mod interruption;
mod phase;
mod plan;
mod recoveries;
mod steps;
mod summary;
mod tasks;
mod timeline;
mod watch;

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::world::World;
use crate::kernel::trace::TraceSink;
use crate::kernel::{Simulation, Stall, Time};
use crate::scenario::model::Scenario;
use outcome::Outcome;
use watch::{Watch, Watching};

/// One run of a scenario, as far as it has come. A clone goes on to the same digest.
#[derive(Clone)]
pub struct Drill {
    scenario: Arc<Scenario>,
    blueprint: Arc<Blueprint>,
    simulation: Simulation<World>,
    watch: Watch,
}

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Completed,
    Interrupted,
    /// With the guard's message.
    Stalled(String),
}

impl Drill {
    /// Builds the world. The scenario's seed decides everything that it leaves open.
    pub fn new(scenario: &Scenario) -> Drill {
        let blueprint = Arc::new(build::blueprint(scenario));
        let plan = plan::plan(scenario, &blueprint);
        let simulation = build::simulation(Arc::clone(&blueprint), &plan);
        let watch = Watch::new(&blueprint);
        Drill {
            scenario: Arc::new(scenario.clone()),
            blueprint,
            simulation,
            watch,
        }
    }

    /// Runs up to an instant, or to the end of the scenario.
    ///
    /// # Errors
    /// When the world makes no progress in virtual time; the message names the actors in the loop.
    pub fn advance<T: TraceSink>(&mut self, until: Time, trace: &mut T) -> Result<(), Stall> {
        let until = until.min(self.end());
        let mut watching = Watching {
            watch: &mut self.watch,
            trace,
        };
        self.simulation.run_until(until, &mut watching)?;
        Ok(())
    }

    pub fn now(&self) -> Time {
        self.simulation.now()
    }

    pub fn end(&self) -> Time {
        Time(self.scenario.duration.0)
    }

    pub fn events(&self) -> u64 {
        self.simulation.events()
    }

    pub fn digest(&self) -> u128 {
        self.simulation.digest()
    }

    /// Closes the books.
    pub fn finish(mut self, ended: Ended) -> Outcome {
        let now = self.now();
        self.watch.look(now);
        self.watch.recoveries.finish();
        summary::outcome(self, ended)
    }
}
