//! From facts to recoveries: which fault led to what, from the first moment until "caught up".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::{Detector, Fact, JobStatus};
use crate::actor::flink::rpc::call::AllocationId;
use crate::actor::source_fact::SourceFact;
use crate::dataflow::layout::Layout;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Header, Span, Time};
use crate::policy::Liveness;

use super::episode::{Election, Episode, Injected, Unprovoked};
use super::following::Following;
use super::phase::{JobState, Stage};

mod closing;
mod opening;
mod restarts;
mod spared;

pub const SAVEPOINT_AND_RESTART: &str = "savepoint-and-restart";

/// Output has to be in time for this long before a job counts as caught up.
const CAUGHT_UP_FOR: Span = Span::from_secs(2);

#[derive(Clone, Debug)]
pub struct Recoveries {
    blueprint: Arc<Blueprint>,
    pub faults: Vec<Injected>,
    /// Where the tasks are that have not ended.
    homes: BTreeMap<SubtaskId, ActorId>,
    /// By job: the splits that some reader has been given. Others wait to be discovered.
    read: Vec<Vec<SplitId>>,
    jobs: Vec<Following>,
    /// By job: slots that its JobMaster has in its pool.
    pools: Vec<BTreeSet<AllocationId>>,
    /// By job: slots that it needs in all.
    needed: Vec<u32>,
    /// What the ResourceManager said last of TaskManagers that it gave up.
    given_up: BTreeMap<ActorId, &'static str>,
    /// Whose session expired last, when the owner had been heard last, and when it expired.
    expired: Option<(ActorId, Time, Time)>,
    pub closed: Vec<Episode>,
    /// Restarts of jobs on which no fault is at work.
    pub unprovoked: Vec<Unprovoked>,
}

