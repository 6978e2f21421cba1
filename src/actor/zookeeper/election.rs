//! How a leader comes to lead: votes, the promise of an epoch, one history for all (ZAB's election, discovery and
//! synchronization; `FastLeaderElection`, `Leader`, `Learner`).

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::context::Context;
use crate::actor::fact::Fact;
use crate::kernel::{ActorId, Span};

use super::leading::{Leading, Role};
use super::protocol::{History, Proposal, Reply, Vote, ZkMessage};
use super::server::{ELECTION_WAIT, Server};
use super::sessions::{Sessions, bucket};
use super::tree::DataTree;

impl Server {
    pub(super) fn look_for_leader(&mut self, ctx: &mut Context<'_>) {
        self.tick.cancel(ctx);
        self.follower_ping.cancel(ctx);
        self.sync.cancel(ctx);
        self.drop_clients(ctx);
        self.vote_anew(ctx);
    }

    fn vote_anew(&mut self, ctx: &mut Context<'_>) {
        self.role = Role::Looking;
        self.votes = BTreeMap::from([(self.me, self.vote())]);
        self.cast_vote(ctx);
    }

    fn vote(&self) -> Vote {
        Vote {
            history: self.history(),
            promised: self.promised,
        }
    }

    fn cast_vote(&mut self, ctx: &mut Context<'_>) {
        let vote = self.vote();
        for peer in self.peers() {
            self.send(peer, ZkMessage::Vote(vote), ctx);
        }
        self.election.set(ELECTION_WAIT, ctx);
    }

    pub(super) fn on_vote(&mut self, from: ActorId, vote: Vote, ctx: &mut Context<'_>) {
        match &self.role {
            Role::Looking | Role::Standing { .. } => {
                self.votes.insert(from, vote);
            }
            Role::Leading(_) => self.offer_state(from, ctx),
            Role::Following { .. } => {}
        }
    }

    /// The most recent history wins, then the larger number; without a quorum the vote is repeated.
    pub(super) fn count_votes(&mut self, ctx: &mut Context<'_>) {
        match &self.role {
            Role::Looking => {}
            // Too few have promised anything; whoever voted may follow somebody else by now.
            Role::Standing { .. } => return self.vote_anew(ctx),
            Role::Leading(leading) if !leading.established => return self.look_for_leader(ctx),
            _ => return,
        }
        let votes = self.votes.iter();
        let winner = votes.map(|(server, vote)| (vote.history, *server)).max();
        let wins = winner.is_some_and(|(_, server)| server == self.me);
        if self.votes.len() < self.quorum() || !wins {
            return self.cast_vote(ctx);
        }
        let promised = self.votes.values().map(|vote| vote.promised).max();
        let epoch = promised.unwrap_or(0).max(self.promised) + 1;
        self.role = Role::Standing {
            epoch,
            promises: BTreeSet::new(),
        };
        for peer in self.peers() {
            self.send(peer, ZkMessage::LeaderInfo { epoch }, ctx);
        }
        self.election.set(ELECTION_WAIT, ctx);
        if self.quorum() == 1 {
            self.begin_leading(epoch, ctx);
        }
    }

    /// Who looks for a leader promises each epoch once, and none that is older.
    pub(super) fn promise(&mut self, to: ActorId, epoch: u64, ctx: &mut Context<'_>) {
        if !self.is_looking() || epoch <= self.promised {
            return;
        }
        self.promised = epoch;
        let history = self.history();
        self.send(to, ZkMessage::AckEpoch { epoch, history }, ctx);
    }

    /// With the promises of a quorum, none of which has a more recent history, it leads.
    pub(super) fn on_promise(
        &mut self,
        from: ActorId,
        promised: u64,
        history: History,
        ctx: &mut Context<'_>,
    ) {
        let (quorum, own) = (self.quorum(), self.history());
        let Role::Standing { epoch, promises } = &mut self.role else {
            return;
        };
        if promised != *epoch {
            return;
        }
        if history > own || self.promised >= promised {
            return self.vote_anew(ctx);
        }
        promises.insert(from);
        if promises.len() + 1 >= quorum {
            self.begin_leading(promised, ctx);
        }
    }

