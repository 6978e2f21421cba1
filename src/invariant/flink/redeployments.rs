//! Restarts wait for their back-off, and for the end of what they restart (`DefaultScheduler.restartTasksWithDelay`).

use std::collections::BTreeMap;

use crate::actor::fact::{ExecutionState, Fact};
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::invariant::checks::Checker;
use crate::invariant::scene::{Scene, is_end};
use crate::invariant::tally::{Promise, Tally, Verdict, safety};
use crate::kernel::{ActorId, Header, Span, Time};

pub(in crate::invariant) const PROMISES: [Promise; 1] = [safety(
    "R4",
    "No restart begins before its back-off has elapsed and every attempt that it restarts has ended.",
)
.of_flink()];

#[derive(Clone, Debug)]
pub(in crate::invariant) struct Redeployments {
    waits: Tally,
    /// By JobManager.
    leaders: BTreeMap<ActorId, Leader>,
}

#[derive(Clone, Debug)]
struct Leader {
    restarts: BTreeMap<(JobId, u32), Restart>,
    /// By subtask: the last restart that has taken it in, and whether it goes on.
    latest: Vec<Option<(u32, bool)>>,
}

#[derive(Clone, Debug)]
struct Restart {
    at: Time,
    delay: Span,
    tasks: Vec<SubtaskId>,
}

impl Redeployments {
    pub fn new(_: &Scene) -> Redeployments {
        let [waits] = PROMISES.map(Tally::new);
        Redeployments {
            waits,
            leaders: BTreeMap::new(),
        }
    }

    fn scheduled(&mut self, header: &Header, subtask: SubtaskId, scene: &Scene) {
        let Some(view) = scene.leader(header.actor) else {
            return;
        };
        let Some(leader) = self.leaders.get_mut(&header.actor) else {
            return;
        };
        let Some((number, false)) = leader.latest[subtask as usize] else {
            return;
        };
        let job = scene.blueprint.topology.job_of(subtask);
        let restart = &leader.restarts[&(job, number)];
        // What a later restart has taken over is not waited for.
        let ours: Vec<SubtaskId> = restart
            .tasks
            .iter()
            .copied()
            .filter(|task| leader.latest[*task as usize] == Some((number, false)))
            .collect();
        let ended = |task: &&SubtaskId| {
            let state = view.tasks[**task as usize].state;
            state.is_terminal() || state == ExecutionState::Created
        };
        let live = ours.iter().find(|task| !ended(task));
        let waited = header.time.since(restart.at);
        let delay = restart.delay;
        self.waits
            .expect(live.is_none() && waited >= delay, header, || match live {
                Some(task) => format!(
                    "restart {number} begins while {} has not ended",
                    scene.task(*task)
                ),
                None => {
                    format!(
                        "restart {number} begins after {waited}, before its back-off of {delay}"
                    )
                }
            });
        for task in ours {
            leader.latest[task as usize] = Some((number, true));
        }
    }
}

impl Checker for Redeployments {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::LeadershipGranted | Fact::LeadershipLost { .. } => {
                self.leaders.remove(&header.actor);
            }
            fact if is_end(fact) => {
                self.leaders.remove(&header.actor);
            }
            Fact::RecoveryStarted {
                job,
                recovery,
                tasks,
                ..
            } => {
                let subtasks = scene.blueprint.topology.subtasks.len();
                let leader = self.leaders.entry(header.actor).or_insert(Leader {
                    restarts: BTreeMap::new(),
                    latest: vec![None; subtasks],
                });
                for task in tasks {
                    leader.latest[*task as usize] = Some((*recovery, false));
                }
                let restart = Restart {
                    at: header.time,
                    delay: Span::ZERO,
                    tasks: tasks.clone(),
                };
                leader.restarts.insert((*job, *recovery), restart);
            }
            Fact::RestartDelayed {
                job,
                recovery,
                delay,
            } => {
                let leader = self.leaders.get_mut(&header.actor);
                let restart = leader.and_then(|leader| leader.restarts.get_mut(&(*job, *recovery)));
                if let Some(restart) = restart {
                    restart.delay = *delay;
                }
            }
            Fact::ExecutionChanged {
                subtask,
                state: ExecutionState::Scheduled,
                ..
            } => self.scheduled(header, *subtask, scene),
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        vec![self.waits.verdict()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::actor::fact::Detector;
    use crate::invariant::stage::{JM, SUBTASKS, Stage};
    use crate::policy::RecoveryScope;

    fn failed() -> Stage {
        let mut stage = Stage::flink();
        stage.at(20).says(
            JM(0),
            Fact::RecoveryStarted {
                job: 0,
                recovery: 2,
                detector: Detector::DataPlane,
                scope: RecoveryScope::Region,
                lost: Vec::new(),
                tasks: (0..SUBTASKS).collect(),
            },
        );
        let delay = Span::from_secs(1);
        let (job, recovery) = (0, 2);
        stage.says(
            JM(0),
            Fact::RestartDelayed {
                job,
                recovery,
                delay,
            },
        );
        for subtask in 0..SUBTASKS - 1 {
            canceled(&mut stage, subtask);
        }
        stage
    }

    fn canceled(stage: &mut Stage, subtask: SubtaskId) {
        let attempt = Attempt::new(100, 1);
        stage.sees(0, subtask, attempt, ExecutionState::Canceled, 0);
    }

    fn scheduled(stage: &mut Stage) -> &mut Stage {
        for subtask in 0..SUBTASKS {
            let attempt = Attempt::new(100, 2);
            stage.sees(0, subtask, attempt, ExecutionState::Scheduled, 0);
        }
        stage
    }

    #[test]
    fn a_restart_waits_for_its_delay_and_for_its_tasks() {
        let mut stage = failed();
        canceled(&mut stage, SUBTASKS - 1);
        scheduled(stage.at(21)).broken("R4", 0).clean();
    }

    #[test]
    fn a_restart_that_does_not_wait_is_noticed() {
        let mut stage = failed();
        canceled(&mut stage, SUBTASKS - 1);
        scheduled(&mut stage).broken("R4", 1);
        let mut stage = failed();
        scheduled(stage.at(30)).broken("R4", 1);
    }
}
