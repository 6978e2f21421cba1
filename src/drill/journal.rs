//! What happened to the jobs and their control plane, instant by instant: enough to measure a recovery as one would from
//! a real cluster's logs.

use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::flink::rpc::Endpoint;
use crate::actor::flink::rpc::heartbeat::Verdict;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Header, Span, Time};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    CheckpointTriggered(CheckpointId),
    CheckpointCompleted(CheckpointId),
    JobStatus(JobStatus),
    /// Somebody acts on a failure.
    Restart(Detector),
    /// The checkpoint that a restart goes back to; 0: none.
    Restoring(CheckpointId),
    /// The JobMaster has given a TaskManager up.
    JobMasterLost(ActorId, Detector),
    /// The ResourceManager has.
    ResourceManagerLost(ActorId, Verdict),
    /// The ResourceManager has closed the connection to a TaskManager, whatever for.
    ResourceManagerClosed(ActorId),
    /// A TaskManager has lost a job's JobMaster.
    LostJobMaster(ActorId),
    /// A task of a TaskManager has ended, and its resources are free.
    TaskEnded(SubtaskId),
    /// Records have become visible, the oldest of them so long after they arrived.
    Committed(Span),
    /// To a JobManager, whether it leads or not.
    ZooKeeperSuspended,
    LeadershipGranted,
    LeadershipLost,
    Execution {
        subtask: SubtaskId,
        state: ExecutionState,
        taskmanager: Option<ActorId>,
    },
    AllRunning,
    FirstOutput(SubtaskId),
    Registered(ActorId),
}

#[derive(Clone, Debug, Default)]
pub struct Journal {
    marks: Vec<(Time, Mark)>,
}

impl Journal {
    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let mark = match fact {
            Fact::CheckpointTriggered { checkpoint, .. } => Mark::CheckpointTriggered(*checkpoint),
            Fact::CheckpointCompleted { checkpoint, .. } => Mark::CheckpointCompleted(*checkpoint),
            Fact::JobStatusChanged { status, .. } => Mark::JobStatus(*status),
            Fact::RecoveryStarted { detector, .. } => Mark::Restart(*detector),
            Fact::RetrievalStarted { checkpoint, .. } => Mark::Restoring(*checkpoint),
            Fact::TaskManagerLost {
                taskmanager,
                detector,
            } => Mark::JobMasterLost(*taskmanager, *detector),
            Fact::JobMasterLost { .. } => Mark::LostJobMaster(header.actor),
            Fact::TaskEnded { subtask, .. } => Mark::TaskEnded(*subtask),
            Fact::PeerLost {
                owner: Endpoint::ResourceManager,
                peer,
                verdict,
            } if peer.endpoint == Endpoint::TaskExecutor => {
                Mark::ResourceManagerLost(peer.address.actor, *verdict)
            }
            Fact::ZooKeeperSuspended => Mark::ZooKeeperSuspended,
            Fact::TaskExecutorUnregistered { taskmanager, .. } => {
                Mark::ResourceManagerClosed(taskmanager.actor)
            }
            Fact::LeadershipGranted => Mark::LeadershipGranted,
            Fact::LeadershipLost { .. } => Mark::LeadershipLost,
            Fact::ExecutionChanged {
                subtask,
                state,
                taskmanager,
                ..
            } => Mark::Execution {
                subtask: *subtask,
                state: *state,
                taskmanager: *taskmanager,
            },
            Fact::RecoveryRunning { .. } => Mark::AllRunning,
            Fact::FirstOutput { subtask, .. } => Mark::FirstOutput(*subtask),
            Fact::TaskManagerRegistered { taskmanager } => Mark::Registered(*taskmanager),
            _ => return,
        };
        self.marks.push((header.time, mark));
    }

    /// Records have become visible, the oldest of them so long after they arrived.
    pub fn committed(&mut self, at: Time, oldest: Span) {
        self.marks.push((at, Mark::Committed(oldest)));
    }

    /// Everything so far, in order.
    pub fn marks(&self) -> &[(Time, Mark)] {
        &self.marks
    }

    /// What happened from an instant on.
    pub fn since(&self, from: Time) -> &[(Time, Mark)] {
        let first = self.marks.partition_point(|(at, _)| *at < from);
        &self.marks[first..]
    }
}
