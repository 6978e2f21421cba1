//! The workloads, for the benchmark of the kernel and for that of its queue.

pub mod churn;
pub mod mm1;
pub mod phold;
pub mod pingpong;
pub mod spec;
