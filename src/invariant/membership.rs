//! TaskManagers are declared lost once per registration, and for a reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::{Detector, Fact};
use crate::actor::message::FencingToken;
use crate::kernel::{ActorId, Header, Span, Time};

use super::checks::Checker;
use super::quiet::zookeeper_is_whole;
use super::scene::{Scene, is_disturbance};
use super::tally::{Moment, Promise, Tally, Verdict, liveness, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety(
        "H1",
        "A leader declares a TaskManager lost only while it is registered, so once per registration.",
    ).of_story(),
    safety(
        "H2",
        "A TaskManager is declared lost only after its session has expired, or when a new one has been opened.",
    ).of_story(),
    liveness(
        "H7",
        "A registered TaskManager whose session has ended is declared lost in bounded time.",
    ).of_story(),
];

/// A commit, a watch, a request, an answer, however slow the links are; and a reconnection.
const NOTICED_WITHIN: Span = Span::from_secs(15);

#[derive(Clone, Debug)]
pub(super) struct Membership {
    once: Tally,
    justified: Tally,
    noticed: Tally,
    /// TaskManagers whose session has ended and that the leader, who published under this token, has not missed.
    unnoticed: BTreeMap<ActorId, (FencingToken, Time)>,
    /// Who opened which session.
    owners: BTreeMap<u64, ActorId>,
    /// The session under which each process has made a znode last: one that nobody took up is missed by nobody.
    latest: BTreeMap<ActorId, u64>,
    /// Sessions that have ended.
    ended: BTreeSet<u64>,
    /// By actor: sessions opened and expired so far.
    opened: Vec<u32>,
    expired: Vec<u32>,
    /// By JobManager's and TaskManager's place: losses by expiry under the current leadership.
    lost: Vec<Vec<u32>>,
}

impl Membership {
    pub fn new(scene: &Scene) -> Membership {
        let [once, justified, noticed] = PROMISES.map(Tally::new);
        let directory = &scene.blueprint.directory;
        Membership {
            once,
            justified,
            noticed,
            unnoticed: BTreeMap::new(),
            owners: BTreeMap::new(),
            latest: BTreeMap::new(),
            ended: BTreeSet::new(),
            opened: vec![0; directory.len()],
            expired: vec![0; directory.len()],
            lost: vec![vec![0; directory.taskmanagers.len()]; directory.jobmanagers.len()],
        }
    }

    /// A session has ended: whoever leads has to hear of it.
    fn ended(&mut self, header: &Header, owner: ActorId, scene: &Scene) {
        let Some((leader, view)) = scene.current_leader() else {
            return;
        };
        let registered = view.is_registered(owner, &scene.blueprint);
        if registered && scene.is_taskmanager(owner) && scene.processes.is_well(leader) {
            self.unnoticed.insert(owner, (scene.token_max, header.time));
        }
    }

    fn judge(&mut self, now: Moment, scene: &Scene) {
        for (taskmanager, (token, since)) in &self.unnoticed {
            let leads = scene
                .current_leader()
                .is_some_and(|(leader, _)| scene.processes.is_well(leader));
            let waited = now.at.since((*since).max(scene.processes.disturbed_at()));
            if *token == scene.token_max && leads && zookeeper_is_whole(scene) {
                self.noticed.expect(waited <= NOTICED_WITHIN, now, || {
                    let name = scene.name(*taskmanager);
                    format!("the session of {name} ended {waited} ago, and it is not missed")
                });
            }
        }
    }

    fn lost(&mut self, header: &Header, taskmanager: ActorId, detector: Detector, scene: &Scene) {
        let registered = scene
            .leader(header.actor)
            .is_some_and(|leader| leader.is_registered(taskmanager, &scene.blueprint));
        self.once.expect(registered, header, || {
            format!(
                "{} is lost, but was not registered",
                scene.name(taskmanager)
            )
        });
        let (opened, expired) = (
            self.opened[taskmanager.0 as usize],
            self.expired[taskmanager.0 as usize],
        );
        let leader = scene.jobmanager_index(header.actor);
        let place = scene.blueprint.directory.taskmanager_index(taskmanager);
        let justified = match (detector, leader, place) {
            (Detector::ZookeeperSession, Some(leader), Some(place)) => {
                self.lost[leader][place] += 1;
                // A call under way registers it once more under a session that has ended.
                let latest = self.latest.get(&taskmanager);
                let is_gone = latest.is_some_and(|session| self.ended.contains(session));
                is_gone || self.lost[leader][place] <= expired
            }
            (Detector::Reregistration, ..) => opened >= 2,
            _ => false,
        };
        self.justified.expect(justified, header, || {
            let how = detector.name();
            format!(
                "{} is lost ({how}) after {opened} sessions opened, {expired} expired",
                scene.name(taskmanager)
            )
        });
    }
}

