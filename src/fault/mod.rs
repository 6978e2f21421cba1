//! Floor 4: kinds of fault, and plans of them.

use crate::kernel::time::{Span, Time};

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    pub target: Target,
    pub at: When,
    /// For faults that end by themselves.
    pub lasts: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// SIGKILL; with `lasts` the process starts again that long after.
    Kill,
    /// Starts a process that is not running: a dead one again, or a spare.
    Start,
    /// SIGSTOP for `lasts`.
    Hang,
    /// No packet in or out for `lasts`.
    CutOff,
    /// CPU divided by this factor, in thousandths, for `lasts` (or to the end).
    Slow { factor_per_mille: u32 },
}

/// A process, by its place in the scenario's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    JobManager(usize),
    TaskManager(usize),
    ZooKeeper(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    At(Time),
    /// Drawn per seed, uniform.
    Between(Time, Time),
}
