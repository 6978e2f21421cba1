//! Steps of a walk back through causes, put in order and together.

use crate::drill::causes::{Causes, Expiry, Hop, Wait};
use crate::kernel::{ActorId, Span, Time};

/// Far more than a control plane needs; a walk along records may be longer.
const HOPS_MAX: usize = 20_000;
/// Actors and names that a leg remembers.
const NAMED_MAX: usize = 6;

/// One or several steps that wait for the same.
#[derive(Clone, Debug)]
pub struct Leg {
    /// What most of the time went to.
    pub wait: Wait,
    pub from: Time,
    pub to: Time,
    /// Numbers of the first and the last event.
    pub first: u64,
    pub last: u64,
    pub actors: Vec<ActorId>,
    pub names: Vec<&'static str>,
    /// Where a session had to end.
    pub expiry: Option<Expiry>,
    /// The longest part of it that waits for `wait`.
    longest: Span,
}

impl Leg {
    /// What an event waited for since an instant, in order of time.
    pub fn path(event: u64, from: Time, causes: &Causes) -> Vec<Leg> {
        let mut legs: Vec<Leg> = Vec::new();
        let hops = causes.walk(event, from, HOPS_MAX);
        for hop in hops.iter().rev() {
            match legs.last_mut() {
                Some(leg) if leg.takes(hop) => leg.take(hop),
                _ => legs.push(Leg::new(hop)),
            }
        }
        legs
    }

    fn new(hop: &Hop) -> Leg {
        let mut leg = Leg {
            wait: hop.node.wait,
            from: hop.from,
            to: hop.node.at,
            first: hop.node.event,
            last: hop.node.event,
            actors: Vec::new(),
            names: Vec::new(),
            expiry: hop.expiry,
            longest: hop.node.at.since(hop.from),
        };
        leg.name(hop);
        leg
    }

    /// Whether a step goes with the ones before.
    fn takes(&self, hop: &Hop) -> bool {
        let (mine, its) = (self.wait, hop.node.wait);
        let together = mine == its || mine.company() != 0 && mine.company() == its.company();
        self.expiry.is_none() && hop.expiry.is_none() && (together || hop.from >= hop.node.at)
    }

    fn take(&mut self, hop: &Hop) {
        self.to = hop.node.at;
        self.last = hop.node.event;
        let lasts = hop.node.at.since(hop.from);
        if lasts > self.longest {
            self.longest = lasts;
            self.wait = hop.node.wait;
        }
        self.name(hop);
    }

    fn name(&mut self, hop: &Hop) {
        for actor in [hop.node.from, hop.node.actor] {
            if self.actors.last() != Some(&actor) && self.actors.len() < NAMED_MAX {
                self.actors.push(actor);
            }
        }
        if self.names.last() != Some(&hop.node.name) && self.names.len() < NAMED_MAX {
            self.names.push(hop.node.name);
        }
    }
}
