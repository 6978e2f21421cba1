//! What ZooKeeper's clients and servers say to each other.

use serde::Serialize;

use crate::kernel::{ActorId, Span};

use super::tree::{Change, DataTree};

pub type SessionId = u64;
pub type Zxid = u64;

/// A znode's content: sixteen opaque bytes.
pub type Data = [u64; 2];

#[derive(Clone, Debug, Serialize)]
pub enum ZkMessage {
    /// Client to server: `closeSession`.
    CloseSession {
        session: SessionId,
    },
    // Client to server.
    Connect {
        session: Option<SessionId>,
        timeout: Span,
    },
    Ping {
        session: SessionId,
    },
    Request {
        session: SessionId,
        xid: u32,
        op: Op,
    },

    // Server to client.
    Connected {
        session: SessionId,
        timeout: Span,
    },
    Expired {
        session: SessionId,
    },
    Pong,
    Reply {
        xid: u32,
        result: Result<Answer, ZkError>,
    },
    WatchFired {
        path: String,
    },
    /// The server has no leader and closes its clients' connections.
    NotServing,

    // Server to server.
    /// A follower hands a write, or a session to open or revive, to the leader.
    Forward {
        client: ActorId,
        work: Work,
    },
    Propose {
        proposal: Box<Proposal>,
    },
    AckProposal {
        zxid: Zxid,
    },
    Commit {
        zxid: Zxid,
    },
    FollowerPing {
        epoch: u64,
    },
    /// The sessions that a follower has heard since the last ping.
    Touched {
        sessions: Vec<SessionId>,
    },
    Vote(Vote),
    /// Whoever won the election asks to be promised an epoch of its own (`LEADERINFO`).
    LeaderInfo {
        epoch: u64,
    },
    /// The promise, with the history of whoever gives it (`ACKEPOCH`).
    AckEpoch {
        epoch: u64,
        history: History,
    },
    /// A leader takes a follower in, with everything that it has committed, and what it has logged and taken over from
    /// earlier epochs.
    NewLeader {
        epoch: u64,
        tree: Box<DataTree>,
        log: Vec<Proposal>,
    },
    AckNewLeader {
        epoch: u64,
    },
    /// A quorum has taken the leader's history: the follower may serve.
    UpToDate {
        epoch: u64,
    },
    /// What became of a forwarded session revival.
    Revived {
        client: ActorId,
        session: SessionId,
        timeout: Option<Span>,
    },
    /// A forwarded write came by way of a connection that its session has moved away from (`SessionMovedException`).
    Moved {
        client: ActorId,
        session: SessionId,
    },
}

/// How recent what a server has logged is: the epoch whose history it took last, and its last transaction there
/// (`StateSummary.isMoreRecentThan`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct History {
    pub epoch: u64,
    pub zxid: Zxid,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Vote {
    pub history: History,
    /// The largest epoch that the server has promised to anybody (`acceptedEpoch`).
    pub promised: u64,
}

#[derive(Clone, Debug, Serialize)]
pub enum Work {
    Close {
        session: SessionId,
    },
    Open {
        timeout: Span,
    },
    Revive {
        session: SessionId,
    },
    Write {
        session: SessionId,
        xid: u32,
        op: Op,
    },
}

/// A change that the leader has ordered, and who waits for it.
#[derive(Clone, Debug, Serialize)]
pub struct Proposal {
    pub zxid: Zxid,
    pub origin: ActorId,
    pub client: ActorId,
    pub change: Change,
    /// What the client is told once the change is committed.
    pub reply: Reply,
}

#[derive(Clone, Debug, Serialize)]
pub enum Reply {
    Opened {
        session: SessionId,
        timeout: Span,
    },
    Done {
        session: SessionId,
        xid: u32,
        result: Result<Answer, ZkError>,
    },
    Nobody,
}

#[derive(Clone, Debug, Serialize)]
pub enum Op {
    Create {
        path: String,
        data: Data,
        mode: CreateMode,
    },
    SetData {
        path: String,
        data: Data,
    },
    Delete {
        path: String,
    },
    GetData {
        path: String,
        watch: bool,
    },
    GetChildren {
        path: String,
        watch: bool,
    },
}

impl Op {
    pub fn is_write(&self) -> bool {
        matches!(
            self,
            Op::Create { .. } | Op::SetData { .. } | Op::Delete { .. }
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CreateMode {
    Persistent,
    Ephemeral,
    EphemeralSequential,
}

#[derive(Clone, Debug, Serialize)]
pub enum Answer {
    Created {
        path: String,
        zxid: Zxid,
    },
    Changed {
        zxid: Zxid,
    },
    Data {
        data: Data,
        owner: Option<SessionId>,
        created: Zxid,
    },
    Children {
        names: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ZkError {
    NoNode,
    NodeExists,
    SessionExpired,
}

/// Timers of ZooKeeper servers and clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ZkTimer {
    /// Server: the leader looks for expired sessions.
    Tick,
    /// Server: the leader pings its followers.
    FollowerPing,
    /// Server: votes are counted.
    Election,
    /// Server: the leader has been silent for too long.
    Sync,
    /// Client: it is time to ping.
    Ping,
    /// Client: the server has been silent for too long.
    ReadTimeout,
    /// Client: try the next server.
    Reconnect,
    /// Client: suspended for a whole session timeout (Curator).
    Lost,
    /// Client: requests without a connection have been tried for the last time (Curator).
    GiveUp,
}
