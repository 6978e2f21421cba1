//! Firedrill: a deterministic discrete-event simulator of high-availability task recovery in a
//! stream-processing cluster (Apache Flink, standalone, with ZooKeeper).
//!
//! Rooms, from the ground up; a room imports only from rooms below it.

pub mod kernel;
pub mod scenario;
pub mod drill;
pub mod report;
