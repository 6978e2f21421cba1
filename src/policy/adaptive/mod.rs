//! What the adaptive scheduler decides: when to change the parallelism, and to what.

pub mod parallelism;
pub mod transition;
