//! What the parts of a leader share while they handle something: the line to ZooKeeper, the members, the settings.

use std::collections::BTreeMap;

use crate::actor::blueprint::Blueprint;
use crate::actor::context::Context;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::client::Client;
use crate::actor::zookeeper::protocol::Op;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;

use super::election::ElectionAsk;
use super::members::Members;
use super::notifier::Notifier;

/// The line to ZooKeeper, with a note of what each open request is for.
#[derive(Clone, Debug)]
pub struct Desk {
    pub client: Client,
    asks: BTreeMap<u32, Ask>,
}

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
    /// Nobody waits for it.
    Cleanup,
}

impl Desk {
    pub fn new(client: Client) -> Desk {
        Desk {
            client,
            asks: BTreeMap::new(),
        }
    }

    pub fn ask(&mut self, op: Op, what: Ask, ctx: &mut Context<'_>) {
        let xid = self.client.request(op, ctx);
        self.asks.insert(xid, what);
    }

    pub fn take_ask(&mut self, xid: u32) -> Option<Ask> {
        self.asks.remove(&xid)
    }

    /// The session is over, and with it every open request.
    pub fn forget_asks(&mut self) {
        self.asks.clear();
    }

    /// Leadership is over: answers that only the leader waited for are for nobody.
    pub fn forget_leaders_asks(&mut self) {
        self.asks.retain(|_, ask| matches!(ask, Ask::Election(_)));
    }
}

/// Lent to a JobMaster while it acts.
pub struct Office<'a> {
    pub desk: &'a mut Desk,
    pub blueprint: &'a Blueprint,
    pub members: &'a mut Members,
    pub notifier: &'a mut Notifier,
    pub token: FencingToken,
}
