//! Who leads: the lowest latch, one at a time, with ever larger tokens.

use std::collections::BTreeMap;

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::message::FencingToken;
use crate::actor::task_manager::LEADER_PATH;
use crate::kernel::{ActorId, Header, Span, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 4] = [
    safety(
        "L1",
        "Leadership is granted only to the owner of the lowest latch.",
    ),
    safety(
        "L2",
        "At most one process holds the leader session id that is published; at most one leads, unless one was stopped while it led, or a suspended connection to ZooKeeper is tolerated.",
    ),
    safety(
        "L9",
        "A published fencing token is that of the leader's own znode, and larger than all before.",
    )
    .of_story(),
    safety(
        "L3",
        "Only a leader changes executions, under its own token; one that was stopped may not know that it has a successor.",
    ),
];

/// From the end of a session at the server until its owner has heard of it, where both can be reached.
const NEWS_TAKES: Span = Span::from_secs(1);

const LATCH: &str = "/leader/latch/";

#[derive(Clone, Debug)]
pub(super) struct Leadership {
    lowest: Tally,
    alone: Tally,
    tokens: Tally,
    fenced: Tally,
    owners: BTreeMap<u64, ActorId>,
    /// Whose session was ended at the server, when: nothing warns its owner before, as silence does.
    ended: BTreeMap<ActorId, Time>,
    /// Latches in their order, with their sessions.
    latches: BTreeMap<String, u64>,
    /// Who published with which transaction.
    published: BTreeMap<FencingToken, ActorId>,
    /// The transactions that a JobManager announced.
    announced: BTreeMap<FencingToken, ActorId>,
    /// Under Flink: whose a leader session id is, and since when that process leads.
    holders: BTreeMap<FencingToken, (ActorId, Time)>,
}

impl Leadership {
    pub fn new() -> Leadership {
        let [lowest, alone, tokens, fenced] = PROMISES.map(Tally::new);
        Leadership {
            lowest,
            alone,
            tokens,
            fenced,
            owners: BTreeMap::new(),
            ended: BTreeMap::new(),
            latches: BTreeMap::new(),
            published: BTreeMap::new(),
            announced: BTreeMap::new(),
            holders: BTreeMap::new(),
        }
    }

    fn granted(&mut self, header: &Header, scene: &Scene) {
        let actor = header.actor;
        let owner = |session: &u64| self.owners.get(session).copied();
        // Without a latch of its own it has lost its session without knowing.
        let ours = self
            .latches
            .iter()
            .find(|(_, session)| owner(session) == Some(actor))
            .map(|(path, _)| path.clone());
        let before = ours
            .as_ref()
            .and_then(|ours| self.latches.iter().find(|(path, _)| *path < ours));
        self.lowest.expect(before.is_none(), header, || {
            format!(
                "{} is granted leadership, but {} is lower",
                scene.name(actor),
                before.map_or("", |(path, _)| path)
            )
        });
        for (index, leader) in scene.leaders.iter().enumerate() {
            let other = scene.blueprint.directory.jobmanagers[index];
            if other == actor {
                continue;
            }
            let excused = scene.has_slept(other)
                || self.has_no_news(other, header.time, scene)
                || scene.processes.woke_at(actor) == Some(header.time)
                || scene.blueprint.config.ha.tolerate_suspended;
            let leads = if scene.is_flink() {
                leader.granted
            } else {
                leader.token.is_some()
            };
            self.alone.expect(!leads || excused, header, || {
                format!(
                    "{} is granted leadership while {} leads",
                    scene.name(actor),
                    scene.name(other)
                )
            });
        }
    }

    /// Its session was ended at the server just now, though it was heard; or a while ago, and it may be talking to a server that is silent: its client
    /// misses that after two thirds of the timeout (`ClientCnxn.readTimeout`).
    fn has_no_news(&self, actor: ActorId, now: Time, scene: &Scene) -> bool {
        let Some(ended) = self.ended.get(&actor) else {
            return false;
        };
        let servers = &scene.blueprint.directory.zookeeper;
        let is_well = |actor: &ActorId| scene.processes.is_well(*actor);
        let are_well = servers.iter().chain([&actor]).all(is_well);
        // Who was cut off a moment ago has not pinged since.
        let quiet = are_well && scene.processes.disturbed_at() <= *ended;
        let silence = match quiet {
            true => Span::ZERO,
            false => scene.session_timeout() * 2 / 3,
        };
        now.since(*ended) < NEWS_TAKES + silence
    }

