//! One ZooKeeper server: serves its clients, and leads or follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::context::{Alarm, Context};
use crate::actor::fact::Fact;
use crate::actor::message::{Body, Envelope, Timer, ZkTimer};
use crate::kernel::{ActorId, Span};
use crate::policy::defect::Defect;

use super::leading::{Leading, Role};
use super::protocol::{Op, Proposal, Reply, SessionId, Vote, Work, ZkError, ZkMessage, Zxid};
use super::tree::{Change, DataTree, Touched};

/// How long votes are collected (`FastLeaderElection.finalizeWait`).
pub(super) const ELECTION_WAIT: Span = Span::from_ms(200);

#[derive(Clone, Debug)]
pub struct Server {
    pub(super) me: ActorId,
    pub(super) blueprint: Arc<Blueprint>,
    pub(super) role: Role,
    /// The epoch whose history this server has (`currentEpoch`). Like the next three on disk: it survives a crash.
    pub(super) epoch: u64,
    /// The largest epoch that it has promised: no leader of a smaller one is followed any more (`acceptedEpoch`).
    pub(super) promised: u64,
    /// What is committed.
    pub(super) tree: DataTree,
    /// What is logged and not committed, as far as this server knows: it counts in elections.
    pub(super) proposed: BTreeMap<Zxid, Proposal>,
    /// Sessions whose client is connected here.
    pub(super) clients: BTreeMap<SessionId, ActorId>,
    /// Clients about whose session the leader has yet to say something.
    pub(super) connecting: BTreeSet<ActorId>,
    /// Sessions heard since the leader last asked.
    pub(super) heard: BTreeSet<SessionId>,
    /// One-shot watches by path: on data (`false`) or children (`true`).
    pub(super) watches: BTreeMap<(String, bool), BTreeSet<SessionId>>,
    pub(super) votes: BTreeMap<ActorId, Vote>,
    pub(super) tick: Alarm,
    pub(super) follower_ping: Alarm,
    pub(super) election: Alarm,
    /// A follower has not heard of its leader for too long.
    pub(super) sync: Alarm,
}

impl Server {
    pub fn new(me: ActorId, blueprint: Arc<Blueprint>) -> Server {
        Server {
            me,
            blueprint,
            role: Role::Looking,
            epoch: 0,
            promised: 0,
            tree: DataTree::default(),
            proposed: BTreeMap::new(),
            clients: BTreeMap::new(),
            connecting: BTreeSet::new(),
            heard: BTreeSet::new(),
            watches: BTreeMap::new(),
            votes: BTreeMap::new(),
            tick: Alarm::new(Timer::Zk(ZkTimer::Tick)),
            follower_ping: Alarm::new(Timer::Zk(ZkTimer::FollowerPing)),
            election: Alarm::new(Timer::Zk(ZkTimer::Election)),
            sync: Alarm::new(Timer::Zk(ZkTimer::Sync)),
        }
    }

    /// The process died: what is on disk stays.
    pub fn crash(&mut self) {
        let mut fresh = Server::new(self.me, Arc::clone(&self.blueprint));
        fresh.tree = std::mem::take(&mut self.tree);
        fresh.proposed = std::mem::take(&mut self.proposed);
        fresh.epoch = self.epoch;
        fresh.promised = self.promised;
        *self = fresh;
    }

    pub fn on_message(&mut self, envelope: Envelope, ctx: &mut Context<'_>) {
        match envelope.body {
            Body::Start => self.start(ctx),
            Body::ConnectionReset { peer } | Body::ConnectionRefused { peer } => {
                self.on_reset(peer, ctx)
            }
            Body::ExpireSessionsOf { owner } => self.expire_sessions_of(owner, ctx),
            Body::DropCheckpoint { job } => self.drop_newest_checkpoint(job, ctx),
            // Its clients see their connections closed.
            Body::Shutdown => ctx.exit(self.blueprint.directory.faults),
            Body::Zk(message) => {
                let heard_last = ctx.incarnation_of(envelope.from);
                // What a client sent that is dead by now, and has a successor here, is not answered to that.
                let is_stale =
                    envelope.from_incarnation < heard_last && !self.is_peer(envelope.from);
                if !is_stale {
                    self.on_zk(envelope.from, *message, ctx);
                }
            }
            body => unreachable!("ZooKeeper does not receive {body:?}"),
        }
    }

