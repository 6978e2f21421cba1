//! What the parts of a leader share while they handle something: the line to ZooKeeper, the members, the settings.

use crate::actor::blueprint::Blueprint;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::desk;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;

use super::election::ElectionAsk;
use super::members::Members;
use super::notifier::Notifier;

/// What a request to ZooKeeper is for.
#[derive(Clone, Debug)]
pub enum Ask {
    Election(ElectionAsk),
    Members,
    /// Is the job known?
    Plan(JobId),
    SubmitPlan(JobId),
    Checkpoints(JobId),
    Counter(JobId),
    NewCounter(JobId),
    /// The next checkpoint id is taken.
    CountUp(JobId, CheckpointId),
    AddCheckpoint(JobId, CheckpointId),
    /// What predecessors had to tell.
    Notifications,
    Notification(u64),
    StoreNotification(u64),
    /// Nobody waits for it.
    Cleanup,
}

pub type Desk = desk::Desk<Ask>;

/// Lent to a JobMaster while it acts.
pub struct Office<'a> {
    pub desk: &'a mut Desk,
    pub blueprint: &'a Blueprint,
    pub members: &'a mut Members,
    pub notifier: &'a mut Notifier,
    pub token: FencingToken,
}
