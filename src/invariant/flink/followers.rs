//! TaskManagers follow whoever leads.

use std::collections::BTreeMap;

use crate::actor::fact::{Fact, JobStatus};
use crate::actor::flink::leader_paths::Component;
use crate::actor::flink::rpc::Endpoint;
use crate::actor::message::FencingToken;
use crate::actor::task_manager::executor::SlotState;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::flink::endpoints::margin;
use crate::invariant::quiet::{leader_bound, zookeeper_is_whole};
use crate::invariant::scene::{Executor, Scene, is_disturbance};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, liveness};
use crate::kernel::{ActorId, Header, Span, Time};

pub(in crate::invariant) const PROMISES: [Promise; 2] = [
    liveness(
        "H10",
        "A TaskManager that nothing keeps from ZooKeeper leaves a JobMaster in bounded time when another one leads the job.",
    )
    .of_flink(),
    liveness(
        "H12",
        "A ResourceManager or JobMaster that says under which leader session id it leads is joined at once by every TaskManager that it concerns and that nothing has kept from ZooKeeper.",
    )
    .of_flink(),
];

/// Word of a leader, and registration with a few retries.
const JOINING_TAKES: Span = Span::from_secs(3);

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Followers {
    leave: Tally,
    join: Tally,
    /// By job: who has published last, and when.
    led: BTreeMap<JobId, (FencingToken, Time)>,
    /// By TaskManager and component: the JobManager that it has to join, and since when.
    awaited: BTreeMap<(ActorId, Component), (ActorId, Time)>,
    /// When something last befell each process.
    befallen: BTreeMap<ActorId, Time>,
}

impl Followers {
    pub fn new() -> Followers {
        let [leave, join] = PROMISES.map(Tally::new);
        Followers {
            leave,
            join,
            led: BTreeMap::new(),
            awaited: BTreeMap::new(),
            befallen: BTreeMap::new(),
        }
    }

    /// Nothing has befallen it for as long as its line to ZooKeeper may take to be mended.
    fn is_calm(&self, actor: ActorId, now: Time, scene: &Scene) -> bool {
        let well = scene.processes.is_well(actor) && !scene.processes.is_slow(actor);
        let befallen = self.befallen.get(&actor);
        well && befallen.is_none_or(|at| now.since(*at) > leader_bound(scene))
    }

    /// A leader says that it leads: who has to come.
    fn announced(&mut self, header: &Header, component: Component, scene: &Scene) {
        self.awaited.retain(|(_, of), _| *of != component);
        let mut servers = scene.blueprint.directory.zookeeper.iter();
        let calm = servers.all(|server| self.is_calm(*server, header.time, scene));
        let leader = header.actor;
        let works = scene.processes.is_well(leader) && !scene.processes.is_slow(leader);
        // Until everything that was held up has been sent again.
        if !calm || !works || scene.processes.disturbed_at() > header.time {
            return;
        }
        let endpoint = match component {
            Component::ResourceManager => Endpoint::ResourceManager,
            Component::JobMaster(job) => Endpoint::JobMaster(job),
            Component::Dispatcher | Component::RestServer => return,
        };
        for (taskmanager, executor) in &scene.endpoints.executors {
            let concerned = match component {
                Component::JobMaster(job) => follows(executor, job),
                _ => scene.is_taskmanager(*taskmanager),
            };
            // Whoever reads it sooner than its author hears that it is written has joined already.
            let mut joined = scene.endpoints.monitors.keys().filter(|(owner, of, peer)| {
                (*owner, *of) == (leader, endpoint)
                    && peer.endpoint == Endpoint::TaskExecutor
                    && peer.address.actor == *taskmanager
            });
            if concerned
                && joined.next().is_none()
                && self.is_calm(*taskmanager, header.time, scene)
            {
                let awaited = (leader, header.time);
                self.awaited.insert((*taskmanager, component), awaited);
            }
        }
    }

    /// A TaskManager has joined a leader, or is awaited no longer: until now it was.
    fn joined(&mut self, now: Moment, taskmanager: ActorId, component: Component, scene: &Scene) {
        let Some((leader, since)) = self.awaited.remove(&(taskmanager, component)) else {
            return;
        };
        let (waited, bound) = (now.at.since(since), JOINING_TAKES + margin(scene));
        self.join.expect(waited <= bound, now, || {
            let (name, leader) = (scene.name(taskmanager), scene.name(leader));
            format!("{name} has not joined {leader} for {waited}, which leads as {component:?}; bound {bound}")
        });
    }

