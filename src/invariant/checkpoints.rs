//! The life of a checkpoint: numbered upwards, complete only with everybody's word, over once.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::{Attempt, BlobKey};
use crate::actor::fact::{Detector, Fact};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Header, Span, Time};

use super::checks::Checker;
use super::scene::{Scene, is_end};
use super::tally::{Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 7] = [
    safety(
        "L4",
        "Checkpoint ids of a job increase over its whole life, across leaders, and are never used twice.",
    ),
    safety(
        "C1",
        "Completed checkpoints of a job have increasing ids, in the order of their completion.",
    ),
    safety(
        "C2",
        "A checkpoint completes only when every task has acknowledged it, as the attempt that ran when it was triggered.",
    ),
    safety(
        "C4",
        "A checkpoint that was triggered ends once: it completes or is aborted, never both.",
    ),
    safety(
        "C10",
        "No snapshot is acknowledged that storage could not write.",
    ),
    safety(
        "C11",
        "No more checkpoints of a job are under way than max-concurrent-checkpoints, and where it is one, none is triggered within min-pause of the last that completed.",
    ),
    safety(
        "C13",
        "A job restarts because of its checkpoints only after more than tolerable-failed-checkpoints have failed since the last one completed.",
    )
    .of_flink(),
];

#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    numbered: Tally,
    ordered: Tally,
    agreed: Tally,
    once: Tally,
    written: Tally,
    paced: Tally,
    tolerated: Tally,
    /// Snapshots that storage has refused.
    refused: BTreeSet<(SubtaskId, Attempt, CheckpointId)>,
    jobs: Vec<Job>,
}

#[derive(Clone, Debug, Default)]
struct Job {
    issued: BTreeSet<CheckpointId>,
    completed_max: CheckpointId,
    /// The latest savepoint: it waits for nothing.
    savepoint: CheckpointId,
    /// When the last one completed, and who says so.
    completed_at: Option<(ActorId, Time)>,
    /// Checkpoints that each leader has given up since it completed one, for whatever reason.
    failed: BTreeMap<ActorId, u32>,
    pending: BTreeMap<CheckpointId, Pending>,
}

/// By subtask of the execution graph: the attempt at the trigger, and the one that acknowledged.
#[derive(Clone, Debug)]
struct Pending {
    /// None: nobody will complete it.
    by: Option<ActorId>,
    plan: BTreeMap<SubtaskId, Attempt>,
    acknowledged: BTreeMap<SubtaskId, Attempt>,
}

impl Checkpoints {
    pub fn new(scene: &Scene) -> Checkpoints {
        let [numbered, ordered, agreed, once, written, paced, tolerated] = PROMISES.map(Tally::new);
        Checkpoints {
            numbered,
            ordered,
            agreed,
            once,
            written,
            paced,
            tolerated,
            refused: BTreeSet::new(),
            jobs: vec![Job::default(); scene.blueprint.topology.jobs.len()],
        }
    }

    fn triggered(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId, scene: &Scene) {
        let Some(leader) = scene.leader(header.actor) else {
            return;
        };
        let known = &mut self.jobs[job as usize];
        let largest = known.issued.last().copied().unwrap_or(0);
        // Whoever was stopped may learn late that an id is its own.
        let ordered = checkpoint > largest || scene.has_slept(header.actor);
        self.numbered
            .expect(known.issued.insert(checkpoint) && ordered, header, || {
                format!("checkpoint {checkpoint} of job {job} is triggered after {largest}")
            });
        let checkpointing = &scene.blueprint.config.checkpointing;
        let others = known.pending.values();
        let others = others
            .filter(|pending| pending.by == Some(header.actor))
            .count();
        let most = checkpointing.max_concurrent as usize;
        // What the story takes before it moves a task does not wait.
        let pause = match scene.is_flink() {
            true => checkpointing.min_pause,
            false => Span::ZERO,
        };
        let completed = known.completed_at.filter(|(by, _)| *by == header.actor);
        // Where several may be under way, one can complete after the next has been decided on.
        let early = most == 1 && completed.is_some_and(|(_, at)| header.time < at + pause);
        let paced = others < most && !early || known.savepoint == checkpoint;
        self.paced.expect(paced, header, || {
            format!(
                "checkpoint {checkpoint} of job {job} is triggered while {others} are under way, the last one completed at {:?}",
                completed.map(|(_, at)| at)
            )
        });
        let subtasks = &leader.jobs[job as usize].layout.subtasks;
        let plan = subtasks
            .iter()
            .map(|subtask| (*subtask, leader.tasks[*subtask as usize].attempt))
            .collect();
        let acknowledged = BTreeMap::new();
        known.pending.insert(
            checkpoint,
            Pending {
                by: Some(header.actor),
                plan,
                acknowledged,
            },
        );
    }

