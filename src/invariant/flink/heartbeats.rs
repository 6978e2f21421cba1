//! Verdicts of heartbeat monitors: one each at the most, and by timeout only after silence.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::Fact;
use crate::actor::flink::rpc::heartbeat::{Peer, Verdict as Reason};
use crate::actor::flink::rpc::{Address, Endpoint};
use crate::invariant::checks::Checker;
use crate::invariant::flink::endpoints::{awake_since, margin};
use crate::invariant::scene::{LeaderView, Scene, is_end};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 5] = [
    safety(
        "H1",
        "A heartbeat monitor reports its peer at most once: by timeout, or as unreachable, or not at all once it is cancelled.",
    )
    .of_flink(),
    safety(
        "H2",
        "No peer is declared dead by timeout within heartbeat.timeout of a heartbeat of it that was processed.",
    )
    .of_flink(),
    safety(
        "H8",
        "A peer of which nothing has been heard for heartbeat.timeout is given up then, where whoever watches it is awake.",
    )
    .of_flink(),
    safety(
        "H11",
        "A TaskManager whose process has ended, and whose machine says so, is given up after heartbeat.rpc-failure-threshold rounds that fail.",
    )
    .of_flink(),
    safety(
        "H13",
        "A TaskManager is given up as unreachable only where its process has ended, or is about to; one that merely does not answer has heartbeat.timeout.",
    )
    .of_flink(),
];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Heartbeats {
    once: Tally,
    silent: Tally,
    missed: Tally,
    refused: Tally,
    unreachable: Tally,
    /// TaskManagers that were told to stop, or end themselves.
    leaving: BTreeSet<ActorId>,
    /// Monitors of TaskManagers that have ended since they were set up, and when.
    ended: BTreeMap<(ActorId, Endpoint, Peer), Time>,
}

impl Heartbeats {
    pub fn new() -> Heartbeats {
        let [once, silent, missed, refused, unreachable] = PROMISES.map(Tally::new);
        Heartbeats {
            once,
            silent,
            missed,
            refused,
            unreachable,
            leaving: BTreeSet::new(),
            ended: BTreeMap::new(),
        }
    }

    /// A process has ended, and what comes for it is refused from now on.
    fn end(&mut self, header: &Header, scene: &Scene) {
        self.ended.retain(|(owner, ..), _| *owner != header.actor);
        if !scene.is_taskmanager(header.actor) {
            return;
        }
        for (owner, endpoint, peer) in scene.endpoints.monitors.keys() {
            let rests = scene.processes.is_well(*owner) && !scene.processes.is_slow(*owner);
            if peer.address.actor == header.actor && *owner != header.actor && rests {
                self.ended
                    .entry((*owner, *endpoint, *peer))
                    .or_insert(header.time);
            }
        }
    }

    /// Until now somebody has watched a process that ended at `since`.
    fn judge_refusals(
        &mut self,
        now: Moment,
        owner: ActorId,
        peer: Peer,
        since: Time,
        scene: &Scene,
    ) {
        let heartbeat = &scene.blueprint.config.heartbeat;
        // A machine that is cut off refuses nothing.
        let undisturbed =
            scene.processes.disturbed_at() <= since && !scene.processes.is_cut(peer.address.actor);
        let Some(rounds) = heartbeat.rpc_failure_threshold.filter(|_| undisturbed) else {
            return;
        };
        let waited = now.at.since(since);
        let bound = heartbeat.interval * u64::from(rounds) + margin(scene);
        self.refused.expect(waited <= bound, now, || {
            let (owner, peer) = (scene.name(owner), scene.name(peer.address.actor));
            format!("{owner} has not given {peer} up for {waited} since it ended, bound {bound}")
        });
    }

    /// `heard`: when a monitor was set up, or heard of its peer last.
    fn judge(&mut self, now: Moment, owner: ActorId, peer: Peer, heard: Time, scene: &Scene) {
        // Endpoints of a JobManager that leads no more watch nobody.
        let leads = |leader: &LeaderView| leader.granted && leader.granted_at <= heard;
        if scene.leader(owner).is_some_and(|leader| !leads(leader)) {
            return;
        }
        let timeout = scene.blueprint.config.heartbeat.timeout;
        let due = awake_since(heard + timeout, owner, scene);
        self.missed.expect(now.at <= due + margin(scene), now, || {
            let silence = now.at.since(heard);
            let (owner, peer) = (scene.name(owner), scene.name(peer.address.actor));
            format!("{owner} has not heard of {peer} for {silence}, timeout {timeout}")
        });
    }
}

