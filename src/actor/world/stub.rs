//! A scripted actor, for tests of those that talk to it: ZooKeeper with a few leaders, or Flink's RPC endpoints.

use std::collections::BTreeMap;

use super::{Actor, World};
use crate::actor::context::Context;
use crate::actor::flink::leader_paths::{Component, LeaderInformation, encode};
use crate::actor::flink::rpc::{Answer, Call, Rpc, RpcAnswer, RpcError};
use crate::actor::message::{Body, Envelope};
use crate::actor::zookeeper::protocol::{Answer as ZkAnswer, Data, Op, ZkError, ZkMessage};
use crate::kernel::{ActorId, Kernel, Span};

/// What a stub answers to a call; none: nothing.
pub type Script = fn(&Call) -> Option<Result<Answer, RpcError>>;

#[derive(Clone, Debug)]
pub struct Stub {
    pub script: Script,
    leaders: BTreeMap<String, Data>,
    watches: Vec<(ActorId, String)>,
    clients: Vec<ActorId>,
}

/// Everything goes well.
pub fn obliging(call: &Call) -> Option<Result<Answer, RpcError>> {
    Some(Ok(match call {
        Call::RegisterTaskExecutor { .. } => Answer::RegisteredTaskExecutor { instance: 1 },
        Call::RegisterTaskManager { .. } => Answer::RegisteredTaskManager,
        Call::OfferSlots { slots } => {
            Answer::AcceptedSlots(slots.iter().map(|(allocation, _)| *allocation).collect())
        }
        _ => Answer::Ack,
    }))
}

/// Nobody answers.
pub fn silent(_: &Call) -> Option<Result<Answer, RpcError>> {
    None
}

impl Stub {
    fn new() -> Stub {
        Stub {
            script: obliging,
            leaders: BTreeMap::new(),
            watches: Vec::new(),
            clients: Vec::new(),
        }
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        match envelope.body {
            Body::Zk(message) => self.serve(envelope.from, *message, ctx),
            Body::Rpc(rpc) => {
                if let (Some(ask), Some(result)) = (rpc.ask, (self.script)(&rpc.call)) {
                    let to = rpc.from;
                    let answer = RpcAnswer { to, ask, result };
                    ctx.send(envelope.from, Body::RpcAnswer(Box::new(answer)));
                }
            }
            _ => {}
        }
    }

    fn serve(&mut self, from: ActorId, message: ZkMessage, ctx: &mut Context<'_>) {
        let reply = match message {
            ZkMessage::Connect { timeout, .. } => {
                self.clients.push(from);
                let session = u64::from(from.0) + 1;
                ZkMessage::Connected { session, timeout }
            }
            ZkMessage::Ping { .. } => ZkMessage::Pong,
            ZkMessage::CloseSession { .. } => return,
            ZkMessage::Request {
                xid,
                op: Op::GetData { path, .. },
                ..
            } => {
                let result = match self.leaders.get(&path) {
                    Some(data) => Ok(ZkAnswer::Data {
                        data: *data,
                        owner: Some(1),
                        created: 1,
                    }),
                    None => Err(ZkError::NoNode),
                };
                self.watches.push((from, path));
                ZkMessage::Reply { xid, result }
            }
            message => panic!("the stub does not know {message:?}"),
        };
        ctx.send(from, Body::Zk(Box::new(reply)));
    }

    /// Somebody leads from now on, or nobody.
    pub fn publish(
        &mut self,
        component: Component,
        leader: Option<LeaderInformation>,
        ctx: &mut Context<'_>,
    ) {
        let path = component.path();
        match leader {
            Some(leader) => self.leaders.insert(path.clone(), encode(leader)),
            None => self.leaders.remove(&path),
        };
        let (fired, kept) = std::mem::take(&mut self.watches)
            .into_iter()
            .partition(|(_, watched)| *watched == path);
        self.watches = kept;
        let fired: Vec<(ActorId, String)> = fired;
        for (client, path) in fired {
            let message = ZkMessage::WatchFired { path };
            ctx.send(client, Body::Zk(Box::new(message)));
        }
    }

    /// The server closes its clients' connections.
    pub fn suspend(&mut self, ctx: &mut Context<'_>) {
        self.watches.clear();
        for client in std::mem::take(&mut self.clients) {
            ctx.send(client, Body::Zk(Box::new(ZkMessage::NotServing)));
        }
    }

    pub fn call(&mut self, to: ActorId, rpc: Rpc, ctx: &mut Context<'_>) {
        ctx.send(to, Body::Rpc(Box::new(rpc)));
    }
}

impl World {
    /// A stub takes an actor's place.
    pub fn replace_by_stub(&mut self, actor: ActorId) {
        self.actors[actor.0 as usize] = Actor::Stub(Box::new(Stub::new()));
    }

    /// Starts one process.
    pub fn start_one(&mut self, actor: ActorId, kernel: &mut Kernel<World>) {
        self.post(kernel.now() + Span(1), actor, actor, Body::Start, kernel);
    }

    /// Lets a stub act.
    pub fn with_stub(
        &mut self,
        actor: ActorId,
        kernel: &mut Kernel<World>,
        act: impl FnOnce(&mut Stub, &mut Context<'_>),
    ) {
        let Actor::Stub(stub) = &mut self.actors[actor.0 as usize] else {
            panic!("{actor:?} is no stub");
        };
        let mut ctx = Context {
            me: actor,
            kernel,
            network: &mut self.network,
            machines: &mut self.machines,
            processes: &self.processes,
        };
        act(stub, &mut ctx);
    }

    /// Lets a TaskManager act.
    pub fn with_taskmanager<R>(
        &mut self,
        actor: ActorId,
        kernel: &mut Kernel<World>,
        act: impl FnOnce(&mut crate::actor::task_manager::TaskManager, &mut Context<'_>) -> R,
    ) -> R {
        let Actor::TaskManager(taskmanager) = &mut self.actors[actor.0 as usize] else {
            panic!("{actor:?} is no TaskManager");
        };
        let mut ctx = Context {
            me: actor,
            kernel,
            network: &mut self.network,
            machines: &mut self.machines,
            processes: &self.processes,
        };
        act(taskmanager, &mut ctx)
    }
}