    fn announced(&mut self, header: &Header, token: FencingToken, scene: &Scene) {
        let actor = header.actor;
        let is_own = self.published.get(&token) == Some(&actor);
        let is_new = self.announced.insert(token, actor).is_none();
        let grows = token > scene.token_max || scene.has_slept(actor);
        self.tokens.expect(is_own && is_new && grows, header, || {
            format!(
                "{} publishes token {token:x} after {:x}",
                scene.name(actor),
                scene.token_max
            )
        });
    }

    /// Under Flink a leader session id belongs to one leadership of one process. False: it is another's.
    fn holds(&mut self, header: &Header, token: FencingToken, scene: &Scene) -> bool {
        let leader = scene.leader(header.actor).filter(|leader| leader.granted);
        leader.is_some_and(|leader| {
            let ours = (header.actor, leader.granted_at);
            *self.holders.entry(token).or_insert(ours) == ours
        })
    }

    fn changes(&mut self, header: &Header, attempt: Attempt, state: ExecutionState, scene: &Scene) {
        if scene.is_flink() {
            let ours = self.holds(header, attempt.token(), scene);
            return self.fenced.expect(ours, header, || {
                let (state, by) = (state.name(), scene.name(header.actor));
                format!("an execution becomes {state} by {by}, which does not lead under its token")
            });
        }
        let token = scene.leader(header.actor).and_then(|leader| leader.token);
        let latest = scene.is_latest_leader(header.actor)
            || scene.has_slept(header.actor)
            || self.has_no_news(header.actor, header.time, scene);
        let numbered =
            |token| attempt >= Attempt::new(token, 0) && attempt < Attempt::new(token + 1, 0);
        let own = state != ExecutionState::Scheduled || token.is_some_and(numbered);
        self.fenced
            .expect(token.is_some() && latest && own, header, || {
                let by = if own {
                    "which does not lead"
                } else {
                    "under a foreign token"
                };
                format!(
                    "an execution becomes {} by {}, {by}",
                    state.name(),
                    scene.name(header.actor)
                )
            });
    }
}

