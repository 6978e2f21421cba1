//! Floor 0: clock, event queue, timers, random streams, digest, the loop.
//!
//! The kernel delivers messages to actors and fires their timers, in the total order of (time,
//! sequence number). What actors are, and what their messages mean, it leaves to a [`World`].

#![forbid(unsafe_code)]

pub mod digest;
pub mod distribution;
pub mod encode;
pub mod queue;
pub mod random;
pub mod time;
pub mod trace;

mod context;
mod logarithm;
mod mailbox;
mod simulation;
mod stall;
mod timers;
mod world;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use context::Kernel;
pub use distribution::Distribution;
pub use random::{Random, SmallStream, Stream, Streams};
pub use simulation::Simulation;
pub use stall::{Guard, Stall, StallKind};
pub use time::{Span, Time};
pub use timers::TimerId;
pub use world::{ActorId, EventId, Header, Observer, World};
