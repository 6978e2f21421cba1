//! What Flink's control plane promises beyond what every control plane does: heartbeats, slots, failover.

mod agreement;
mod backoffs;
mod cancellations;
mod departures;
mod endpoints;
mod followers;
mod heartbeats;
mod jobs;
mod redeployments;
mod releases;
mod requests;
mod slots;
mod tasks;

pub(super) use agreement::{Agreement, PROMISES as AGREEMENT};
pub(super) use backoffs::{Backoffs, PROMISES as BACKOFFS};
pub(super) use cancellations::{Cancellations, PROMISES as CANCELLATIONS};
pub(super) use departures::{Departures, PROMISES as DEPARTURES};
pub(super) use endpoints::{Endpoints, PROMISES as ENDPOINTS};
pub(super) use followers::{Followers, PROMISES as FOLLOWERS};
pub(super) use heartbeats::{Heartbeats, PROMISES as HEARTBEATS};
pub(super) use jobs::{Jobs, PROMISES as JOBS};
pub(super) use redeployments::{PROMISES as REDEPLOYMENTS, Redeployments};
pub(super) use releases::{PROMISES as RELEASES, Releases};
pub(super) use requests::{PROMISES as REQUESTS, Requests};
pub(super) use slots::{PROMISES as SLOTS, Slots};
pub(super) use tasks::{PROMISES as TASKS, Tasks};
