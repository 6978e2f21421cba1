//! What restarts together, and that it waits for what has to be over first.

use crate::actor::fact::{Detector, ExecutionState, Fact};
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{Header, Span, Time};
use crate::policy::RecoveryScope;

use super::checks::Checker;
use super::scene::{LeaderView, Scene};
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 3] = [
    safety(
        "R3",
        "What restarts is closed: whole regions under the region scope, the whole job under the full one.",
    ),
    safety(
        "R4",
        "No restart goes on before every task of it has ended and its delay is over.",
    )
    .of_story(),
    safety(
        "R5",
        "Recoveries of a job are counted up within one leadership.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Restarts {
    closed: Tally,
    waits: Tally,
    counted: Tally,
}

impl Restarts {
    pub fn new() -> Restarts {
        let [closed, waits, counted] = PROMISES.map(Tally::new);
        Restarts {
            closed,
            waits,
            counted,
        }
    }

    fn started(
        &mut self,
        header: &Header,
        (job, recovery): (JobId, u32),
        scope: RecoveryScope,
        tasks: &[SubtaskId],
        scene: &Scene,
    ) {
        let topology = &scene.blueprint.topology;
        let layout = match scene.leader(header.actor) {
            Some(leader) => &leader.jobs[job as usize].layout,
            None => &topology.jobs[job as usize].layout,
        };
        let all = &layout.subtasks;
        let region = |subtask: &SubtaskId| layout.get(*subtask).map(|vertex| vertex.region);
        // Lists are in order, by subtask.
        let restarts = |subtask: &SubtaskId| tasks.binary_search(subtask).is_ok();
        // What was never scheduled does not run on.
        let waits = |subtask: &SubtaskId| {
            let state = |leader: &LeaderView| leader.tasks[*subtask as usize].state;
            scene.leader(header.actor).map(state) == Some(ExecutionState::Created)
        };
        let spared = match scope {
            RecoveryScope::PerTask | RecoveryScope::PerTaskNaive => None,
            RecoveryScope::Full => all
                .iter()
                .find(|subtask| !restarts(subtask) && !waits(subtask)),
            RecoveryScope::Region => {
                let mut regions: Vec<Option<u32>> = tasks.iter().map(region).collect();
                regions.sort_unstable();
                all.iter().find(|subtask| {
                    regions.binary_search(&region(subtask)).is_ok()
                        && !restarts(subtask)
                        && !waits(subtask)
                })
            }
        };
        let ours = !tasks.is_empty()
            && tasks.is_sorted()
            && tasks.iter().all(|task| topology.job_of(*task) == job);
        self.closed
            .expect(ours && spared.is_none(), header, || match spared {
                Some(spared) => format!(
                    "recovery {recovery} ({}) spares {}",
                    scope.name(),
                    scene.task(*spared)
                ),
                None => format!(
                    "recovery {recovery} restarts other tasks than those of its job, or none"
                ),
            });
        let before = scene
            .leader(header.actor)
            .and_then(|leader| leader.jobs[job as usize].recovery.as_ref());
        self.counted.expect(
            before.is_none_or(|before| before.number < recovery),
            header,
            || {
                format!(
                    "recovery {recovery} of job {job} follows {}",
                    before.map_or(0, |before| before.number)
                )
            },
        );
    }

    fn goes_on(&mut self, header: &Header, job: JobId, recovery: u32, scene: &Scene) {
        let Some(leader) = scene.leader(header.actor) else {
            return;
        };
        let Some(view) = leader.jobs[job as usize]
            .recovery
            .as_ref()
            .filter(|view| view.number == recovery)
        else {
            return self.waits.expect(false, header, || {
                format!("recovery {recovery} of job {job} goes on unannounced")
            });
        };
        let live = view
            .tasks
            .iter()
            .find(|task| leader.tasks[**task as usize].is_live());
        let at_once = view.scope.spares_survivors() || view.detector == Detector::NewLeader;
        let delay = if at_once {
            Span::ZERO
        } else {
            scene.blueprint.config.restart_delay
        };
        let waited = header.time.since(view.at);
        self.waits
            .expect(live.is_none() && waited >= delay, header, || match live {
                Some(task) => format!(
                    "recovery {recovery} goes on while {} has not ended",
                    scene.task(*task)
                ),
                None => format!(
                    "recovery {recovery} goes on after {waited}, before its delay of {delay}"
                ),
            });
    }
}

impl Checker for Restarts {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::RecoveryStarted {
                job,
                recovery,
                scope,
                tasks,
                ..
            } => {
                self.started(header, (*job, *recovery), *scope, tasks, scene);
            }
            Fact::RetrievalStarted { job, recovery, .. } if !scene.is_flink() => {
                self.goes_on(header, *job, *recovery, scene)
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [&self.closed, &self.waits, &self.counted]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::checkpoint::Attempt;
    use crate::invariant::stage::{JM, SUBTASKS, Stage};

    fn started(recovery: u32, scope: RecoveryScope, tasks: &[SubtaskId]) -> Fact {
        let (detector, tasks) = (Detector::TaskFailure, tasks.to_vec());
        Fact::RecoveryStarted {
            job: 0,
            recovery,
            detector,
            scope,
            lost: Vec::new(),
            tasks,
        }
    }

    const RETRIEVAL: Fact = Fact::RetrievalStarted {
        job: 0,
        recovery: 2,
        checkpoint: 0,
    };

    fn canceled() -> Stage {
        let mut stage = Stage::running();
        stage
            .at(20)
            .says(JM(0), started(2, RecoveryScope::Region, &[0, 1, 2, 3, 4]));
        for subtask in 0..SUBTASKS {
            stage.sees(
                0,
                subtask,
                Attempt::new(100, 1),
                ExecutionState::Canceled,
                0,
            );
        }
        stage
    }

    #[test]
    fn a_region_restarts_whole_after_the_delay() {
        canceled()
            .at(21)
            .says(JM(0), RETRIEVAL)
            .broken("R3", 0)
            .broken("R4", 0)
            .broken("R5", 0)
            .clean();
    }

    #[test]
    fn a_region_that_is_torn_is_noticed() {
        Stage::running()
            .says(JM(0), started(2, RecoveryScope::Region, &[0, 1, 2, 4]))
            .broken("R3", 1);
        Stage::running()
            .says(JM(0), started(2, RecoveryScope::Full, &[0]))
            .broken("R3", 1);
        Stage::running()
            .says(JM(0), started(2, RecoveryScope::PerTask, &[]))
            .broken("R3", 1);
        Stage::running()
            .says(JM(0), started(2, RecoveryScope::PerTask, &[3]))
            .broken("R3", 0);
    }

    #[test]
    fn a_restart_that_does_not_wait_is_noticed() {
        canceled().says(JM(0), RETRIEVAL).broken("R4", 1);
        let mut stage = Stage::running();
        stage
            .at(20)
            .says(JM(0), started(2, RecoveryScope::PerTask, &[3]));
        stage.says(JM(0), RETRIEVAL).broken("R4", 1);
        Stage::running().says(JM(0), RETRIEVAL).broken("R4", 1);
    }

    #[test]
    fn recoveries_count_up() {
        canceled()
            .says(JM(0), started(2, RecoveryScope::PerTask, &[3]))
            .broken("R5", 1);
    }
}
