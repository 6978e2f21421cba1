//! Jobs that have ended for good stay so.

use std::collections::BTreeSet;

use crate::actor::fact::{ExecutionState, Fact, JobStatus};
use crate::actor::zookeeper::paths;
use crate::dataflow::topology::JobId;
use crate::invariant::checks::Checker;
use crate::invariant::scene::Scene;
use crate::invariant::tally::{Promise, Tally, Verdict, safety};
use crate::kernel::{Header, Time};

pub(in crate::invariant) const PROMISES: [Promise; 2] = [
    safety(
        "L6",
        "A job that has reached a globally terminal state is never scheduled again, by any leader.",
    )
    .of_flink(),
    safety(
        "L10",
        "What a leader needs to recover a job stays in ZooKeeper until the job's result is stored.",
    )
    .of_flink(),
];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Jobs {
    over: Tally,
    kept: Tally,
    terminal: BTreeSet<JobId>,
    /// Jobs that have ended, and whose result is not known to be stored; whoever leads next may find it there.
    ending: BTreeSet<JobId>,
}

impl Jobs {
    pub fn new(_: &Scene) -> Jobs {
        let [over, kept] = PROMISES.map(Tally::new);
        Jobs {
            over,
            kept,
            terminal: BTreeSet::new(),
            ending: BTreeSet::new(),
        }
    }
}

impl Checker for Jobs {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::LeadershipGranted => self.ending.clear(),
            Fact::JobResultStored(job) => {
                self.ending.remove(job);
            }
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Failed | JobStatus::Finished,
                ..
            } => {
                self.ending.insert(*job);
            }
            Fact::ZnodeDeleted { path, .. } if !self.ending.is_empty() => {
                let early = self.ending.iter().find(|job| *path == paths::plan(**job));
                self.kept.expect(early.is_none(), header, || {
                    format!("{path} is deleted, and the job's result is not stored")
                });
            }
            _ => {}
        }
        match fact {
            // Until then whoever leads next runs it again. One that was stopped, or that tolerates a suspended connection,
            // may end what its successor runs.
            Fact::JobResultStored(job)
                if !scene.has_slept(header.actor) && !scene.has_successor(header.actor) =>
            {
                self.terminal.insert(*job);
            }
            Fact::JobResubmitted(job, _) => {
                self.terminal.remove(job);
            }
            Fact::ExecutionChanged {
                subtask,
                state: ExecutionState::Scheduled,
                ..
            } => {
                let job = scene.blueprint.topology.job_of(*subtask);
                // A leader that was stopped goes on where it was, until it hears of its successor.
                let allowed = !self.terminal.contains(&job) || scene.has_slept(header.actor);
                self.over.expect(allowed, header, || {
                    format!(
                        "{} is scheduled, but its job has ended",
                        scene.task(*subtask)
                    )
                });
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.over.verdict(), self.kept.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{JM, Stage, ZK};

    fn ends(stage: &mut Stage, status: JobStatus, stored: bool) -> &mut Stage {
        let reason = String::new();
        let attempt = Attempt::new(100, 1);
        for subtask in 0..crate::invariant::stage::SUBTASKS {
            stage.sees(0, subtask, attempt, ExecutionState::Failed, 0);
        }
        stage.says(
            JM(0),
            Fact::JobStatusChanged {
                job: 0,
                status,
                reason,
            },
        );
        if stored {
            stage.says(JM(0), Fact::JobResultStored(0));
        }
        let attempt = Attempt::new(100, 2);
        stage.sees(0, 2, attempt, ExecutionState::Scheduled, 0)
    }

    #[test]
    fn a_job_that_comes_back_is_noticed() {
        ends(&mut Stage::flink(), JobStatus::Restarting, false).broken("L6", 0);
        ends(&mut Stage::flink(), JobStatus::Failed, false).broken("L6", 0);
        ends(&mut Stage::flink(), JobStatus::Failed, true).broken("L6", 1);
        // A second leader, stopped before the job ended under the first, goes on with it.
        let mut zombie = Stage::flink();
        zombie.at(2).says(JM(1), Fact::LeadershipGranted);
        zombie
            .at(3)
            .says(JM(1), Fact::FaultInjected { what: "hang" });
        zombie.at(4).says(JM(0), Fact::LeadershipGranted);
        ends(&mut zombie, JobStatus::Failed, true).broken("L6", 1);
        zombie.at(9).says(JM(1), Fact::FaultHealed { what: "hang" });
        zombie.sees(1, 2, Attempt::new(100, 3), ExecutionState::Scheduled, 0);
        zombie.broken("L6", 1);
        let mut overtaken = Stage::flink();
        overtaken.at(2).says(JM(1), Fact::LeadershipGranted);
        ends(&mut overtaken, JobStatus::Failed, true).broken("L6", 0);
    }

    #[test]
    fn a_plan_that_goes_before_its_job_has_a_result_is_noticed() {
        let deleted = |stored, granted| {
            let mut stage = Stage::flink();
            ends(&mut stage, JobStatus::Finished, stored);
            if granted {
                stage.says(JM(1), Fact::LeadershipGranted);
            }
            for path in ["/jobs/0/checkpoints/1".to_owned(), paths::plan(0)] {
                let zxid = 900 + path.len() as u64;
                stage.says(ZK, Fact::ZnodeDeleted { zxid, path });
            }
            stage
        };
        deleted(false, false).broken("L10", 1);
        deleted(true, false).holds("L10");
        // It may have found the result.
        deleted(false, true).holds("L10");
    }
}
