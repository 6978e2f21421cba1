//! Floor 1: job graph, execution graph, regions, key groups, splits, channels, records. Pure data.

pub mod batch;
pub mod distinct;
pub mod event_time;
pub mod fingerprint;
pub mod job_graph;
pub mod key_groups;
pub mod layout;
pub mod ledger;
pub mod record;
pub mod redistribution;
pub mod routing;
#[cfg(test)]
pub mod samples;
pub mod sink;
pub mod split_owner;
pub mod topology;
