//! TaskExecutors without contact: their tasks stop, and at last the process.

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::actor::flink::rpc::Endpoint;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::scene::{Scene, is_end};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, liveness, safety};
use crate::kernel::{ActorId, Header, Span, Time};

pub(in crate::invariant) const PROMISES: [Promise; 2] = [
    safety(
        "H5",
        "No TaskManager has a task that it was not told to stop later than heartbeat.timeout after its last contact with the job's JobMaster.",
    )
    .of_flink(),
    liveness(
        "H6",
        "A TaskManager that has looked for a ResourceManager for taskmanager.registration.timeout, and for none since, ends.",
    )
    .of_flink(),
];

/// A fault may have slowed a host down so much.
const SLOWED_MAX: u64 = 10;

/// Until a timer that is due has its turn on the main thread, which may be at the first deployment of its process.
pub(super) fn margin(scene: &Scene) -> Span {
    let deployment = &scene.blueprint.profile.first_jobmaster_deployment;
    Span::from_secs(2) + deployment.max() * SLOWED_MAX
}

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Endpoints {
    stops: Tally,
    ends: Tally,
    /// TaskManagers that are not registered at a ResourceManager, and since when.
    alone: BTreeMap<ActorId, Time>,
    /// In this event a TaskManager has lost a job's JobMaster.
    losing: Option<(Moment, ActorId, JobId)>,
}

impl Endpoints {
    pub fn new() -> Endpoints {
        let [stops, ends] = PROMISES.map(Tally::new);
        Endpoints {
            stops,
            ends,
            alone: BTreeMap::new(),
            losing: None,
        }
    }

    /// The event in which a JobMaster was lost is over: its tasks are stopping.
    fn check_loss(&mut self, scene: &Scene) {
        let Some((moment, taskmanager, job)) = self.losing.take() else {
            return;
        };
        let Some(executor) = scene.endpoints.executors.get(&taskmanager) else {
            return;
        };
        let working = executor.working(job, &scene.blueprint.topology).next();
        self.stops.expect(working.is_none(), moment, || {
            let task = working.map_or(String::new(), |(subtask, ..)| scene.task(subtask));
            format!(
                "{} has lost the JobMaster of job {job}, but {task} works on",
                scene.name(taskmanager)
            )
        });
    }

    /// The job's JobMaster was last heard of at `heard`.
    fn check_silence(
        &mut self,
        now: Moment,
        (taskmanager, job): (ActorId, JobId),
        heard: Time,
        scene: &Scene,
    ) {
        let Some(executor) = scene.endpoints.executors.get(&taskmanager) else {
            return;
        };
        let timeout = scene.blueprint.config.heartbeat.timeout;
        let mut working = executor.working(job, &scene.blueprint.topology);
        let old = working.find(|(_, _, task)| task.since <= heard);
        let from = awake_since(heard + timeout, taskmanager, scene);
        let late = now.at > from + margin(scene);
        self.stops.expect(old.is_none() || !late, now, || {
            let task = old.map_or(String::new(), |(subtask, ..)| scene.task(subtask));
            let silence = now.at.since(heard);
            format!(
                "{task} works on at {} after {silence} without its JobMaster, timeout {timeout}",
                scene.name(taskmanager)
            )
        });
    }

    fn check_end(&mut self, now: Moment, taskmanager: ActorId, since: Time, scene: &Scene) {
        let timeout = scene.blueprint.config.taskmanager_registration_timeout;
        let due = awake_since(since + timeout, taskmanager, scene);
        self.ends.expect(now.at <= due + margin(scene), now, || {
            let alone = now.at.since(since);
            format!(
                "{} has been without a ResourceManager for {alone}, and runs on; timeout {timeout}",
                scene.name(taskmanager)
            )
        });
    }

    fn registered(&mut self, header: &Header, scene: &Scene) {
        if let Some(since) = self.alone.remove(&header.actor) {
            self.check_end(header.into(), header.actor, since, scene);
        }
    }
}

/// What is due at a time happens later where the process is stopped then.
pub(super) fn awake_since(due: Time, actor: ActorId, scene: &Scene) -> Time {
    due.max(scene.processes.woke_at(actor).unwrap_or(Time::ZERO))
}

