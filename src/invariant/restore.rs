//! What a recovery goes back to, and that tasks restore exactly that.

mod together;

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{ExecutionState, Fact};
use crate::actor::zookeeper::paths::checkpoint_at;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, OperatorId, SubtaskId};
use crate::kernel::{Header, Time};

use super::checks::Checker;
use super::scene::Scene;
use super::tally::{Promise, Tally, Verdict, safety};
use together::{Part, members};

pub(super) const PROMISES: [Promise; 4] = [
    safety(
        "L5",
        "A recovery goes back to the latest checkpoint in the store, whichever leader completed it.",
    ),
    safety(
        "C3",
        "Every task that restarts restores the one checkpoint that its recovery retrieved, before it runs.",
    ),
    safety(
        "P3",
        "A task restores the offsets and the state that it had in that checkpoint; after a change of parallelism the tasks of an operator together.",
    ),
    safety(
        "P4",
        "The splits that an operator's tasks restore are those that the checkpoint has, each once.",
    ),
];

/// Deployments of a subtask that are remembered.
const DEPLOYMENTS_MAX: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct Restore {
    latest: Tally,
    uniform: Tally,
    faithful: Tally,
    redistributed: Tally,
    /// By job: the latest checkpoint in the store.
    stored: Vec<BTreeSet<CheckpointId>>,
    /// Newest ones that somebody has deleted by hand.
    dropped: BTreeSet<(JobId, CheckpointId)>,
    /// By job: completed before the latest one; earlier snapshots are of no use.
    previous: Vec<CheckpointId>,
    /// By job: snapshots before this one are forgotten. Only who was stopped for long still restores one.
    oldest: Vec<CheckpointId>,
    tasks: Vec<Task>,
    /// How many tasks operators had when a checkpoint was triggered.
    widths: BTreeMap<(OperatorId, CheckpointId), u32>,
    /// What tasks have restored of an operator that had another parallelism in the checkpoint.
    rescaled: BTreeMap<(OperatorId, CheckpointId), BTreeMap<SubtaskId, Part>>,
}

#[derive(Clone, Debug, Default)]
struct Task {
    snapshots: Vec<Snapshot>,
    deployments: Vec<Deployment>,
}

