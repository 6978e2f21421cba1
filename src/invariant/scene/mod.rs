//! What checkers share: the cluster as the facts so far show it.

mod counts;
mod endpoints;
mod history;
mod leader;
mod processes;

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::actor::message::FencingToken;
use crate::actor::zookeeper::sessions::negotiate;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::layout::Layout;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Header, Span, Time};
use crate::policy::Liveness;

use super::tally::Moment;
use counts::Count;
pub use endpoints::{Endpoints, Executor};
use history::History;
pub use leader::{LeaderView, TaskView};
pub use processes::{Processes, is_disturbance, is_end};

#[derive(Clone, Debug)]
pub struct Scene {
    pub blueprint: Arc<Blueprint>,
    pub processes: Processes,
    /// By place of the JobManager.
    pub leaders: Vec<LeaderView>,
    /// Of Flink's control plane.
    pub endpoints: Endpoints,
    /// The largest token published so far.
    pub token_max: FencingToken,
    /// The last fact that was seen.
    pub last: Moment,
    history: History,
    /// By job: the graph that was in force last.
    layouts: Vec<Arc<Layout>>,
    /// By job: the latest one.
    savepoints: Vec<CheckpointId>,
    /// By job.
    counts: Vec<Count>,
}

impl Scene {
    pub fn new(blueprint: &Arc<Blueprint>) -> Scene {
        let leaders = blueprint
            .directory
            .jobmanagers
            .iter()
            .map(|_| LeaderView::new(blueprint))
            .collect();
        let jobs = blueprint.topology.jobs.iter();
        Scene {
            blueprint: Arc::clone(blueprint),
            processes: Processes::new(blueprint),
            leaders,
            endpoints: Endpoints::default(),
            token_max: 0,
            last: Moment {
                at: crate::kernel::Time::ZERO,
                event: 0,
            },
            history: History::default(),
            layouts: jobs.map(|job| Arc::clone(&job.layout)).collect(),
            savepoints: vec![0; blueprint.topology.jobs.len()],
            counts: vec![Count::default(); blueprint.topology.jobs.len()],
        }
    }

    /// Whether a leader of ZooKeeper states what another one has stated before.
    pub fn restates(&mut self, fact: &Fact) -> bool {
        self.history.restates(fact)
    }

    pub fn jobmanager_index(&self, actor: ActorId) -> Option<usize> {
        self.blueprint
            .directory
            .jobmanagers
            .iter()
            .position(|jm| *jm == actor)
    }

    /// What a JobManager believes.
    pub fn leader(&self, actor: ActorId) -> Option<&LeaderView> {
        self.jobmanager_index(actor)
            .map(|index| &self.leaders[index])
    }

    /// The leader that published last, if it still leads.
    pub fn current_leader(&self) -> Option<(ActorId, &LeaderView)> {
        let index = self
            .leaders
            .iter()
            .position(|leader| leader.token == Some(self.token_max))?;
        Some((
            self.blueprint.directory.jobmanagers[index],
            &self.leaders[index],
        ))
    }

    /// Whether this JobManager published last: a later one makes it a thing of the past, whatever it believes.
    pub fn is_latest_leader(&self, actor: ActorId) -> bool {
        self.leader(actor)
            .is_some_and(|leader| leader.token == Some(self.token_max))
    }

    /// Whether somebody else has published a later leadership than this one, of which it has not heard.
    pub fn is_overtaken(&self, actor: ActorId) -> bool {
        self.leader(actor)
            .and_then(|leader| leader.token)
            .is_some_and(|token| token < self.token_max)
    }

    /// Whether somebody else has won the election since this JobManager did, of which it has not heard.
    pub fn has_successor(&self, actor: ActorId) -> bool {
        let granted_at = self.leader(actor).map(|leader| leader.granted_at);
        self.leaders
            .iter()
            .any(|other| other.granted && Some(other.granted_at) > granted_at)
    }

    /// Whether the JobManager has been stopped by a signal since it was granted leadership: it may not know what has
    /// happened meanwhile.
    pub fn has_slept(&self, actor: ActorId) -> bool {
        self.leader(actor).is_some_and(|leader| {
            self.processes
                .woke_at(actor)
                .is_some_and(|at| at >= leader.granted_at)
        })
    }

    /// The execution graph of a job as the leader has it, or as the last one had it.
    pub fn layout(&self, job: JobId) -> &Layout {
        match self.current_leader() {
            Some((_, leader)) => &leader.jobs[job as usize].layout,
            None => &self.layouts[job as usize],
        }
    }

    /// Whether this is the latest savepoint of the job.
    pub fn is_savepoint(&self, job: JobId, checkpoint: CheckpointId) -> bool {
        self.savepoints[job as usize] == checkpoint
    }

    /// Of JobManagers and Flink's TaskManagers, as ZooKeeper grants it.
    pub fn session_timeout(&self) -> Span {
        let tick = self.blueprint.cluster.zookeeper.tick_time;
        negotiate(self.blueprint.config.ha.session_timeout, tick)
    }

    /// Whether a checkpoint that is triggered now begins the count of its job anew.
    pub fn begins_anew(&self, job: JobId, checkpoint: CheckpointId) -> bool {
        checkpoint == 1 && self.counts[job as usize] == Count::MayBeLost
    }

    /// Whether Flink's own control plane runs the cluster.
    pub fn is_flink(&self) -> bool {
        self.blueprint.liveness == Liveness::RpcHeartbeats
    }

    pub fn is_taskmanager(&self, actor: ActorId) -> bool {
        self.blueprint.directory.taskmanager_index(actor).is_some()
    }

    /// The slots that a TaskManager is configured with.
    pub fn slots_of(&self, taskmanager: ActorId) -> u32 {
        let index = self.blueprint.directory.taskmanager_index(taskmanager);
        index.map_or(0, |index| self.blueprint.cluster.taskmanagers[index].slots)
    }

    pub fn name(&self, actor: ActorId) -> &str {
        self.blueprint.directory.name(actor)
    }

    pub fn task(&self, subtask: SubtaskId) -> String {
        self.blueprint.topology.task_name(subtask)
    }

    /// The end of the run, as what the last fact has led to.
    pub fn at_end(&self, end: Time) -> Moment {
        Moment {
            at: end,
            ..self.last
        }
    }

    pub fn take(&mut self, header: &Header, fact: &Fact) {
        self.last = header.into();
        self.processes.take(header, fact);
        if self.is_flink() {
            self.endpoints.take(header, fact);
        }
        match fact {
            Fact::LeaderPublished { token } => self.token_max = self.token_max.max(*token),
            Fact::SavepointTriggered(job, checkpoint) => {
                self.savepoints[*job as usize] = *checkpoint;
            }
            Fact::JobStatusChanged { job, .. }
            | Fact::RecoveryStarted { job, .. }
            | Fact::CheckpointTriggered { job, .. } => self.counts[*job as usize].take(fact),
            _ => {}
        }
        if let Some(index) = self.jobmanager_index(header.actor) {
            let view = &mut self.leaders[index];
            view.take(header, fact, &self.blueprint);
            match fact {
                // Whoever leads anew begins with the graph that is configured.
                Fact::LeadershipGranted => {
                    for (layout, job) in self.layouts.iter_mut().zip(&view.jobs) {
                        *layout = Arc::clone(&job.layout);
                    }
                }
                Fact::ExecutionGraphCreated { job, .. } if view.granted => {
                    self.layouts[*job as usize] = Arc::clone(&view.jobs[*job as usize].layout);
                }
                _ => {}
            }
        }
    }
}
