//! What a TaskManager does with slots that it gives back, and with those of a JobMaster that it has lost.

use crate::actor::fact::Fact;
use crate::actor::flink::rpc::call::AllocationId;
use crate::actor::task_manager::executor::SlotState;
use crate::invariant::checks::Checker;
use crate::invariant::scene::{Executor, Scene, is_end};
use crate::invariant::tally::{Moment, Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 2] = [
    safety(
        "P7",
        "In a slot that its TaskManager releases no task works on, and it is free only once no task is left in it.",
    )
    .of_flink(),
    safety(
        "H14",
        "A TaskManager holds slots ACTIVE only for JobMasters that it is registered at.",
    )
    .of_flink(),
];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Releases {
    emptied: Tally,
    followed: Tally,
    /// In this event a TaskManager changes slots, or loses a JobMaster.
    changing: Option<(Moment, ActorId)>,
}

impl Releases {
    pub fn new() -> Releases {
        let [emptied, followed] = PROMISES.map(Tally::new);
        Releases {
            emptied,
            followed,
            changing: None,
        }
    }

    /// The event is over: what it leaves behind.
    fn check(&mut self, scene: &Scene) {
        let Some((moment, taskmanager)) = self.changing.take() else {
            return;
        };
        let Some(executor) = scene.endpoints.executors.get(&taskmanager) else {
            return;
        };
        for (slot, (allocation, job, state)) in &executor.slots {
            match state {
                SlotState::Releasing => {
                    let mut tasks = executor.tasks.iter();
                    let works =
                        tasks.find(|(_, task)| task.allocation == *allocation && !task.stopping);
                    self.emptied.expect(works.is_none(), moment, || {
                        let task = works.map_or(String::new(), |((task, _), _)| scene.task(*task));
                        let name = scene.name(taskmanager);
                        format!(
                            "slot {slot} of {name} is being released, and {task} works on in it"
                        )
                    });
                }
                SlotState::Active => {
                    let follows = executor.job_masters.contains_key(job);
                    self.followed.expect(follows, moment, || {
                        let name = scene.name(taskmanager);
                        format!("slot {slot} of {name} is active, and {name} follows no JobMaster of job {job}")
                    });
                }
                SlotState::Allocated | SlotState::Free => {}
            }
        }
    }

    fn freed(&mut self, header: &Header, allocation: AllocationId, scene: &Scene) {
        let executor = scene.endpoints.executors.get(&header.actor);
        let left = executor.and_then(|executor| task_in(executor, allocation));
        self.emptied.expect(left.is_none(), header, || {
            let (task, name) = (left.unwrap_or_default(), scene.name(header.actor));
            format!(
                "a slot of {name} is freed, and {} is in it",
                scene.task(task)
            )
        });
    }
}

fn task_in(executor: &Executor, allocation: AllocationId) -> Option<u32> {
    let mut tasks = executor.tasks.iter();
    let held = tasks.find(|(_, task)| task.allocation == allocation);
    held.map(|((subtask, _), _)| *subtask)
}

impl Checker for Releases {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let is_over = |(moment, _): (Moment, ActorId)| moment.event != header.event.0;
        if self.changing.is_some_and(is_over) {
            self.check(scene);
        }
        match fact {
            Fact::TaskSlotChanged {
                state: SlotState::Free,
                allocation,
                ..
            } => self.freed(header, *allocation, scene),
            Fact::TaskSlotChanged { .. } | Fact::JobMasterLost { .. } => {
                self.changing = Some((header.into(), header.actor));
            }
            fact if is_end(fact) => self.changing = None,
            _ => {}
        }
    }

    fn finish(&self, _: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        last.check(scene);
        vec![last.emptied.verdict(), last.followed.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::actor::fact::ExecutionState;
    use crate::invariant::stage::{Stage, TM};

    fn ends(stage: &mut Stage, subtask: u32) -> &mut Stage {
        let (attempt, state) = (Attempt::new(100, 1), ExecutionState::Canceled);
        let fact = Fact::TaskEnded {
            subtask,
            attempt,
            state,
        };
        stage.says(TM(0), fact)
    }

    #[test]
    fn a_task_that_works_on_where_its_slot_is_released_is_noticed() {
        let mut stage = Stage::flink();
        stage.in_one_event(|stage| {
            stage.slot_turns(1, SlotState::Releasing).stopping(0, 1, 1);
        });
        stage.broken("P7", 0);
        stage.slot_turns(2, SlotState::Releasing).broken("P7", 1);
    }

    #[test]
    fn a_slot_that_is_freed_under_its_task_is_noticed() {
        let mut stage = Stage::flink();
        stage.stopping(0, 1, 1).stopping(0, 2, 1);
        ends(&mut stage, 1)
            .slot_turns(1, SlotState::Free)
            .broken("P7", 0);
        stage.slot_turns(2, SlotState::Free).broken("P7", 1);
    }

    #[test]
    fn slots_that_stay_active_for_a_jobmaster_that_is_lost_are_noticed() {
        let lost = Fact::JobMasterLost { job: 0, token: 100 };
        let mut stage = Stage::flink();
        stage.in_one_event(|stage| {
            stage.says(TM(0), lost.clone());
            for slot in 0..4 {
                stage.slot_turns(slot, SlotState::Allocated);
            }
        });
        stage.broken("H14", 0);
        Stage::flink().says(TM(0), lost).broken("H14", 4);
    }
}
