//! The part that a server plays in the ensemble, and what only its leader keeps.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::{ActorId, Time};

use super::protocol::{SessionId, Zxid};
use super::sessions::Sessions;

#[derive(Clone, Debug)]
pub enum Role {
    Looking,
    /// It has won the election and asks for promises; who has given one.
    Standing {
        epoch: u64,
        promises: BTreeSet<ActorId>,
    },
    /// Without `serves` it waits until a quorum follows.
    Following {
        leader: ActorId,
        serves: bool,
    },
    Leading(Box<Leading>),
}

/// What only the leader keeps.
#[derive(Clone, Debug)]
pub struct Leading {
    pub sessions: Sessions,
    pub(super) sessions_opened: u64,
    pub(super) next_zxid: Zxid,
    /// Followers that have taken the leader's state.
    pub(super) followers: BTreeSet<ActorId>,
    /// Servers that the state is on its way to. They hear of what is proposed and committed since, in order, but count for
    /// no quorum yet (`Leader.startForwarding`).
    pub(super) learners: BTreeSet<ActorId>,
    /// The server that each session is connected to: what comes by way of another one comes from a connection that the client
    /// has given up (`SessionMovedException`).
    pub(super) homes: BTreeMap<SessionId, ActorId>,
    pub(super) acks: BTreeMap<Zxid, BTreeSet<ActorId>>,
    /// A quorum follows: the leader serves.
    pub(super) established: bool,
    /// When each follower was last heard.
    pub(super) heard: BTreeMap<ActorId, Time>,
}

impl Leading {
    /// Who hears of proposals and commits.
    pub(super) fn audience(&self) -> Vec<ActorId> {
        self.followers.union(&self.learners).copied().collect()
    }

    pub fn next_session(&mut self) -> SessionId {
        self.sessions_opened += 1;
        self.sessions_opened
    }
}
