//! The TaskExecutor: the RPC endpoint of a TaskManager, with its slots and its connections to ResourceManager and JobMasters.

use serde::Serialize;

/// What its own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TaskExecutorTimer {}
