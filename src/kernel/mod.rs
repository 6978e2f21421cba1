//! Floor 0: clock, event queue, timers, random streams, trace, digest, the loop.

pub mod time;
