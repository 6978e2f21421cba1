//! States of executions and of jobs, and what makes a leader act.

use serde::Serialize;

/// `ExecutionState`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionState {
    Created,
    Scheduled,
    Deploying,
    Initializing,
    Running,
    Canceling,
    Canceled,
    Failed,
    Finished,
}

impl ExecutionState {
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            ExecutionState::Canceled | ExecutionState::Failed | ExecutionState::Finished
        )
    }

    pub fn name(self) -> &'static str {
        match self {
            ExecutionState::Created => "CREATED",
            ExecutionState::Scheduled => "SCHEDULED",
            ExecutionState::Deploying => "DEPLOYING",
            ExecutionState::Initializing => "INITIALIZING",
            ExecutionState::Running => "RUNNING",
            ExecutionState::Canceling => "CANCELING",
            ExecutionState::Canceled => "CANCELED",
            ExecutionState::Finished => "FINISHED",
            ExecutionState::Failed => "FAILED",
        }
    }
}

/// `JobStatus`, as far as the models have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    Initializing,
    Created,
    Running,
    Restarting,
    /// The restart strategy allows no restart: tasks are being ended.
    Failing,
    Failed,
    Suspended,
    /// It was stopped with a savepoint.
    Finished,
}

impl JobStatus {
    pub const ALL: &[JobStatus] = &[
        JobStatus::Initializing,
        JobStatus::Created,
        JobStatus::Running,
        JobStatus::Restarting,
        JobStatus::Failing,
        JobStatus::Failed,
        JobStatus::Suspended,
        JobStatus::Finished,
    ];

    pub fn name(self) -> &'static str {
        match self {
            JobStatus::Initializing => "INITIALIZING",
            JobStatus::Created => "CREATED",
            JobStatus::Running => "RUNNING",
            JobStatus::Restarting => "RESTARTING",
            JobStatus::Failing => "FAILING",
            JobStatus::Failed => "FAILED",
            JobStatus::Suspended => "SUSPENDED",
            JobStatus::Finished => "FINISHED",
        }
    }
}

/// What made the leader act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// The TaskManager's ephemeral znode went with its session.
    ZookeeperSession,
    /// The TaskManager registered anew: its predecessor process is gone.
    Reregistration,
    /// A new leader found the job without one.
    NewLeader,
    /// A TaskManager reported that a task failed.
    TaskFailure,
    /// Nothing failed: the leader moves a task because of load.
    Rebalancing,
    /// Nothing failed: the adaptive scheduler changes the parallelism.
    Rescaling,
    /// Tasks failed because a connection of the data plane was closed or could not be made.
    DataPlane,
    /// `heartbeat.timeout` passed without a sign of life.
    HeartbeatTimeout,
    /// Heartbeat requests found nobody, `heartbeat.rpc-failure-threshold` times in a row.
    RpcUnreachable,
    /// The ResourceManager gave the TaskManager up and said so.
    ResourceManager,
    /// The TaskManager said goodbye.
    Goodbye,
    /// `submitTask` found nobody.
    DeploymentUnreachable,
    /// `submitTask` was refused or not answered.
    DeploymentFailed,
    /// `NoResourceAvailableException`
    NoResources,
    /// The user's code threw an exception.
    UserException,
    /// More checkpoints failed than are tolerated.
    CheckpointFailures,
    /// An operator's coordinator on the JobMaster failed.
    Coordinator,
    /// Nothing failed: a client has stopped the job with a savepoint.
    StopWithSavepoint,
    /// A client has handed the job in again, with the savepoint to start from.
    Resubmission,
}

impl Detector {
    pub fn name(self) -> &'static str {
        match self {
            Detector::ZookeeperSession => "zookeeper-session",
            Detector::Reregistration => "re-registration",
            Detector::NewLeader => "new-leader",
            Detector::TaskFailure => "task-failure",
            Detector::Rebalancing => "rebalancing",
            Detector::Rescaling => "rescaling",
            Detector::DataPlane => "data-plane",
            Detector::HeartbeatTimeout => "heartbeat-timeout",
            Detector::RpcUnreachable => "rpc-unreachable",
            Detector::ResourceManager => "resource-manager",
            Detector::Goodbye => "goodbye",
            Detector::DeploymentUnreachable => "deployment-unreachable",
            Detector::DeploymentFailed => "deployment-failed",
            Detector::NoResources => "no-resources",
            Detector::UserException => "user-exception",
            Detector::CheckpointFailures => "checkpoint-failures",
            Detector::Coordinator => "operator-coordinator",
            Detector::StopWithSavepoint => "stop-with-savepoint",
            Detector::Resubmission => "resubmission",
        }
    }
}
