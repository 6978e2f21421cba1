//! Floor 1: processes, the network between them, shared bandwidth, CPUs. Nothing here knows what runs on it.

pub mod cpu;
pub mod machine;
pub mod network;
pub mod process;
pub mod server;
