//! Once faults have stopped: somebody leads, jobs run, checkpoints come to an end.

use crate::actor::fact::{ExecutionState, Fact, JobStatus};
use crate::dataflow::topology::JobId;
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::quiet::{
    can_lead, can_run, checkpoint_bound, job_bound, leader_bound, storage_is_well,
    zookeeper_is_whole,
};
use super::scene::{Scene, is_disturbance};
use super::tally::{Moment, Promise, Tally, Verdict, liveness};

pub(super) const PROMISES: [Promise; 3] = [
    liveness(
        "L8",
        "With a quorum of ZooKeeper and a JobManager that is well, there is a leader in bounded time.",
    ),
    liveness(
        "R8",
        "With a leader and room on TaskManagers, every job runs with all its tasks in bounded time.",
    ),
    liveness(
        "C8",
        "While a job runs and nothing disturbs it, checkpoints are triggered, and complete or are given up, in time.",
    ),
];

#[derive(Clone, Debug)]
pub(super) struct Liveness {
    led: Tally,
    running: Tally,
    checkpointed: Tally,
    /// Since when somebody leads, or nobody does.
    led_since: Time,
    jobs: Vec<Job>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Job {
    runs: bool,
    /// Since when it runs, or does not.
    since: Time,
    /// When a checkpoint was last triggered or ended.
    checkpoint: Time,
    /// One is on its way.
    pending: bool,
    /// Tasks that have acknowledged it.
    acknowledged: usize,
    /// It has ended for good.
    over: bool,
}

impl Liveness {
    pub fn new(scene: &Scene) -> Liveness {
        let [led, running, checkpointed] = PROMISES.map(Tally::new);
        let jobs = vec![Job::default(); scene.blueprint.topology.jobs.len()];
        Liveness {
            led,
            running,
            checkpointed,
            led_since: Time::ZERO,
            jobs,
        }
    }

    /// A stretch of quiet ends: has everything come about that should have?
    fn judge(&mut self, now: Moment, scene: &Scene) {
        self.judge_leader(now, scene);
        for job in 0..self.jobs.len() as JobId {
            self.judge_job(now, job, scene);
            self.judge_checkpoints(now, job, scene);
        }
    }

    fn judge_leader(&mut self, now: Moment, scene: &Scene) {
        let waited = now
            .at
            .since(self.led_since.max(scene.processes.disturbed_at()));
        let (leads, bound) = (is_led(scene), leader_bound(scene));
        // Nobody is looked for where nothing is left to run.
        let needed = self.jobs.iter().any(|job| !job.over);
        if needed && can_lead(scene) && (leads || waited > bound) {
            self.led.expect(leads, now, || {
                format!("nobody leads after {waited} of quiet, within {bound} somebody should")
            });
        }
    }

    fn judge_job(&mut self, now: Moment, job: JobId, scene: &Scene) {
        let known = self.jobs[job as usize];
        let from = known
            .since
            .max(self.led_since)
            .max(scene.processes.disturbed_at());
        let (waited, bound) = (now.at.since(from), job_bound(scene, job));
        if !known.over && can_run(scene) && (known.runs || waited > bound) {
            self.running.expect(known.runs, now, || {
                format!(
                    "job {job} does not run after {waited} of quiet, within {bound} it should; {}",
                    idle(job, scene)
                )
            });
        }
    }

    fn judge_checkpoints(&mut self, now: Moment, job: JobId, scene: &Scene) {
        let known = self.jobs[job as usize];
        let Some(bound) = checkpoint_bound(scene, known.pending).filter(|_| known.runs) else {
            return;
        };
        // With everybody's word nothing expires it any more: it waits for its metadata to be written.
        let all = scene.layout(job).subtasks.len();
        let writes = known.pending && known.acknowledged >= all && !storage_is_well(scene);
        if is_led(scene) && zookeeper_is_whole(scene) && !writes {
            let waited = now
                .at
                .since(known.checkpoint.max(scene.processes.disturbed_at()));
            self.checkpointed.expect(waited <= bound, now, || {
                let what = if known.pending {
                    "ended"
                } else {
                    "been triggered"
                };
                format!(
                    "no checkpoint of job {job} has {what} for {waited}, within {bound} one should"
                )
            });
        }
    }

