//! How the servers agree: proposals that a quorum accepts, and the leader's watch over sessions.

use std::collections::BTreeSet;

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Span, Time};

use super::leading::Role;
use super::paths;
use super::protocol::{Answer, Op, Proposal, Reply, ZkMessage, Zxid};
use super::server::Server;
use super::sessions::bucket;
use super::tree::Change;

impl Server {
    /// The first server leads at the start; a server that comes back looks for whoever leads.
    pub(super) fn start(&mut self, ctx: &mut Context<'_>) {
        let servers = self.blueprint.directory.zookeeper.clone();
        if ctx.now() > Time::ZERO {
            self.look_for_leader(ctx);
        } else if servers[0] == self.me {
            self.begin_leading(1, ctx);
        } else {
            self.role = Role::Following {
                leader: servers[0],
                serves: true,
            };
            (self.epoch, self.promised) = (1, 1);
            self.sync.set(self.sync_limit(), ctx);
        }
    }

    pub(super) fn on_peer(&mut self, from: ActorId, message: ZkMessage, ctx: &mut Context<'_>) {
        match message {
            ZkMessage::Forward { client, work } => self.lead(from, client, work, ctx),
            ZkMessage::Propose { proposal } => {
                let zxid = proposal.zxid;
                if self.follows(from) {
                    self.proposed.insert(zxid, *proposal);
                    self.send(from, ZkMessage::AckProposal { zxid }, ctx);
                }
            }
            ZkMessage::AckProposal { zxid } => self.on_ack(from, zxid, ctx),
            ZkMessage::Commit { zxid } => {
                if self.follows(from)
                    && let Some(proposal) = self.proposed.remove(&zxid)
                {
                    self.commit(proposal, ctx);
                }
            }
            ZkMessage::FollowerPing { epoch } => {
                if self.follows(from) && epoch == self.epoch {
                    self.sync.set(self.sync_limit(), ctx);
                    let sessions = std::mem::take(&mut self.heard).into_iter().collect();
                    self.send(from, ZkMessage::Touched { sessions }, ctx);
                }
            }
            ZkMessage::Touched { sessions } => {
                let now = ctx.now();
                if let Some(leading) = self.leading() {
                    leading.heard.insert(from, now);
                    for session in sessions {
                        leading.sessions.touch(session, now);
                    }
                }
            }
            ZkMessage::Vote(vote) => self.on_vote(from, vote, ctx),
            ZkMessage::LeaderInfo { epoch } => self.promise(from, epoch, ctx),
            ZkMessage::AckEpoch { epoch, history } => self.on_promise(from, epoch, history, ctx),
            ZkMessage::NewLeader { epoch, tree, log } => {
                self.take_history(from, epoch, *tree, log, ctx)
            }
            ZkMessage::UpToDate { epoch } => {
                if let Role::Following { leader, serves } = &mut self.role
                    && *leader == from
                    && epoch == self.epoch
                {
                    *serves = true;
                }
            }
            ZkMessage::AckNewLeader { epoch } => self.on_follower(from, epoch, ctx),
            ZkMessage::Revived {
                client,
                session,
                timeout,
            } => match timeout {
                Some(timeout) => self.accept(client, session, timeout, ctx),
                None => {
                    self.connecting.remove(&client);
                    self.send(client, ZkMessage::Expired { session }, ctx);
                }
            },
            ZkMessage::Moved { client, session } => self.close_moved(client, session, ctx),
            message => unreachable!("servers do not send each other {message:?}"),
        }
    }

    pub(super) fn follows(&self, leader: ActorId) -> bool {
        matches!(&self.role, Role::Following { leader: known, .. } if *known == leader)
    }

    pub(super) fn is_looking(&self) -> bool {
        matches!(self.role, Role::Looking | Role::Standing { .. })
    }

    pub(super) fn quorum(&self) -> usize {
        self.blueprint.directory.zookeeper.len() / 2 + 1
    }

