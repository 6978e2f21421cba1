//! Once faults have stopped: somebody leads, jobs run, checkpoints come to an end.

use std::collections::BTreeSet;

use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Header, Span, Time};

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
    /// TaskManagers that do not hear of completed checkpoints.
    deaf: BTreeSet<ActorId>,
    /// When connections were reset last: what was under way on them is lost.
    reset_at: Option<Time>,
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
    /// Since when its tasks wait for word of the savepoint that it is stopped with.
    stopping: Option<Time>,
    /// That word may be lost. Nobody gives it again: the tasks wait for ever, and no checkpoint is due
    /// (`CheckpointListener`: notifications are best effort).
    untold: bool,
    /// It has ended for good.
    over: bool,
}

/// A call is on its way for so long at the most.
const UNDER_WAY: Span = Span::from_secs(5);

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
            deaf: BTreeSet::new(),
            reset_at: None,
        }
    }

    /// Calls to TaskManagers are lost from here on, or were while a job was being stopped.
    fn lose_word(&mut self, now: Time) {
        for known in &mut self.jobs {
            known.untold |= known.stopping.is_some_and(|at| now.since(at) <= UNDER_WAY);
        }
    }

    /// A savepoint has completed, and every task is told, so that it finishes.
    fn stop(&mut self, job: JobId, now: Time) {
        let reset = self.reset_at.is_some_and(|at| now.since(at) <= UNDER_WAY);
        let known = &mut self.jobs[job as usize];
        known.stopping = Some(now);
        known.untold = reset || !self.deaf.is_empty();
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
        if is_led(scene) && zookeeper_is_whole(scene) && !writes && !known.untold {
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
                over: known.over,
                ..Job::default()
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
                match fact {
                    Fact::FaultInjected { what: "kill" } if latest => self.lead(header.time),
                    Fact::FaultInjected {
                        what: "lose-notifications",
                    } => {
                        self.deaf.insert(header.actor);
                        self.lose_word(header.time);
                    }
                    Fact::FaultHealed {
                        what: "lose-notifications",
                    } => {
                        self.deaf.remove(&header.actor);
                    }
                    Fact::FaultInjected {
                        what: "reset-connections",
                    } => {
                        self.reset_at = Some(header.time);
                        self.lose_word(header.time);
                    }
                    _ => {}
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
            Fact::RecoveryStarted {
                job,
                detector: Detector::StopWithSavepoint,
                ..
            } if latest => self.stop(*job, header.time),
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
        last.judge(scene.at_end(end), scene);
        [&last.led, &last.running, &last.checkpointed]
            .map(Tally::verdict)
            .into()
    }
}

#[cfg(test)]
mod tests;
