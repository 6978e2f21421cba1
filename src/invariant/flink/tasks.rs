//! A TaskManager takes tasks of a job from one JobMaster only, and what is said to have failed there has been there.

use std::collections::BTreeMap;

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{Detector, ExecutionState, Fact};
use crate::actor::message::FencingToken;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::invariant::checks::Checker;
use crate::invariant::scene::Scene;
use crate::invariant::tally::{Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 2] = [
    safety(
        "L7",
        "A TaskManager starts tasks only for the JobMaster that it is registered at, and by then has told those of another to stop.",
    )
    .of_flink(),
    safety(
        "R13",
        "A job restarts because of a task's failure on its TaskManager only where the task has started there.",
    )
    .of_flink(),
];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Tasks {
    of_one: Tally,
    known: Tally,
    /// By subtask: its latest attempt that a TaskManager has started.
    started: BTreeMap<SubtaskId, Attempt>,
    /// The event in which a JobManager takes an attempt for failed that it had deployed.
    failing: Option<(u64, ActorId, SubtaskId, Attempt)>,
    /// The event in which slots have left a pool last: what was deployed there has failed with them.
    slots_lost: u64,
}

impl Tasks {
    pub fn new() -> Tasks {
        let [of_one, known] = PROMISES.map(Tally::new);
        Tasks {
            of_one,
            known,
            started: BTreeMap::new(),
            failing: None,
            slots_lost: 0,
        }
    }

    fn fails(&mut self, header: &Header, subtask: SubtaskId, attempt: Attempt, scene: &Scene) {
        let view = scene
            .leader(header.actor)
            .map(|leader| leader.tasks[subtask as usize]);
        let deployed = view.is_some_and(|view| view.attempt == attempt && view.is_live());
        if deployed && self.slots_lost != header.event.0 {
            self.failing = Some((header.event.0, header.actor, subtask, attempt));
        }
    }

    /// A job restarts, or ends, because of what has failed in this event.
    fn restarts(&mut self, header: &Header, job: JobId, scene: &Scene) {
        let Some((event, actor, subtask, attempt)) = self.failing.take() else {
            return;
        };
        let ours = scene.blueprint.topology.job_of(subtask) == job;
        if !ours || (event, actor) != (header.event.0, header.actor) {
            return;
        }
        let started = self.started.get(&subtask);
        let known = started.is_some_and(|started| *started >= attempt);
        self.known.expect(known, header, || {
            let task = scene.task(subtask);
            format!("{task} is said to have failed, and has not started")
        });
    }
}

impl Tasks {
    fn starts(
        &mut self,
        header: &Header,
        (subtask, attempt): (SubtaskId, Attempt),
        job_master: FencingToken,
        scene: &Scene,
    ) {
        let started = self.started.entry(subtask).or_insert(attempt);
        *started = attempt.max(*started);
        let topology = &scene.blueprint.topology;
        let job = topology.job_of(subtask);
        let executor = scene.endpoints.executors.get(&header.actor);
        let registered = executor.and_then(|executor| executor.job_masters.get(&job));
        let ours = registered == Some(&job_master) && attempt.token() == job_master;
        let foreign = executor.and_then(|executor| {
            executor
                .working(job, topology)
                .find(|(_, _, task)| task.job_master != job_master)
        });
        self.of_one.expect(ours && foreign.is_none(), header, || {
            let (task, name) = (scene.task(subtask), scene.name(header.actor));
            match foreign {
                Some((other, ..)) => format!(
                    "{task} starts at {name}, where {} of another JobMaster works on",
                    scene.task(other)
                ),
                None => format!("{task} starts at {name} for a JobMaster that it does not follow"),
            }
        });
    }
}

impl Checker for Tasks {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::TaskStarted {
                subtask,
                attempt,
                job_master,
                ..
            } => self.starts(header, (*subtask, *attempt), *job_master, scene),
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state: ExecutionState::Failed,
                ..
            } => self.fails(header, *subtask, *attempt, scene),
            Fact::SlotPoolChanged { change: "lost", .. } => self.slots_lost = header.event.0,
            Fact::RecoveryStarted {
                job,
                detector: Detector::TaskFailure,
                ..
            }
            | Fact::JobGivenUp(job, Detector::TaskFailure, _) => {
                self.restarts(header, *job, scene);
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.of_one.verdict(), self.known.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{JM, Stage, TM, allocation};
    use crate::policy::RecoveryScope;

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

    /// A task fails, as its JobMaster says.
    fn fails(stage: &mut Stage, number: u32) -> &mut Stage {
        let attempt = Attempt::new(100, number);
        let restarts = Fact::RecoveryStarted {
            job: 0,
            recovery: number,
            detector: Detector::TaskFailure,
            scope: RecoveryScope::Region,
            lost: vec![TM(0)],
            tasks: vec![2],
        };
        stage
            .sees(0, 2, attempt, ExecutionState::Failed, 0)
            .says(JM(0), restarts)
    }

    #[test]
    fn a_task_that_fails_before_it_has_started_is_noticed() {
        let mut stage = Stage::flink();
        stage.in_one_event(|stage| {
            fails(stage, 1);
        });
        stage.broken("R13", 0);
        let deployed = |stage: &mut Stage, number| {
            for state in [ExecutionState::Scheduled, ExecutionState::Deploying] {
                stage.sees(0, 2, Attempt::new(100, number), state, 0);
            }
        };
        deployed(&mut stage, 2);
        stage.in_one_event(|stage| {
            fails(stage, 2);
        });
        stage.broken("R13", 1);
        // Its slot has gone.
        deployed(&mut stage, 3);
        stage.in_one_event(|stage| {
            stage.pool(0, 2, "lost");
            fails(stage, 3);
        });
        stage.broken("R13", 1);
    }
}
