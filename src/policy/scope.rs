//! Which tasks restart when some have failed.

use std::collections::BTreeSet;

use crate::dataflow::topology::{JobId, SubtaskId, Topology};

use super::RecoveryScope;

/// What is known when the decision is taken.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// TaskManagers lost since the last time all tasks ran.
    pub taskmanagers_lost: usize,
    /// An earlier recovery of the job has not ended.
    pub recovering: bool,
    /// A survivor could not replay what a restored task needs.
    pub logs_gone: bool,
}

/// The scope that applies, and the tasks to restart.
///
/// In-flight logs reach over the loss of one TaskManager: with a second one gone before the first is made
/// good, what the survivors logged for the lost tasks may itself be lost, and the region restarts.
pub fn tasks_to_restart(
    configured: RecoveryScope,
    failed: &BTreeSet<SubtaskId>,
    situation: Situation,
    job: JobId,
    topology: &Topology,
) -> (RecoveryScope, BTreeSet<SubtaskId>) {
    let overtaxed = situation.taskmanagers_lost > 1 || situation.recovering || situation.logs_gone;
    let scope = match configured {
        scope if scope.spares_survivors() && overtaxed => RecoveryScope::Region,
        scope => scope,
    };
    let layout = &topology.jobs[job as usize].layout;
    let all = &layout.subtasks;
    let tasks = match scope {
        RecoveryScope::PerTask | RecoveryScope::PerTaskNaive => failed.clone(),
        RecoveryScope::Full => all.iter().copied().collect(),
        RecoveryScope::Region => {
            let region = |subtask: SubtaskId| layout.vertex(subtask).region;
            let regions: BTreeSet<u32> = failed.iter().map(|subtask| region(*subtask)).collect();
            all.iter()
                .copied()
                .filter(|subtask| regions.contains(&region(*subtask)))
                .collect()
        }
    };
    (scope, tasks)
}
