//! The ResourceManager: who is registered, which slots there are, which job needs more (`StandaloneResourceManager`, `FineGrainedSlotManager`).

use serde::Serialize;

/// What its own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ResourceManagerTimer {}
