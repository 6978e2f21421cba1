//! Whoever has to be told is told at last.

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::kernel::{ActorId, Header, Span, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, liveness};

pub(super) const PROMISES: [Promise; 1] = [liveness(
    "N1",
    "Every notification is delivered at last, by the leader that has it to tell or, once it is stored, by whoever leads after.",
)];

/// A notification counts as overdue after this much quiet at least.
const PATIENCE_MIN: Span = Span::from_secs(30);
/// Between two attempts, with room for the way.
const ATTEMPT: Span = Span::from_secs(3);

#[derive(Clone, Debug)]
pub(super) struct Notifications {
    delivered: Tally,
    open: BTreeMap<u64, Open>,
    /// When somebody last came to lead.
    led_since: Time,
}

#[derive(Clone, Debug)]
struct Open {
    sender: ActorId,
    since: Time,
    text: String,
    /// It stands in ZooKeeper.
    stored: bool,
}

impl Notifications {
    pub fn new() -> Notifications {
        let [delivered] = PROMISES.map(Tally::new);
        Notifications {
            delivered,
            open: BTreeMap::new(),
            led_since: Time::ZERO,
        }
    }
}

/// How long attempts may all get lost without that being strange: less than once in a thousand million.
fn patience(loss_per_mille: u32) -> Option<Span> {
    if loss_per_mille >= 1_000 {
        return None;
    }
    let (mut all_lost, mut attempts) = (1.0, 0);
    while all_lost > 1e-9 {
        all_lost *= f64::from(loss_per_mille) / 1_000.0;
        attempts += 1;
    }
    Some(PATIENCE_MIN.max(ATTEMPT * attempts))
}

impl Checker for Notifications {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::NotificationSent {
                id,
                attempt: 1,
                text,
            } => {
                let open = Open {
                    sender: header.actor,
                    since: header.time,
                    text: text.clone(),
                    stored: false,
                };
                self.open.insert(*id, open);
            }
            Fact::NotificationDelivered { id } if self.open.remove(id).is_some() => {
                self.delivered.expect(true, header, String::new);
            }
            Fact::LeaderPublished { .. } => self.led_since = header.time,
            Fact::NotificationStored { id } => {
                if let Some(open) = self.open.get_mut(id) {
                    open.stored = true;
                }
            }
            // What it had to say it has forgotten, unless it is stored.
            Fact::LeadershipLost { .. } | Fact::FaultInjected { what: "kill" }
                if scene.jobmanager_index(header.actor).is_some() =>
            {
                self.open
                    .retain(|_, open| open.stored || open.sender != header.actor);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut delivered = self.delivered.clone();
        let quiet_from = scene.processes.disturbed_at().max(self.led_since);
        let leader = scene
            .current_leader()
            .map(|(actor, _)| actor)
            .filter(|actor| scene.processes.is_well(*actor));
        if let Some(patience) = patience(scene.blueprint.cluster.receiver.loss_per_mille) {
            for (id, open) in self.open.iter().filter(|(_, open)| match open.stored {
                true => leader.is_some(),
                false => Some(open.sender) == leader,
            }) {
                if open.since.max(quiet_from) + patience < end {
                    delivered.expect(false, scene.at_end(end), || {
                        format!(
                            "notification {id:x} of {}, `{}`, was not delivered",
                            open.since, open.text
                        )
                    });
                }
            }
        }
        vec![delivered.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{HEARER, JM, Stage};

    fn sent() -> Stage {
        let mut stage = Stage::running();
        stage.at(10).says(
            JM(0),
            Fact::NotificationSent {
                id: 5,
                attempt: 1,
                text: "tm-1 is lost".into(),
            },
        );
        stage
    }

    #[test]
    fn what_is_delivered_is_well() {
        sent()
            .says(HEARER, Fact::NotificationDelivered { id: 5 })
            .at(100)
            .broken("N1", 0);
    }

    #[test]
    fn what_is_never_delivered_is_noticed() {
        sent().at(100).broken("N1", 1);
        assert_eq!(sent().at(39).verdict("N1").violations_total, 0);
    }

    #[test]
    fn a_leader_that_ends_takes_its_messages_along() {
        let mut stage = sent();
        stage
            .says(JM(0), Fact::FaultInjected { what: "kill" })
            .at(100);
        assert_eq!(stage.verdict("N1").violations_total, 0);
    }

    #[test]
    fn what_a_leader_has_stored_its_successor_has_to_tell() {
        for stored in [false, true] {
            let mut stage = sent();
            if stored {
                stage.says(JM(0), Fact::NotificationStored { id: 5 });
            }
            stage
                .says(JM(0), Fact::FaultInjected { what: "kill" })
                .says(JM(1), Fact::LeadershipGranted)
                .says(JM(1), Fact::LeaderPublished { token: 1_000 })
                .at(39);
            assert_eq!(stage.verdict("N1").violations_total, 0);
            stage.at(200);
            let broken = stage.verdict("N1").violations_total;
            assert_eq!(broken, u64::from(stored));
        }
    }

    #[test]
    fn bad_lines_take_patience() {
        assert_eq!(patience(0), Some(PATIENCE_MIN));
        assert_eq!(patience(500), Some(Span::from_secs(90)));
        assert_eq!(patience(1_000), None);
    }
}
