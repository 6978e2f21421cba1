//! Znodes: ephemerals go with their session and not before, and nothing that was committed is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::Fact;
use crate::actor::task_manager::LEADER_PATH;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 2] = [
    safety(
        "Z2",
        "Ephemeral znodes go with their session: not before it has ended, and all at once.",
    ),
    safety(
        "Z3",
        "Transactions of ZooKeeper are committed in order, and what was committed is never forgotten.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Znodes {
    with_session: Tally,
    durable: Tally,
    owners: BTreeMap<String, Option<u64>>,
    expired: BTreeSet<u64>,
    /// Sessions that lost znodes in the transaction of this number: it takes all of them.
    closing: (u64, BTreeSet<u64>),
    closed: BTreeSet<u64>,
    zxid: u64,
}

impl Znodes {
    pub fn new() -> Znodes {
        let [with_session, durable] = PROMISES.map(Tally::new);
        Znodes {
            with_session,
            durable,
            owners: BTreeMap::new(),
            expired: BTreeSet::new(),
            closing: (0, BTreeSet::new()),
            closed: BTreeSet::new(),
            zxid: 0,
        }
    }

    /// A transaction begins: the one before is over.
    fn turn(&mut self, header: &Header, zxid: u64) {
        let last = self.zxid;
        self.durable.expect(zxid >= last, header, || {
            format!("transaction {zxid:x} is committed after {last:x}")
        });
        self.zxid = last.max(zxid);
        if self.closing.0 == zxid {
            return;
        }
        for session in std::mem::take(&mut self.closing.1) {
            let left = self
                .owners
                .iter()
                .find(|(_, owner)| **owner == Some(session))
                .map(|(path, _)| path.clone());
            self.with_session.expect(left.is_none(), header, || {
                format!("{} outlives session {session:x}", left.unwrap_or_default())
            });
            self.closed.insert(session);
        }
        self.closing.0 = zxid;
    }

    fn created(&mut self, header: &Header, path: &str, owner: Option<u64>) {
        let before = self.owners.insert(path.to_owned(), owner);
        self.durable.expect(before.is_none(), header, || {
            format!("{path} is created, but it was there")
        });
        if let Some(session) = owner {
            let open = !self.closed.contains(&session);
            self.with_session.expect(open, header, || {
                format!("{path} is created by session {session:x}, which is over")
            });
        }
    }

    fn deleted(&mut self, header: &Header, path: &str) {
        let owner = self.owners.remove(path);
        self.durable.expect(owner.is_some(), header, || {
            format!("{path} is deleted, but it was not there")
        });
        // A leader takes its own address back, and that which an earlier leadership has left.
        // Whoever stops in order leaves the election (`LeaderLatch.close`).
        let own = path.contains("/latch/");
        let address = own || path == LEADER_PATH || path.ends_with("/connection_info");
        if let Some(session) = owner.flatten()
            && !address
        {
            let over = self.expired.contains(&session);
            self.with_session.expect(over, header, || {
                format!("{path} goes, but session {session:x} has not expired")
            });
            self.closing.1.insert(session);
        }
    }
}

impl Checker for Znodes {
    fn fact(&mut self, header: &Header, fact: &Fact, _: &Scene) {
        match fact {
            Fact::SessionExpired { session, .. } | Fact::SessionClosed { session, .. } => {
                self.expired.insert(*session);
            }
            Fact::ZnodeCreated { zxid, path, owner } => {
                self.turn(header, *zxid);
                self.created(header, path, *owner);
            }
            Fact::ZnodeDeleted { zxid, path } => {
                self.turn(header, *zxid);
                self.deleted(header, path);
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.with_session.verdict(), self.durable.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{Stage, TM, ZK};
    use crate::kernel::Span;

    const TIMEOUT: Span = Span::from_secs(10);

    fn created(zxid: u64, path: &str, owner: Option<u64>) -> Fact {
        Fact::ZnodeCreated {
            zxid,
            path: path.into(),
            owner,
        }
    }

    fn deleted(zxid: u64, path: &str) -> Fact {
        Fact::ZnodeDeleted {
            zxid,
            path: path.into(),
        }
    }

    fn with_session() -> Stage {
        let mut stage = Stage::new();
        stage.at(1).says(
            ZK,
            Fact::SessionOpened {
                zxid: 0,
                session: 7,
                owner: TM(0),
                timeout: TIMEOUT,
            },
        );
        stage
            .says(ZK, created(1, "/a", Some(7)))
            .says(ZK, created(2, "/b", Some(7)));
        stage
    }

    fn expired() -> Fact {
        Fact::SessionExpired {
            session: 7,
            owner: TM(0),
            last_heard: Time(Span::from_secs(1).0),
            timeout: TIMEOUT,
        }
    }

    #[test]
    fn ephemerals_go_together_after_the_expiry() {
        let mut stage = with_session();
        stage
            .at(12)
            .says(ZK, expired())
            .says(ZK, deleted(3, "/a"))
            .says(ZK, deleted(3, "/b"));
        stage
            .says(ZK, created(4, "/c", None))
            .clean()
            .broken("Z2", 0)
            .broken("Z3", 0);
    }

    #[test]
    fn an_ephemeral_that_goes_early_or_stays_is_noticed() {
        with_session().says(ZK, deleted(3, "/a")).broken("Z2", 1);
        let mut stage = with_session();
        stage
            .at(12)
            .says(ZK, expired())
            .says(ZK, deleted(3, "/a"))
            .says(ZK, created(4, "/c", None))
            .broken("Z2", 1);
        stage.says(ZK, created(5, "/d", Some(7))).broken("Z2", 2);
    }

    #[test]
    fn a_transaction_that_is_forgotten_is_noticed() {
        with_session()
            .says(ZK, created(3, "/a", None))
            .broken("Z3", 1);
        with_session().says(ZK, deleted(3, "/z")).broken("Z3", 1);
        with_session()
            .says(ZK, created(1, "/z", None))
            .broken("Z3", 1);
    }
}
