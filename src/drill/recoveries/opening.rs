//! Which faults a recovery answers, and when it begins.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::fact::{Detector, ExecutionState};
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::drill::episode::{Episode, Marks, Restart, Unprovoked};
use crate::drill::following::Following;
use crate::drill::phase::{Intervals, Phase, Stage};
use crate::kernel::{ActorId, Time};
use crate::policy::RecoveryScope;

use super::{CAUGHT_UP_FOR, Recoveries};

impl Recoveries {
    /// The JobManager that is in trouble, if one is.
    pub(super) fn faulty_jobmanager(&self) -> Option<ActorId> {
        let jobmanagers = &self.blueprint.directory.jobmanagers;
        self.faults
            .iter()
            .rev()
            .find(|fault| jobmanagers.contains(&fault.target))
            .map(|fault| fault.target)
    }

    /// Somebody acts on a fault: the recovery of every job began with it.
    pub(super) fn act_on(
        &mut self,
        target: Option<ActorId>,
        detector: &'static str,
        now: Time,
        change: impl Fn(&mut Following),
    ) {
        for job in 0..self.jobs.len() as JobId {
            let faults = self.faults_behind(target.as_slice(), job);
            self.open(job, faults, now);
            self.with_job(job, now, |following| {
                change(following);
                following.detect(detector, now);
            });
        }
    }

    /// Faults that nobody has answered: those of the targets, else all that are not over and may matter to the job.
    pub(super) fn faults_behind(&self, targets: &[ActorId], job: JobId) -> Vec<usize> {
        let waiting =
            |number: &usize| !self.is_answered(*number) && self.faults[*number].what != "slow";
        let all = || (0..self.faults.len()).filter(waiting);
        let of_targets: Vec<usize> = all()
            .filter(|number| targets.contains(&self.faults[*number].target))
            .collect();
        if of_targets.is_empty() {
            let faults = all().filter(|number| !self.faults[*number].spared.contains(&job));
            self.without_borne(faults.collect(), job)
        } else {
            of_targets
        }
    }

    /// Leaves out what a job has borne for a while, its output in time, if something newer can be why, else something that
    /// is still at work.
    pub(super) fn without_borne(&self, mut faults: Vec<usize>, job: JobId) -> Vec<usize> {
        let late = self.blueprint.monitor.late;
        let in_time = self.jobs[job as usize].in_time;
        let is_new = |number: &usize| self.faults[*number].at + late + CAUGHT_UP_FOR > in_time;
        let is_at_work = |number: &usize| self.faults[*number].healed.is_none();
        if faults.iter().any(is_new) {
            faults.retain(is_new);
        } else if faults.iter().any(is_at_work) {
            faults.retain(is_at_work);
        }
        faults
    }

    /// An earlier recovery has dealt with the fault.
    pub(super) fn is_answered(&self, fault: usize) -> bool {
        self.closed
            .iter()
            .any(|episode| episode.faults.contains(&fault))
    }

    pub(super) fn open(&mut self, job: JobId, faults: Vec<usize>, now: Time) {
        let following = &mut self.jobs[job as usize];
        if following.episode.is_some() || faults.is_empty() {
            return;
        }
        let at = faults
            .iter()
            .map(|fault| self.faults[*fault].at)
            .min()
            .unwrap_or(now);
        let mut intervals = Intervals::default();
        intervals.turn(Phase::Detection, at);
        following.episode = Some(Episode {
            job,
            at,
            detector: None,
            detected: None,
            scope: None,
            checkpoint: None,
            restarts: Vec::new(),
            elections: Vec::new(),
            failed: BTreeSet::new(),
            placement: Vec::new(),
            splits: BTreeMap::new(),
            replayed: 0,
            reprocessed: 0,
            deduplicated: 0,
            intervals,
            paths: Vec::new(),
            end: None,
            giving_up: None,
            given_up: None,
            marks: Marks {
                // Where the end of a session was noticed before output was late.
                last_heard: self.expired.and_then(|(owner, heard, expired)| {
                    let of = |fault: &usize| self.faults[*fault].target == owner;
                    (expired >= at && faults.iter().any(of)).then_some((owner, heard))
                }),
                ..Marks::default()
            },
            faults,
        });
    }

    /// Opens a recovery of what somebody acts on; where nothing explains it, remembers that.
    pub(super) fn provoke(
        &mut self,
        job: JobId,
        detector: Detector,
        lost: &[ActorId],
        failed: bool,
        now: Time,
    ) {
        self.open(job, self.faults_behind(lost, job), now);
        if self.jobs[job as usize].episode.is_none() {
            self.unprovoked.push(Unprovoked {
                job,
                at: now,
                detector: detector.name(),
                failed,
            });
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn start(
        &mut self,
        job: JobId,
        detector: Detector,
        recovery: u32,
        scope: RecoveryScope,
        lost: &[ActorId],
        tasks: &[SubtaskId],
        leader: ActorId,
        now: Time,
    ) {
        if !matches!(detector, Detector::Rebalancing | Detector::Rescaling) {
            self.provoke(job, detector, lost, false, now);
        }
        if matches!(detector, Detector::NewLeader | Detector::Resubmission) {
            self.pools[job as usize].clear();
        }
        let verdict = lost.iter().find_map(|place| self.given_up.get(place));
        let verdict = verdict
            .copied()
            .filter(|_| detector == Detector::ResourceManager);
        self.with_job(job, now, |following| {
            following.state.led = true;
            // Restarts of several regions may be under way side by side.
            if following.state.stage == Stage::None {
                following.state.tasks.clear();
            }
            following.state.stage = Stage::Ending;
            // Whoever is to finish has not yet.
            let state = match detector {
                Detector::StopWithSavepoint => ExecutionState::Canceling,
                _ => ExecutionState::Failed,
            };
            following.state.tasks.restart(tasks, state);
            if let Some(episode) = &mut following.episode {
                episode.scope = Some(scope);
                episode.failed.extend(tasks.iter().copied());
                episode.restart(Restart {
                    recovery,
                    at: now,
                    detector,
                    leader,
                    scope,
                    lost: lost.to_vec(),
                    verdict,
                    tasks: tasks.iter().copied().collect(),
                    delay: None,
                    slots: None,
                    retrieval: None,
                    missing: None,
                    deployed: None,
                    running: None,
                    overtaken: None,
                });
            }
            following.detect(detector.name(), now);
        });
    }
}
