//! Firedrill: a deterministic discrete-event simulator of high-availability task recovery in a
//! stream-processing cluster (Apache Flink, standalone, with ZooKeeper).
//!
//! Rooms, from the ground up; a room imports only from rooms below it.

#![forbid(unsafe_code)]
// Tests may use files and the platform's own logarithm.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod actor;
pub mod campaign;
pub mod cli;
pub mod dataflow;
pub mod drill;
pub mod fault;
pub mod invariant;
pub mod kernel;
pub mod policy;
pub mod report;
pub mod scenario;
pub mod substrate;
