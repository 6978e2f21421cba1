//! A TaskManager takes tasks of a job from one JobMaster only.

use crate::actor::fact::Fact;
use crate::invariant::checks::Checker;
use crate::invariant::scene::Scene;
use crate::invariant::tally::{Promise, Tally, Verdict, safety};
use crate::kernel::{Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 1] = [safety(
    "L7",
    "A TaskManager starts tasks only for the JobMaster that it is registered at, and by then has told those of another to stop.",
)
.of_flink()];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Tasks {
    of_one: Tally,
}

impl Tasks {
    pub fn new() -> Tasks {
        let [of_one] = PROMISES.map(Tally::new);
        Tasks { of_one }
    }
}

impl Checker for Tasks {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let Fact::TaskStarted {
            subtask,
            attempt,
            job_master,
            ..
        } = fact
        else {
            return;
        };
        let topology = &scene.blueprint.topology;
        let job = topology.job_of(*subtask);
        let executor = scene.endpoints.executors.get(&header.actor);
        let registered = executor.and_then(|executor| executor.job_masters.get(&job));
        let ours = registered == Some(job_master) && attempt.token() == *job_master;
        let foreign = executor.and_then(|executor| {
            executor
                .working(job, topology)
                .find(|(_, _, task)| task.job_master != *job_master)
        });
        self.of_one.expect(ours && foreign.is_none(), header, || {
            let (task, name) = (scene.task(*subtask), scene.name(header.actor));
            match foreign {
                Some((other, ..)) => format!(
                    "{task} starts at {name}, where {} of another JobMaster works on",
                    scene.task(other)
                ),
                None => format!("{task} starts at {name} for a JobMaster that it does not follow"),
            }
        });
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.of_one.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{Stage, TM, allocation};

    fn foreign(stage: &mut Stage) -> &mut Stage {
        let token = 200;
        stage.says(TM(0), Fact::JobMasterLost { job: 0, token: 100 });
        stage.says(TM(0), Fact::RegisteredAtJobMaster { job: 0, token });
        stage.says(
            TM(0),
            Fact::TaskStarted {
                subtask: 4,
                attempt: Attempt::new(token, 1),
                job_master: token,
                allocation: allocation(0, 3),
            },
        )
    }

    #[test]
    fn tasks_of_two_jobmasters_are_noticed() {
        foreign(&mut Stage::flink()).broken("L7", 1);
        let mut stage = Stage::flink();
        for subtask in 0..4 {
            stage.stopping(0, subtask, 1);
        }
        foreign(&mut stage).broken("L7", 0);
    }

    #[test]
    fn a_task_of_a_stranger_is_noticed() {
        let mut stage = Stage::flink();
        stage.says(TM(0), Fact::JobMasterLost { job: 0, token: 100 });
        stage.starts(0, 4, 2, 3).broken("L7", 1);
    }
}
