//! What led to what: for each event its cause and what had to be waited for in between, so that one can walk back.

mod names;
mod wait;

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::actor::message::{Body, Envelope, FaultAction, Timer};
use crate::kernel::{ActorId, Header, Span, Time};

pub use wait::Wait;

/// An event, and the step that led to it.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub event: u64,
    pub cause: u64,
    pub at: Time,
    pub actor: ActorId,
    /// Who sent it; of a timer and of the operating system's work, whom it is about.
    pub from: ActorId,
    pub wait: Wait,
    /// The message's or the timer's name.
    pub name: &'static str,
}

/// A session that ran out: what its end waited for is not the tick that noticed it.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    pub owner: ActorId,
    pub last_heard: Time,
    pub timeout: Span,
}

/// A step of a walk: from the cause, or from where the walk ends, to the event.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    pub from: Time,
    pub node: Node,
    /// Of a step that waited for a session to end.
    pub expiry: Option<Expiry>,
}

/// The events of a run, all of them or the latest.
#[derive(Clone, Debug)]
pub struct Causes {
    nodes: Vec<Option<Node>>,
    /// How many are kept; none: all.
    latest: Option<usize>,
    expiries: BTreeMap<u64, Expiry>,
}

impl Causes {
    /// Remembers every event: some fifty bytes each.
    pub fn all() -> Causes {
        Causes {
            nodes: Vec::new(),
            latest: None,
            expiries: BTreeMap::new(),
        }
    }

    /// Remembers the latest events alone.
    pub fn latest(events: usize) -> Causes {
        Causes {
            nodes: vec![None; events],
            latest: Some(events),
            expiries: BTreeMap::new(),
        }
    }

    pub fn message(&mut self, header: &Header, message: &Envelope) {
        let from = match message.body {
            Body::Fault(
                FaultAction::Boot { target, .. } | FaultAction::CloseSockets { target, .. },
            ) => target,
            Body::Fault(_) => header.actor,
            Body::ConnectionReset { peer } | Body::ConnectionRefused { peer } => peer,
            _ => message.from,
        };
        let wait = Wait::of_message(message, header.actor);
        self.push(header, from, wait, names::of_body(&message.body));
    }

    pub fn timer(&mut self, header: &Header, timer: Timer) {
        let about = match timer {
            Timer::HeartbeatTimeout { peer, .. } => peer.address.actor,
            _ => header.actor,
        };
        self.push(header, about, Wait::of_timer(timer), names::of_timer(timer));
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        if let Fact::SessionExpired {
            owner,
            last_heard,
            timeout,
            ..
        } = fact
        {
            let expiry = Expiry {
                owner: *owner,
                last_heard: *last_heard,
                timeout: *timeout,
            };
            self.expiries.insert(header.event.0, expiry);
        }
    }

    fn push(&mut self, header: &Header, from: ActorId, wait: Wait, name: &'static str) {
        let slot = self.slot(header.event.0);
        if slot >= self.nodes.len() {
            self.nodes.resize(slot + 1, None);
        }
        self.nodes[slot] = Some(Node {
            event: header.event.0,
            cause: header.cause.0,
            at: header.time,
            actor: header.actor,
            from,
            wait,
            name,
        });
    }

    fn slot(&self, event: u64) -> usize {
        event as usize % self.latest.unwrap_or(usize::MAX)
    }

    /// None: it has been forgotten, or there was none.
    pub fn get(&self, event: u64) -> Option<&Node> {
        let node = self.nodes.get(self.slot(event))?.as_ref();
        node.filter(|node| node.event == event)
    }

    /// The steps that led to an event, latest first, back to an instant and at most so many. The last one begins there.
    pub fn walk(&self, event: u64, back_to: Time, hops_max: usize) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut event = event;
        while let Some(node) = self.get(event).copied()
            && hops.len() < hops_max
        {
            let expiry = self.expiries.get(&event).copied();
            let cause = self.get(node.cause);
            let begun = match expiry {
                Some(expiry) => expiry.last_heard,
                None => cause.map_or(Time::ZERO, |cause| cause.at),
            };
            hops.push(Hop {
                from: begun.max(back_to).min(node.at),
                node,
                expiry,
            });
            if begun <= back_to || node.cause == event || expiry.is_some() {
                break;
            }
            event = node.cause;
        }
        hops
    }
}