    fn acknowledged(
        &mut self,
        header: &Header,
        job: JobId,
        checkpoint: CheckpointId,
        subtask: SubtaskId,
        attempt: Attempt,
    ) {
        let written = !self.refused.contains(&(subtask, attempt, checkpoint));
        self.written.expect(written, header, || {
            format!("subtask {subtask} acknowledges checkpoint {checkpoint}, and its snapshot was not written")
        });
        if let Some(pending) = self.jobs[job as usize].pending.get_mut(&checkpoint) {
            pending.acknowledged.insert(subtask, attempt);
        }
    }

    fn completed(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId, scene: &Scene) {
        let known = &mut self.jobs[job as usize];
        let before = known.completed_max;
        self.ordered.expect(
            checkpoint > before || scene.has_slept(header.actor),
            header,
            || format!("checkpoint {checkpoint} of job {job} completes after {before}"),
        );
        known.completed_max = before.max(checkpoint);
        known.completed_at = Some((header.actor, header.time));
        known.failed.remove(&header.actor);
        let pending = known.pending.remove(&checkpoint);
        self.once.expect(pending.is_some(), header, || {
            format!("checkpoint {checkpoint} of job {job} completes, but was over")
        });
        let Some(Pending {
            plan, acknowledged, ..
        }) = pending
        else {
            return;
        };
        let missing = plan
            .iter()
            .find(|(subtask, planned)| acknowledged.get(subtask) != Some(planned));
        self.agreed.expect(missing.is_none(), header, || {
            let name = missing.map(|(subtask, _)| scene.task(*subtask));
            format!(
                "checkpoint {checkpoint} completes without {} as it was triggered",
                name.unwrap_or_default()
            )
        });
    }
}

