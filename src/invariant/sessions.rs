//! Sessions of ZooKeeper end when nothing was heard of their client, neither sooner nor much later.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::Fact;
use crate::kernel::{ActorId, Header, Span, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety(
        "Z1",
        "A session expires only after its whole timeout of silence, and at most a tick later.",
    ),
    safety(
        "Z4",
        "Only a session that was opened expires, under the timeout that was negotiated.",
    ),
    safety(
        "Z5",
        "A session that a quorum has ended is never gone on with under the leader of ZooKeeper.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Sessions {
    punctual: Tally,
    known: Tally,
    ended: Tally,
    /// Sessions that are over.
    over: BTreeSet<u64>,
    /// The server that leads.
    leader: Option<ActorId>,
    tick: Span,
    open: BTreeMap<u64, (ActorId, Span)>,
    /// When a server last went on after a stop: its clock was late until then.
    woke_at: Time,
}

impl Sessions {
    pub fn new(scene: &Scene) -> Sessions {
        let [punctual, known, ended] = PROMISES.map(Tally::new);
        let tick = scene.blueprint.cluster.zookeeper.tick_time;
        Sessions {
            punctual,
            known,
            ended,
            over: BTreeSet::new(),
            leader: None,
            tick,
            open: BTreeMap::new(),
            woke_at: Time::ZERO,
        }
    }

    fn expired(
        &mut self,
        header: &Header,
        session: u64,
        owner: ActorId,
        last_heard: Time,
        timeout: Span,
        scene: &Scene,
    ) {
        let silence = header.time.since(last_heard);
        let late = silence > timeout + self.tick && self.woke_at <= last_heard;
        self.punctual.expect(silence >= timeout && !late, header, || {
            format!("session {session:x} of {} expired after {silence} of silence, timeout {timeout}", scene.name(owner))
        });
        // Not taken out: where the server that decided dies before a quorum agrees, the session lives on.
        let known = self.open.get(&session) == Some(&(owner, timeout));
        self.known.expect(known, header, || {
            format!("session {session:x} of {} was not open", scene.name(owner))
        });
    }
}

impl Checker for Sessions {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::SessionOpened {
                session,
                owner,
                timeout,
                ..
            } => {
                let before = self.open.insert(*session, (*owner, *timeout));
                self.known.expect(before.is_none(), header, || {
                    format!("session {session:x} is opened twice")
                });
            }
            Fact::SessionExpired {
                session,
                owner,
                last_heard,
                timeout,
            } => {
                self.expired(header, *session, *owner, *last_heard, *timeout, scene);
            }
            Fact::SessionEnded { session, .. } => {
                self.over.insert(*session);
            }
            Fact::EnsembleLeader { .. } => self.leader = Some(header.actor),
            // A server that was stopped may lead a little longer in its own eyes.
            Fact::SessionRevived { session } if self.leader == Some(header.actor) => {
                let over = self.over.contains(session);
                self.ended.expect(!over, header, || {
                    format!("session {session:x} is gone on with, and it has ended")
                });
            }
            Fact::FaultHealed { what: "hang" }
                if scene.blueprint.directory.zookeeper.contains(&header.actor) =>
            {
                self.woke_at = header.time;
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.punctual, &self.known, &self.ended]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{Stage, TM, ZK};

    const TIMEOUT: Span = Span::from_secs(10);

    fn expire_after(silence_secs: u64) -> Stage {
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
        let last_heard = Time(Span::from_secs(50).0);
        let expired = Fact::SessionExpired {
            session: 7,
            owner: TM(0),
            last_heard,
            timeout: TIMEOUT,
        };
        stage.at(50 + silence_secs).says(ZK, expired);
        stage
    }

    #[test]
    fn a_session_expires_on_time() {
        expire_after(10).broken("Z1", 0).broken("Z4", 0);
        expire_after(12).broken("Z1", 0);
        expire_after(9).broken("Z1", 1);
        expire_after(13).broken("Z1", 1);
    }

    #[test]
    fn a_session_that_has_ended_and_goes_on_is_noticed() {
        let mut stage = expire_after(10);
        let (zxid, session, owner) = (9, 7, TM(0));
        stage.says(ZK, Fact::EnsembleLeader { epoch: 1 });
        stage
            .says(ZK, Fact::SessionRevived { session })
            .broken("Z5", 0);
        stage.says(
            ZK,
            Fact::SessionEnded {
                zxid,
                session,
                owner,
            },
        );
        stage
            .says(ZK, Fact::SessionRevived { session })
            .broken("Z5", 1);
    }

    #[test]
    fn a_server_that_was_stopped_may_be_late() {
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
            .at(2)
            .says(ZK, Fact::FaultInjected { what: "hang" })
            .at(30)
            .says(ZK, Fact::FaultHealed { what: "hang" });
        let last_heard = Time(Span::from_secs(2).0);
        stage.says(
            ZK,
            Fact::SessionExpired {
                session: 7,
                owner: TM(0),
                last_heard,
                timeout: TIMEOUT,
            },
        );
        stage.broken("Z1", 0);
    }

    #[test]
    fn only_an_open_session_expires() {
        let mut stage = Stage::new();
        let expired = Fact::SessionExpired {
            session: 7,
            owner: TM(0),
            last_heard: Time::ZERO,
            timeout: TIMEOUT,
        };
        stage.at(11).says(ZK, expired).broken("Z4", 1);
    }
}