    pub fn on_timer(&mut self, timer: Timer, ctx: &mut Context<'_>) {
        match timer {
            Timer::Zk(ZkTimer::Tick) => self.expire_sessions(ctx),
            Timer::Zk(ZkTimer::FollowerPing) => self.ping_followers(ctx),
            Timer::Zk(ZkTimer::Election) => self.count_votes(ctx),
            Timer::Zk(ZkTimer::Sync) => self.miss_leader(ctx),
            timer => unreachable!("ZooKeeper servers set no {timer:?}"),
        }
    }

    fn on_zk(&mut self, from: ActorId, message: ZkMessage, ctx: &mut Context<'_>) {
        match message {
            ZkMessage::Connect { session, timeout } => self.connect(from, session, timeout, ctx),
            ZkMessage::CloseSession { session } => {
                self.hand_to_leader(from, Work::Close { session }, ctx)
            }
            ZkMessage::Ping { session } => {
                self.hear(session, ctx);
                self.send(from, ZkMessage::Pong, ctx);
            }
            ZkMessage::Request { session, xid, op } => self.request(from, session, xid, op, ctx),
            message => self.on_peer(from, message, ctx),
        }
    }

    fn connect(
        &mut self,
        client: ActorId,
        session: Option<SessionId>,
        timeout: Span,
        ctx: &mut Context<'_>,
    ) {
        let work = match session {
            Some(session) => Work::Revive { session },
            None => Work::Open { timeout },
        };
        self.connecting.insert(client);
        self.hand_to_leader(client, work, ctx);
    }

    fn request(
        &mut self,
        client: ActorId,
        session: SessionId,
        xid: u32,
        op: Op,
        ctx: &mut Context<'_>,
    ) {
        if self.clients.get(&session) != Some(&client) {
            return self.turn_away(client, ctx);
        }
        self.hear(session, ctx);
        if op.is_write() {
            return self.hand_to_leader(client, Work::Write { session, xid, op }, ctx);
        }
        let result = self.tree.read(&op);
        match op {
            Op::GetData { path, watch: true } => self.watch(path, false, session),
            Op::GetChildren { path, watch: true } => self.watch(path, true, session),
            _ => {}
        }
        self.send(client, ZkMessage::Reply { xid, result }, ctx);
    }

    fn hand_to_leader(&mut self, client: ActorId, work: Work, ctx: &mut Context<'_>) {
        match &self.role {
            Role::Leading(_) => self.lead(self.me, client, work, ctx),
            Role::Following {
                leader,
                serves: true,
            } => {
                let leader = *leader;
                self.send(leader, ZkMessage::Forward { client, work }, ctx);
            }
            _ => self.turn_away(client, ctx),
        }
    }

    /// A packet of a client keeps its session alive: at once if we lead, else with the next ping of the leader.
    fn hear(&mut self, session: SessionId, ctx: &Context<'_>) {
        match &mut self.role {
            Role::Leading(leading) => {
                leading.sessions.touch(session, ctx.now());
            }
            _ => {
                self.heard.insert(session);
            }
        }
    }

    /// The leader orders a write, or decides about a session.
    pub(super) fn lead(
        &mut self,
        origin: ActorId,
        client: ActorId,
        work: Work,
        ctx: &mut Context<'_>,
    ) {
        let tick = self.blueprint.cluster.zookeeper.tick_time;
        let Role::Leading(leading) = &mut self.role else {
            return self.turn_away(client, ctx);
        };
        // Which sessions there are is known once a quorum has taken the history. New ones wait for that.
        if !leading.established && !matches!(work, Work::Open { .. }) {
            return self.turn_away(client, ctx);
        }
        match work {
            Work::Close { session } => {
                leading.sessions.close(session);
                if let Some(owner) = self.tree.owner_of_session(session) {
                    ctx.state(Fact::SessionClosed { session, owner });
                }
                let change = Change::CloseSession { session };
                self.propose(origin, client, change, Reply::Nobody, ctx);
            }
            Work::Open { timeout } => {
                let session = (self.epoch << 32) | leading.next_session();
                let timeout = super::sessions::negotiate(timeout, tick);
                leading.sessions.add(session, timeout, ctx.now());
                leading.homes.insert(session, origin);
                let change = Change::OpenSession {
                    session,
                    owner: client,
                    timeout,
                };
                self.propose(
                    origin,
                    client,
                    change,
                    Reply::Opened { session, timeout },
                    ctx,
                );
            }
            Work::Revive { session } => {
                let alive = leading.sessions.touch(session, ctx.now());
                let timeout = leading.sessions.timeout(session).filter(|_| alive);
                let revives = self.blueprint.defects.has(Defect::SessionRevived);
                let timeout = timeout.or(revives.then_some(tick * 2));
                leading.homes.insert(session, origin);
                if timeout.is_some() {
                    ctx.state(Fact::SessionRevived { session });
                }
                self.tell(
                    origin,
                    ZkMessage::Revived {
                        client,
                        session,
                        timeout,
                    },
                    ctx,
                );
            }
            // `FinalRequestProcessor`: a connection that the session has moved away from is closed, for the client may
            // still think that it is its own (ZOOKEEPER-710).
            Work::Write { session, .. }
                if *leading.homes.entry(session).or_insert(origin) != origin =>
            {
                self.tell(origin, ZkMessage::Moved { client, session }, ctx);
            }
            Work::Write { session, xid, op } => {
                if leading.sessions.touch(session, ctx.now()) {
                    let reply = Reply::Done {
                        session,
                        xid,
                        result: Err(ZkError::SessionExpired),
                    };
                    self.propose(
                        origin,
                        client,
                        Change::Write { session, xid, op },
                        reply,
                        ctx,
                    );
                } else {
                    self.tell(
                        origin,
                        ZkMessage::Revived {
                            client,
                            session,
                            timeout: None,
                        },
                        ctx,
                    );
                }
            }
        }
    }