    /// The log becomes the history of a new epoch: what is in it and not committed will be, once a quorum has taken it.
    pub(super) fn begin_leading(&mut self, epoch: u64, ctx: &mut Context<'_>) {
        (self.epoch, self.promised) = (epoch, epoch);
        for logged in self.proposed.values_mut() {
            // Whoever asked for it has lost its connection.
            logged.reply = Reply::Nobody;
        }
        // Which sessions there are is known once that is so.
        let sessions = Sessions::new(self.blueprint.cluster.zookeeper.tick_time);
        self.role = Role::Leading(Box::new(Leading {
            sessions,
            sessions_opened: 0,
            next_zxid: self.tree.zxid.max(self.epoch << 16),
            followers: BTreeSet::new(),
            learners: BTreeSet::new(),
            homes: BTreeMap::new(),
            acks: BTreeMap::new(),
            established: false,
            heard: BTreeMap::new(),
        }));
        for peer in self.peers() {
            self.offer_state(peer, ctx);
        }
        self.election.set(self.init_limit(), ctx);
        self.establish(ctx);
    }

    /// A leader's history takes the place of our own, with whatever we have logged beyond it.
    pub(super) fn take_history(
        &mut self,
        from: ActorId,
        epoch: u64,
        tree: DataTree,
        log: Vec<Proposal>,
        ctx: &mut Context<'_>,
    ) {
        let follows = self.follows(from) && epoch == self.epoch;
        let newer = epoch > self.epoch || follows || self.is_looking();
        if epoch < self.promised || !newer {
            return;
        }
        // What clients have asked of the old leader is lost: they hear so by their connections.
        if epoch > self.epoch && self.epoch > 0 {
            self.drop_clients(ctx);
        }
        let serves = matches!(self.role, Role::Following { serves: true, .. }) && follows;
        (self.epoch, self.promised) = (epoch, epoch);
        self.tree = tree;
        self.proposed = log
            .into_iter()
            .map(|logged| (logged.zxid, logged))
            .collect();
        self.election.cancel(ctx);
        self.tick.cancel(ctx);
        self.follower_ping.cancel(ctx);
        self.role = Role::Following {
            leader: from,
            serves,
        };
        self.sync.set(self.sync_limit(), ctx);
        self.send(from, ZkMessage::AckNewLeader { epoch }, ctx);
    }

    /// With a quorum behind it the leader commits what it has taken over, and serves.
    pub(super) fn establish(&mut self, ctx: &mut Context<'_>) {
        let (quorum, epoch) = (self.quorum(), self.epoch);
        let tick = self.blueprint.cluster.zookeeper.tick_time;
        let now = ctx.now();
        let Some(leading) = self.leading() else {
            return;
        };
        if leading.established || leading.followers.len() + 1 < quorum {
            return;
        }
        leading.established = true;
        self.election.cancel(ctx);
        ctx.state(Fact::EnsembleLeader { epoch });
        self.commit_history(ctx);
        let sessions: Vec<_> = self
            .tree
            .sessions
            .iter()
            .map(|(id, info)| (*id, info.timeout))
            .collect();
        let Some(leading) = self.leading() else {
            return;
        };
        for (session, timeout) in sessions {
            leading.sessions.add(session, timeout, now);
        }
        for follower in leading.followers.clone() {
            self.send(follower, ZkMessage::UpToDate { epoch }, ctx);
        }
        self.tick.set_at(bucket(now, tick), ctx);
        self.follower_ping.set(tick / 2, ctx);
    }

    /// What earlier leaders have proposed and a quorum has now.
    fn commit_history(&mut self, ctx: &mut Context<'_>) {
        let Some(leading) = self.leading() else {
            return;
        };
        let own = leading.acks.first_key_value().map(|(zxid, _)| *zxid);
        let later = own.map_or_else(BTreeMap::new, |own| self.proposed.split_off(&own));
        for proposal in std::mem::replace(&mut self.proposed, later).into_values() {
            self.commit_everywhere(proposal, ctx);
        }
    }

    /// What the server has logged, committed or not.
    fn history(&self) -> History {
        let logged = self.proposed.last_key_value().map(|(zxid, _)| *zxid);
        History {
            epoch: self.epoch,
            zxid: self.tree.zxid.max(logged.unwrap_or(0)),
        }
    }

    /// `initLimit` ticks, 10 by default: so long a leader waits until a quorum has taken its history.
    fn init_limit(&self) -> Span {
        self.blueprint.cluster.zookeeper.tick_time * 10
    }
}
