//! ZooKeeper: an ensemble of servers, and the client that JobManagers and TaskManagers carry.

pub mod client;
pub mod desk;
mod election;
pub mod ensemble;
pub mod latch;
pub mod leading;
pub mod paths;
pub mod protocol;
pub mod server;
mod serving;
pub mod sessions;
pub mod tree;
