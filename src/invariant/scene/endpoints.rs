//! What Flink's endpoints have: peers that they exchange heartbeats with, slots, tasks.

use std::collections::BTreeMap;

use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{Fact, JobStatus};
use crate::actor::flink::rpc::call::{AllocationId, SlotIndex};
use crate::actor::flink::rpc::heartbeat::Peer;
use crate::actor::flink::rpc::{Address, Endpoint};
use crate::actor::message::FencingToken;
use crate::actor::task_manager::executor::SlotState;
use crate::dataflow::topology::{JobId, SubtaskId, Topology};
use crate::kernel::{ActorId, Header, Time};

use super::processes::is_end;

#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// By process, endpoint and peer: when the peer was last heard of, or the monitor began.
    pub monitors: BTreeMap<(ActorId, Endpoint, Peer), Time>,
    /// By JobManager and job: the JobMaster's slots.
    pub pools: BTreeMap<(ActorId, JobId), BTreeMap<AllocationId, Address>>,
    pub executors: BTreeMap<ActorId, Executor>,
}

/// A TaskExecutor.
#[derive(Clone, Debug, Default)]
pub struct Executor {
    /// Slots that are somebody's.
    pub slots: BTreeMap<SlotIndex, (AllocationId, JobId, SlotState)>,
    pub tasks: BTreeMap<(SubtaskId, Attempt), Task>,
    /// The JobMasters that it is registered at.
    pub job_masters: BTreeMap<JobId, FencingToken>,
}

#[derive(Clone, Copy, Debug)]
pub struct Task {
    pub allocation: AllocationId,
    pub job_master: FencingToken,
    pub since: Time,
    /// Told to stop, or failed.
    pub stopping: bool,
}

impl Executor {
    /// Tasks of a job that nobody has told to stop.
    pub fn working<'a>(
        &'a self,
        job: JobId,
        topology: &'a Topology,
    ) -> impl Iterator<Item = (SubtaskId, Attempt, Task)> + 'a {
        self.tasks
            .iter()
            .filter(move |((subtask, _), task)| !task.stopping && topology.job_of(*subtask) == job)
            .map(|((subtask, attempt), task)| (*subtask, *attempt, *task))
    }
}

impl Endpoints {
    /// Whether a JobMaster counts the TaskManager as registered.
    pub fn is_registered(&self, jobmanager: ActorId, job: JobId, taskmanager: ActorId) -> bool {
        self.monitors.keys().any(|(actor, owner, peer)| {
            (*actor, *owner) == (jobmanager, Endpoint::JobMaster(job))
                && peer.endpoint == Endpoint::TaskExecutor
                && peer.address.actor == taskmanager
        })
    }

    pub fn take(&mut self, header: &Header, fact: &Fact) {
        let actor = header.actor;
        match fact {
            Fact::PeerMonitored { owner, peer } | Fact::PeerHeard { owner, peer } => {
                self.monitors.insert((actor, *owner, *peer), header.time);
            }
            Fact::PeerLost { owner, peer, .. } | Fact::PeerUnmonitored { owner, peer } => {
                self.monitors.remove(&(actor, *owner, *peer));
            }
            Fact::SlotPoolChanged {
                job,
                allocation,
                taskmanager,
                change,
            } => {
                let pool = self.pools.entry((actor, *job)).or_default();
                match *change {
                    "lost" | "returned" => pool.remove(allocation),
                    _ => pool.insert(*allocation, *taskmanager),
                };
            }
            Fact::JobStatusChanged {
                job,
                status: JobStatus::Failed | JobStatus::Suspended | JobStatus::Finished,
                ..
            } => {
                self.pools.remove(&(actor, *job));
            }
            Fact::LeadershipGranted | Fact::LeadershipLost { .. } => {
                self.pools.retain(|(jobmanager, _), _| *jobmanager != actor);
            }
            fact if is_end(fact) => {
                self.monitors.retain(|(owner, ..), _| *owner != actor);
                self.pools.retain(|(jobmanager, _), _| *jobmanager != actor);
                self.executors.remove(&actor);
            }
            fact => self
                .executors
                .entry(actor)
                .or_default()
                .take(header.time, fact),
        }
    }
}

impl Executor {
    fn take(&mut self, now: Time, fact: &Fact) {
        match fact {
            Fact::TaskSlotChanged {
                slot,
                state: SlotState::Free,
                ..
            } => {
                self.slots.remove(slot);
            }
            Fact::TaskSlotChanged {
                slot,
                allocation,
                job,
                state,
            } => {
                self.slots.insert(*slot, (*allocation, *job, *state));
            }
            Fact::RegisteredAtJobMaster { job, token } => {
                self.job_masters.insert(*job, *token);
            }
            Fact::JobMasterLost { job, .. } => {
                self.job_masters.remove(job);
            }
            Fact::TaskStarted {
                subtask,
                attempt,
                job_master,
                allocation,
            } => {
                let task = Task {
                    allocation: *allocation,
                    job_master: *job_master,
                    since: now,
                    stopping: false,
                };
                self.tasks.insert((*subtask, *attempt), task);
            }
            Fact::TaskStopping { subtask, attempt } => {
                if let Some(task) = self.tasks.get_mut(&(*subtask, *attempt)) {
                    task.stopping = true;
                }
            }
            Fact::TaskEnded {
                subtask, attempt, ..
            } => {
                self.tasks.remove(&(*subtask, *attempt));
            }
            _ => {}
        }
    }
}
