//! Slots: of one job at a time, no more than there are, and none on a TaskManager that was given up.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex};
use crate::actor::flink::rpc::{Address, Endpoint};
use crate::actor::task_manager::executor::SlotState;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::invariant::checks::Checker;
use crate::invariant::flink::endpoints::{awake_since, margin};
use crate::invariant::scene::{Scene, is_end};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 5] = [
    safety(
        "H3",
        "Once a JobMaster has declared a TaskManager dead its pool has no slot there, until that TaskManager registers again.",
    )
    .of_flink(),
    safety(
        "R6",
        "No slot hosts two subtasks of one vertex, or is owned by two jobs; no TaskManager has more slots than configured.",
    )
    .of_flink(),
    safety(
        "R7",
        "No attempt is deployed to a TaskManager that its JobMaster has declared dead and that has not registered again.",
    )
    .of_flink(),
    safety(
        "P6",
        "A JobMaster's pool has no more slots on a TaskManager than are registered there, apart from those that the TaskManager has freed meanwhile.",
    )
    .of_flink(),
    safety(
        "H9",
        "A slot that no JobMaster has taken, or whose JobMaster is lost, is freed after taskmanager.slot.timeout.",
    )
    .of_flink(),
];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Slots {
    given_up: Tally,
    exclusive: Tally,
    to_members: Tally,
    few: Tally,
    timely: Tally,
    /// Slots that are nobody's in particular, and since when.
    allocated: BTreeMap<(ActorId, SlotIndex), Time>,
    /// What TaskManagers no longer hold. Nobody tells the JobMaster of a slot that times out, and an offer may reach it
    /// later than that: the next heartbeat clears such a slot away (`TaskExecutor.syncTaskSlotsAllocation`).
    freed: BTreeSet<AllocationId>,
    /// In this event a JobMaster gives a TaskManager up.
    losing: Option<(Moment, ActorId, JobId, Address)>,
}

impl Slots {
    pub fn new() -> Slots {
        let [given_up, exclusive, to_members, few, timely] = PROMISES.map(Tally::new);
        Slots {
            given_up,
            exclusive,
            to_members,
            few,
            timely,
            allocated: BTreeMap::new(),
            freed: BTreeSet::new(),
            losing: None,
        }
    }

    fn check_loss(&mut self, scene: &Scene) {
        let Some((moment, jobmanager, job, taskmanager)) = self.losing.take() else {
            return;
        };
        let pool = scene.endpoints.pools.get(&(jobmanager, job));
        let left = pool.is_some_and(|pool| pool.values().any(|place| *place == taskmanager));
        self.given_up.expect(!left, moment, || {
            let name = scene.name(taskmanager.actor);
            format!("{name} is given up, but slots of it stay in the pool of job {job}")
        });
    }

