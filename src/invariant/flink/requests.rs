//! How slots come to jobs: what a ResourceManager asks TaskManagers for, and what a JobMaster takes.

use std::collections::BTreeMap;

use crate::actor::fact::Fact;
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex};
use crate::actor::flink::rpc::{Address, Endpoint};
use crate::actor::task_manager::executor::SlotState;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::quiet::{everybody_is_well, slots_of_job};
use crate::invariant::scene::{Scene, is_disturbance, is_end};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, liveness, safety};
use crate::kernel::{ActorId, Header, Span, Time};

pub(in crate::invariant) const PROMISES: [Promise; 3] = [
    safety(
        "P8",
        "A ResourceManager asks for a slot again only once its TaskManager has freed it or has come anew, or the request for it has failed.",
    )
    .of_flink(),
    liveness(
        "P9",
        "While a job misses slots and nothing disturbs it, a slot that is free on a registered TaskManager is asked for at once.",
    )
    .of_flink(),
    safety(
        "P10",
        "A JobMaster whose tasks all run takes no slots beyond those that its job needs.",
    )
    .of_flink(),
];

/// Word of a slot that is free, and the ResourceManager's next look at what is missing.
const ASKING_TAKES: Span = Span::from_secs(2);

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Requests {
    once: Tally,
    at_once: Tally,
    few: Tally,
    managers: BTreeMap<ActorId, Manager>,
}

/// A ResourceManager.
#[derive(Clone, Debug, Default)]
struct Manager {
    /// Whether the TaskManager knows of it: only then it tells of its slots.
    registered: BTreeMap<Address, bool>,
    /// What it has asked for, until it is free again.
    asked: BTreeMap<(Address, SlotIndex), (AllocationId, JobId)>,
    /// Slots that jobs need in all.
    required: BTreeMap<JobId, u32>,
    /// When anything of this changed last, and since when a job has missed slots while some were free.
    changed: Time,
    missing: Option<Time>,
}

impl Manager {
    /// A job that misses slots while some are free.
    fn misses(&self, scene: &Scene) -> Option<JobId> {
        let executors = || {
            self.registered.keys().map(|address| {
                let executor = scene.endpoints.executors.get(&address.actor);
                (*address, executor)
            })
        };
        // What a process holds that has been replaced is not known, nor what one has that has not told yet.
        let known = |(address, aware): (&Address, &bool)| {
            *aware && scene.processes.is_same(address.actor, address.incarnation)
        };
        if self.required.is_empty() || !self.registered.iter().all(known) {
            return None;
        }
        let mut held: BTreeMap<JobId, u32> = BTreeMap::new();
        let mut free = false;
        for (address, executor) in executors() {
            for slot in 0..scene.slots_of(address.actor) as SlotIndex {
                let own = executor.and_then(|executor| executor.slots.get(&slot));
                let own = own.map(|(_, job, _)| *job);
                let asked = self.asked.get(&(address, slot)).map(|(_, job)| *job);
                match own.or(asked) {
                    Some(job) => *held.entry(job).or_default() += 1,
                    None => free = true,
                }
            }
        }
        let lacks = |(job, required): &(&JobId, &u32)| held.get(job).unwrap_or(&0) < *required;
        let job = self.required.iter().find(lacks).map(|(job, _)| *job);
        job.filter(|_| free)
    }
}

impl Requests {
    pub fn new() -> Requests {
        let [once, at_once, few] = PROMISES.map(Tally::new);
        Requests {
            once,
            at_once,
            few,
            managers: BTreeMap::new(),
        }
    }

    fn asks(
        &mut self,
        header: &Header,
        place: (Address, SlotIndex),
        (allocation, job): (AllocationId, JobId),
        scene: &Scene,
    ) {
        let manager = self.managers.entry(header.actor).or_default();
        let before = manager.asked.insert(place, (allocation, job));
        self.once.expect(before.is_none(), header, || {
            let (name, slot) = (scene.name(place.0.actor), place.1);
            format!(
                "slot {slot} of {name} is asked for, which was asked for before and is not free"
            )
        });
    }

