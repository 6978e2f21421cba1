//! Word that a checkpoint has completed is not sure to arrive, nor once, nor in time: what a fault makes of it on its last step.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fault_action::NotificationTrouble;
use crate::actor::flink::rpc::Call;
use crate::actor::message::{Body, Envelope};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Kernel, Span};

use super::World;

/// The copy comes so long after the original.
const COPY_AFTER: Span = Span::from_ms(10);

/// Whom it concerns: the tasks of a job, or one of them. Each job counts its checkpoints from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Concern {
    Job(JobId),
    Task(SubtaskId),
}

/// To whom, whom it concerns, about which checkpoint.
type Key = (ActorId, Concern, CheckpointId);

#[derive(Clone, Debug, Default)]
pub(super) struct Notifications {
    troubles: BTreeMap<ActorId, NotificationTrouble>,
    /// Whose turn has come, or whose copy it is: it passes.
    again: BTreeSet<Key>,
}

impl Notifications {
    pub(super) fn are_well(&self) -> bool {
        self.troubles.is_empty() && self.again.is_empty()
    }

    pub(super) fn trouble(&mut self, target: ActorId, trouble: NotificationTrouble) {
        self.troubles.insert(target, trouble);
    }

    pub(super) fn heal(&mut self, target: ActorId) {
        self.troubles.remove(&target);
    }

    /// Whether a message arrives now.
    pub(super) fn pass(
        &mut self,
        to: ActorId,
        envelope: &Envelope,
        kernel: &mut Kernel<World>,
    ) -> bool {
        let Some((concern, checkpoint)) = completed(&envelope.body) else {
            return true;
        };
        let key = (to, concern, checkpoint);
        let trouble = self.troubles.get(&to);
        match trouble {
            _ if self.again.remove(&key) => true,
            None => true,
            Some(NotificationTrouble::Lost) => false,
            Some(NotificationTrouble::Late { by }) => {
                self.again.insert(key);
                kernel.schedule(kernel.now() + *by, to, envelope.clone());
                false
            }
            Some(NotificationTrouble::Doubled) => {
                self.again.insert(key);
                kernel.schedule(kernel.now() + COPY_AFTER, to, envelope.clone());
                true
            }
        }
    }
}

/// The checkpoint that a message tells to have completed.
fn completed(body: &Body) -> Option<(Concern, CheckpointId)> {
    match body {
        Body::NotifyCheckpointComplete {
            job, checkpoint, ..
        } => Some((Concern::Job(*job), *checkpoint)),
        Body::Rpc(rpc) => match &rpc.call {
            Call::NotifyCheckpointComplete {
                subtask,
                checkpoint,
                ..
            } => Some((Concern::Task(*subtask), *checkpoint)),
            _ => None,
        },
        _ => None,
    }
}
