//! The guard against runs that do not end, and the error that names who is at it.

use std::fmt;

use super::time::Time;
use super::world::ActorId;

/// Limits at which a run is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Events handled over the whole run.
    pub events_max: u64,
    /// Events handled at one instant: above it, time is taken not to move any more.
    pub events_per_instant_max: u64,
}

impl Default for Guard {
    fn default() -> Guard {
        Guard {
            events_max: u64::MAX,
            events_per_instant_max: 5_000_000,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StallKind {
    /// The run used up `events_max`.
    Budget,
    /// Time does not move: `events_per_instant_max`.
    Instant,
}

/// A run that was ended by its guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    pub kind: StallKind,
    pub at: Time,
    /// Events handled: over the whole run, or at the instant.
    pub events: u64,
    /// Who handled the last events, each once, the latest first.
    pub actors: Vec<String>,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stall {
            kind,
            at,
            events,
            actors,
        } = self;
        match kind {
            StallKind::Budget => write!(
                f,
                "the run used up its budget: {events} events are handled and simulated time is {at}"
            )?,
            StallKind::Instant => write!(
                f,
                "simulated time is stuck at {at}: {events} events were handled there, and none \
                 moved it on"
            )?,
        }
        write!(
            f,
            ". The last {RECENT} events went to: {}",
            actors.join(", ")
        )
    }
}

impl std::error::Error for Stall {}

/// So many of the last events are told of.
pub(super) const RECENT: usize = 64;

/// Who handled the last events.
#[derive(Clone)]
pub struct Recent {
    actors: [ActorId; RECENT],
    count: usize,
}

impl Recent {
    pub fn new() -> Recent {
        Recent {
            actors: [ActorId(0); RECENT],
            count: 0,
        }
    }

    #[inline]
    pub fn note(&mut self, actor: ActorId) {
        self.actors[self.count % RECENT] = actor;
        self.count += 1;
    }

    /// Each actor once, the latest first.
    pub fn distinct(&self) -> Vec<ActorId> {
        let mut distinct = Vec::new();
        for back in 1..=self.count.min(RECENT) {
            let actor = self.actors[(self.count - back) % RECENT];
            if !distinct.contains(&actor) {
                distinct.push(actor);
            }
        }
        distinct
    }
}
