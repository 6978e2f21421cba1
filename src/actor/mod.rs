//! Floor 3: one file or folder per actor. Actors know each other by messages only.

pub mod blueprint;
pub mod checkpoint;
pub mod context;
pub mod database;
mod encoding;
pub mod enumerator;
pub mod fact;
pub mod fault_action;
pub mod flink;
pub mod job_manager;
pub mod kafka;
pub mod message;
pub mod metric_report;
pub mod receiver;
pub mod settings;
pub mod sink_fact;
pub mod source_fact;
pub mod state_assignment;
pub mod status;
pub mod storage;
pub mod task_manager;
mod timer;
pub mod transaction;
pub mod trigger;
pub mod world;
pub mod zookeeper;