impl Checker for Checkpoints {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::SavepointTriggered(job, checkpoint) => {
                self.jobs[*job as usize].savepoint = *checkpoint;
            }
            Fact::CheckpointTriggered { job, checkpoint } => {
                self.triggered(header, *job, *checkpoint, scene)
            }
            Fact::CheckpointAcknowledged {
                job,
                checkpoint,
                subtask,
                attempt,
            } => {
                self.acknowledged(header, *job, *checkpoint, *subtask, *attempt);
            }
            Fact::WriteRefused {
                key:
                    BlobKey::State {
                        subtask,
                        attempt,
                        checkpoint,
                    },
            } => {
                self.refused.insert((*subtask, *attempt, *checkpoint));
            }
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            } => self.completed(header, *job, *checkpoint, scene),
            // Whoever leads anew, or no longer, has none under way.
            fact if is_end(fact)
                || matches!(fact, Fact::LeadershipGranted | Fact::LeadershipLost { .. }) =>
            {
                for job in &mut self.jobs {
                    job.failed.remove(&header.actor);
                    job.completed_at = job.completed_at.filter(|(by, _)| *by != header.actor);
                    let pending = job.pending.values_mut();
                    for pending in pending.filter(|pending| pending.by == Some(header.actor)) {
                        pending.by = None;
                    }
                }
            }
            Fact::CheckpointAborted {
                job, checkpoint, ..
            } => {
                let known = &mut self.jobs[*job as usize];
                *known.failed.entry(header.actor).or_default() += 1;
                let pending = known.pending.remove(checkpoint);
                self.once.expect(pending.is_some(), header, || {
                    format!("checkpoint {checkpoint} of job {job} is aborted, but was over")
                });
            }
            Fact::RecoveryStarted {
                job,
                detector: Detector::CheckpointFailures,
                ..
            } => {
                let tolerable = scene.blueprint.config.checkpointing.tolerable_failures;
                let failed = self.jobs[*job as usize].failed.remove(&header.actor);
                let failed = failed.unwrap_or(0);
                self.tolerated.expect(failed > tolerable, header, || {
                    format!("job {job} restarts after {failed} failed checkpoints, {tolerable} are tolerable")
                });
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [
            &self.numbered,
            &self.ordered,
            &self.agreed,
            &self.once,
            &self.written,
            &self.paced,
            &self.tolerated,
        ]
        .map(Tally::verdict)
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::stage::{JM, SUBTASKS, Stage, ZK};
    use crate::kernel::Span;

    const A: fn(u32) -> Attempt = |number| Attempt::new(100, number);

    #[test]
    fn a_checkpoint_that_comes_while_another_is_under_way_is_noticed() {
        let mut stage = Stage::running();
        triggered(&mut stage, 1);
        stage.broken("C11", 0);
        triggered(&mut stage, 2);
        stage.broken("C11", 1);
    }

    #[test]
    fn a_job_that_restarts_for_fewer_failed_checkpoints_than_are_tolerable_is_noticed() {
        let restarts = |stage: &mut Stage, by| {
            stage.says(
                JM(by),
                Fact::RecoveryStarted {
                    job: 0,
                    recovery: 1,
                    detector: Detector::CheckpointFailures,
                    scope: crate::policy::RecoveryScope::Full,
                    lost: Vec::new(),
                    tasks: vec![0],
                },
            );
        };
        let fails = |stage: &mut Stage, checkpoint| {
            triggered(stage, checkpoint);
            let (job, reason) = (0, "expired");
            let aborted = Fact::CheckpointAborted {
                job,
                checkpoint,
                reason,
            };
            stage.says(JM(0), aborted);
        };
        // By default none is tolerable.
        let mut stage = Stage::flink();
        fails(&mut stage, 1);
        restarts(&mut stage, 0);
        stage.broken("C13", 0);
        restarts(&mut stage, 0);
        stage.broken("C13", 1);
        // Each leader counts for itself: one that was stopped goes on with its own count, whatever its successor has done.
        let mut stage = Stage::flink();
        fails(&mut stage, 1);
        stage.says(JM(1), Fact::LeadershipGranted);
        stage.says(JM(1), Fact::LeaderPublished { token: 200 });
        let triggered = Fact::CheckpointTriggered {
            job: 0,
            checkpoint: 2,
        };
        stage.says(JM(1), triggered);
        complete_by(&mut stage, JM(1), 2);
        restarts(&mut stage, 0);
        stage.broken("C13", 0);
        restarts(&mut stage, 1);
        stage.broken("C13", 1);
    }

    #[test]
    fn a_snapshot_that_was_not_written_is_not_acknowledged() {
        let mut stage = Stage::running();
        triggered(&mut stage, 1);
        let key = BlobKey::State {
            subtask: 1,
            attempt: A(1),
            checkpoint: 1,
        };
        stage.says(ZK, Fact::WriteRefused { key });
        acknowledge(&mut stage, 1, 0..1, A(1)).broken("C10", 0);
        acknowledge(&mut stage, 1, 1..2, A(1)).broken("C10", 1);
    }

    fn triggered(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        stage.says(JM(0), Fact::CheckpointTriggered { job: 0, checkpoint })
    }

    fn acknowledge(
        stage: &mut Stage,
        checkpoint: u64,
        subtasks: std::ops::Range<u32>,
        attempt: Attempt,
    ) -> &mut Stage {
        for subtask in subtasks {
            stage.says(
                JM(0),
                Fact::CheckpointAcknowledged {
                    job: 0,
                    checkpoint,
                    subtask,
                    attempt,
                },
            );
        }
        stage
    }

    fn complete(stage: &mut Stage, checkpoint: u64) -> &mut Stage {
        complete_by(stage, JM(0), checkpoint)
    }

    fn complete_by(stage: &mut Stage, leader: ActorId, checkpoint: u64) -> &mut Stage {
        stage.stores(checkpoint);
        let offsets = vec![(0, checkpoint), (1, checkpoint)];
        stage.says(
            leader,
            Fact::CheckpointCompleted {
                job: 0,
                checkpoint,
                offsets,
                bytes: 0,
                written_bytes: 0,
                persisted_bytes: 0,
                duration: Span::ZERO,
            },
        )
    }

    #[test]
    fn a_checkpoint_that_everybody_acknowledges_completes() {
        let mut stage = Stage::running();
        for checkpoint in [1, 3] {
            acknowledge(
                triggered(&mut stage, checkpoint),
                checkpoint,
                0..SUBTASKS,
                A(1),
            );
            complete(&mut stage, checkpoint);
        }
        stage
            .broken("L4", 0)
            .broken("C1", 0)
            .broken("C2", 0)
            .broken("C4", 0)
            .clean();
    }

    #[test]
    fn ids_that_go_back_are_noticed() {
        let mut stage = Stage::running();
        triggered(triggered(&mut stage, 2), 1).broken("L4", 1);
        triggered(&mut stage, 2).broken("L4", 2);
        acknowledge(&mut stage, 2, 0..SUBTASKS, A(1));
        acknowledge(&mut stage, 1, 0..SUBTASKS, A(1));
        complete(complete(&mut stage, 2), 1).broken("C1", 1);
    }

    #[test]
    fn a_missing_or_foreign_acknowledgement_is_noticed() {
        let mut stage = Stage::running();
        complete(acknowledge(triggered(&mut stage, 1), 1, 0..4, A(1)), 1).broken("C2", 1);
        let stage = acknowledge(triggered(&mut stage, 2), 2, 0..4, A(1));
        complete(acknowledge(stage, 2, 4..5, A(2)), 2).broken("C2", 2);
    }

    #[test]
    fn what_was_aborted_does_not_complete() {
        let mut stage = Stage::running();
        acknowledge(triggered(&mut stage, 1), 1, 0..SUBTASKS, A(1));
        stage.says(
            JM(0),
            Fact::CheckpointAborted {
                job: 0,
                checkpoint: 1,
                reason: "expired",
            },
        );
        complete(&mut stage, 1).broken("C4", 1);
    }
}
