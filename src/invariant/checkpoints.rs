//! The life of a checkpoint: numbered upwards, complete only with everybody's word, over once.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::{Attempt, BlobKey};
use crate::actor::fact::{Detector, Fact};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Header, Span, Time};

use super::checks::Checker;
use super::scene::{Scene, is_end};
use super::tally::{Moment, Promise, Tally, Verdict, safety};

pub(super) const PROMISES: [Promise; 8] = [
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
        "A checkpoint completes only when every task has acknowledged it, as the attempt that ran when it was triggered; no other attempt's word counts.",
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
        "A job restarts because of its checkpoints only after more than tolerable-failed-checkpoints have failed since the last one completed, or one with which it was to stop.",
    )
    .of_flink(),
    safety(
        "C14",
        "A checkpoint that completes ends those of its job that were triggered before it.",
    ),
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
    subsumed: Tally,
    /// In this event a checkpoint completes that is not the earliest under way.
    completing: Option<(Moment, ActorId, JobId, CheckpointId)>,
    /// Snapshots that storage has refused.
    refused: BTreeSet<(SubtaskId, Attempt, CheckpointId)>,
    jobs: Vec<Job>,
}

#[derive(Clone, Debug, Default)]
struct Job {
    issued: BTreeSet<CheckpointId>,
    completed_max: CheckpointId,
    /// When the last one completed, and who says so.
    completed_at: Option<(ActorId, Time)>,
    /// Checkpoints that each leader has given up since it completed one, for whatever reason.
    failed: BTreeMap<ActorId, u32>,
    /// The latest savepoint with which the job is to stop, and whether it was given up.
    savepoint: Option<CheckpointId>,
    savepoint_failed: bool,
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
        let [
            numbered,
            ordered,
            agreed,
            once,
            written,
            paced,
            tolerated,
            subsumed,
        ] = PROMISES.map(Tally::new);
        Checkpoints {
            numbered,
            ordered,
            agreed,
            once,
            written,
            paced,
            tolerated,
            subsumed,
            completing: None,
            refused: BTreeSet::new(),
            jobs: vec![Job::default(); scene.blueprint.topology.jobs.len()],
        }
    }

    fn triggered(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId, scene: &Scene) {
        let Some(leader) = scene.leader(header.actor) else {
            return;
        };
        let known = &mut self.jobs[job as usize];
        if scene.begins_anew(job, checkpoint) {
            known.issued.clear();
            known.completed_max = 0;
        }
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
        // A savepoint waits for nothing.
        let paced = others < most && !early || scene.is_savepoint(job, checkpoint);
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
        (job, checkpoint): (JobId, CheckpointId),
        (subtask, attempt): (SubtaskId, Attempt),
        scene: &Scene,
    ) {
        let written = !self.refused.contains(&(subtask, attempt, checkpoint));
        self.written.expect(written, header, || {
            format!("subtask {subtask} acknowledges checkpoint {checkpoint}, and its snapshot was not written")
        });
        if let Some(pending) = self.jobs[job as usize].pending.get_mut(&checkpoint) {
            let planned = pending.plan.get(&subtask);
            self.agreed.expect(planned == Some(&attempt), header, || {
                let planned = planned.map(|planned| planned.number());
                let (task, number) = (scene.task(subtask), attempt.number());
                format!("attempt {number} of {task} is taken as its word for checkpoint {checkpoint}, {planned:?} ran when it was triggered")
            });
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
        if known.pending.range(..checkpoint).next().is_some() {
            self.completing = Some((header.into(), header.actor, job, checkpoint));
        }
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

impl Checkpoints {
    /// The event is over in which a checkpoint completed.
    fn check_subsumed(&mut self, scene: &Scene) {
        let Some((moment, actor, job, checkpoint)) = self.completing.take() else {
            return;
        };
        let mut earlier = self.jobs[job as usize].pending.range(..checkpoint);
        let left = earlier
            .find(|(id, pending)| pending.by == Some(actor) && !scene.is_savepoint(job, **id));
        self.subsumed.expect(left.is_none(), moment, || {
            let left = left.map_or(0, |(id, _)| *id);
            format!("checkpoint {left} of job {job} is under way when {checkpoint} has completed")
        });
    }
}

impl Checker for Checkpoints {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        if self
            .completing
            .is_some_and(|(moment, ..)| moment.event != header.event.0)
        {
            self.check_subsumed(scene);
        }
        match fact {
            Fact::CheckpointTriggered { job, checkpoint } => {
                self.triggered(header, *job, *checkpoint, scene)
            }
            Fact::CheckpointAcknowledged {
                job,
                checkpoint,
                subtask,
                attempt,
            } => {
                let (of, by) = ((*job, *checkpoint), (*subtask, *attempt));
                self.acknowledged(header, of, by, scene);
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
            Fact::SavepointTriggered(job, savepoint) => {
                let known = &mut self.jobs[*job as usize];
                (known.savepoint, known.savepoint_failed) = (Some(*savepoint), false);
            }
            Fact::CheckpointAborted {
                job, checkpoint, ..
            } => {
                let known = &mut self.jobs[*job as usize];
                match known.savepoint == Some(*checkpoint) {
                    true => known.savepoint_failed = true,
                    false => *known.failed.entry(header.actor).or_default() += 1,
                }
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
                let known = &mut self.jobs[*job as usize];
                let failed = known.failed.remove(&header.actor);
                let failed = failed.unwrap_or(0);
                let stops = std::mem::take(&mut known.savepoint_failed);
                self.tolerated.expect(failed > tolerable || stops, header, || {
                    format!("job {job} restarts after {failed} failed checkpoints, {tolerable} are tolerable")
                });
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, scene: &Scene) -> Vec<Verdict> {
        let mut last = self.clone();
        last.check_subsumed(scene);
        [
            &last.numbered,
            &last.ordered,
            &last.agreed,
            &last.once,
            &last.written,
            &last.paced,
            &last.tolerated,
            &last.subsumed,
        ]
        .map(Tally::verdict)
        .into()
    }
}

#[cfg(test)]
mod tests;