impl Checker for Membership {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            // A stretch of quiet ends.
            fact if is_disturbance(fact) => self.judge(header.into(), scene),
            Fact::LeadershipLost { .. } => self.unnoticed.clear(),
            Fact::SessionOpened { session, owner, .. } => {
                self.opened[owner.0 as usize] += 1;
                self.owners.insert(*session, *owner);
            }
            Fact::ZnodeCreated {
                owner: Some(session),
                ..
            } => {
                if let Some(process) = self.owners.get(session) {
                    self.latest.insert(*process, *session);
                }
            }
            Fact::SessionExpired { session, owner, .. }
            | Fact::SessionClosed { session, owner } => {
                self.expired[owner.0 as usize] += 1;
                self.ended.insert(*session);
            }
            // What a leader of ZooKeeper decides alone, a quorum need not follow. Whoever is back under another session is
            // noticed by that.
            Fact::SessionEnded { session, owner, .. }
                if self.latest.get(owner) == Some(session) =>
            {
                self.ended(header, *owner, scene);
            }
            Fact::LeaderPublished { .. } => {
                if let Some(leader) = scene.jobmanager_index(header.actor) {
                    self.lost[leader].fill(0);
                }
            }
            Fact::TaskManagerLost {
                taskmanager,
                detector,
            } => {
                self.unnoticed.remove(taskmanager);
                self.lost(header, *taskmanager, *detector, scene);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        last.judge(now, scene);
        [&last.once, &last.justified, &last.noticed]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, TM, ZK};
    use crate::kernel::Span;

    const TIMEOUT: Span = Span::from_secs(10);

    fn lost(detector: Detector) -> Fact {
        Fact::TaskManagerLost {
            taskmanager: TM(0),
            detector,
        }
    }

    fn open(session: u64) -> Fact {
        Fact::SessionOpened {
            zxid: 0,
            session,
            owner: TM(0),
            timeout: TIMEOUT,
        }
    }

    #[test]
    fn a_loss_follows_an_expiry_or_a_new_session() {
        let mut stage = Stage::running();
        stage.says(ZK, open(1)).at(12);
        let last_heard = Time(Span::from_secs(1).0);
        stage.says(
            ZK,
            Fact::SessionExpired {
                session: 1,
                owner: TM(0),
                last_heard,
                timeout: TIMEOUT,
            },
        );
        stage
            .says(JM(0), lost(Detector::ZookeeperSession))
            .register(0, 0)
            .says(ZK, open(2));
        stage
            .says(JM(0), lost(Detector::Reregistration))
            .broken("H1", 0)
            .broken("H2", 0)
            .clean();
    }

    #[test]
    fn a_loss_that_nobody_notices_is_noticed() {
        let mut stage = Stage::running();
        stage.says(ZK, open(1)).says(
            ZK,
            Fact::ZnodeCreated {
                zxid: 1,
                path: "/taskmanagers/tm".to_owned(),
                owner: Some(1),
            },
        );
        stage.at(12).says(
            ZK,
            Fact::SessionClosed {
                session: 1,
                owner: TM(0),
            },
        );
        stage.at(60).holds("H7");
        let ended = |session| Fact::SessionEnded {
            zxid: 9,
            session,
            owner: TM(0),
        };
        // Opened over a connection that was given up: nothing stands under it.
        stage.at(12).says(ZK, open(2)).says(ZK, ended(2));
        stage.at(60).holds("H7");
        stage.at(12).says(ZK, ended(1));
        stage.at(20).holds("H7");
        stage.at(60).broken("H7", 1);
        stage
            .at(13)
            .says(JM(0), lost(Detector::ZookeeperSession))
            .at(60)
            .holds("H7");
    }

    #[test]
    fn who_registers_once_more_under_a_session_that_has_ended_is_lost_once_more() {
        let stands_under = |stage: &mut Stage, session| {
            let (zxid, path) = (session, "/taskmanagers/tm".to_owned());
            let owner = Some(session);
            stage
                .says(ZK, open(session))
                .says(ZK, Fact::ZnodeCreated { zxid, path, owner });
        };
        let (session, owner) = (1, TM(0));
        let loss = || lost(Detector::ZookeeperSession);
        let mut stage = Stage::running();
        stands_under(&mut stage, 1);
        stage.says(ZK, Fact::SessionClosed { session, owner });
        stage.says(JM(0), loss()).register(0, 0).says(JM(0), loss());
        stage.broken("H2", 0);
        stands_under(stage.register(0, 0), 2);
        stage.says(JM(0), loss()).broken("H2", 1);
    }

    #[test]
    fn a_loss_out_of_the_blue_is_noticed() {
        let mut stage = Stage::running();
        stage
            .says(ZK, open(1))
            .says(JM(0), lost(Detector::ZookeeperSession))
            .broken("H2", 1)
            .broken("H1", 0);
        stage
            .says(JM(0), lost(Detector::Reregistration))
            .broken("H2", 2)
            .broken("H1", 1);
    }
}
