//! What the parts of a JobManager process share while they handle something.

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::zookeeper::desk::Desk;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;

use super::rpc::Address;

/// What a request to ZooKeeper is for.
#[derive(Clone, Debug)]
pub enum ZkAsk {
    /// Of a JobMaster's checkpoint store and id counter.
    Store(JobId, StoreAsk),
    /// Nobody waits for it.
    Cleanup,
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
}

/// Lent to an endpoint of a JobManager process while it acts.
pub struct Office<'a> {
    pub me: Address,
    pub desk: &'a mut Desk<ZkAsk>,
    pub blueprint: &'a Arc<Blueprint>,
}
