//! Whether the checkpoints of a job are counted on, or anew.

use crate::actor::fact::{Detector, Fact, JobStatus};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Count {
    #[default]
    GoesOn,
    /// The job has ended. If it is handed in again, its savepoint is in the store before the count that goes on behind it is.
    Ended,
    /// Another leader has found that savepoint, and maybe no count: it begins at 1 then (`CheckpointCoordinator.restoreSavepoint`).
    MayBeLost,
}

impl Count {
    /// Takes in a fact about its job.
    pub fn take(&mut self, fact: &Fact) {
        *self = match (fact, *self) {
            (
                Fact::JobStatusChanged {
                    status: JobStatus::Finished,
                    ..
                },
                _,
            ) => Count::Ended,
            (
                Fact::RecoveryStarted {
                    detector: Detector::NewLeader,
                    ..
                },
                Count::Ended,
            ) => Count::MayBeLost,
            (Fact::CheckpointTriggered { .. }, _) => Count::GoesOn,
            (_, count) => count,
        };
    }
}