impl Checker for Leadership {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::SessionOpened { session, owner, .. } => {
                self.owners.insert(*session, *owner);
            }
            Fact::ZnodeCreated {
                zxid,
                path,
                owner: Some(session),
            } => {
                if path == LEADER_PATH {
                    self.published
                        .extend(self.owners.get(session).map(|owner| (*zxid, *owner)));
                } else if path.starts_with(LATCH) {
                    self.latches.insert(path.clone(), *session);
                }
            }
            Fact::ZnodeDeleted { path, .. } => {
                self.latches.remove(path);
            }
            Fact::FaultInjected {
                what: "expire-session",
            } => {
                self.ended.insert(header.actor, header.time);
            }
            // Pings that others took while ZooKeeper's leader was stopped wait behind the expiry when it goes on.
            Fact::SessionExpired {
                owner, last_heard, ..
            } if scene.processes.woke_at(header.actor) > Some(*last_heard) => {
                self.ended.insert(*owner, header.time);
            }
            Fact::LeadershipGranted => self.granted(header, scene),
            Fact::LeaderInformationWritten { token, .. } => {
                let ours = self.holds(header, *token, scene);
                self.alone.expect(ours, header, || {
                    format!(
                        "{} publishes a leader session id that is not its own",
                        scene.name(header.actor)
                    )
                });
            }
            Fact::LeaderPublished { .. } if scene.is_flink() => {}
            Fact::LeaderPublished { token } => self.announced(header, *token, scene),
            Fact::ExecutionChanged { attempt, state, .. } => {
                self.changes(header, *attempt, *state, scene)
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.lowest, &self.alone, &self.tokens, &self.fenced]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, ZK};

    #[test]
    fn one_leader_after_the_other() {
        let mut stage = Stage::running();
        stage
            .at(60)
            .says(JM(0), Fact::LeadershipLost { token: 100 })
            .at(70)
            .depose(100, 150)
            .elect(1, 200);
        stage.sees(1, 0, Attempt::new(200, 1), ExecutionState::Scheduled, 0);
        for id in ["L1", "L2", "L9", "L3"] {
            stage.broken(id, 0);
        }
    }

    #[test]
    fn a_second_leader_is_noticed_unless_the_first_was_stopped() {
        Stage::running()
            .at(70)
            .elect(1, 200)
            .broken("L2", 1)
            .broken("L1", 1);
        let mut stage = Stage::running();
        stage
            .at(20)
            .says(JM(0), Fact::FaultInjected { what: "hang" })
            .at(70)
            .depose(100, 150)
            .elect(1, 200);
        stage.at(80).says(JM(0), Fact::FaultHealed { what: "hang" });
        stage.sees(0, 0, Attempt::new(100, 1), ExecutionState::Canceling, 0);
        stage.broken("L2", 0).broken("L3", 0).broken("L1", 0);
    }

    #[test]
    fn whose_session_was_ended_leads_on_while_it_talks_to_a_silent_server() {
        let after = |seconds: u64, is_dark: bool, is_back: bool| {
            let mut stage = Stage::running();
            stage.at(60);
            let what = "power-off";
            if is_dark {
                stage.says(ZK, Fact::FaultInjected { what });
            }
            let ends = "expire-session";
            stage.says(JM(0), Fact::FaultInjected { what: ends });
            if is_back {
                stage.at(61).says(ZK, Fact::FaultHealed { what });
            }
            stage.depose(100, 150).at(60 + seconds).elect(1, 200);
            stage.verdict("L2").violations_total
        };
        assert_eq!(
            [
                after(2, false, false),
                after(2, true, false),
                after(40, true, false)
            ],
            [1, 0, 1]
        );
        // A moment ago it still was, and the client's word is on its way.
        assert_eq!([after(2, true, true), after(40, true, true)], [0, 1]);
    }

    #[test]
    fn whose_session_a_server_ends_that_was_stopped_may_not_know_either() {
        let after = |slept: bool, seconds: u64| {
            let mut stage = Stage::running();
            stage.at(52);
            if slept {
                stage.says(ZK, Fact::FaultInjected { what: "hang" });
                stage.at(60).says(ZK, Fact::FaultHealed { what: "hang" });
            }
            stage.at(60).says(
                ZK,
                Fact::SessionExpired {
                    session: 98,
                    owner: JM(0),
                    last_heard: Time(Span::from_secs(51).0),
                    timeout: Span::from_secs(10),
                },
            );
            stage.says(JM(0), Fact::FaultInjected { what: "cut-off" });
            stage.depose(100, 150).at(60 + seconds).elect(1, 200);
            stage.verdict("L2").violations_total
        };
        assert_eq!(
            [after(true, 2), after(true, 40), after(false, 2)],
            [0, 1, 1]
        );
    }

    #[test]
    fn a_leader_that_was_deposed_changes_nothing() {
        let mut stage = Stage::running();
        stage
            .at(60)
            .says(JM(0), Fact::LeadershipLost { token: 100 });
        stage
            .sees(0, 0, Attempt::new(100, 1), ExecutionState::Canceling, 0)
            .broken("L3", 1);
        let mut stage = Stage::running();
        stage
            .sees(0, 0, Attempt::new(99, 2), ExecutionState::Scheduled, 0)
            .broken("L3", 1);
    }

    #[test]
    fn tokens_grow_and_are_never_made_up() {
        let mut stage = Stage::running();
        stage
            .says(JM(0), Fact::LeaderPublished { token: 100 })
            .broken("L9", 1);
        stage
            .says(JM(0), Fact::LeaderPublished { token: 101 })
            .broken("L9", 2);
        let mut stage = Stage::new();
        stage
            .elect(0, 100)
            .at(70)
            .depose(100, 150)
            .says(JM(0), Fact::LeadershipLost { token: 100 });
        let owner = Some(98);
        stage.says(
            ZK,
            Fact::ZnodeCreated {
                zxid: 40,
                path: LEADER_PATH.into(),
                owner,
            },
        );
        stage
            .says(JM(0), Fact::LeaderPublished { token: 40 })
            .broken("L9", 1);
    }
}
