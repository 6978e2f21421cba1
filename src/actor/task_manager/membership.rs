//! How a TaskManager belongs to the cluster: its session and ephemeral znode, and its registration at the leader.

use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::message::{Body, FencingToken, Registration, Timer};
use crate::actor::zookeeper::client::{Client, ClientEvent};
use crate::actor::zookeeper::protocol::{Answer, CreateMode, Op, ZkError};
use crate::kernel::{ActorId, Span};
use crate::policy::defect::Defect;

use super::TaskManager;

/// Where the leader publishes its address.
pub const LEADER_PATH: &str = "/leader/connection_info";
/// Below it, each TaskManager keeps an ephemeral znode.
pub const MEMBERS_PATH: &str = "/taskmanagers";

/// `cluster.registration.initial-timeout`
const REGISTRATION_INITIAL: Span = Span::from_ms(100);
/// `cluster.registration.max-timeout`
const REGISTRATION_MAX: Span = Span::from_secs(30);

#[derive(Clone, Debug)]
pub struct Membership {
    pub client: Client,
    /// The request that creates our znode, and the one that reads the leader's.
    creating: Option<u32>,
    reading: Option<u32>,
    is_member: bool,
    leader: Option<(ActorId, FencingToken)>,
    registered: bool,
    /// The largest token seen: whoever has a smaller one leads no more.
    token_max: FencingToken,
    retry: Alarm,
    retry_after: Span,
}

impl Membership {
    pub fn new(client: Client) -> Membership {
        Membership {
            client,
            creating: None,
            reading: None,
            is_member: false,
            leader: None,
            registered: false,
            token_max: 0,
            retry: Alarm::new(Timer::Register),
            retry_after: REGISTRATION_INITIAL,
        }
    }

    /// Whom to report to.
    pub fn registered_leader(&self) -> Option<ActorId> {
        self.leader
            .filter(|_| self.registered)
            .map(|(leader, _)| leader)
    }
}

impl TaskManager {
    pub(super) fn start(&mut self, ctx: &mut Context<'_>) {
        self.membership.client.open(ctx);
        let interval = self.blueprint.monitor.interval;
        self.report.set(interval, ctx);
    }

    /// Only the current leader is obeyed: an order with an older token comes from one that was deposed.
    pub(super) fn obeys(&self, token: FencingToken) -> bool {
        token >= self.membership.token_max || self.blueprint.defects.has(Defect::NoFencing)
    }

    /// Whether an order to run a task is for the member that this process is now: what was given to an earlier one comes
    /// before the answer to its registration.
    pub(super) fn takes_tasks(&self, token: FencingToken) -> bool {
        self.obeys(token) && self.membership.registered_leader().is_some()
    }

    pub(super) fn on_zookeeper(&mut self, event: Option<ClientEvent>, ctx: &mut Context<'_>) {
        match event {
            Some(ClientEvent::Connected { new_session }) => {
                if new_session {
                    self.create_znode(ctx);
                }
                self.read_leader(ctx);
            }
            Some(ClientEvent::Lost) => {
                // Orders that were given to the member it has been until now are not to come late.
                if let Some((leader, _)) = self.membership.leader {
                    ctx.hang_up(leader);
                }
                self.stop_all("session expired", ctx);
                self.membership.is_member = false;
                self.membership.registered = false;
                self.membership.leader = None;
                self.membership.retry.cancel(ctx);
            }
            Some(ClientEvent::Reply { xid, result }) => {
                if self.membership.creating == Some(xid) {
                    self.membership.creating = None;
                    // Asked for again on a new connection it may be there already: its name holds our session.
                    self.membership.is_member = matches!(result, Ok(_) | Err(ZkError::NodeExists));
                    self.register(ctx);
                } else if self.membership.reading == Some(xid) {
                    self.membership.reading = None;
                    match result {
                        Ok(Answer::Data { data, created, .. }) => {
                            self.on_leader(ActorId(data[0] as u32), created, ctx)
                        }
                        _ => self.on_no_leader(ctx),
                    }
                }
            }
            Some(ClientEvent::WatchFired { path }) if path == LEADER_PATH => self.read_leader(ctx),
            // While the link is down everything stays as it is: only the session's end counts.
            Some(
                ClientEvent::WatchFired { .. }
                | ClientEvent::Suspended
                | ClientEvent::NotConnected
                | ClientEvent::GaveUp,
            )
            | None => {}
        }
    }

    fn create_znode(&mut self, ctx: &mut Context<'_>) {
        let session = self
            .membership
            .client
            .session()
            .expect("a connected client has a session");
        let name = self.blueprint.directory.name(self.me);
        let path = format!("{MEMBERS_PATH}/{name}@{session:x}");
        let data = [u64::from(self.me.0), session];
        let op = Op::Create {
            path,
            data,
            mode: CreateMode::Ephemeral,
        };
        self.membership.creating = Some(self.membership.client.request(op, ctx));
    }

    fn read_leader(&mut self, ctx: &mut Context<'_>) {
        let op = Op::GetData {
            path: LEADER_PATH.to_owned(),
            watch: true,
        };
        self.membership.reading = Some(self.membership.client.request(op, ctx));
    }

    /// A leader is published. Its token is the transaction that published it.
    fn on_leader(&mut self, leader: ActorId, token: FencingToken, ctx: &mut Context<'_>) {
        if token < self.membership.token_max || self.membership.leader == Some((leader, token)) {
            return;
        }
        self.membership.token_max = token;
        self.membership.leader = Some((leader, token));
        self.membership.registered = false;
        self.membership.retry_after = REGISTRATION_INITIAL;
        self.register(ctx);
    }

    fn on_no_leader(&mut self, ctx: &mut Context<'_>) {
        self.membership.leader = None;
        self.membership.registered = false;
        self.membership.retry.cancel(ctx);
    }

    /// Registers at the leader, again and again until it answers (`RetryingRegistration`).
    pub(super) fn register(&mut self, ctx: &mut Context<'_>) {
        let Some((leader, token)) = self.membership.leader else {
            return;
        };
        let Some(session) = self.membership.client.session() else {
            return;
        };
        if self.membership.registered || !self.membership.is_member {
            return;
        }
        let attempts = self
            .tasks
            .iter()
            .flatten()
            .map(|task| (task.subtask, task.attempt))
            .collect();
        let registration = Registration {
            token,
            session,
            attempts,
        };
        ctx.send(leader, Body::RegisterTaskManager(Box::new(registration)));
        let wait = self.membership.retry_after;
        self.membership.retry_after = (wait * 2).min(REGISTRATION_MAX);
        self.membership.retry.set(wait, ctx);
    }

    pub(super) fn on_registered(
        &mut self,
        token: FencingToken,
        leader: ActorId,
        ctx: &mut Context<'_>,
    ) {
        if self.membership.leader == Some((leader, token)) && !self.membership.registered {
            self.membership.registered = true;
            self.membership.retry.cancel(ctx);
            ctx.state(Fact::RegisteredAtLeader { leader });
        }
    }

    pub(super) fn on_reset(&mut self, peer: ActorId, incarnation: u32, ctx: &mut Context<'_>) {
        if self.membership.client.is_server(peer) {
            let event = self.membership.client.on_reset(peer, ctx);
            self.on_zookeeper(event, ctx);
        } else if self.blueprint.directory.taskmanagers.contains(&peer) {
            self.lose_peer(peer, incarnation, ctx);
        }
    }
}
