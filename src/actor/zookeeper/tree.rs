//! The replicated tree of znodes, and the sessions that own its ephemerals.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::kernel::{ActorId, Span};

use super::protocol::{Answer, CreateMode, Data, Op, SessionId, ZkError, Zxid};

#[derive(Clone, Debug, Serialize)]
pub struct Znode {
    pub data: Data,
    /// The session of an ephemeral.
    pub owner: Option<SessionId>,
    pub created: Zxid,
}

#[derive(Clone, Debug, Serialize)]
pub struct SessionInfo {
    pub owner: ActorId,
    pub timeout: Span,
    /// The last write and its result: a client that lost the answer asks again (Curator's protected creation).
    last_write: Option<(u32, Result<Answer, ZkError>)>,
}

/// What a committed transaction does. Deterministic, so every replica stays the same.
#[derive(Clone, Debug, Serialize)]
pub enum Change {
    OpenSession {
        session: SessionId,
        owner: ActorId,
        timeout: Span,
    },
    CloseSession {
        session: SessionId,
    },
    Write {
        session: SessionId,
        xid: u32,
        op: Op,
    },
    /// By nobody's session.
    Delete {
        path: String,
    },
}

/// Paths that changed: created, changed or deleted; for watches and facts.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    pub created: Vec<String>,
    pub changed: Vec<String>,
    pub deleted: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct DataTree {
    pub zxid: Zxid,
    nodes: BTreeMap<String, Znode>,
    pub sessions: BTreeMap<SessionId, SessionInfo>,
    /// Sequential children ever created, by parent.
    sequences: BTreeMap<String, u64>,
}

impl DataTree {
    pub fn apply(&mut self, zxid: Zxid, change: &Change) -> (Touched, Result<Answer, ZkError>) {
        assert!(
            zxid > self.zxid,
            "transactions are applied in order: {zxid} after {}",
            self.zxid
        );
        self.zxid = zxid;
        let mut touched = Touched::default();
        let result = match change {
            Change::OpenSession {
                session,
                owner,
                timeout,
            } => {
                let info = SessionInfo {
                    owner: *owner,
                    timeout: *timeout,
                    last_write: None,
                };
                self.sessions.insert(*session, info);
                Ok(Answer::Changed { zxid })
            }
            Change::CloseSession { session } => {
                self.sessions.remove(session);
                let owned = self
                    .nodes
                    .iter()
                    .filter(|(_, node)| node.owner == Some(*session));
                touched.deleted = owned.map(|(path, _)| path.clone()).collect();
                for path in &touched.deleted {
                    self.nodes.remove(path);
                }
                Ok(Answer::Changed { zxid })
            }
            Change::Write { session, xid, op } => self.write(*session, *xid, op, &mut touched),
            Change::Delete { path } => match self.nodes.remove(path) {
                Some(_) => {
                    touched.deleted.push(path.clone());
                    Ok(Answer::Changed { zxid })
                }
                None => Err(ZkError::NoNode),
            },
        };
        (touched, result)
    }

    /// Ends a session and leaves its znodes: a mistake that is made on purpose only.
    pub fn forget_session(
        &mut self,
        zxid: Zxid,
        session: SessionId,
    ) -> (Touched, Result<Answer, ZkError>) {
        self.zxid = zxid;
        self.sessions.remove(&session);
        (Touched::default(), Ok(Answer::Changed { zxid }))
    }

    fn write(
        &mut self,
        session: SessionId,
        xid: u32,
        op: &Op,
        touched: &mut Touched,
    ) -> Result<Answer, ZkError> {
        let info = self.sessions.get(&session).ok_or(ZkError::SessionExpired)?;
        if let Some((done, result)) = &info.last_write
            && *done == xid
        {
            return result.clone();
        }
        let result = self.change(session, op, touched);
        let info = self
            .sessions
            .get_mut(&session)
            .expect("it was there a moment ago");
        info.last_write = Some((xid, result.clone()));
        result
    }

