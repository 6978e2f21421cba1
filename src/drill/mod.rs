//! Floor 6: one run, from scenario to outcome.

pub mod expectations;
pub mod explain;
pub mod journal;
pub mod number;
pub mod outcome;
pub mod sights;
pub mod trial;
pub mod verdict;

mod arrivals;
mod build;
mod causes;
mod checkpoint_history;
mod episode;
mod event_time;
mod film;
mod following;
mod gauges;
mod histogram;
mod interruption;
mod notable;
mod phase;
mod plan;
mod recoveries;
mod rescales;
mod sinks;
mod steps;
mod summary;
mod tasks;
mod timeline;
mod watch;

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::world::World;
use crate::dataflow::topology::SubtaskId;
use crate::fault::Fault;
use crate::kernel::trace::TraceSink;
use crate::kernel::{ActorId, Simulation, Span, Stall, Time};
use crate::scenario::model::Scenario;
use causes::Causes;
use explain::{Step, led_to};
use journal::Journal;
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
        let watch = Watch::new(&blueprint, scenario.duration);
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

    /// From now on the run remembers what led to what: of every event, or of so many of the latest ones. Without it no
    /// recovery is explained. What is simulated stays the same.
    pub fn remember_causes(&mut self, latest: Option<usize>) {
        self.watch.causes = Some(match latest {
            None => Causes::all(),
            Some(events) => Causes::latest(events),
        });
    }

    /// What led to an event, in order of time; nothing where causes are not remembered.
    pub fn led_to(&self, event: u64) -> Vec<Step> {
        let causes = self.watch.causes.as_ref();
        causes.map_or_else(Vec::new, |causes| led_to(event, causes, &self.blueprint))
    }

    pub fn now(&self) -> Time {
        self.simulation.now()
    }

    pub fn end(&self) -> Time {
        Time(self.scenario.duration.0)
    }

    /// Puts one more fault on the calendar: an instant that is not over yet.
    pub fn inject(&mut self, fault: &Fault) {
        let alone = Scenario {
            faults: vec![fault.clone()],
            ..(*self.scenario).clone()
        };
        let planned = plan::plan(&alone, &self.blueprint);
        build::inject(&mut self.simulation, planned);
    }

    /// What happened so far.
    pub fn journal(&self) -> &Journal {
        &self.watch.journal
    }

    /// Every job runs with all its tasks, no recovery is open, and output is in time.
    pub fn is_steady(&self) -> bool {
        self.watch.recoveries.is_steady(self.now())
    }

    /// When output was in time again after a fault at this instant; none before that is known.
    pub fn caught_up_after(&self, fault: Time) -> Option<Time> {
        let recoveries = &self.watch.recoveries;
        let mut ends = recoveries
            .closed
            .iter()
            .filter(|episode| episode.at >= fault)
            .filter_map(|episode| episode.end);
        ends.next_back()
    }

    pub fn checkpoint_interval(&self) -> Option<Span> {
        self.blueprint.config.checkpointing.interval
    }

    /// The place of the JobManager that leads.
    pub fn leader(&self) -> Option<usize> {
        let leader = self.watch.leader?;
        let jobmanagers = &self.blueprint.directory.jobmanagers;
        jobmanagers.iter().position(|actor| *actor == leader)
    }

    pub fn jobmanagers(&self) -> usize {
        self.blueprint.directory.jobmanagers.len()
    }

    pub fn taskmanager_index(&self, actor: ActorId) -> Option<usize> {
        self.blueprint.directory.taskmanager_index(actor)
    }

    pub fn is_sink(&self, subtask: SubtaskId) -> bool {
        self.blueprint.topology.is_sink(subtask)
    }

    pub fn operators(&self) -> usize {
        self.blueprint.topology.operators.len()
    }

    /// The place of the operator among those of all jobs.
    pub fn operator_of(&self, subtask: SubtaskId) -> usize {
        self.blueprint.topology.subtasks[subtask as usize].operator as usize
    }

    /// Real records that sinks' writers have handled again so far.
    pub fn written_again(&self) -> u64 {
        self.watch.written_again * u64::from(self.blueprint.weight)
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