    /// Applies what a quorum has accepted: answers the client if it is ours, and fires watches.
    pub(super) fn commit(&mut self, proposal: Proposal, ctx: &mut Context<'_>) {
        let outlives = self.blueprint.defects.has(Defect::EphemeralOutlives);
        let ended = match proposal.change {
            Change::CloseSession { session } => self.tree.owner_of_session(session),
            _ => None,
        };
        let (touched, result) = match proposal.change {
            Change::CloseSession { session } if outlives => {
                self.tree.forget_session(proposal.zxid, session)
            }
            _ => self.tree.apply(proposal.zxid, &proposal.change),
        };
        if matches!(self.role, Role::Leading(_)) {
            self.state_changes(&proposal, &touched, ended, ctx);
        }
        if let Change::CloseSession { session } = proposal.change {
            for waiting in self.watches.values_mut() {
                waiting.remove(&session);
            }
            if let Some(client) = self.clients.remove(&session) {
                self.send(client, ZkMessage::Expired { session }, ctx);
            }
        }
        if proposal.origin == self.me {
            match proposal.reply {
                Reply::Opened { session, timeout } => {
                    self.accept(proposal.client, session, timeout, ctx)
                }
                Reply::Done { xid, .. } => {
                    self.send(proposal.client, ZkMessage::Reply { xid, result }, ctx)
                }
                Reply::Nobody => {}
            }
        }
        self.fire_watches(&touched, ctx);
    }

    /// `ended`: whose session is over.
    fn state_changes(
        &self,
        proposal: &Proposal,
        touched: &Touched,
        ended: Option<ActorId>,
        ctx: &mut Context<'_>,
    ) {
        let zxid = proposal.zxid;
        if let (Change::CloseSession { session }, Some(owner)) = (&proposal.change, ended) {
            ctx.state(Fact::SessionEnded {
                zxid,
                session: *session,
                owner,
            });
        }
        if let Change::OpenSession {
            session,
            owner,
            timeout,
        } = proposal.change
        {
            ctx.state(Fact::SessionOpened {
                zxid,
                session,
                owner,
                timeout,
            });
        }
        for path in &touched.created {
            ctx.state(Fact::ZnodeCreated {
                zxid,
                path: path.clone(),
                owner: self.tree.owner_of(path),
            });
        }
        for path in &touched.deleted {
            ctx.state(Fact::ZnodeDeleted {
                zxid,
                path: path.clone(),
            });
        }
    }

    /// To another server, or straight to ourselves.
    pub(super) fn tell(&mut self, server: ActorId, message: ZkMessage, ctx: &mut Context<'_>) {
        if server == self.me {
            self.on_peer(server, message, ctx);
        } else {
            self.send(server, message, ctx);
        }
    }

    pub(super) fn send(&self, to: ActorId, message: ZkMessage, ctx: &mut Context<'_>) {
        ctx.send(to, Body::Zk(Box::new(message)));
    }

    pub(super) fn leading(&mut self) -> Option<&mut Leading> {
        match &mut self.role {
            Role::Leading(leading) => Some(leading),
            _ => None,
        }
    }
}
