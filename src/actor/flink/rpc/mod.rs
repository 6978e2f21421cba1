//! What Flink's RPC endpoints say to each other (`RpcGateway`s), and the parts that every endpoint is made of.

pub mod asks;
pub mod call;
pub mod heartbeat;
pub mod line;
pub mod main_thread;
pub mod registration;

use serde::Serialize;

use crate::actor::message::FencingToken;
use crate::dataflow::topology::JobId;
use crate::kernel::ActorId;

pub use call::{Answer, Call, RpcError};

/// One process: an actor in one of its lives. A process that was started again listens elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Address {
    pub actor: ActorId,
    pub incarnation: u32,
}

impl Address {
    /// The same actor in another of its lives.
    pub fn is_other_life_of(self, known: Address) -> bool {
        self.actor == known.actor && self != known
    }
}

/// An `RpcEndpoint` in a process: one main thread each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Endpoint {
    Dispatcher,
    ResourceManager,
    JobMaster(JobId),
    TaskExecutor,
}

/// Numbers the asks of one endpoint: never used twice in one process.
pub type AskId = u64;

/// A call on its way. Where `ask` is some, the caller waits for an [`RpcAnswer`].
#[derive(Clone, Debug, Serialize)]
pub struct Rpc {
    pub from: Endpoint,
    pub to: Endpoint,
    /// The receiver's leader session id as the caller knows it; fenced endpoints refuse another than their own
    /// (`FencedPekkoRpcActor`). None for the TaskExecutor, which is not fenced.
    pub token: Option<FencingToken>,
    pub ask: Option<AskId>,
    pub call: Call,
}

/// What came of an ask.
#[derive(Clone, Debug, Serialize)]
pub struct RpcAnswer {
    /// The endpoint that asked.
    pub to: Endpoint,
    pub ask: AskId,
    pub result: Result<Answer, RpcError>,
}