impl Recoveries {
    pub fn new(blueprint: &Arc<Blueprint>) -> Recoveries {
        let following = Following {
            state: JobState::new(),
            episode: None,
            last_late: Time::ZERO,
            in_time: Time::ZERO,
            done_at: Time::ZERO,
            submitted: false,
        };
        let topology = &blueprint.topology;
        let jobs = 0..topology.jobs.len() as JobId;
        let read = jobs.map(|job| topology.initial_splits(job).collect());
        Recoveries {
            read: read.collect(),
            jobs: vec![following; blueprint.topology.jobs.len()],
            pools: vec![BTreeSet::new(); topology.jobs.len()],
            needed: vec![0; topology.jobs.len()],
            expired: None,
            given_up: BTreeMap::new(),
            faults: Vec::new(),
            homes: BTreeMap::new(),
            closed: Vec::new(),
            unprovoked: Vec::new(),
            blueprint: Arc::clone(blueprint),
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let now = header.time;
        match fact {
            Fact::FaultInjected { what } => self.inject(header.actor, what, now),
            Fact::FaultHealed { what } => self.heal(header.actor, what, now),
            Fact::Source(SourceFact::SplitsAdded {
                subtask, splits, ..
            }) => {
                let job = self.blueprint.topology.job_of(*subtask);
                let read = &mut self.read[job as usize];
                for (split, _) in splits {
                    if !read.contains(split) {
                        read.push(*split);
                    }
                }
            }
            // The client is through with what it was asked for.
            Fact::JobResubmitted(..) => {
                let open = self
                    .faults
                    .iter()
                    .find(|fault| fault.what == SAVEPOINT_AND_RESTART && fault.healed.is_none());
                if let Some(target) = open.map(|fault| fault.target) {
                    self.heal(target, SAVEPOINT_AND_RESTART, now);
                }
            }
            Fact::ProcessStarted { .. } => self.heal(header.actor, "kill", now),
            Fact::SessionExpired {
                owner, last_heard, ..
            } if self.is_watched(*owner) => {
                self.expired = Some((*owner, *last_heard, now));
                self.each_episode(|episode| episode.heard(*owner, *last_heard));
            }
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Failed,
                ..
            } => {
                if let Some(episode) = &mut self.jobs[*job as usize].episode {
                    episode.given_up.get_or_insert(now);
                }
            }
            // Until the client hands it in again nobody leads it.
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Finished,
                ..
            } => self.with_job(*job, now, |following| following.state.led = false),
            Fact::LeadershipLost { .. } => {
                self.act_on(Some(header.actor), "leadership-lost", now, |following| {
                    following.state.led = false
                });
                self.elect(header.actor, Election::Lost, now);
            }
            Fact::LeadershipGranted if self.jobs.iter().any(|job| job.submitted) => {
                let down = self.faulty_jobmanager();
                self.act_on(down, Detector::NewLeader.name(), now, |following| {
                    following.state.led = false
                });
                self.elect(header.actor, Election::Won, now);
            }
            Fact::JobsRecovered { .. } => self.elect(header.actor, Election::ReadBack, now),
            Fact::TaskManagerLost {
                taskmanager,
                detector,
            } => self.miss(*taskmanager, detector.name(), now),
            Fact::TaskExecutorUnregistered {
                taskmanager,
                reason,
                ..
            } => {
                self.given_up.insert(taskmanager.actor, reason);
                self.miss(taskmanager.actor, "resource-manager", now)
            }
            Fact::RecoveryStarted {
                job,
                recovery,
                detector,
                scope,
                lost,
                tasks,
            } => {
                let leader = header.actor;
                self.start(*job, *detector, *recovery, *scope, lost, tasks, leader, now);
            }
            Fact::JobGivenUp(job, detector, lost) => self.give_up(*job, *detector, lost, now),
            Fact::RestartDelayed {
                job,
                recovery,
                delay,
            } => self.with_restart(*job, *recovery, |restart| {
                restart.delay.get_or_insert(*delay);
            }),
            Fact::SlotPoolChanged {
                job,
                allocation,
                change,
                ..
            } => self.pool(*job, *allocation, change),
            Fact::RequirementsDeclared { job, slots } => self.need(*job, *slots),
            Fact::NotEnoughResources { job, missing } => self.miss_slots(*job, Some(*missing), now),
            Fact::ResourcesMissing { job, .. } => self.miss_slots(*job, None, now),
            Fact::RetrievalStarted {
                job,
                recovery,
                checkpoint,
            } => self.retrieve(*job, *recovery, *checkpoint, now),
            Fact::RetrievalDone {
                job,
                recovery,
                offsets,
                bytes,
                ..
            } => self.retrieved(*job, *recovery, offsets, *bytes, now),
            Fact::TaskPlaced {
                job,
                subtask,
                from,
                to,
                ..
            } => {
                if let Some(episode) = &mut self.jobs[*job as usize].episode {
                    episode.placement.retain(|(placed, ..)| placed != subtask);
                    episode.placement.push((*subtask, *from, *to));
                }
            }
            Fact::RecoveryDeployed { job, recovery } => {
                self.with_job(*job, now, |following| {
                    following.state.stage = Stage::ComingUp
                });
                self.with_restart(*job, *recovery, |restart| {
                    restart.deployed.get_or_insert(now);
                });
            }
            Fact::RecoveryRunning { job, recovery } => self.run(*job, *recovery, now),
            Fact::TaskRestored {
                subtask, offsets, ..
            } => {
                let job = self.blueprint.topology.job_of(*subtask);
                if let Some(episode) = &mut self.jobs[job as usize].episode {
                    let splits = offsets.iter().map(|(split, _)| *split).collect();
                    episode.splits.insert(*subtask, splits);
                }
            }
            Fact::ExecutionGraphCreated { job, parallelism } => {
                let topology = &self.blueprint.topology;
                let layout = Layout::new(topology, *job, parallelism);
                self.homes.retain(|task, _| {
                    topology.job_of(*task) != *job || layout.get(*task).is_some()
                });
                self.with_job(*job, now, |following| {
                    following.state.tasks.replace(&layout.subtasks);
                    if let Some(episode) = &mut following.episode {
                        let placement = &mut episode.placement;
                        placement.retain(|(task, ..)| layout.get(*task).is_some());
                    }
                });
            }
            Fact::ExecutionChanged {
                subtask,
                state,
                taskmanager,
                ..
            } => {
                self.settle(*subtask, *state, *taskmanager);
                let job = self.blueprint.topology.job_of(*subtask);
                self.with_job(job, now, |following| {
                    following.state.tasks.turn(*subtask, *state);
                });
            }
            Fact::FirstOutput { subtask, .. } => {
                let job = self.blueprint.topology.job_of(*subtask);
                self.with_job(job, now, |following| {
                    following.state.fruitful.insert(*subtask);
                    following.state.tasks.put_out(*subtask);
                });
            }
            Fact::Replayed { records, .. } => {
                self.each_episode(|episode| episode.replayed += records)
            }
            Fact::Deduplicated { records, .. } => {
                self.each_episode(|episode| episode.deduplicated += records)
            }
            Fact::NotificationSent { .. } => self.each_episode(|episode| {
                let sent = episode.marks.notified.get_or_insert((now, now, 0));
                sent.1 = now;
                sent.2 += 1;
            }),
            Fact::NotificationDelivered { .. } => self.each_episode(|episode| {
                if let Some(notified) = &mut episode.marks.notified {
                    notified.1 = now;
                }
            }),
            _ => {}
        }
    }

    /// Whose end in ZooKeeper anybody hears of: Flink's TaskManagers have no znode.
    fn is_watched(&self, owner: ActorId) -> bool {
        self.blueprint.liveness == Liveness::ZkEphemeral
            || self.blueprint.directory.jobmanagers.contains(&owner)
    }

    /// All tasks of the job have run once, together.
    pub fn has_run(&self, job: JobId) -> bool {
        self.jobs[job as usize].submitted
    }

    /// Every job has come up, none recovers, and output has been in time for a while.
    pub fn is_steady(&self, now: Time) -> bool {
        self.jobs.iter().all(|job| {
            job.submitted
                && job.episode.is_none()
                && job.state.is_done()
                && now.since(job.last_late.max(job.done_at)) >= CAUGHT_UP_FOR
        })
    }

    pub fn each_episode(&mut self, mut change: impl FnMut(&mut Episode)) {
        self.jobs
            .iter_mut()
            .filter_map(|following| following.episode.as_mut())
            .for_each(&mut change);
    }

    /// Changes what is known of a job and turns its phase accordingly.
    fn with_job(&mut self, job: JobId, now: Time, change: impl FnOnce(&mut Following)) {
        let following = &mut self.jobs[job as usize];
        let was_done = following.state.is_done();
        change(following);
        if !was_done && following.state.is_done() {
            following.done_at = now;
        }
        following.turn(now);
    }

    fn inject(&mut self, target: ActorId, what: &'static str, now: Time) {
        let number = self.faults.len();
        let spared = self.spared_by(target, what);
        self.faults.push(Injected {
            at: now,
            target,
            what,
            healed: None,
            spared,
            missed: None,
        });
        // A fault in the middle of a recovery belongs to it, if it can matter to it.
        let matters = !self.blueprint.directory.zookeeper.contains(&target);
        for following in self.jobs.iter_mut().filter(|_| matters) {
            if let Some(episode) = &mut following.episode {
                episode.faults.push(number);
            }
        }
    }

    fn heal(&mut self, target: ActorId, what: &str, now: Time) {
        let open = |fault: &&mut Injected| {
            fault.target == target && fault.what == what && fault.healed.is_none()
        };
        for fault in self.faults.iter_mut().filter(open) {
            fault.healed = Some(now);
        }
        for following in &mut self.jobs {
            following.unacted(&self.faults, now);
        }
    }

    /// A source was restored to before records that it, or its predecessor, had read.
    pub fn read_again(&mut self, source: SubtaskId, records: u64) {
        let job = self.blueprint.topology.job_of(source);
        if let Some(episode) = &mut self.jobs[job as usize].episode {
            episode.reprocessed += records;
        }
    }

    /// The sink's writer has handled records of a job, the latest of them this late, and so many not for the first time:
    /// where nothing upstream drops what comes twice, these were reprocessed.
    pub fn handled(&mut self, job: JobId, worst: Span, again: u64, now: Time) {
        let following = &mut self.jobs[job as usize];
        if worst > self.blueprint.monitor.late {
            following.last_late = now;
        }
        if let Some(episode) = &mut following.episode
            && self.blueprint.liveness == Liveness::RpcHeartbeats
        {
            episode.replayed += again;
        }
    }
}