    fn takes(&mut self, header: &Header, job: JobId, allocation: AllocationId, scene: &Scene) {
        let Some(leader) = scene.leader(header.actor) else {
            return;
        };
        // A reactive job takes whatever there is.
        if scene.blueprint.config.reactive || !leader.all_run(job) {
            return;
        }
        let pool = scene.endpoints.pools.get(&(header.actor, job));
        let others = pool.into_iter().flat_map(BTreeMap::keys);
        let taken = 1 + others.filter(|held| **held != allocation).count() as u32;
        let needed = slots_of_job(scene, job);
        self.few.expect(taken <= needed, header, || {
            format!("job {job} takes a slot, and has {taken}; it needs {needed}")
        });
    }

    /// As it has been since something changed last.
    fn judge(&mut self, now: Moment, scene: &Scene) {
        let disturbed = scene.processes.disturbed_at();
        for (actor, manager) in &mut self.managers {
            let Some(job) = manager.misses(scene) else {
                manager.missing = None;
                continue;
            };
            let since = *manager.missing.get_or_insert(manager.changed);
            let well = scene.processes.is_well(*actor) && everybody_is_well(scene);
            let waited = now.at.since(since.max(disturbed).min(now.at));
            self.at_once.expect(!well || waited <= ASKING_TAKES, now, || {
                let name = scene.name(*actor);
                format!("job {job} misses slots, and {name} has not asked for any of those that have been free for {waited}")
            });
        }
    }

    /// What a ResourceManager knows by itself.
    fn learn(&mut self, header: &Header, fact: &Fact) {
        let manager = self.managers.entry(header.actor).or_default();
        manager.changed = header.time;
        match fact {
            Fact::TaskExecutorRegistered { taskmanager, .. } => {
                manager.asked.retain(|(at, _), _| at != taskmanager);
                manager.registered.insert(*taskmanager, false);
            }
            Fact::TaskExecutorUnregistered { taskmanager, .. } => {
                manager.asked.retain(|(at, _), _| at != taskmanager);
                manager.registered.remove(taskmanager);
            }
            Fact::SlotRequestFailed { allocation, .. } => {
                manager.asked.retain(|_, (asked, _)| asked != allocation);
            }
            Fact::RequirementsDeclared { job, slots } => {
                manager.required.insert(*job, *slots);
            }
            Fact::JobMasterUnregistered { job, .. } => {
                manager.required.remove(job);
            }
            _ => {}
        }
    }

    /// A TaskManager hears that a ResourceManager has it, and sends its slot report; or it turns away from it, which the other may
    /// not hear.
    fn heard(&mut self, header: &Header, leader: ActorId, knows: bool) {
        let Some(manager) = self.managers.get_mut(&leader) else {
            return;
        };
        manager.changed = header.time;
        for (address, aware) in &mut manager.registered {
            if address.actor == header.actor {
                *aware = knows;
            }
        }
    }

    fn freed(&mut self, header: &Header, allocation: AllocationId) {
        for manager in self.managers.values_mut() {
            let is_left = |(at, _): &(Address, SlotIndex), asked: AllocationId| {
                at.actor != header.actor || asked != allocation
            };
            manager
                .asked
                .retain(|place, (asked, _)| is_left(place, *asked));
        }
    }
}

