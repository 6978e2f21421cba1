//! Faults that hit a TaskManager on which a job had no task: there is nothing to recover.

use crate::actor::fact::ExecutionState;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::drill::episode::Injected;
use crate::kernel::{ActorId, Time};

use super::Recoveries;

impl Recoveries {
    /// An execution has changed its state.
    pub(super) fn settle(
        &mut self,
        subtask: SubtaskId,
        state: ExecutionState,
        taskmanager: Option<ActorId>,
    ) {
        match taskmanager.filter(|_| !state.is_terminal()) {
            Some(taskmanager) => self.homes.insert(subtask, taskmanager),
            None => self.homes.remove(&subtask),
        };
    }

    /// Jobs that run in peace, with no task on the TaskManager that a fault hits.
    pub(super) fn spared_by(&self, target: ActorId, what: &str) -> Vec<JobId> {
        let directory = &self.blueprint.directory;
        // A machine may be shared with TaskManagers that have tasks.
        if !directory.taskmanagers.contains(&target) || ["slow", "take-cpu"].contains(&what) {
            return Vec::new();
        }
        let is_spared = |job: &JobId| {
            let following = &self.jobs[*job as usize];
            let job_of = |subtask| self.blueprint.topology.job_of(subtask);
            let mut homes = self.homes.iter().filter(|home| job_of(*home.0) == *job);
            let runs = following.submitted && following.episode.is_none();
            runs && homes.clone().next().is_some() && homes.all(|home| *home.1 != target)
        };
        (0..self.jobs.len() as JobId).filter(is_spared).collect()
    }

    /// Somebody has given a TaskManager up.
    pub(super) fn miss(&mut self, taskmanager: ActorId, by: &'static str, now: Time) {
        let hit = |fault: &&mut Injected| fault.target == taskmanager && fault.healed.is_none();
        for fault in self.faults.iter_mut().filter(hit) {
            fault.missed.get_or_insert((by, now));
        }
    }

    /// Faults with the jobs that they spared, in order; what was taken into a recovery after all is none.
    pub fn spared(&self) -> impl Iterator<Item = (&Injected, JobId)> {
        let is_in = |number: usize, job: JobId| {
            let mut of_job = self.closed.iter().filter(move |episode| episode.job == job);
            of_job.any(|episode| episode.faults.contains(&number))
        };
        self.faults
            .iter()
            .enumerate()
            .flat_map(|(number, fault)| fault.spared.iter().map(move |job| (number, fault, *job)))
            .filter(move |(number, _, job)| !is_in(*number, *job))
            .map(|(_, fault, job)| (fault, job))
    }
}