    fn change(
        &mut self,
        session: SessionId,
        op: &Op,
        touched: &mut Touched,
    ) -> Result<Answer, ZkError> {
        let zxid = self.zxid;
        match op {
            Op::Create { path, data, mode } => {
                let owner = (*mode != CreateMode::Persistent).then_some(session);
                let path = match mode {
                    CreateMode::EphemeralSequential => {
                        let next = self.sequences.entry(parent(path).to_owned()).or_default();
                        *next += 1;
                        format!("{path}{:010}", *next - 1)
                    }
                    _ => path.clone(),
                };
                if self.nodes.contains_key(&path) {
                    return Err(ZkError::NodeExists);
                }
                self.nodes.insert(
                    path.clone(),
                    Znode {
                        data: *data,
                        owner,
                        created: zxid,
                    },
                );
                touched.created.push(path.clone());
                Ok(Answer::Created { path, zxid })
            }
            Op::SetData { path, data } => {
                let node = self.nodes.get_mut(path).ok_or(ZkError::NoNode)?;
                node.data = *data;
                touched.changed.push(path.clone());
                Ok(Answer::Changed { zxid })
            }
            Op::Delete { path } => {
                self.nodes.remove(path).ok_or(ZkError::NoNode)?;
                touched.deleted.push(path.clone());
                Ok(Answer::Changed { zxid })
            }
            Op::GetData { .. } | Op::GetChildren { .. } => {
                unreachable!("reads are no transactions")
            }
        }
    }

    pub fn read(&self, op: &Op) -> Result<Answer, ZkError> {
        match op {
            Op::GetData { path, .. } => {
                let node = self.nodes.get(path).ok_or(ZkError::NoNode)?;
                Ok(Answer::Data {
                    data: node.data,
                    owner: node.owner,
                    created: node.created,
                })
            }
            Op::GetChildren { path, .. } => {
                let prefix = format!("{path}/");
                let children = self
                    .nodes
                    .range(prefix.clone()..)
                    .take_while(|(p, _)| p.starts_with(&prefix));
                let names = children
                    .map(|(p, _)| &p[prefix.len()..])
                    .filter(|name| !name.contains('/'))
                    .map(str::to_owned)
                    .collect();
                Ok(Answer::Children { names })
            }
            _ => unreachable!("writes go through the leader"),
        }
    }

    pub fn owner_of_session(&self, session: SessionId) -> Option<ActorId> {
        self.sessions.get(&session).map(|info| info.owner)
    }

    pub fn owner_of(&self, path: &str) -> Option<SessionId> {
        self.nodes.get(path).and_then(|node| node.owner)
    }
}

/// The path above; empty at the top.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(tree: &mut DataTree, session: SessionId) {
        let change = Change::OpenSession {
            session,
            owner: ActorId(9),
            timeout: Span::from_secs(4),
        };
        tree.apply(tree.zxid + 1, &change).1.unwrap();
    }

    fn create(
        tree: &mut DataTree,
        session: SessionId,
        xid: u32,
        path: &str,
        mode: CreateMode,
    ) -> Result<Answer, ZkError> {
        let op = Op::Create {
            path: path.into(),
            data: [0; 2],
            mode,
        };
        tree.apply(tree.zxid + 1, &Change::Write { session, xid, op })
            .1
    }

    fn children(tree: &DataTree, path: &str) -> Vec<String> {
        match tree.read(&Op::GetChildren {
            path: path.into(),
            watch: false,
        }) {
            Ok(Answer::Children { names }) => names,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ephemerals_go_with_their_session_and_others_stay() {
        let mut tree = DataTree::default();
        open(&mut tree, 1);
        open(&mut tree, 2);
        create(&mut tree, 1, 1, "/a/n-", CreateMode::EphemeralSequential).unwrap();
        create(&mut tree, 2, 1, "/a/n-", CreateMode::EphemeralSequential).unwrap();
        create(&mut tree, 1, 2, "/a/keep", CreateMode::Persistent).unwrap();
        assert_eq!(
            children(&tree, "/a"),
            ["keep", "n-0000000000", "n-0000000001"]
        );
        let (touched, _) = tree.apply(tree.zxid + 1, &Change::CloseSession { session: 1 });
        assert_eq!(touched.deleted, ["/a/n-0000000000"]);
        assert_eq!(children(&tree, "/a"), ["keep", "n-0000000001"]);
        assert_eq!(
            create(&mut tree, 1, 3, "/late", CreateMode::Ephemeral).unwrap_err(),
            ZkError::SessionExpired
        );
    }

    #[test]
    fn a_write_asked_for_twice_is_done_once() {
        let mut tree = DataTree::default();
        open(&mut tree, 1);
        for _ in 0..2 {
            create(&mut tree, 1, 7, "/l/n-", CreateMode::EphemeralSequential).unwrap();
        }
        assert_eq!(children(&tree, "/l").len(), 1);
        assert_eq!(
            create(&mut tree, 1, 8, "/l/n-0000000000", CreateMode::Ephemeral).unwrap_err(),
            ZkError::NodeExists
        );
    }
}