    pub(super) fn peers(&self) -> Vec<ActorId> {
        self.blueprint
            .directory
            .zookeeper
            .iter()
            .copied()
            .filter(|peer| *peer != self.me)
            .collect()
    }

    pub(super) fn propose(
        &mut self,
        origin: ActorId,
        client: ActorId,
        change: Change,
        reply: Reply,
        ctx: &mut Context<'_>,
    ) {
        let me = self.me;
        let Some(leading) = self.leading() else {
            return;
        };
        leading.next_zxid += 1;
        let zxid = leading.next_zxid;
        leading.acks.insert(zxid, BTreeSet::from([me]));
        let followers = leading.audience();
        let proposal = Proposal {
            zxid,
            origin,
            client,
            change,
            reply,
        };
        for follower in followers {
            self.send(
                follower,
                ZkMessage::Propose {
                    proposal: Box::new(proposal.clone()),
                },
                ctx,
            );
        }
        self.proposed.insert(zxid, proposal);
        self.commit_accepted(ctx);
    }

    fn on_ack(&mut self, from: ActorId, zxid: Zxid, ctx: &mut Context<'_>) {
        if let Some(acks) = self
            .leading()
            .and_then(|leading| leading.acks.get_mut(&zxid))
        {
            acks.insert(from);
            self.commit_accepted(ctx);
        }
    }

    /// Commits, in order, whatever a quorum has accepted.
    fn commit_accepted(&mut self, ctx: &mut Context<'_>) {
        let quorum = self.quorum();
        while let Some(leading) = self.leading() {
            let Some((zxid, acks)) = leading.acks.first_key_value() else {
                return;
            };
            if acks.len() < quorum {
                return;
            }
            let zxid = *zxid;
            leading.acks.remove(&zxid);
            let proposal = self
                .proposed
                .remove(&zxid)
                .expect("what is acknowledged was proposed");
            self.commit_everywhere(proposal, ctx);
        }
    }

    /// A quorum has it: whoever follows is told.
    pub(super) fn commit_everywhere(&mut self, proposal: Proposal, ctx: &mut Context<'_>) {
        let audience = self.leading().map(|leading| leading.audience());
        for follower in audience.unwrap_or_default() {
            let zxid = proposal.zxid;
            self.send(follower, ZkMessage::Commit { zxid }, ctx);
        }
        self.commit(proposal, ctx);
    }

    pub(super) fn offer_state(&mut self, peer: ActorId, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let Some(leading) = self.leading() else {
            return;
        };
        leading.followers.remove(&peer);
        leading.learners.insert(peer);
        leading.heard.insert(peer, now);
        // What this leader has proposed itself and not committed yet comes afterwards, to be acknowledged one by one.
        let own: BTreeSet<Zxid> = leading.acks.keys().copied().collect();
        let (own, log): (Vec<_>, Vec<_>) = self
            .proposed
            .values()
            .cloned()
            .partition(|proposal| own.contains(&proposal.zxid));
        let message = ZkMessage::NewLeader {
            epoch: self.epoch,
            tree: Box::new(self.tree.clone()),
            log,
        };
        self.send(peer, message, ctx);
        for proposal in own {
            let proposal = Box::new(proposal);
            self.send(peer, ZkMessage::Propose { proposal }, ctx);
        }
    }

    fn on_follower(&mut self, from: ActorId, epoch: u64, ctx: &mut Context<'_>) {
        if epoch != self.epoch || self.leading().is_none() {
            return;
        }
        let now = ctx.now();
        if let Some(leading) = self.leading()
            && leading.learners.remove(&from)
        {
            leading.followers.insert(from);
            leading.heard.insert(from, now);
            if leading.established {
                self.send(from, ZkMessage::UpToDate { epoch }, ctx);
            }
        }
        self.establish(ctx);
    }

