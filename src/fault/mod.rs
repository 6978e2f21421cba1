//! Floor 4: kinds of fault, and plans of them.

pub use crate::actor::fact::{ExecutionState, JobStatus};
pub use crate::actor::fault_action::NotificationTrouble;
use crate::dataflow::batch::CheckpointId;
use crate::kernel::time::{Span, SpanRange, Time};

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    pub target: Target,
    pub at: When,
    /// For faults that end by themselves, and for processes that come back.
    pub lasts: Option<Span>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// SIGKILL; with `lasts` the process starts again that long after.
    Kill,
    /// SIGTERM; with `lasts` the process starts again that long after its end.
    Stop,
    /// Starts a process that is not running: a dead one again, or a spare.
    Start,
    /// SIGSTOP for `lasts`, or until it is resumed.
    Hang,
    /// SIGCONT
    Resume,
    /// The machine loses power; with `lasts` it is back that long after.
    PowerOff,
    /// No packet in or out for `lasts`.
    CutOff,
    /// Between the target, a group, and another.
    Links(Links),
    /// CPU divided by this factor, in thousandths, for `lasts` (or to the end).
    Slow { factor_per_mille: u32 },
    /// So much of the machine's CPU is taken away, for `lasts` (or to the end).
    TakeCpu { millicores: u32 },
    /// ZooKeeper ends the session of a process.
    ExpireSession,
    /// Checkpoint storage is slower by this factor, for `lasts` (or to the end).
    SlowStorage { factor_per_mille: u32 },
    /// Checkpoint storage answers with errors.
    FailStorage,
    /// Checkpoint storage does not answer.
    LoseStorage,
    /// Something is wrong with word that a checkpoint has completed, for `lasts` (or to the end).
    Notifications(NotificationTrouble),
    /// The user's code throws.
    Throw,
    /// A task does not react to being cancelled: for `lasts`, or ever.
    StuckCancel,
    /// All TaskManagers, one after the other, each stopped in order and started again; `lasts` is the pause between two.
    RollingRestart,
    /// A job takes a savepoint and starts again from it.
    SavepointAndRestart,
    /// Somebody deletes the pointer to a job's newest checkpoint in ZooKeeper by hand.
    DropCheckpoint,
    /// A topic gets so many more partitions.
    AddPartitions { count: u32 },
    /// Producers write nothing to a partition for `lasts`, or to the end.
    Silence { partition: u32 },
}

impl FaultKind {
    /// As the file has it, and the facts.
    pub fn verb(&self) -> &'static str {
        match self {
            FaultKind::Kill => "kill",
            FaultKind::Stop => "stop",
            FaultKind::Start => "start",
            FaultKind::Hang => "hang",
            FaultKind::Resume => "resume",
            FaultKind::PowerOff => "power-off",
            FaultKind::CutOff => "cut-off",
            FaultKind::Links(links) => links.verb(),
            FaultKind::Slow { .. } => "slow",
            FaultKind::TakeCpu { .. } => "take-cpu",
            FaultKind::ExpireSession => "expire-session",
            FaultKind::SlowStorage { .. } => "slow-storage",
            FaultKind::FailStorage => "fail-storage",
            FaultKind::LoseStorage => "lose-storage",
            FaultKind::Notifications(trouble) => trouble.verb(),
            FaultKind::Throw => "throw",
            FaultKind::StuckCancel => "stuck-cancel",
            FaultKind::RollingRestart => "rolling-restart",
            FaultKind::SavepointAndRestart => "savepoint-and-restart",
            FaultKind::DropCheckpoint => "drop-checkpoint",
            FaultKind::AddPartitions { .. } => "add-partitions",
            FaultKind::Silence { .. } => "silence",
        }
    }
}

/// Two groups of processes, and what is wrong between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    pub from: Vec<Target>,
    /// Nobody: everybody else.
    pub to: Vec<Target>,
    pub one_way: bool,
    pub trouble: LinkTrouble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTrouble {
    Cut,
    /// More latency, and less bandwidth in bytes per second; 0: as much as ever.
    Slow {
        latency: SpanRange,
        bytes_per_s: u64,
    },
    /// A share of the packets is lost, in thousandths.
    Lossy {
        per_mille: u32,
    },
    /// Connections that stand between JobManagers, TaskManagers and ZooKeeper servers are reset, once, as a firewall or a NAT
    /// gateway does that has forgotten them. What is on its way is lost; both ends are told, and may connect anew.
    Reset,
}

impl Links {
    pub fn verb(&self) -> &'static str {
        match self.trouble {
            LinkTrouble::Cut => "cut",
            LinkTrouble::Slow { .. } => "slow-link",
            LinkTrouble::Lossy { .. } => "lossy-link",
            LinkTrouble::Reset => "reset-connections",
        }
    }
}

/// Whom it befalls: by place in the scenario's lists, or found when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    JobManager(usize),
    TaskManager(usize),
    ZooKeeper(usize),
    /// Everybody who lives there.
    Host(usize),
    /// The JobManager that leads at that moment.
    Leader,
    /// The TaskManager where a task runs at that moment.
    TaskManagerOf(Task),
    /// One task, wherever it runs.
    Task(Task),
    Job(usize),
    Storage,
    /// The brokers, all of them.
    Kafka,
    /// One of them.
    Broker(usize),
    /// What sinks write to.
    Database,
    AllTaskManagers,
    /// One that jobs read.
    Topic(usize),
    /// The target is in the kind.
    Groups,
}

/// A subtask, by the places of its job and operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    pub job: usize,
    pub operator: usize,
    pub subtask: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    At(Time),
    /// Drawn per seed, uniform.
    Between(Time, Time),
    /// So long after something has happened, which counts from `not_before` on.
    Upon {
        condition: Condition,
        not_before: Time,
        after: SpanRange,
    },
}

/// What has to happen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    CheckpointTriggered(CheckpointId),
    CheckpointCompleted(CheckpointId),
    /// The n-th leader of the run.
    LeaderGranted(u32),
    TaskIs(ExecutionState),
    JobIs(JobStatus),
    /// Another fault has come, or is over: the verb, and on whom.
    Fault {
        verb: &'static str,
        target: Target,
        over: bool,
    },
}
