//! TaskManagers are declared lost once per registration, and for a reason.

use crate::actor::fact::{Detector, Fact};
use crate::kernel::{ActorId, Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 2] = [
    safety(
        "H1",
        "A leader declares a TaskManager lost only while it is registered, so once per registration.",
    ).of_story(),
    safety(
        "H2",
        "A TaskManager is declared lost only after its session has expired, or when a new one has been opened.",
    ).of_story(),
];

#[derive(Clone, Debug)]
pub(super) struct Membership {
    once: Tally,
    justified: Tally,
    /// By actor: sessions opened and expired so far.
    opened: Vec<u32>,
    expired: Vec<u32>,
    /// By JobManager's and TaskManager's place: losses by expiry under the current leadership.
    lost: Vec<Vec<u32>>,
}

impl Membership {
    pub fn new(scene: &Scene) -> Membership {
        let [once, justified] = PROMISES.map(Tally::new);
        let directory = &scene.blueprint.directory;
        Membership {
            once,
            justified,
            opened: vec![0; directory.len()],
            expired: vec![0; directory.len()],
            lost: vec![vec![0; directory.taskmanagers.len()]; directory.jobmanagers.len()],
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
                self.lost[leader][place] <= expired
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
            Fact::SessionOpened { owner, .. } => self.opened[owner.0 as usize] += 1,
            Fact::SessionExpired { owner, .. } | Fact::SessionClosed { owner, .. } => {
                self.expired[owner.0 as usize] += 1
            }
            Fact::LeaderPublished { .. } => {
                if let Some(leader) = scene.jobmanager_index(header.actor) {
                    self.lost[leader].fill(0);
                }
            }
            Fact::TaskManagerLost {
                taskmanager,
                detector,
            } => self.lost(header, *taskmanager, *detector, scene),
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.once.verdict(), self.justified.verdict()]
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
