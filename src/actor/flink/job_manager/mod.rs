//! The JobManager process: its line to ZooKeeper, leader election for all components, Dispatcher, ResourceManager, JobMasters.

use serde::Serialize;

/// What its own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum JobManagerTimer {}
