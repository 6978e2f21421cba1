//! Verdicts of heartbeat monitors: one each at the most, and by timeout only after silence.

use crate::actor::fact::Fact;
use crate::actor::flink::rpc::heartbeat::Verdict as Reason;
use crate::invariant::checks::Checker;
use crate::invariant::scene::Scene;
use crate::invariant::tally::{Promise, Tally, Verdict, safety};
use crate::kernel::{Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 2] = [
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
];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Heartbeats {
    once: Tally,
    silent: Tally,
}

impl Heartbeats {
    pub fn new() -> Heartbeats {
        let [once, silent] = PROMISES.map(Tally::new);
        Heartbeats { once, silent }
    }
}

impl Checker for Heartbeats {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
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

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.once.verdict(), self.silent.verdict()]
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