impl Checker for Heartbeats {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if let Fact::PeerHeard { owner, peer } = fact
            && let Some(heard) = scene.endpoints.monitors.get(&(header.actor, *owner, *peer))
        {
            self.judge(header.into(), header.actor, *peer, *heard, scene);
        }
        match fact {
            Fact::FaultInjected { what: "power-off" } => {}
            Fact::FaultInjected { what: "stop" } | Fact::FatalError { .. } => {
                self.leaving.insert(header.actor);
            }
            Fact::ProcessStarted { .. } => {
                self.leaving.remove(&header.actor);
            }
            fact if is_end(fact) => self.end(header, scene),
            Fact::LeadershipLost { .. } => {
                self.ended.retain(|(owner, ..), _| *owner != header.actor);
            }
            Fact::PeerLost { owner, peer, .. } | Fact::PeerUnmonitored { owner, peer } => {
                let ended = self.ended.remove(&(header.actor, *owner, *peer));
                if let Some(since) = ended {
                    self.judge_refusals(header.into(), header.actor, *peer, since, scene);
                }
            }
            _ => {}
        }
        let Fact::PeerLost {
            owner,
            peer,
            verdict,
        } = fact
        else {
            return;
        };
        let name = || {
            let (actor, peer) = (scene.name(header.actor), scene.name(peer.address.actor));
            format!("{owner:?} of {actor} gives {peer} up")
        };
        let monitor = scene.endpoints.monitors.get(&(header.actor, *owner, *peer));
        self.once.expect(monitor.is_some(), header, || {
            format!("{}, which it does not monitor", name())
        });
        if let (Reason::Unreachable, Endpoint::TaskExecutor) = (verdict, peer.endpoint) {
            let Address { actor, incarnation } = peer.address;
            let works = scene.processes.is_up(actor)
                && scene.processes.is_same(actor, incarnation)
                && !self.leaving.contains(&actor);
            self.unreachable.expect(!works, header, || {
                format!("{} as unreachable, and its process is there", name())
            });
        }
        if let (Some(heard), Reason::Timeout) = (monitor, verdict) {
            let silence = header.time.since(*heard);
            let timeout = scene.blueprint.config.heartbeat.timeout;
            self.silent.expect(silence >= timeout, header, || {
                format!("{} after {silence} of silence, timeout {timeout}", name())
            });
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        for ((owner, _, peer), heard) in &scene.endpoints.monitors {
            last.judge(now, *owner, *peer, *heard, scene);
        }
        for ((owner, _, peer), since) in &self.ended {
            last.judge_refusals(now, *owner, *peer, *since, scene);
        }
        [
            &last.once,
            &last.silent,
            &last.missed,
            &last.refused,
            &last.unreachable,
        ]
        .map(Tally::verdict)
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, TM, executor, job_master};

    fn lost(verdict: Reason) -> Fact {
        Fact::PeerLost {
            owner: job_master().endpoint,
            peer: executor(0),
            verdict,
        }
    }

    #[test]
    fn silence_of_a_whole_timeout_is_needed() {
        let mut stage = Stage::flink();
        stage.at(40).hears(JM(0), job_master(), executor(0)).at(90);
        stage.says(JM(0), lost(Reason::Timeout));
        stage.broken("H1", 0).broken("H2", 0);
        let mut stage = Stage::flink();
        stage.at(60).hears(JM(0), job_master(), executor(0)).at(90);
        stage.says(JM(0), lost(Reason::Timeout)).broken("H2", 1);
        let mut stage = Stage::flink();
        stage.says(JM(0), lost(Reason::Unreachable)).broken("H1", 0);
    }

    #[test]
    fn a_process_that_has_ended_is_missed_after_so_many_rounds() {
        let kill = Fact::FaultInjected { what: "kill" };
        let mut stage = Stage::flink();
        stage.at(10).says(TM(0), kill.clone());
        stage.at(30).says(JM(0), lost(Reason::Unreachable));
        stage.broken("H11", 0);
        let mut stage = Stage::flink();
        stage.at(10).says(TM(0), kill.clone());
        stage.at(33).says(JM(0), lost(Reason::Unreachable));
        stage.broken("H11", 1);
        // A machine that is cut off or without power refuses nothing.
        let mut stage = Stage::flink();
        let cut = Fact::FaultInjected { what: "cut-off" };
        stage.at(10).says(TM(0), kill.clone()).says(TM(0), cut);
        stage.at(33).holds("H11");
        let mut stage = Stage::flink();
        let dark = Fact::FaultInjected { what: "power-off" };
        stage.at(10).says(TM(0), dark).at(33).holds("H11");
    }

    #[test]
    fn a_verdict_on_a_process_that_is_only_silent_is_noticed() {
        for (what, times) in [("hang", 1), ("cut-off", 1), ("kill", 0), ("stop", 0)] {
            let mut stage = Stage::flink();
            stage.at(20).says(TM(0), Fact::FaultInjected { what });
            stage.at(21).says(JM(0), lost(Reason::Unreachable));
            stage.broken("H13", times);
        }
    }

    #[test]
    fn a_second_verdict_is_noticed() {
        let mut stage = Stage::flink();
        stage.at(90).says(JM(0), lost(Reason::Timeout));
        stage.says(JM(0), lost(Reason::Unreachable)).broken("H1", 1);
        let mut stage = Stage::flink();
        let owner = job_master().endpoint;
        let peer = executor(0);
        stage.says(JM(0), Fact::PeerUnmonitored { owner, peer });
        stage
            .at(90)
            .says(JM(0), lost(Reason::Timeout))
            .broken("H1", 1);
        let mut stage = Stage::flink();
        stage.says(TM(0), lost(Reason::Timeout)).broken("H1", 1);
    }
}