impl Checker for Requests {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let actor = header.actor;
        match fact {
            Fact::TaskSlotChanged {
                state, allocation, ..
            } => {
                self.judge(header.into(), scene);
                if *state == SlotState::Free {
                    self.freed(header, *allocation);
                }
                for manager in self.managers.values_mut() {
                    manager.changed = header.time;
                }
            }
            Fact::SlotRequested {
                job,
                allocation,
                taskmanager,
                slot,
            } => {
                self.judge(header.into(), scene);
                self.learn(header, fact);
                self.asks(header, (*taskmanager, *slot), (*allocation, *job), scene);
            }
            Fact::TaskExecutorRegistered { .. }
            | Fact::TaskExecutorUnregistered { .. }
            | Fact::SlotRequestFailed { .. }
            | Fact::RequirementsDeclared { .. }
            | Fact::JobMasterUnregistered { .. } => {
                self.judge(header.into(), scene);
                self.learn(header, fact);
            }
            Fact::RegisteredAtLeader { leader } => {
                self.judge(header.into(), scene);
                self.heard(header, *leader, true);
            }
            Fact::PeerUnmonitored { owner, peer } | Fact::PeerLost { owner, peer, .. }
                if (*owner, peer.endpoint)
                    == (Endpoint::TaskExecutor, Endpoint::ResourceManager) =>
            {
                self.judge(header.into(), scene);
                self.heard(header, peer.address.actor, false);
            }
            Fact::SlotPoolChanged {
                job,
                allocation,
                change: "accepted",
                ..
            } => self.takes(header, *job, *allocation, scene),
            Fact::LeadershipGranted | Fact::LeadershipLost { .. } => {
                self.managers.remove(&actor);
            }
            fact if is_disturbance(fact) => {
                self.judge(header.into(), scene);
                if is_end(fact) {
                    self.managers.remove(&actor);
                }
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        let now = scene.at_end(end);
        last.judge(now, scene);
        [&last.once, &last.at_once, &last.few]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::flink::rpc::RpcError;
    use crate::invariant::stage::{JM, Stage, TM, allocation, executor, resource_manager};

    const ALL: [SlotIndex; 4] = [0, 1, 2, 3];

    fn requested(stage: &mut Stage, tm: usize, slot: SlotIndex, number: SlotIndex) -> &mut Stage {
        let fact = Fact::SlotRequested {
            job: 0,
            allocation: allocation(tm, number),
            taskmanager: executor(tm).address,
            slot,
        };
        stage.says(JM(0), fact)
    }

    #[test]
    fn a_slot_that_is_asked_for_twice_is_noticed() {
        let mut stage = Stage::flink();
        requested(&mut stage, 0, 1, 1);
        stage.slot_turns(1, SlotState::Free);
        requested(&mut stage, 0, 1, 11).broken("P8", 0);
        let failed = Fact::SlotRequestFailed {
            job: 0,
            allocation: allocation(0, 11),
            taskmanager: executor(0).address,
            error: RpcError::Timeout,
        };
        stage.says(JM(0), failed);
        requested(&mut stage, 0, 1, 12).broken("P8", 0);
        let (taskmanager, instance) = (executor(0).address, 2);
        let anew = Fact::TaskExecutorRegistered {
            taskmanager,
            instance,
        };
        stage.says(JM(0), anew);
        requested(&mut stage, 0, 1, 13).broken("P8", 0);
        requested(&mut stage, 0, 1, 14).broken("P8", 1);
    }

    /// The job has five slots, and needs six; one is free on the second TaskManager.
    fn in_need_of(aware: usize) -> Stage {
        let mut stage = Stage::flink();
        for tm in 0..2 {
            let (taskmanager, instance) = (executor(tm).address, tm as u64);
            let registered = Fact::TaskExecutorRegistered {
                taskmanager,
                instance,
            };
            stage.at(10).says(JM(0), registered);
            if tm < aware {
                let leader = JM(0);
                stage.says(TM(tm), Fact::RegisteredAtLeader { leader });
            }
        }
        let (job, slots) = (0, 6);
        stage.says(JM(0), Fact::RequirementsDeclared { job, slots });
        stage
    }

    fn in_need() -> Stage {
        in_need_of(2)
    }

    #[test]
    fn a_taskmanager_that_has_not_heard_that_it_is_registered_has_not_told_of_its_slots() {
        in_need_of(1).at(30).holds("P9");
        let (owner, peer) = (Endpoint::TaskExecutor, resource_manager());
        let mut stage = in_need();
        let turns = Fact::PeerUnmonitored { owner, peer };
        stage.at(11).says(TM(1), turns).at(30).holds("P9");
    }

    #[test]
    fn a_free_slot_that_a_job_waits_for_is_noticed() {
        in_need().at(11).broken("P9", 0);
        in_need().at(30).broken("P9", 1);
        let mut stage = in_need();
        requested(stage.at(11), 1, 1, 1);
        stage.at(30).broken("P9", 0);
        // Nobody waits any more.
        let mut stage = in_need();
        let left = Fact::JobMasterUnregistered {
            job: 0,
            job_master: 100,
            reason: "",
        };
        stage.at(11).says(JM(0), left).at(30).broken("P9", 0);
        let mut stage = in_need();
        stage
            .at(11)
            .says(TM(1), Fact::FaultInjected { what: "hang" });
        stage.at(30).broken("P9", 0);
    }

    #[test]
    fn slots_that_nobody_needs_are_noticed() {
        let mut stage = Stage::flink();
        stage.pool(1, 1, "accepted").broken("P10", 1);
        let mut stage = Stage::flink();
        for slot in ALL {
            stage.pool(0, slot, "lost");
        }
        stage.pool(1, 1, "accepted").broken("P10", 0);
    }
}