impl Checker for Endpoints {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if self
            .losing
            .is_some_and(|(moment, ..)| moment.event != header.event.0)
        {
            self.check_loss(scene);
        }
        let actor = header.actor;
        match fact {
            Fact::PeerHeard {
                owner: Endpoint::TaskExecutor,
                peer,
            } => {
                let key = (actor, Endpoint::TaskExecutor, *peer);
                let heard = scene.endpoints.monitors.get(&key).copied();
                if let (Endpoint::JobMaster(job), Some(heard)) = (peer.endpoint, heard) {
                    self.check_silence(header.into(), (actor, job), heard, scene);
                }
            }
            Fact::PeerMonitored {
                owner: Endpoint::TaskExecutor,
                peer,
            } if peer.endpoint == Endpoint::ResourceManager => self.registered(header, scene),
            Fact::PeerLost { owner, peer, .. } | Fact::PeerUnmonitored { owner, peer }
                if *owner == Endpoint::TaskExecutor =>
            {
                match peer.endpoint {
                    Endpoint::ResourceManager => {
                        self.alone.insert(actor, header.time);
                    }
                    Endpoint::JobMaster(job) => self.losing = Some((header.into(), actor, job)),
                    _ => {}
                }
            }
            Fact::ProcessStarted { .. } if scene.is_taskmanager(actor) => {
                self.alone.insert(actor, header.time);
            }
            Fact::ResourceManagerSought => {
                self.registered(header, scene);
                self.alone.insert(actor, header.time);
            }
            fact if is_end(fact) => {
                self.registered(header, scene);
                self.losing = self
                    .losing
                    .filter(|(_, taskmanager, _)| *taskmanager != actor);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        last.check_loss(scene);
        let now = scene.at_end(end);
        for (taskmanager, since) in &self.alone {
            last.check_end(now, *taskmanager, *since, scene);
        }
        for ((actor, owner, peer), heard) in &scene.endpoints.monitors {
            if let (Endpoint::TaskExecutor, Endpoint::JobMaster(job)) = (*owner, peer.endpoint) {
                last.check_silence(now, (*actor, job), *heard, scene);
            }
        }
        vec![last.stops.verdict(), last.ends.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{Stage, TM, job_master, resource_manager};

    const EXECUTOR: Endpoint = Endpoint::TaskExecutor;

    fn lost(stage: &mut Stage) -> &mut Stage {
        let (owner, peer) = (EXECUTOR, job_master());
        stage.says(TM(0), Fact::PeerUnmonitored { owner, peer })
    }

    #[test]
    fn tasks_stop_when_their_jobmaster_is_lost() {
        let mut stage = Stage::flink();
        lost(stage.at(30)).broken("H5", 1);
        let mut stage = Stage::flink();
        stage.at(30);
        stage.in_one_event(|stage| {
            lost(stage);
            for subtask in 0..4 {
                stage.stopping(0, subtask, 1);
            }
        });
        stage.broken("H5", 0);
    }

    #[test]
    fn tasks_that_outlive_the_contact_are_noticed() {
        let mut stage = Stage::flink();
        stage.at(40).broken("H5", 0);
        stage.at(70).broken("H5", 2);
        let mut stage = Stage::flink();
        stage
            .at(10)
            .says(TM(0), Fact::FaultInjected { what: "hang" });
        stage.at(70).says(TM(0), Fact::FaultHealed { what: "hang" });
        let peer = job_master();
        let owner = EXECUTOR;
        stage.says(TM(0), Fact::PeerHeard { owner, peer });
        stage.says(TM(1), Fact::FaultInjected { what: "kill" });
        stage.broken("H5", 0);
    }

    #[test]
    fn a_taskmanager_that_lives_on_alone_is_noticed() {
        let mut stage = Stage::flink();
        let (owner, peer) = (EXECUTOR, resource_manager());
        stage
            .at(20)
            .says(TM(0), Fact::PeerUnmonitored { owner, peer });
        stage.at(310).broken("H6", 0);
        stage.at(330).broken("H6", 1);
        stage.at(320).says(TM(0), Fact::ProcessExited);
        stage.at(400).broken("H6", 0);
    }
}
