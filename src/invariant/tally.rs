//! Promises, and the count of how often each was checked and broken.

use serde::Serialize;

use crate::kernel::{Header, Time};
use crate::policy::Liveness;

/// Violations of one promise that are kept; the rest are only counted.
const KEPT_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something bad never happens.
    Safety,
    /// Something good happens at last, once faults have stopped.
    Liveness,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Safety => "safety",
            Kind::Liveness => "liveness",
        }
    }
}

/// Whose way of doing things a promise is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlPlane {
    Any,
    /// Members by ephemeral znodes, recovery task by task.
    Story,
    /// RPC endpoints with heartbeats, slots, failover of regions.
    Flink,
}

impl ControlPlane {
    pub fn covers(self, liveness: Liveness) -> bool {
        match self {
            ControlPlane::Any => true,
            ControlPlane::Story => liveness == Liveness::ZkEphemeral,
            ControlPlane::Flink => liveness == Liveness::RpcHeartbeats,
        }
    }
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    pub id: &'static str,
    pub kind: Kind,
    pub statement: &'static str,
    pub of: ControlPlane,
}

impl Promise {
    /// Only the story makes it.
    pub const fn of_story(mut self) -> Promise {
        self.of = ControlPlane::Story;
        self
    }

    /// Only Flink makes it.
    pub const fn of_flink(mut self) -> Promise {
        self.of = ControlPlane::Flink;
        self
    }
}

pub(super) const fn safety(id: &'static str, statement: &'static str) -> Promise {
    Promise {
        id,
        kind: Kind::Safety,
        statement,
        of: ControlPlane::Any,
    }
}

pub(super) const fn liveness(id: &'static str, statement: &'static str) -> Promise {
    Promise {
        id,
        kind: Kind::Liveness,
        statement,
        of: ControlPlane::Any,
    }
}

/// How a promise was kept over a run.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub id: &'static str,
    pub kind: Kind,
    pub statement: &'static str,
    pub checked: u64,
    /// The first few.
    pub violations: Vec<Violation>,
    pub violations_total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub at: Time,
    /// The event being handled.
    pub event: u64,
    pub what: String,
}

/// Where a violation is put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub at: Time,
    pub event: u64,
}

impl From<&Header> for Moment {
    fn from(header: &Header) -> Moment {
        Moment {
            at: header.time,
            event: header.event.0,
        }
    }
}

/// Counts for one promise.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    promise: Promise,
    checked: u64,
    broken: u64,
    violations: Vec<Violation>,
}

impl Tally {
    pub fn new(promise: Promise) -> Tally {
        Tally {
            promise,
            checked: 0,
            broken: 0,
            violations: Vec::new(),
        }
    }

    /// Checks once; `what` says how it is broken if it is.
    #[inline]
    pub fn expect(
        &mut self,
        holds: bool,
        moment: impl Into<Moment>,
        what: impl FnOnce() -> String,
    ) {
        self.checked += 1;
        if !holds {
            self.broken += 1;
            if self.violations.len() < KEPT_MAX {
                let Moment { at, event } = moment.into();
                self.violations.push(Violation {
                    at,
                    event,
                    what: what(),
                });
            }
        }
    }

    /// Checked once, and it held.
    #[inline]
    pub fn held(&mut self) {
        self.checked += 1;
    }

    pub fn verdict(&self) -> Verdict {
        let Promise {
            id,
            kind,
            statement,
            ..
        } = self.promise;
        Verdict {
            id,
            kind,
            statement,
            checked: self.checked,
            violations: self.violations.clone(),
            violations_total: self.broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_count_and_the_first_ones_are_kept() {
        let mut tally = Tally::new(safety("X1", "x"));
        for n in 0..50 {
            tally.expect(
                n % 2 == 0,
                Moment {
                    at: Time(n),
                    event: n,
                },
                || format!("{n}"),
            );
        }
        let verdict = tally.verdict();
        assert_eq!(
            (
                verdict.checked,
                verdict.violations_total,
                verdict.violations.len()
            ),
            (50, 25, KEPT_MAX)
        );
        assert_eq!(verdict.violations[0].what, "1");
    }
}