#[derive(Clone, Debug)]
struct Snapshot {
    checkpoint: CheckpointId,
    attempt: Attempt,
    acknowledged: bool,
    applied: Fingerprint,
    offsets: Vec<(SplitId, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Deployment {
    attempt: Attempt,
    from: CheckpointId,
    /// How many tasks its operator had in the graph that it belongs to.
    width: u32,
    restored: bool,
}

impl Restore {
    pub fn new(scene: &Scene) -> Restore {
        let [latest, uniform, faithful, redistributed] = PROMISES.map(Tally::new);
        let topology = &scene.blueprint.topology;
        let (jobs, subtasks) = (topology.jobs.len(), topology.subtasks.len());
        let tasks = vec![Task::default(); subtasks];
        Restore {
            latest,
            uniform,
            faithful,
            redistributed,
            stored: vec![BTreeSet::new(); jobs],
            dropped: BTreeSet::new(),
            previous: vec![0; jobs],
            oldest: vec![0; jobs],
            tasks,
            widths: BTreeMap::new(),
            rescaled: BTreeMap::new(),
        }
    }

    fn retrieves(&mut self, header: &Header, job: JobId, checkpoint: CheckpointId, scene: &Scene) {
        let stored = self.stored[job as usize].last().copied().unwrap_or(0);
        // Whoever was stopped, or is cut off while another one leads, goes by what it knew; and whoever leads goes by what it
        // has in memory, when somebody else has taken it out of the store.
        let excused = scene.has_slept(header.actor)
            || scene.is_overtaken(header.actor)
            || scene.has_successor(header.actor)
            || (checkpoint >= stored && self.dropped.contains(&(job, checkpoint)));
        self.latest
            .expect(checkpoint == stored || excused, header, || {
                format!(
                    "job {job} goes back to checkpoint {checkpoint}, but the latest is {stored}"
                )
            });
    }

    fn changes(
        &mut self,
        header: &Header,
        (subtask, attempt): (SubtaskId, Attempt),
        state: ExecutionState,
        scene: &Scene,
    ) {
        let Some(leader) = scene.leader(header.actor) else {
            return;
        };
        let task = &mut self.tasks[subtask as usize];
        match state {
            ExecutionState::Scheduled => {
                let topology = &scene.blueprint.topology;
                let job = &leader.jobs[topology.job_of(subtask) as usize];
                let from = job.retrieved;
                let operator = topology.subtasks[subtask as usize].operator;
                let first = topology.operators[operator as usize].first;
                let width = job.layout.width_of(first, topology);
                task.deployments.push(Deployment {
                    attempt,
                    from,
                    width,
                    restored: false,
                });
                if task.deployments.len() > DEPLOYMENTS_MAX {
                    task.deployments.remove(0);
                }
            }
            ExecutionState::Running => {
                let Some(deployment) = task
                    .deployments
                    .iter()
                    .find(|deployment| deployment.attempt == attempt)
                else {
                    return;
                };
                self.uniform
                    .expect(deployment.from == 0 || deployment.restored, header, || {
                        format!(
                            "{} runs without having restored checkpoint {}",
                            scene.task(subtask),
                            deployment.from
                        )
                    });
            }
            _ => {}
        }
    }

    fn restored(
        &mut self,
        header: &Header,
        (subtask, attempt): (SubtaskId, Attempt),
        checkpoint: CheckpointId,
        (applied, offsets): (Fingerprint, &[(SplitId, u64)]),
        scene: &Scene,
    ) {
        let task = &mut self.tasks[subtask as usize];
        let deployment = task
            .deployments
            .iter_mut()
            .find(|deployment| deployment.attempt == attempt);
        let from = deployment.as_ref().map(|deployment| deployment.from);
        let width = deployment.as_ref().map(|deployment| deployment.width);
        self.uniform.expect(from == Some(checkpoint), header, || {
            format!(
                "{} restores checkpoint {checkpoint}, its recovery retrieved {from:?}",
                scene.task(subtask)
            )
        });
        if let Some(deployment) = deployment {
            deployment.restored = true;
        }
        let topology = &scene.blueprint.topology;
        if checkpoint < self.oldest[topology.job_of(subtask) as usize] {
            return;
        }
        let operator = topology.subtasks[subtask as usize].operator;
        let width = width.unwrap_or_else(|| members(operator, scene).len() as u32);
        let before = self.widths.get(&(operator, checkpoint));
        if before.is_some_and(|before| *before != width) {
            let part = Part {
                attempt,
                applied,
                offsets: offsets.to_vec(),
            };
            let parts = self.rescaled.entry((operator, checkpoint)).or_default();
            parts.insert(subtask, part);
            return self.check_together(header, operator, checkpoint, scene);
        }
        let snapshot = self.tasks[subtask as usize].of(checkpoint);
        let same = snapshot
            .is_some_and(|snapshot| snapshot.applied == applied && snapshot.offsets == offsets);
        let splits = |offsets: &[(SplitId, u64)]| {
            let mut splits: Vec<SplitId> = offsets.iter().map(|(split, _)| *split).collect();
            splits.sort_unstable();
            splits
        };
        if let Some(snapshot) = snapshot.filter(|snapshot| !snapshot.offsets.is_empty()) {
            let (had, has) = (splits(&snapshot.offsets), splits(offsets));
            self.redistributed.expect(had == has, header, || {
                format!(
                    "{} restores the splits {has:?} of {had:?}",
                    scene.task(subtask)
                )
            });
        }
        self.faithful.expect(same, header, || match snapshot {
            None => format!("{} restores checkpoint {checkpoint}, which it never acknowledged", scene.task(subtask)),
            Some(snapshot) => format!(
                "{} restores {} records at {offsets:?} from checkpoint {checkpoint}, which has {} at {:?}",
                scene.task(subtask),
                applied.records,
                snapshot.applied.records,
                snapshot.offsets
            ),
        });
    }

    /// Nobody goes back further than to the checkpoint before this one.
    fn completed(&mut self, job: JobId, checkpoint: CheckpointId, scene: &Scene) {
        let oldest = std::mem::replace(&mut self.previous[job as usize], checkpoint);
        self.oldest[job as usize] = oldest;
        for subtask in &scene.blueprint.topology.jobs[job as usize].subtasks {
            self.tasks[*subtask as usize]
                .snapshots
                .retain(|snapshot| snapshot.checkpoint >= oldest);
        }
        let operators = &scene.blueprint.topology.jobs[job as usize].operators;
        self.widths
            .retain(|(operator, id), _| *id >= oldest || !operators.contains(operator));
    }
}

impl Task {
    /// The acknowledged snapshot of a checkpoint.
    fn of(&self, checkpoint: CheckpointId) -> Option<&Snapshot> {
        let is = |snapshot: &&Snapshot| snapshot.checkpoint == checkpoint && snapshot.acknowledged;
        self.snapshots.iter().find(is)
    }
}

impl Checker for Restore {
    fn fact(&mut self, header: &Header, fact: &Fact, scene: &Scene) {
        match fact {
            Fact::ZnodeCreated { path, .. } => {
                if let Some((job, checkpoint)) = checkpoint_at(path)
                    && let Some(stored) = self.stored.get_mut(job as usize)
                {
                    stored.insert(checkpoint);
                }
            }
            Fact::ZnodeDeleted { path, .. } => {
                if let Some((job, checkpoint)) = checkpoint_at(path)
                    && let Some(stored) = self.stored.get_mut(job as usize)
                {
                    // The newest one goes by nobody's rule.
                    if stored.last() == Some(&checkpoint) {
                        self.dropped.insert((job, checkpoint));
                    }
                    stored.remove(&checkpoint);
                }
            }
            Fact::RetrievalStarted {
                job, checkpoint, ..
            } => self.retrieves(header, *job, *checkpoint, scene),
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                ..
            } => {
                self.changes(header, (*subtask, *attempt), *state, scene);
            }
            Fact::CheckpointTriggered { job, checkpoint } => {
                if let Some(leader) = scene.leader(header.actor) {
                    let layout = &leader.jobs[*job as usize].layout;
                    let operators = &scene.blueprint.topology.jobs[*job as usize].operators;
                    for (operator, width) in operators.iter().zip(&layout.parallelism) {
                        self.widths.insert((*operator, *checkpoint), *width);
                    }
                }
            }
            Fact::TaskSnapshot {
                subtask,
                attempt,
                checkpoint,
                applied,
                offsets,
                ..
            } => {
                self.tasks[*subtask as usize].snapshots.push(Snapshot {
                    checkpoint: *checkpoint,
                    attempt: *attempt,
                    acknowledged: false,
                    applied: *applied,
                    offsets: offsets.clone(),
                });
            }
            Fact::CheckpointAcknowledged {
                checkpoint,
                subtask,
                attempt,
                ..
            } => {
                let mut snapshots = self.tasks[*subtask as usize].snapshots.iter_mut().rev();
                if let Some(snapshot) =
                    snapshots.find(|s| s.checkpoint == *checkpoint && s.attempt == *attempt)
                {
                    snapshot.acknowledged = true;
                }
            }
            Fact::TaskRestored {
                subtask,
                attempt,
                checkpoint,
                applied,
                offsets,
                ..
            } => {
                self.restored(
                    header,
                    (*subtask, *attempt),
                    *checkpoint,
                    (*applied, offsets),
                    scene,
                );
            }
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            } => {
                self.completed(*job, *checkpoint, scene);
            }
            _ => {}
        }
    }

    fn finish(&self, _: Time, _: &Scene) -> Vec<Verdict> {
        [
            &self.latest,
            &self.uniform,
            &self.faithful,
            &self.redistributed,
        ]
        .map(Tally::verdict)
        .into()
    }
}

#[cfg(test)]
mod tests;