    fn checkpoint(&mut self, header: &Header, job: JobId, pending: bool, scene: &Scene) {
        self.judge_checkpoints(header.into(), job, scene);
        let known = &mut self.jobs[job as usize];
        (known.pending, known.checkpoint) = (pending, header.time);
        known.acknowledged = 0;
    }

    /// A job comes up, or goes down: judged by how it was until now.
    fn turn(&mut self, header: &Header, job: JobId, runs: bool, scene: &Scene) {
        self.judge_job(header.into(), job, scene);
        self.judge_checkpoints(header.into(), job, scene);
        self.set_running(job, runs, header.time);
    }

    fn set_running(&mut self, job: JobId, runs: bool, now: Time) {
        let known = &mut self.jobs[job as usize];
        if known.runs != runs {
            *known = Job {
                runs,
                since: now,
                checkpoint: now,
                pending: false,
                acknowledged: 0,
                over: known.over,
            };
        }
    }

    fn lead(&mut self, now: Time) {
        self.led_since = now;
        for job in 0..self.jobs.len() as JobId {
            self.set_running(job, false, now);
        }
    }
}

fn is_led(scene: &Scene) -> bool {
    scene
        .current_leader()
        .is_some_and(|(actor, _)| scene.processes.is_well(actor))
}

/// What keeps the job from running.
fn idle(job: JobId, scene: &Scene) -> String {
    let Some((_, leader)) = scene.current_leader() else {
        return "nobody leads".to_owned();
    };
    let tasks = &leader.jobs[job as usize].layout.subtasks;
    let idle = tasks
        .iter()
        .find(|task| leader.tasks[**task as usize].state != ExecutionState::Running);
    idle.map_or("all its tasks run".to_owned(), |task| {
        format!(
            "{} is {}",
            scene.task(*task),
            leader.tasks[*task as usize].state.name()
        )
    })
}

impl Checker for Liveness {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        let latest = scene.is_latest_leader(header.actor);
        match fact {
            // Judged by how it was until now.
            fact if is_disturbance(fact) => {
                self.judge(header.into(), scene);
                if latest && matches!(fact, Fact::FaultInjected { what: "kill" }) {
                    self.lead(header.time);
                }
            }
            Fact::LeaderPublished { token } if *token > scene.token_max => {
                self.judge_leader(header.into(), scene);
                self.lead(header.time);
            }
            Fact::LeadershipLost { .. } if latest => self.lead(header.time),
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Failed | JobStatus::Finished,
                ..
            } if latest => {
                self.set_running(*job, false, header.time);
                self.jobs[*job as usize].over = true;
            }
            Fact::JobResubmitted(job, _) => {
                let known = &mut self.jobs[*job as usize];
                (known.over, known.since) = (false, header.time);
            }
            // Under Flink a job is RUNNING before its tasks are.
            Fact::JobStatusChanged { .. } if scene.is_flink() => {}
            Fact::RecoveryRunning { job, .. } if latest && scene.is_flink() => {
                self.turn(header, *job, true, scene);
            }
            Fact::ExecutionChanged { subtask, state, .. } if latest && scene.is_flink() => {
                let job = scene.blueprint.topology.job_of(*subtask);
                if *state != ExecutionState::Running && self.jobs[job as usize].runs {
                    self.turn(header, job, false, scene);
                }
            }
            Fact::JobStatusChanged { job, status, .. } if latest => {
                self.turn(header, *job, *status == JobStatus::Running, scene);
            }
            Fact::JobResultStored(job) => {
                self.set_running(*job, false, header.time);
                self.jobs[*job as usize].over = true;
            }
            Fact::CheckpointTriggered { job, .. } if latest => {
                self.checkpoint(header, *job, true, scene)
            }
            Fact::CheckpointAcknowledged { job, .. } if latest => {
                self.jobs[*job as usize].acknowledged += 1;
            }
            Fact::CheckpointCompleted { job, .. } | Fact::CheckpointAborted { job, .. }
                if latest =>
            {
                self.checkpoint(header, *job, false, scene);
            }
            _ => {}
        }
    }

    fn finish(&self, end: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        last.judge(
            Moment {
                at: end,
                ..scene.last
            },
            scene,
        );
        [&last.led, &last.running, &last.checkpointed]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, Stage, TM, ZK};

    const KILL: Fact = Fact::FaultInjected { what: "kill" };

    fn status(stage: &mut Stage, status: JobStatus) -> &mut Stage {
        stage.says(
            JM(0),
            Fact::JobStatusChanged {
                job: 0,
                status,
                reason: String::new(),
            },
        )
    }

    fn completed(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        stage.says(JM(0), Fact::CheckpointTriggered { job: 0, checkpoint });
        let (offsets, duration) = (Vec::new(), crate::kernel::Span::ZERO);
        stage.says(
            JM(0),
            Fact::CheckpointCompleted {
                job: 0,
                checkpoint,
                offsets,
                bytes: 0,
                written_bytes: 0,
                persisted_bytes: 0,
                duration,
            },
        )
    }

    #[test]
    fn a_cluster_in_order_is_left_alone() {
        let mut stage = Stage::running();
        for n in 1..30 {
            completed(stage.at(n * 10), n);
        }
        stage
            .at(290)
            .broken("L8", 0)
            .broken("R8", 0)
            .broken("C8", 0);
    }

    #[test]
    fn nobody_leads_for_too_long() {
        Stage::new().at(200).broken("L8", 1);
        let mut stage = Stage::running();
        stage.at(20).says(JM(0), KILL).at(40);
        assert_eq!(stage.verdict("L8").violations_total, 0);
        stage.at(100).broken("L8", 1);
        // Nobody is left who could.
        stage.at(30).says(JM(1), KILL).at(200);
        assert_eq!(stage.verdict("L8").violations_total, 0);
    }

    #[test]
    fn a_leader_that_comes_late_is_noticed() {
        Stage::new().at(200).elect(0, 100).broken("L8", 1);
    }

    #[test]
    fn a_job_that_stays_down_is_noticed() {
        let mut stage = Stage::running();
        status(stage.at(20), JobStatus::Restarting)
            .at(60)
            .broken("R8", 0);
        stage.at(200).broken("R8", 1);
        status(&mut stage, JobStatus::Running).broken("R8", 1);
        // Its tasks find no room: nothing can be asked.
        let mut stage = Stage::running();
        status(stage.at(20).says(TM(0), KILL), JobStatus::Restarting)
            .at(200)
            .broken("R8", 0);
    }

    #[test]
    fn checkpoints_that_stop_are_noticed() {
        let mut stage = Stage::running();
        completed(stage.at(10), 1).at(30).broken("C8", 0);
        stage.at(31).broken("C8", 1);
        // One that is on its way has time until it expires.
        let mut stage = Stage::running();
        completed(stage.at(10), 1).at(20).says(
            JM(0),
            Fact::CheckpointTriggered {
                job: 0,
                checkpoint: 2,
            },
        );
        stage.at(90).broken("C8", 0);
        stage.at(91).broken("C8", 1);
        // Without ZooKeeper there are no ids.
        let mut stage = Stage::running();
        completed(stage.at(10), 1)
            .says(ZK, KILL)
            .at(200)
            .broken("C8", 0);
    }

    #[test]
    fn a_job_of_flink_runs_when_its_tasks_do() {
        let ends = |stage: &mut Stage, last: JobStatus| {
            stage.at(20);
            let attempt = crate::actor::checkpoint::Attempt::new(100, 1);
            stage.sees(0, 2, attempt, ExecutionState::Failed, 0);
            status(stage, JobStatus::Restarting);
            status(stage, last);
        };
        let mut stage = Stage::flink();
        ends(&mut stage, JobStatus::Running);
        stage.at(60).broken("R8", 0);
        stage.at(2_000).broken("R8", 1);
        let mut stage = Stage::flink();
        ends(&mut stage, JobStatus::Failed);
        stage.at(2_000).broken("R8", 0);
        assert_eq!(stage.verdict("L8").violations_total, 0);
    }
}