    fn pooled(
        &mut self,
        header: &Header,
        (job, change): (JobId, &'static str),
        allocation: AllocationId,
        taskmanager: Address,
        scene: &Scene,
    ) {
        let endpoints = &scene.endpoints;
        let name = scene.name(taskmanager.actor);
        let member = endpoints.is_registered(header.actor, job, taskmanager.actor);
        // While a TaskManager is being given up, what it had is freed first.
        self.given_up
            .expect(member || change == "free", header, || {
                format!(
                    "the pool of job {job} uses a slot of {name}, which is not registered there"
                )
            });
        let pools = || {
            let ours = endpoints.pools.iter();
            ours.filter(|((jobmanager, _), _)| *jobmanager == header.actor)
        };
        let other = pools().find(|((_, of), pool)| *of != job && pool.contains_key(&allocation));
        self.exclusive.expect(other.is_none(), header, || {
            format!("a slot of {name} is in the pools of two jobs")
        });
        let there = pools()
            .flat_map(|(_, pool)| pool)
            .filter(|(held, place)| **place == taskmanager && **held != allocation)
            .map(|(held, _)| held)
            .chain([&allocation])
            .filter(|held| !self.freed.contains(held))
            .count() as u32;
        let slots = scene.slots_of(taskmanager.actor);
        self.few.expect(there <= slots, header, || {
            format!("{there} slots of {name} are in pools, it has {slots}")
        });
    }

    fn owned(
        &mut self,
        header: &Header,
        (slot, allocation, job): (SlotIndex, AllocationId, JobId),
        state: SlotState,
        scene: &Scene,
    ) {
        if state == SlotState::Free {
            self.freed.insert(allocation);
        }
        let place = (header.actor, slot);
        if let Some(since) = self.allocated.remove(&place) {
            self.kept(header.into(), place, since, scene);
        }
        if state == SlotState::Allocated {
            self.allocated.insert(place, header.time);
        }
        let known = scene.endpoints.executors.get(&header.actor);
        let clash = known.is_some_and(|executor| {
            executor.slots.iter().any(|(index, (held, owner, _))| {
                (*index == slot) != (*held == allocation) || (*index == slot && *owner != job)
            })
        });
        let exists = slot < scene.slots_of(header.actor);
        self.exclusive.expect(exists && !clash, header, || {
            let what = if exists {
                "is somebody else's"
            } else {
                "does not exist"
            };
            format!("slot {slot} of {} {what}", scene.name(header.actor))
        });
    }

    /// A slot has been ALLOCATED until now.
    fn kept(
        &mut self,
        now: Moment,
        (taskmanager, slot): (ActorId, SlotIndex),
        since: Time,
        scene: &Scene,
    ) {
        let timeout = scene.blueprint.config.slots.timeout;
        let due = awake_since(since + timeout, taskmanager, scene);
        self.timely.expect(now.at <= due + margin(scene), now, || {
            let (name, kept) = (scene.name(taskmanager), now.at.since(since));
            format!("slot {slot} of {name} is kept for {kept}, timeout {timeout}")
        });
    }

    /// Zombies that their JobMaster has written off do not count.
    fn hosted(
        &mut self,
        header: &Header,
        (subtask, attempt): (SubtaskId, Attempt),
        allocation: AllocationId,
        scene: &Scene,
    ) {
        let Some(executor) = scene.endpoints.executors.get(&header.actor) else {
            return;
        };
        let vertex =
            |subtask: SubtaskId| scene.blueprint.topology.subtasks[subtask as usize].operator;
        let counts = |other: SubtaskId, attempt: Attempt| {
            scene.leaders.iter().any(|leader| {
                let view = leader.tasks[other as usize];
                view.attempt == attempt && view.is_live()
            })
        };
        let other = executor.tasks.iter().find(|((other, of), task)| {
            task.allocation == allocation
                && !task.stopping
                && (*other, *of) != (subtask, attempt)
                && vertex(*other) == vertex(subtask)
                && counts(*other, *of)
        });
        self.exclusive.expect(other.is_none(), header, || {
            let other = other.map_or(String::new(), |((other, _), _)| scene.task(*other));
            let (task, name) = (scene.task(subtask), scene.name(header.actor));
            format!("{task} shares a slot of {name} with {other}")
        });
    }
}

impl Checker for Slots {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if self
            .losing
            .is_some_and(|(moment, ..)| moment.event != header.event.0)
        {
            self.check_loss(scene);
        }
        match fact {
            Fact::PeerLost {
                owner: Endpoint::JobMaster(job),
                peer,
                ..
            } if peer.endpoint == Endpoint::TaskExecutor => {
                self.losing = Some((header.into(), header.actor, *job, peer.address));
            }
            Fact::SlotPoolChanged {
                job,
                allocation,
                taskmanager,
                change,
            } if !matches!(*change, "lost" | "returned") => {
                self.pooled(header, (*job, change), *allocation, *taskmanager, scene);
            }
            Fact::TaskSlotChanged {
                slot,
                allocation,
                job,
                state,
            } => self.owned(header, (*slot, *allocation, *job), *state, scene),

            Fact::TaskStarted {
                subtask,
                attempt,
                allocation,
                ..
            } => self.hosted(header, (*subtask, *attempt), *allocation, scene),
            Fact::ExecutionChanged {
                subtask,
                state: ExecutionState::Deploying,
                taskmanager: Some(taskmanager),
                ..
            } => {
                let job = scene.blueprint.topology.job_of(*subtask);
                let member = scene
                    .endpoints
                    .is_registered(header.actor, job, *taskmanager);
                self.to_members.expect(member, header, || {
                    let (task, name) = (scene.task(*subtask), scene.name(*taskmanager));
                    format!("{task} goes to {name}, which is not registered")
                });
            }
            fact if is_end(fact) => {
                self.allocated
                    .retain(|(taskmanager, _), _| *taskmanager != header.actor);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        last.check_loss(scene);
        let now = scene.at_end(end);
        for (place, since) in &self.allocated {
            last.kept(now, *place, *since, scene);
        }
        [
            &last.given_up,
            &last.exclusive,
            &last.to_members,
            &last.few,
            &last.timely,
        ]
        .map(Tally::verdict)
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::flink::rpc::heartbeat::Verdict as Reason;
    use crate::invariant::stage::{JM, Stage, TM, allocation, executor, job_master};

    fn gives_up(stage: &mut Stage) -> &mut Stage {
        stage.says(
            JM(0),
            Fact::PeerLost {
                owner: job_master().endpoint,
                peer: executor(0),
                verdict: Reason::Unreachable,
            },
        )
    }

    #[test]
    fn a_healthy_job_keeps_all_of_them() {
        let stage = Stage::flink();
        for id in ["H3", "R6", "R7", "P6"] {
            stage.broken(id, 0);
        }
        stage.clean();
    }

    #[test]
    fn slots_that_outlive_their_taskmanager_are_noticed() {
        let mut stage = Stage::flink();
        gives_up(&mut stage);
        stage
            .hears(JM(0), job_master(), executor(1))
            .broken("H3", 1);
        let mut stage = Stage::flink();
        stage.in_one_event(|stage| {
            gives_up(stage);
            for slot in 0..4 {
                stage.pool(0, slot, "lost");
            }
        });
        stage.broken("H3", 0);
        stage.pool(0, 0, "accepted").broken("H3", 1);
    }

    #[test]
    fn a_deployment_to_the_dead_is_noticed() {
        let mut stage = Stage::flink();
        gives_up(&mut stage);
        let attempt = Attempt::new(100, 2);
        stage.sees(0, 0, attempt, ExecutionState::Deploying, 0);
        stage.broken("R7", 1);
    }

    #[test]
    fn only_slots_that_their_taskmanager_has_freed_may_be_more_than_it_has() {
        let mut stage = Stage::flink();
        stage.slot_turns(3, SlotState::Free);
        stage.pool(0, 9, "accepted").broken("P6", 0);
        stage.pool(0, 10, "accepted").broken("P6", 1);
        // An offer that comes after its slot has timed out.
        let mut stage = Stage::flink();
        stage.slot_turns(3, SlotState::Free);
        stage.pool(0, 9, "accepted").pool(0, 3, "accepted");
        stage.broken("P6", 0);
    }

    #[test]
    fn a_slot_that_is_kept_for_nobody_is_noticed() {
        let mut stage = Stage::flink();
        stage.at(20).slot_turns(3, SlotState::Allocated);
        stage.at(30).slot_turns(3, SlotState::Active);
        stage.at(50).slot_turns(3, SlotState::Allocated);
        stage.at(60).broken("H9", 0);
        stage.at(65).broken("H9", 1);
        stage.says(TM(0), Fact::FaultInjected { what: "kill" });
        stage.at(90).broken("H9", 0);
    }

    #[test]
    fn slots_of_two_jobs_or_of_nobody_are_noticed() {
        let slot = |slot, job| Fact::TaskSlotChanged {
            slot,
            allocation: allocation(0, 90),
            job,
            state: SlotState::Allocated,
        };
        Stage::flink().says(TM(0), slot(0, 1)).broken("R6", 1);
        Stage::flink().says(TM(0), slot(4, 0)).broken("R6", 1);
        let mut stage = Stage::flink();
        stage.pool(0, 9, "accepted").broken("P6", 1);
    }

    #[test]
    fn subtasks_of_one_vertex_in_one_slot_are_noticed() {
        let mut stage = Stage::flink();
        stage.starts(0, 1, 2, 0).broken("R6", 1);
    }
}
