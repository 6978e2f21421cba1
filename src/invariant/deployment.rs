//! Where tasks go: only to TaskManagers that are members, and no more than they have slots for.

use crate::actor::fact::{ExecutionState, Fact};
use crate::kernel::{Header, Time};
use crate::policy::Slots;

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety(
        "R7",
        "No attempt is deployed to a TaskManager that the leader does not count as a member.",
    )
    .of_story(),
    safety(
        "P6",
        "Where slots bind, no TaskManager is given more tasks than it has slots.",
    )
    .of_story(),
    safety(
        "R10",
        "Only tasks that a recovery restarts are deployed anew.",
    )
    .of_story(),
];

#[derive(Clone, Debug)]
pub(super) struct Deployment {
    to_members: Tally,
    in_slots: Tally,
    announced: Tally,
}

impl Deployment {
    pub fn new() -> Deployment {
        let [to_members, in_slots, announced] = PROMISES.map(Tally::new);
        Deployment {
            to_members,
            in_slots,
            announced,
        }
    }
}

impl Checker for Deployment {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let Fact::ExecutionChanged {
            subtask,
            state: ExecutionState::Scheduled,
            taskmanager,
            ..
        } = fact
        else {
            return;
        };
        let Some(leader) = scene.leader(header.actor) else {
            return;
        };
        let blueprint = &scene.blueprint;
        let Some(place) =
            taskmanager.and_then(|actor| blueprint.directory.taskmanager_index(actor))
        else {
            return self.to_members.expect(false, header, || {
                format!("{} goes nowhere", scene.task(*subtask))
            });
        };
        let settings = &blueprint.cluster.taskmanagers[place];
        self.to_members
            .expect(leader.registered[place], header, || {
                format!(
                    "{} goes to {}, which is not registered",
                    scene.task(*subtask),
                    settings.name
                )
            });
        if blueprint.slots == Slots::Bind {
            let others = leader
                .tasks
                .iter()
                .filter(|task| task.is_live() && task.taskmanager == *taskmanager)
                .count();
            self.in_slots
                .expect((others as u32) < settings.slots, header, || {
                    format!(
                        "{} goes to {}, whose {} slots are taken",
                        scene.task(*subtask),
                        settings.name,
                        settings.slots
                    )
                });
        }
        // The first deployment of a job is no recovery.
        let job = blueprint.topology.job_of(*subtask);
        if let Some(recovery) = &leader.jobs[job as usize].recovery {
            self.announced.expect(
                recovery.tasks.binary_search(subtask).is_ok(),
                header,
                || {
                    format!(
                        "{} is deployed, but recovery {} does not restart it",
                        scene.task(*subtask),
                        recovery.number
                    )
                },
            );
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.to_members, &self.in_slots, &self.announced]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::actor::fact::Detector;
    use crate::invariant::stage::{JM, Stage, TM};
    use crate::policy::RecoveryScope;

    const A: fn(u32) -> Attempt = |number| Attempt::new(100, number);

    fn restarting(subtask: u32) -> Stage {
        let mut stage = Stage::running();
        let (detector, scope) = (Detector::TaskFailure, RecoveryScope::PerTask);
        let tasks = vec![subtask];
        stage.says(
            JM(0),
            Fact::RecoveryStarted {
                job: 0,
                recovery: 2,
                detector,
                scope,
                lost: Vec::new(),
                tasks,
            },
        );
        stage.sees(0, subtask, A(1), ExecutionState::Failed, 0);
        stage
    }

    #[test]
    fn a_task_goes_to_a_member_with_room() {
        let mut stage = restarting(2);
        stage
            .sees(0, 2, A(2), ExecutionState::Scheduled, 0)
            .broken("R7", 0)
            .broken("P6", 0)
            .broken("R10", 0)
            .clean();
    }

    #[test]
    fn a_lost_member_gets_nothing() {
        let mut stage = restarting(2);
        stage.says(
            JM(0),
            Fact::TaskManagerLost {
                taskmanager: TM(1),
                detector: Detector::ZookeeperSession,
            },
        );
        stage
            .sees(0, 2, A(2), ExecutionState::Scheduled, 1)
            .broken("R7", 1);
    }

    #[test]
    fn slots_that_are_taken_are_noticed() {
        let mut stage = restarting(4);
        stage
            .sees(0, 4, A(2), ExecutionState::Scheduled, 0)
            .broken("P6", 1);
    }

    #[test]
    fn a_task_that_should_run_on_is_noticed() {
        let mut stage = restarting(2);
        stage
            .sees(0, 3, A(1), ExecutionState::Failed, 0)
            .sees(0, 3, A(2), ExecutionState::Scheduled, 0)
            .broken("R10", 1);
    }
}
