//! Executions as a JobMaster sees them: one at a time per subtask, each to its end.

use crate::actor::fact::{ExecutionState, Fact, JobStatus};
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::{Scene, TaskView};
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety(
        "R1",
        "No attempt leaves a terminal state, or goes back in its life.",
    ),
    safety(
        "R2",
        "At most one attempt of a subtask has not ended in the JobMaster's view, and a later one is larger.",
    ),
    safety(
        "J1",
        "A job is called RUNNING only when each of its tasks is.",
    )
    .of_story(),
];

#[derive(Clone, Debug)]
pub(super) struct Executions {
    forward: Tally,
    single: Tally,
    honest: Tally,
}

impl Executions {
    pub fn new() -> Executions {
        let [forward, single, honest] = PROMISES.map(Tally::new);
        Executions {
            forward,
            single,
            honest,
        }
    }
}

/// Which states can follow which within one attempt.
fn may_follow(before: ExecutionState, after: ExecutionState) -> bool {
    !before.is_terminal()
        && (after > before || (before == ExecutionState::Created && after == before))
}

impl Checker for Executions {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let Some(leader) = scene.leader(header.actor) else {
            return;
        };
        match fact {
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                ..
            } => {
                let before: TaskView = leader.tasks[*subtask as usize];
                let name = || format!("{} attempt {}", scene.task(*subtask), attempt.number());
                if before.attempt == *attempt {
                    self.forward
                        .expect(may_follow(before.state, *state), header, || {
                            format!(
                                "{} goes from {} to {}",
                                name(),
                                before.state.name(),
                                state.name()
                            )
                        });
                } else {
                    let begins = *state == ExecutionState::Scheduled && *attempt > before.attempt;
                    // Under Flink an attempt is scheduled before it has a slot.
                    let live = before.is_live()
                        || scene.is_flink()
                            && before.state > ExecutionState::Created
                            && !before.state.is_terminal();
                    self.single.expect(begins && !live, header, || {
                        let (was, number) = (before.state.name(), before.attempt.number());
                        format!(
                            "{} is {} while attempt {number} is {was}",
                            name(),
                            state.name()
                        )
                    });
                }
            }
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Running,
                ..
            } => {
                let all = leader.all_run(*job);
                self.honest.expect(all, header, || {
                    format!("job {job} is RUNNING, but some task is not")
                });
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.forward, &self.single, &self.honest]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{JM, Stage};

    const A: fn(u32) -> Attempt = |number| Attempt::new(100, number);

    #[test]
    fn an_attempt_ends_and_the_next_begins() {
        let mut stage = Stage::running();
        stage.sees(0, 2, A(1), ExecutionState::Canceling, 0).sees(
            0,
            2,
            A(1),
            ExecutionState::Canceled,
            0,
        );
        stage.sees(0, 2, A(2), ExecutionState::Scheduled, 1);
        stage
            .broken("R1", 0)
            .broken("R2", 0)
            .broken("J1", 0)
            .clean();
    }

    #[test]
    fn nothing_comes_back_from_the_dead() {
        let mut stage = Stage::running();
        stage
            .sees(0, 2, A(1), ExecutionState::Failed, 0)
            .sees(0, 2, A(1), ExecutionState::Running, 0)
            .broken("R1", 1);
        Stage::running()
            .sees(0, 2, A(1), ExecutionState::Deploying, 0)
            .broken("R1", 1);
    }

    #[test]
    fn two_attempts_at_once_are_noticed() {
        Stage::running()
            .sees(0, 2, A(2), ExecutionState::Scheduled, 0)
            .broken("R2", 1);
        let mut stage = Stage::running();
        stage
            .sees(0, 2, A(1), ExecutionState::Failed, 0)
            .sees(0, 2, A(0), ExecutionState::Scheduled, 0)
            .broken("R2", 1);
    }

    #[test]
    fn a_job_that_claims_to_run_is_noticed() {
        let mut stage = Stage::running();
        stage.sees(0, 2, A(1), ExecutionState::Failed, 0);
        let reason = String::new();
        stage
            .says(
                JM(0),
                Fact::JobStatusChanged {
                    job: 0,
                    status: JobStatus::Running,
                    reason,
                },
            )
            .broken("J1", 1);
    }
}
