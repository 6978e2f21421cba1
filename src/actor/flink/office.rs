//! What the parts of a JobManager process share while they handle something.

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::desk::Desk;
use crate::actor::zookeeper::latch::LatchAsk;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;

use super::leader_paths::Component;
use super::rpc::Address;

/// What a request to ZooKeeper is for.
#[derive(Clone, Debug)]
pub enum ZkAsk {
    /// Of a JobMaster's checkpoint store and id counter.
    Store(JobId, StoreAsk),
    /// The process's place in the election.
    Latch(LatchAsk),
    /// Making a component's leader known, under this token.
    Publish(Component, FencingToken),
    /// Who leads a component.
    Leader(Component),
    /// Of the Dispatcher that leads under this token.
    Dispatcher(DispatcherAsk, FencingToken),
    /// Deletes what a leadership that is over has written.
    Withdraw,
    /// Nobody waits for it.
    Cleanup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispatcherAsk {
    /// Which execution plans are there?
    ListPlans,
    /// The pointer to a job's plan.
    StorePlan(JobId),
    /// What is left of a job that has ended.
    ListCheckpoints(JobId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAsk {
    /// Which checkpoints are in the store?
    List,
    /// The id counter.
    Counter,
    NewCounter,
    /// The next id is taken.
    CountUp(CheckpointId),
    Add(CheckpointId),
    /// The savepoint that the job starts from.
    AddSavepoint,
}

/// What makes the whole process end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fatal(pub &'static str);

/// Lent to an endpoint of a JobManager process while it acts.
pub struct Office<'a> {
    pub me: Address,
    pub desk: &'a mut Desk<ZkAsk>,
    pub blueprint: &'a Arc<Blueprint>,
}
