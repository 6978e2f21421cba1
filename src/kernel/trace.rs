//! The trace: what happened, one line for each message, timer, statement of state and fault.

use serde::Serialize;

use super::time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceKind {
    Message,
    Timer,
    State,
    Fault,
}

/// Where a line stands, beside its body.
#[derive(Clone, Copy, Debug)]
pub struct TraceLine<'a> {
    pub time: Time,
    /// The number of the event being handled.
    pub event: u64,
    /// The event that led to it.
    pub cause: u64,
    pub actor: &'a str,
    pub kind: TraceKind,
}

/// Takes the trace of a run; it cannot change it.
pub trait TraceSink {
    /// Whether lines are wanted at all.
    const TAKES_LINES: bool = true;

    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B);
}

/// No trace.
impl TraceSink for () {
    const TAKES_LINES: bool = false;

    fn record<B: Serialize>(&mut self, _: &TraceLine<'_>, _: &B) {}
}
