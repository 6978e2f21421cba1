//! What becomes of each restart of a recovery, and of who leads meanwhile.

use crate::actor::fact::{Detector, ExecutionState};
use crate::actor::flink::rpc::call::AllocationId;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::JobId;
use crate::drill::episode::{Election, Episode, Restart, Retrieval};
use crate::drill::phase::Stage;
use crate::kernel::{ActorId, Time};
use crate::policy::Liveness;

use super::Recoveries;

impl Episode {
    /// Another restart: those before it that are not through, and of whose tasks it takes some, were for nothing.
    pub(super) fn restart(&mut self, restart: Restart) {
        let number = self.restarts.len();
        for earlier in self.restarts.iter_mut().filter(|earlier| earlier.is_open()) {
            if !earlier.tasks.is_disjoint(&restart.tasks) {
                earlier.overtaken = Some(number);
            }
        }
        self.restarts.push(restart);
    }
}

impl Recoveries {
    /// The leader's restart with this number; a new leader counts anew.
    pub(super) fn with_restart(
        &mut self,
        job: JobId,
        recovery: u32,
        change: impl FnOnce(&mut Restart),
    ) {
        if let Some(episode) = &mut self.jobs[job as usize].episode
            && let Some(restart) = episode
                .restarts
                .iter_mut()
                .rfind(|restart| restart.recovery == recovery)
        {
            change(restart);
        }
    }

    pub(super) fn retrieve(
        &mut self,
        job: JobId,
        recovery: u32,
        checkpoint: CheckpointId,
        now: Time,
    ) {
        self.with_job(job, now, |following| {
            following.state.stage = Stage::Placing;
            if let Some(episode) = &mut following.episode {
                episode.checkpoint = Some(checkpoint);
            }
        });
        let slots = self.slots(job);
        self.with_restart(job, recovery, |restart| {
            restart.slots = slots;
            restart.retrieval.get_or_insert(Retrieval {
                from: now,
                to: None,
                checkpoint,
                partitions: Vec::new(),
                bytes: 0,
            });
        });
    }

    pub(super) fn retrieved(
        &mut self,
        job: JobId,
        recovery: u32,
        offsets: &[(SplitId, u64)],
        bytes: u64,
        now: Time,
    ) {
        let splits: Vec<SplitId> = offsets.iter().map(|(split, _)| *split).collect();
        let partitions = self.blueprint.topology.partitions(&splits);
        self.with_restart(job, recovery, |restart| {
            if let Some(retrieval) = restart.retrieval.as_mut()
                && retrieval.to.is_none()
            {
                retrieval.to = Some(now);
                retrieval.partitions = partitions;
                retrieval.bytes = bytes;
            }
        });
    }

    /// Slots in the pool of the job's JobMaster and slots that it needs, as far as it has said.
    fn slots(&self, job: JobId) -> Option<(u32, u32)> {
        let needed = self.needed[job as usize];
        let pooled = self.pools[job as usize].len() as u32;
        (needed > 0).then_some((pooled.min(needed), needed))
    }

    /// The default scheduler says so once it restarts, the adaptive one for good.
    pub(super) fn need(&mut self, job: JobId, slots: u32) {
        self.needed[job as usize] = slots;
        let slots = self.slots(job);
        let starts = |restart: &&mut Restart| {
            restart.is_open() && restart.retrieval.is_some() && restart.deployed.is_none()
        };
        if let Some(episode) = &mut self.jobs[job as usize].episode {
            for restart in episode.restarts.iter_mut().filter(starts) {
                restart.slots = slots.or(restart.slots);
            }
        }
    }

    pub(super) fn pool(&mut self, job: JobId, allocation: AllocationId, change: &str) {
        let pool = &mut self.pools[job as usize];
        match change {
            "lost" | "returned" => pool.remove(&allocation),
            _ => pool.insert(allocation),
        };
    }

    /// There is no room for the tasks that restart.
    pub(super) fn miss_slots(&mut self, job: JobId, slots: Option<u32>, now: Time) {
        if let Some(episode) = &mut self.jobs[job as usize].episode {
            for restart in episode.restarts.iter_mut().filter(|r| r.is_open()) {
                restart.missing.get_or_insert((now, slots));
            }
        }
    }

    /// Every task of a restart runs; Flink's JobMaster says so when all tasks of the job do.
    pub(super) fn run(&mut self, job: JobId, recovery: u32, now: Time) {
        self.with_job(job, now, |following| {
            following.state.stage = Stage::None;
            following.submitted = true;
        });
        let all = self.blueprint.liveness == Liveness::RpcHeartbeats;
        if let Some(episode) = &mut self.jobs[job as usize].episode {
            let restarts = episode.restarts.iter_mut();
            for restart in restarts.filter(|r| r.is_open() && (all || r.recovery == recovery)) {
                restart.running = Some(now);
            }
        }
    }

    /// The job is not restarted any more: what runs of it is ended.
    pub(super) fn give_up(&mut self, job: JobId, detector: Detector, lost: &[ActorId], now: Time) {
        self.provoke(job, detector, lost, true, now);
        let topology = &self.blueprint.topology;
        let homes = self
            .homes
            .keys()
            .filter(|task| topology.job_of(**task) == job);
        let live: Vec<_> = homes.copied().collect();
        self.with_job(job, now, |following| {
            following.state.stage = Stage::Ending;
            following
                .state
                .tasks
                .restart(&live, ExecutionState::Running);
            if let Some(episode) = &mut following.episode {
                episode.giving_up = Some((now, detector, lost.to_vec()));
            }
            following.detect(detector.name(), now);
        });
    }

    pub(super) fn elect(&mut self, jobmanager: ActorId, what: Election, now: Time) {
        self.each_episode(|episode| episode.elections.push((now, jobmanager, what)));
    }
}