    /// Something befalls a process: of whoever depends on it nothing is asked.
    fn disturbed(&mut self, header: &Header, scene: &Scene) {
        let actor = header.actor;
        self.befallen.insert(actor, header.time);
        let everybody = scene.blueprint.directory.zookeeper.contains(&actor);
        self.awaited
            .retain(|(of, _), (leader, _)| !everybody && *of != actor && *leader != actor);
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
            // Who was stopped hears late that it had written what its successor has written since.
            Fact::LeaderInformationWritten { component, token }
                if !scene.has_successor(header.actor) =>
            {
                self.announced(header, *component, scene);
                if let Component::JobMaster(job) = component {
                    self.led.insert(*job, (*token, header.time));
                }
            }
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Failed | JobStatus::Finished | JobStatus::Suspended,
                ..
            } => {
                let component = Component::JobMaster(*job);
                self.awaited
                    .retain(|(_, of), (leader, _)| (*of, *leader) != (component, header.actor));
            }
            Fact::LeadershipLost { .. } => {
                self.awaited
                    .retain(|_, (leader, _)| *leader != header.actor);
            }
            fact if is_disturbance(fact) => self.disturbed(header, scene),
            Fact::PeerMonitored { owner, peer } if peer.endpoint == Endpoint::TaskExecutor => {
                let component = match owner {
                    Endpoint::JobMaster(job) => Component::JobMaster(*job),
                    _ => Component::ResourceManager,
                };
                let key = (peer.address.actor, component);
                let awaited = self.awaited.get(&key);
                if awaited.is_some_and(|(leader, _)| *leader == header.actor) {
                    self.joined(header.into(), key.0, key.1, scene);
                }
            }
            // Without a slot there it does not follow the job any more.
            Fact::TaskSlotChanged {
                job,
                state: SlotState::Free,
                ..
            } => {
                self.joined(
                    header.into(),
                    header.actor,
                    Component::JobMaster(*job),
                    scene,
                );
            }
            // Its JobMaster, as long as it is its own.
            Fact::PeerLost { owner, peer, .. } | Fact::PeerUnmonitored { owner, peer }
                if *owner == Endpoint::TaskExecutor =>
            {
                let executor = scene.endpoints.executors.get(&header.actor);
                if let Endpoint::JobMaster(job) = peer.endpoint
                    && let Some(token) = executor.and_then(|known| known.job_masters.get(&job))
                {
                    self.judge(header.into(), (header.actor, job), *token, scene);
                }
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        last.judge_all(now, scene);
        for (taskmanager, component) in self.awaited.keys() {
            last.joined(now, *taskmanager, *component, scene);
        }
        vec![last.leave.verdict(), last.join.verdict()]
    }
}

/// A TaskManager that has a slot of a job looks for its JobMaster.
fn follows(executor: &Executor, job: JobId) -> bool {
    let mut slots = executor.slots.values();
    slots.any(|(_, of, state)| *of == job && *state != SlotState::Releasing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, TM, ZK, executor, job_master};

    #[test]
    fn a_taskmanager_that_stays_with_its_old_jobmaster_is_noticed() {
        let component = Component::JobMaster(0);
        let led = || {
            let mut stage = Stage::flink();
            let token = 200;
            let fact = Fact::LeaderInformationWritten { component, token };
            stage.at(20).says(JM(1), Fact::LeadershipGranted);
            stage.says(JM(1), fact);
            stage
        };
        let leaves = |stage: &mut Stage, tm: usize| {
            let (owner, peer) = (Endpoint::TaskExecutor, job_master());
            stage.in_one_event(|stage| {
                stage.says(TM(tm), Fact::PeerUnmonitored { owner, peer });
                stage.says(TM(tm), Fact::JobMasterLost { job: 0, token: 100 });
            });
        };
        let mut stage = led();
        leaves(stage.at(21), 0);
        leaves(&mut stage, 1);
        stage.at(300).broken("H10", 0);
        let mut stage = led();
        leaves(stage.at(200), 0);
        stage.broken("H10", 2);
        // A predecessor that has slept does not lead.
        let mut stage = Stage::flink();
        stage.at(20).says(JM(1), Fact::LeadershipGranted);
        let token = 50;
        let fact = Fact::LeaderInformationWritten { component, token };
        stage.at(21).says(JM(0), fact);
        stage.at(300).holds("H10");
        // Who is cut off cannot know.
        let mut stage = led();
        stage.at(21);
        for tm in 0..2 {
            stage.says(TM(tm), Fact::FaultInjected { what: "cut-off" });
        }
        stage.at(300).holds("H10");
    }

    #[test]
    fn a_taskmanager_that_does_not_join_who_leads_is_noticed() {
        let component = Component::JobMaster(0);
        let led = |before: Option<ActorId>| {
            let mut stage = Stage::flink();
            stage.at(100);
            if let Some(actor) = before {
                stage.says(actor, Fact::FaultInjected { what: "slow-link" });
                stage.says(actor, Fact::FaultHealed { what: "slow-link" });
            }
            let token = 200;
            let fact = Fact::LeaderInformationWritten { component, token };
            stage.at(101).says(JM(1), Fact::LeadershipGranted);
            stage.says(JM(1), fact);
            stage
        };
        let joins = |stage: &mut Stage, tm: usize| {
            let owner = job_master().endpoint;
            let peer = executor(tm);
            stage.says(JM(1), Fact::PeerMonitored { owner, peer });
        };
        let mut stage = led(None);
        joins(stage.at(102), 0);
        joins(&mut stage, 1);
        stage.broken("H12", 0);
        let mut stage = led(None);
        joins(stage.at(102), 0);
        joins(stage.at(112), 1);
        stage.broken("H12", 1);
        led(None).at(112).broken("H12", 2);
        // Their lines to ZooKeeper may have to be mended.
        led(Some(ZK)).at(112).holds("H12");
        led(Some(TM(0))).at(112).broken("H12", 1);
    }
}
