//! Tests of the TaskExecutor against a scripted JobManager.

mod bench;
mod connections;
mod state;
mod tasks;
