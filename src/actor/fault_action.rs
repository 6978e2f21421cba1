//! What the fault plan tells the world to do, and whom it befalls.

use serde::Serialize;

use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::kernel::{ActorId, Span};
use crate::substrate::network::ConditionId;

use super::kafka::brokers::BrokerEvent;
use super::kafka::topics::TopicChange;

/// Whom a fault befalls: known from the start, or found when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Whom {
    Process(ActorId),
    /// The JobManager that leads.
    Leader,
    /// The TaskManager where this subtask runs.
    TaskManagerOf(SubtaskId),
}

/// `target` is a process; where it is the fault plan itself, somebody else is found when the time comes ([`FaultAction::Find`]).
#[derive(Clone, Debug, Serialize)]
pub enum FaultAction {
    /// SIGKILL
    Kill {
        target: ActorId,
        restart_after: Option<Span>,
    },
    /// SIGTERM
    Stop {
        target: ActorId,
        restart_after: Option<Span>,
    },
    /// A process has ended itself: a fatal error, or an orderly shutdown.
    Exit {
        target: ActorId,
        incarnation: u32,
    },
    Start {
        target: ActorId,
    },
    /// The process has come up.
    Boot {
        target: ActorId,
        incarnation: u32,
    },
    /// SIGSTOP
    Hang {
        target: ActorId,
        lasts: Option<Span>,
    },
    Resume {
        target: ActorId,
        incarnation: u32,
    },
    /// SIGCONT
    Continue {
        target: ActorId,
    },
    /// The machine loses power: nobody closes a connection, nobody answers.
    PowerOff {
        target: ActorId,
        back_after: Option<Span>,
    },
    /// The machine is up again; its process starts.
    PowerOn {
        target: ActorId,
        condition: ConditionId,
    },
    /// The operating system is done with what is left of a process.
    CloseSockets {
        target: ActorId,
        incarnation: u32,
    },
    Links(Box<LinkFault>),
    Mend {
        condition: ConditionId,
        what: &'static str,
        concerned: Box<[ActorId]>,
    },
    /// TCP gives up what it could not get through.
    GiveUp,
    Slow {
        target: ActorId,
        factor_per_mille: u32,
        lasts: Option<Span>,
    },
    Recovered {
        target: ActorId,
    },
    /// Other work takes so much of the machine's CPU.
    TakeCpu {
        target: ActorId,
        millicores: u32,
        lasts: Option<Span>,
    },
    GiveCpu {
        target: ActorId,
    },
    /// ZooKeeper ends the sessions of a process.
    ExpireSession {
        target: ActorId,
    },
    Storage {
        trouble: StorageTrouble,
        lasts: Option<Span>,
    },
    StorageIsWell {
        what: &'static str,
    },
    /// Word of completed checkpoints to the target is disturbed.
    Notifications {
        target: ActorId,
        trouble: NotificationTrouble,
        lasts: Option<Span>,
    },
    NotificationsAreWell {
        target: ActorId,
        what: &'static str,
    },
    Throw {
        target: ActorId,
        subtask: SubtaskId,
    },
    StickCancel {
        target: ActorId,
        subtask: SubtaskId,
        lasts: Option<Span>,
    },
    /// Something happens to one broker.
    Broker {
        target: ActorId,
        number: u32,
        event: BrokerEvent,
    },
    SavepointAndRestart {
        target: ActorId,
        job: JobId,
    },
    /// A client wants something of whoever leads, and asks until it has it.
    Client(ClientRequest),
    /// Those left are stopped and started again, one after the other.
    Rolling {
        left: Box<[ActorId]>,
        pause: Span,
    },
    /// Does it to whoever is found, as soon as somebody is.
    Find {
        whom: Whom,
        then: Box<FaultAction>,
    },
    /// Somebody deletes the newest checkpoint of a job from the store.
    DropCheckpoint {
        job: JobId,
    },
    /// A topic or its producers change.
    Topic {
        target: ActorId,
        change: TopicChange,
    },
}

impl FaultAction {
    /// The same, to somebody in particular.
    pub fn aimed_at(mut self, process: ActorId) -> FaultAction {
        match &mut self {
            FaultAction::Kill { target, .. }
            | FaultAction::Stop { target, .. }
            | FaultAction::Start { target }
            | FaultAction::Hang { target, .. }
            | FaultAction::Continue { target }
            | FaultAction::PowerOff { target, .. }
            | FaultAction::Slow { target, .. }
            | FaultAction::TakeCpu { target, .. }
            | FaultAction::ExpireSession { target }
            | FaultAction::Notifications { target, .. }
            | FaultAction::Throw { target, .. }
            | FaultAction::StickCancel { target, .. }
            | FaultAction::Broker { target, .. }
            | FaultAction::Topic { target, .. }
            | FaultAction::SavepointAndRestart { target, .. } => *target = process,
            other => unreachable!("{other:?} befalls nobody in particular"),
        }
        self
    }
}

/// What a client asks of the cluster for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ClientRequest {
    /// `flink stop`
    StopWithSavepoint { job: JobId },
    /// `flink run -s`
    Resubmit { job: JobId, savepoint: CheckpointId },
}

/// What becomes of `notifyCheckpointComplete`: nobody waits for an answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum NotificationTrouble {
    Lost,
    Late { by: Span },
    Doubled,
}

impl NotificationTrouble {
    pub fn verb(self) -> &'static str {
        match self {
            NotificationTrouble::Lost => "lose-notifications",
            NotificationTrouble::Late { .. } => "delay-notifications",
            NotificationTrouble::Doubled => "double-notifications",
        }
    }
}

/// Something wrong between two groups of processes.
#[derive(Clone, Debug, Serialize)]
pub struct LinkFault {
    /// As facts have it.
    pub what: &'static str,
    pub from: Vec<Whom>,
    /// Nobody: everybody else.
    pub to: Vec<Whom>,
    pub one_way: bool,
    pub trouble: LinkTrouble,
    pub lasts: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LinkTrouble {
    Cut,
    /// Latency on top of the usual one; 0 bytes per second: as wide as ever.
    Slow {
        latency_min: Span,
        latency_max: Span,
        bytes_per_s: u64,
    },
    Lossy {
        per_mille: u32,
    },
    /// Connections that stand are reset, once.
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum StorageTrouble {
    /// Everything takes longer by this factor, in thousandths.
    Slow { factor_per_mille: u32 },
    /// Requests are answered with an error.
    Failing,
    /// Requests are not answered while it lasts.
    Silent,
}

impl StorageTrouble {
    /// As facts have it.
    pub fn name(self) -> &'static str {
        match self {
            StorageTrouble::Slow { .. } => "slow-storage",
            StorageTrouble::Failing => "fail-storage",
            StorageTrouble::Silent => "lose-storage",
        }
    }
}
