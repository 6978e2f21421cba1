//! The JobMaster: one job, from its execution graph to its checkpoints.

use serde::Serialize;

use crate::actor::checkpoint::{Blob, BlobKey};
use crate::actor::context::Context;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::protocol::{Answer as ZkAnswer, ZkError};
use crate::dataflow::topology::JobId;
use crate::kernel::ActorId;

use super::office::{Office, StoreAsk};
use super::rpc::heartbeat::Peer;
use super::rpc::{Address, Answer, AskId, Rpc, RpcError};

/// What a JobMaster's own timers say to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum JobMasterTimer {
    /// The restart back-off of a failover is over.
    RestartDelay { failover: u32 },
}

#[derive(Clone, Debug)]
pub struct JobMaster {
    pub job: JobId,
    /// The leader session id, which is the JobMasterId.
    pub token: FencingToken,
}

impl JobMaster {
    /// A JobMaster that has been granted leadership and knows nothing yet. `submission`: nobody has run the job before.
    pub fn new(
        job: JobId,
        token: FencingToken,
        submission: bool,
        office: &Office<'_>,
    ) -> JobMaster {
        let _ = (submission, office);
        JobMaster { job, token }
    }

    /// Opens the checkpoint store and rebuilds the execution graph. When it is done, [`JobMaster::has_started`] holds.
    pub fn start(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let _ = (office, ctx);
    }

    /// Ready to be confirmed: its `connection_info` may be published.
    pub fn has_started(&self) -> bool {
        false
    }

    /// The process's own ResourceManager is the leader here, another process's is, or nobody's.
    pub fn on_resource_manager(
        &mut self,
        leader: Option<(Address, FencingToken)>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let _ = (leader, office, ctx);
    }

    /// A call whose token is right. The caller is answered where it asked.
    pub fn on_rpc(&mut self, from: Peer, rpc: Rpc, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let _ = (from, rpc, office, ctx);
    }

    pub fn on_answer(
        &mut self,
        ask: AskId,
        result: Result<Answer, RpcError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let _ = (ask, result, office, ctx);
    }

    pub fn on_timer(
        &mut self,
        timer: JobMasterTimer,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let _ = (timer, office, ctx);
    }

    pub fn on_heartbeat_round(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let _ = (office, ctx);
    }

    pub fn on_heartbeat_timeout(
        &mut self,
        peer: Peer,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let _ = (peer, office, ctx);
    }

    /// An answer of ZooKeeper to a request of its checkpoint store.
    pub fn on_store(
        &mut self,
        ask: StoreAsk,
        result: Result<ZkAnswer, ZkError>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let _ = (ask, result, office, ctx);
    }

    pub fn on_read(
        &mut self,
        key: BlobKey,
        blob: Option<Blob>,
        office: &mut Office<'_>,
        ctx: &mut Context<'_>,
    ) {
        let _ = (key, blob, office, ctx);
    }

    pub fn on_written(&mut self, key: BlobKey, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let _ = (key, office, ctx);
    }

    /// The job is taken through a savepoint and restarted from it.
    pub fn on_savepoint_and_restart(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let _ = (office, ctx);
    }

    /// Leadership is revoked: the job is SUSPENDED here, every TaskManager is told goodbye.
    pub fn suspend(&mut self, office: &mut Office<'_>, ctx: &mut Context<'_>) {
        let _ = (office, ctx);
    }

    /// TaskManagers that are registered here, for whom it may concern.
    pub fn taskmanagers(&self) -> Vec<ActorId> {
        Vec::new()
    }
}
