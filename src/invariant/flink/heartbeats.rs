//! Verdicts of heartbeat monitors: one each at the most, and by timeout only after silence.

use crate::actor::fact::Fact;
use crate::actor::flink::rpc::heartbeat::{Peer, Verdict as Reason};
use crate::invariant::checks::Checker;
use crate::invariant::flink::endpoints::{awake_since, margin};
use crate::invariant::scene::{LeaderView, Scene};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 3] = [
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
];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Heartbeats {
    once: Tally,
    silent: Tally,
    missed: Tally,
}

impl Heartbeats {
    pub fn new() -> Heartbeats {
        let [once, silent, missed] = PROMISES.map(Tally::new);
        Heartbeats {
            once,
            silent,
            missed,
        }
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
        let now = Moment {
            at: end,
            ..scene.last
        };
        for ((owner, _, peer), heard) in &scene.endpoints.monitors {
            last.judge(now, *owner, *peer, *heard, scene);
        }
        [&last.once, &last.silent, &last.missed]
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
