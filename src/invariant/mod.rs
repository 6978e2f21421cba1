//! Floor 4: what must hold in every run, checked on what actors state.
//!
//! One checker per file; each makes a few promises under the names that the semantics of Flink give them (Z, J and T
//! are the story's own). What only one of the two control planes promises is checked only under it. Checkers see the scene as it was before the fact that they are shown.

mod checkpoints;
mod checks;
pub mod delivery;
mod deployment;
mod executions;
mod flink;
mod flow;
mod leadership;
mod liveness;
mod membership;
mod notifications;
mod parallelism;
mod quiet;
mod reading;
mod restarts;
mod restore;
mod retention;
mod scene;
mod sessions;
mod sinks;
mod sources;
mod split_times;
mod splits;
#[cfg(test)]
#[path = "tests/stage.rs"]
mod stage;
mod stillness;
mod tally;
mod watermarks;
mod znodes;

pub use checks::{Checks, catalogue};
pub use tally::{Kind, Verdict, Violation};
