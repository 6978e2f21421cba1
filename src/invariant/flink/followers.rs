//! TaskManagers follow whoever leads a job.

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::rpc::Endpoint;
use crate::actor::message::FencingToken;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::flink::endpoints::margin;
use crate::invariant::quiet::{leader_bound, zookeeper_is_whole};
use crate::invariant::scene::Scene;
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, liveness};
use crate::kernel::{ActorId, Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 1] = [liveness(
    "H10",
    "A TaskManager that nothing keeps from ZooKeeper leaves a JobMaster in bounded time when another one leads the job.",
)
.of_flink()];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Followers {
    leave: Tally,
    /// By job: who has published last, and when.
    led: BTreeMap<JobId, (FencingToken, Time)>,
}

impl Followers {
    pub fn new() -> Followers {
        let [leave] = PROMISES.map(Tally::new);
        Followers {
            leave,
            led: BTreeMap::new(),
        }
    }

    /// A TaskManager has followed the JobMaster with this token until now.
    fn judge(
        &mut self,
        now: Moment,
        (taskmanager, job): (ActorId, JobId),
        token: FencingToken,
        scene: &Scene,
    ) {
        let Some((newest, at)) = self.led.get(&job).copied() else {
            return;
        };
        let hears = scene.processes.is_well(taskmanager) && zookeeper_is_whole(scene);
        let monitors = scene.endpoints.monitors.keys().any(|(owner, _, peer)| {
            *owner == taskmanager && peer.endpoint == Endpoint::JobMaster(job)
        });
        if token == newest || !hears || !monitors || scene.processes.is_slow(taskmanager) {
            return;
        }
        let waited = now.at.since(at.max(scene.processes.disturbed_at()));
        let bound = leader_bound(scene) + margin(scene);
        self.leave.expect(waited <= bound, now, || {
            let name = scene.name(taskmanager);
            format!("{name} follows a JobMaster of job {job} that has had a successor for {waited}, bound {bound}")
        });
    }

    fn judge_all(&mut self, now: Moment, scene: &Scene) {
        for (taskmanager, executor) in &scene.endpoints.executors {
            for (job, token) in &executor.job_masters {
                self.judge(now, (*taskmanager, *job), *token, scene);
            }
        }
    }
}

impl Checker for Followers {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::LeaderInformationWritten {
                component: Component::JobMaster(job),
                token,
            } => {
                self.led.insert(*job, (*token, header.time));
            }
            Fact::JobMasterLost { job, token } => {
                self.judge(header.into(), (header.actor, *job), *token, scene);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = Moment {
            at: end,
            ..scene.last
        };
        last.judge_all(now, scene);
        vec![last.leave.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, TM};

    #[test]
    fn a_taskmanager_that_stays_with_its_old_jobmaster_is_noticed() {
        let component = Component::JobMaster(0);
        let led = || {
            let mut stage = Stage::flink();
            let token = 200;
            let fact = Fact::LeaderInformationWritten { component, token };
            stage.at(20).says(JM(1), fact);
            stage
        };
        let leaves = |stage: &mut Stage, tm: usize| {
            stage.says(TM(tm), Fact::JobMasterLost { job: 0, token: 100 });
        };
        let mut stage = led();
        leaves(stage.at(21), 0);
        leaves(&mut stage, 1);
        stage.at(300).broken("H10", 0);
        let mut stage = led();
        leaves(stage.at(200), 0);
        stage.broken("H10", 2);
        // Who is cut off cannot know.
        let mut stage = led();
        stage.at(21);
        for tm in 0..2 {
            stage.says(TM(tm), Fact::FaultInjected { what: "cut-off" });
        }
        stage.at(300).holds("H10");
    }
}
