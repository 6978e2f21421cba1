//! Exit statuses, one per class of failure, and the failure that carries one.

use std::fmt::Display;
use std::path::Path;

/// How the program ends, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// All is well.
    Ok = 0,
    /// An expectation of the scenario is not met.
    Unmet = 1,
    /// Bad arguments, a bad file, or files that cannot be written.
    Bad = 2,
    /// A safety invariant is broken.
    Unsafe = 3,
    /// A liveness invariant is broken, or the stall guard ended the run.
    Stuck = 4,
    /// A replay differs.
    Differs = 5,
    /// A bug in Firedrill itself (`EX_SOFTWARE`).
    Bug = 70,
    /// Interrupted: 128 + SIGINT, as shells have it.
    Interrupted = 130,
}

impl Status {
    /// Of two runs' statuses the one that counts: safety before liveness, both before expectations.
    pub(super) fn worse(self, other: Status) -> Status {
        const ORDER: [Status; 4] = [Status::Unsafe, Status::Stuck, Status::Unmet, Status::Ok];
        ORDER
            .into_iter()
            .find(|status| *status == self || *status == other)
            .unwrap_or(other)
    }
}

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Status,
    pub(super) message: String,
}

impl Failure {
    /// What was given is wrong: an argument, a file, a folder.
    pub(super) fn bad(message: impl Into<String>) -> Failure {
        Failure {
            status: Status::Bad,
            message: message.into(),
        }
    }

    /// The operating system said no: what was tried, on which path, why.
    pub(super) fn io(what: &str, path: &Path, why: &dyn Display) -> Failure {
        Failure::bad(format!("cannot {what} {}: {why}", path.display()))
    }
}