    pub(super) fn expire_sessions(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let tick = self.blueprint.cluster.zookeeper.tick_time;
        let defects = self.blueprint.defects;
        let Some(leading) = self.leading() else {
            return;
        };
        for (session, last_heard, timeout) in leading.sessions.expire(now, defects) {
            if let Some(info) = self.tree.sessions.get(&session) {
                ctx.state(Fact::SessionExpired {
                    session,
                    owner: info.owner,
                    last_heard,
                    timeout,
                });
            }
            let me = self.me;
            self.propose(me, me, Change::CloseSession { session }, Reply::Nobody, ctx);
        }
        // A server that was stopped is back in step at once (`ExpiryQueue.getWaitTime`).
        self.tick.set_at(bucket(now, tick), ctx);
    }

    pub(super) fn ping_followers(&mut self, ctx: &mut Context<'_>) {
        let (epoch, limit, now) = (self.epoch, self.sync_limit(), ctx.now());
        let Some(leading) = self.leading() else {
            return;
        };
        let is_silent = |follower: &&ActorId| {
            let heard = leading.heard.get(follower);
            heard.is_none_or(|at| now.since(*at) > limit)
        };
        let audience = leading.audience();
        let silent: Vec<_> = audience.iter().filter(is_silent).copied().collect();
        for follower in silent {
            self.lose_peer(follower, ctx);
        }
        let Some(leading) = self.leading() else {
            return;
        };
        for follower in leading.followers.clone() {
            self.send(follower, ZkMessage::FollowerPing { epoch }, ctx);
        }
        self.follower_ping
            .set(self.blueprint.cluster.zookeeper.tick_time / 2, ctx);
    }

    /// `syncLimit` ticks, 5 by default: so long leader and followers do without hearing of each other.
    pub(super) fn sync_limit(&self) -> Span {
        self.blueprint.cluster.zookeeper.tick_time * 5
    }

    pub(super) fn miss_leader(&mut self, ctx: &mut Context<'_>) {
        if let Role::Following { leader, .. } = self.role {
            self.lose_peer(leader, ctx);
        }
    }

    /// Somebody ends the sessions of a process by force.
    pub(super) fn expire_sessions_of(&mut self, owner: ActorId, ctx: &mut Context<'_>) {
        let sessions = self.tree.sessions.iter();
        let theirs: Vec<_> = sessions
            .filter(|(_, info)| info.owner == owner)
            .map(|(session, _)| *session)
            .collect();
        for session in theirs {
            if let Some(leading) = self.leading() {
                leading.sessions.close(session);
            }
            ctx.state(Fact::SessionClosed { session, owner });
            let me = self.me;
            self.propose(me, me, Change::CloseSession { session }, Reply::Nobody, ctx);
        }
    }

    /// Somebody deletes the pointer to the newest checkpoint of a job (`zkCli.sh delete`).
    pub(super) fn drop_newest_checkpoint(&mut self, job: JobId, ctx: &mut Context<'_>) {
        let parent = paths::checkpoints(job);
        let list = Op::GetChildren {
            path: parent.clone(),
            watch: false,
        };
        if let Ok(Answer::Children { names }) = self.tree.read(&list)
            && let Some(newest) = names.iter().max()
        {
            let path = format!("{parent}/{newest}");
            let me = self.me;
            self.propose(me, me, Change::Delete { path }, Reply::Nobody, ctx);
        }
    }

    /// It leads, and a quorum follows.
    pub fn serves_as_leader(&self) -> bool {
        matches!(&self.role, Role::Leading(leading) if leading.established)
    }

    /// Another server's process died, or has been silent for too long.
    pub(super) fn lose_peer(&mut self, peer: ActorId, ctx: &mut Context<'_>) {
        let quorum = self.quorum();
        let lost = match &mut self.role {
            Role::Following { leader, .. } => *leader == peer,
            Role::Leading(leading) => {
                leading.followers.remove(&peer);
                leading.learners.remove(&peer);
                leading.established && leading.followers.len() + 1 < quorum
            }
            Role::Looking | Role::Standing { .. } => {
                self.votes.remove(&peer);
                false
            }
        };
        if lost {
            self.look_for_leader(ctx);
        }
    }
}
