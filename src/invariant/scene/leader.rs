//! What one JobManager believes while it leads: members, executions, recoveries.

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::Attempt;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::message::FencingToken;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::layout::Layout;
use crate::dataflow::topology::{JobId, JobInfo, SubtaskId};
use crate::kernel::{ActorId, Header, Time};
use crate::policy::RecoveryScope;

use super::processes::is_end;

#[derive(Clone, Debug)]
pub struct LeaderView {
    pub granted: bool,
    pub granted_at: Time,
    /// Published, and not given up since.
    pub token: Option<FencingToken>,
    /// By place of the TaskManager.
    pub registered: Vec<bool>,
    pub tasks: Vec<TaskView>,
    pub jobs: Vec<JobView>,
}

/// The current execution of a subtask.
#[derive(Clone, Copy, Debug)]
pub struct TaskView {
    pub attempt: Attempt,
    pub state: ExecutionState,
    pub taskmanager: Option<ActorId>,
}

#[derive(Clone, Debug)]
pub struct JobView {
    /// The execution graph in force.
    pub layout: Arc<Layout>,
    pub status: Option<JobStatus>,
    pub recovery: Option<RecoveryView>,
    /// The checkpoint that the last recovery went back to.
    pub retrieved: CheckpointId,
}

#[derive(Clone, Debug)]
pub struct RecoveryView {
    pub number: u32,
    pub at: Time,
    pub detector: Detector,
    pub scope: RecoveryScope,
    pub tasks: Vec<SubtaskId>,
}

impl JobView {
    fn new(job: &JobInfo) -> JobView {
        JobView {
            layout: Arc::clone(&job.layout),
            status: None,
            recovery: None,
            retrieved: 0,
        }
    }
}

impl TaskView {
    /// Deployed or about to be, and not ended.
    pub fn is_live(&self) -> bool {
        self.taskmanager.is_some() && !self.state.is_terminal()
    }
}

impl LeaderView {
    pub fn new(blueprint: &Blueprint) -> LeaderView {
        let none = TaskView {
            attempt: Attempt::default(),
            state: ExecutionState::Created,
            taskmanager: None,
        };
        LeaderView {
            granted: false,
            granted_at: Time::ZERO,
            token: None,
            registered: vec![false; blueprint.cluster.taskmanagers.len()],
            tasks: vec![none; blueprint.topology.subtasks.len()],
            jobs: blueprint.topology.jobs.iter().map(JobView::new).collect(),
        }
    }

    pub fn is_registered(&self, taskmanager: ActorId, blueprint: &Blueprint) -> bool {
        blueprint
            .directory
            .taskmanager_index(taskmanager)
            .is_some_and(|index| self.registered[index])
    }

    /// Whether every task of the job runs.
    pub fn all_run(&self, job: JobId) -> bool {
        let subtasks = &self.jobs[job as usize].layout.subtasks;
        subtasks
            .iter()
            .all(|subtask| self.tasks[*subtask as usize].state == ExecutionState::Running)
    }

    pub fn take(&mut self, header: &Header, fact: &Fact, blueprint: &Blueprint) {
        match fact {
            // Whatever it believed died with it.
            fact if is_end(fact) => *self = LeaderView::new(blueprint),
            Fact::LeadershipGranted => {
                *self = LeaderView::new(blueprint);
                self.granted = true;
                self.granted_at = header.time;
            }
            Fact::LeaderPublished { token } => self.token = Some(*token),
            Fact::LeadershipLost { .. } => {
                let granted_at = self.granted_at;
                *self = LeaderView {
                    granted_at,
                    ..LeaderView::new(blueprint)
                };
            }
            Fact::TaskManagerRegistered { taskmanager } => {
                self.set_registered(*taskmanager, true, blueprint)
            }
            Fact::TaskManagerLost { taskmanager, .. } => {
                self.set_registered(*taskmanager, false, blueprint)
            }
            Fact::ExecutionGraphCreated { job, parallelism } => {
                let layout = Layout::new(&blueprint.topology, *job, parallelism);
                self.jobs[*job as usize].layout = Arc::new(layout);
            }
            Fact::ExecutionChanged {
                subtask,
                attempt,
                state,
                taskmanager,
            } => {
                let view = TaskView {
                    attempt: *attempt,
                    state: *state,
                    taskmanager: *taskmanager,
                };
                self.tasks[*subtask as usize] = view;
            }
            Fact::JobStatusChanged { job, status, .. } => {
                self.jobs[*job as usize].status = Some(*status)
            }
            Fact::RecoveryStarted {
                job,
                recovery,
                detector,
                scope,
                tasks,
                ..
            } => {
                let view = RecoveryView {
                    number: *recovery,
                    at: header.time,
                    detector: *detector,
                    scope: *scope,
                    tasks: tasks.clone(),
                };
                self.jobs[*job as usize].recovery = Some(view);
            }
            Fact::RetrievalStarted {
                job, checkpoint, ..
            } => self.jobs[*job as usize].retrieved = *checkpoint,
            _ => {}
        }
    }

    fn set_registered(&mut self, taskmanager: ActorId, registered: bool, blueprint: &Blueprint) {
        if let Some(index) = blueprint.directory.taskmanager_index(taskmanager) {
            self.registered[index] = registered;
        }
    }
}
