//! Rare situations, by name: a search that never saw one has not looked there.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::{Detector, ExecutionState, Fact, JobStatus};
use crate::actor::sink_fact::{AbortCause, SinkFact};
use crate::dataflow::topology::SubtaskId;
use crate::kernel::{ActorId, Header, Span};
use crate::policy::RecoveryScope;

use super::episode::is_moment;

macro_rules! sights {
    ($($sight:ident = $name:literal),* $(,)?) => {
        /// A situation that runs sometimes get into.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Sight { $($sight),* }

        impl Sight {
            pub const ALL: &[Sight] = &[$(Sight::$sight),*];

            pub fn name(self) -> &'static str {
                match self { $(Sight::$sight => $name),* }
            }
        }
    };
}

sights! {
    TaskManagerDiesInCheckpoint = "a TaskManager dies while a checkpoint is pending",
    LeaderDiesInCheckpoint = "the leader dies while a checkpoint is pending",
    TaskManagerDiesInRestart = "a TaskManager dies while a job restarts",
    LeaderDiesInRestart = "the leader dies while a job restarts",
    TaskManagerDiesInRestore = "a TaskManager dies while tasks restore",
    ThrowInRestart = "a task throws while a job restarts",
    StorageFailsInRestart = "checkpoint storage is in trouble while a job restarts",
    DeployedToDead = "a task is deployed to a TaskManager that is down",
    DeployedToHung = "a task is deployed to a TaskManager that is stopped",
    DeployedToCutOff = "a task is deployed to a TaskManager that is cut off",
    TwoBelieve = "two JobManagers believe that they lead",
    NobodyLeads = "nobody leads",
    LostInLife = "a JobManager that lives loses its leadership",
    ThirdLeader = "leadership is granted a third time",
    WakesDeposed = "a leader that was stopped goes on, and another one leads",
    SameAgain = "a JobManager leads twice",
    RestoreInRestore = "a restore begins before the last one is done",
    RestoredFromNothing = "a job restarts without any checkpoint",
    RestoresSameAgain = "two restores in a row go back to the same checkpoint",
    CompletesUnmissed = "a checkpoint completes while a TaskManager is dead and not missed",
    CompletesInRestart = "a checkpoint completes while a job restarts",
    CompletesAfterTakeover = "a new leader completes its first checkpoint",
    CheckpointAborted = "a checkpoint is given up",
    AbortedInRow = "three checkpoints in a row are given up",
    CommitInRestart = "a transaction is committed while a job restarts",
    TransactionAborted = "a transaction is aborted",
    TransactionTimedOut = "a transaction is aborted because it has outlived transaction.timeout.ms",
    TransactionOverridden = "a transaction is aborted because a replaced task takes its transactional id",
    ExpiredAlive = "a session expires although its owner lives",
    ExpiredHung = "a session expires while its owner is stopped",
    TwoExpireTogether = "two sessions expire within a second",
    EnsembleElects = "ZooKeeper elects another leader",
    NoQuorum = "ZooKeeper has no quorum",
    LeaderGoesWithServer = "the leading JobManager and a ZooKeeper server fail together",
    Replayed = "records are replayed from a log in flight",
    Deduplicated = "records that came twice are dropped",
    Widened = "a recovery of single tasks widens to their region",
    TwoLost = "a recovery is for two TaskManagers",
    Reregistered = "a TaskManager comes back before it is missed",
    NoRoom = "there is no room for the tasks of a recovery",
    JobFails = "a job fails for good",
    Rescaled = "a job changes its parallelism",
    MovedByLoad = "a task is moved because of load",
    FailsWhileMoved = "something fails while a task is moved because of load",
    PeerLost = "an endpoint gives a peer up that lives",
    SlotRefused = "a request for a slot fails",
    FatalError = "a process ends itself",
    TaskManagerStopsTasks = "a TaskManager stops its tasks, for its session is gone",
    BackOffGrows = "the back-off before a restart grows",
    FaultInQuietStart = "a fault comes before the first checkpoint has completed",
    ThreeAtOnce = "three faults are at work at once",
}

/// What has been seen, and what it takes to see more.
#[derive(Clone, Debug)]
pub struct Sights {
    blueprint: Arc<Blueprint>,
    seen: BTreeSet<Sight>,
    down: BTreeSet<ActorId>,
    hung: BTreeSet<ActorId>,
    cut: BTreeSet<ActorId>,
    /// Faults that last, by whom and what.
    at_work: BTreeSet<(ActorId, &'static str)>,
    /// TaskManagers that died and that nobody has missed.
    unmissed: BTreeSet<ActorId>,
    believe: BTreeSet<ActorId>,
    latest_leader: Option<ActorId>,
    led: BTreeSet<ActorId>,
    grants: u32,
    pending: u32,
    restarting: bool,
    initializing: BTreeSet<SubtaskId>,
    /// The checkpoint that the last restore went back to.
    restored: Option<u64>,
    completed: u64,
    completed_since_grant: bool,
    aborted_in_row: u32,
    elected: u32,
    expired: Option<crate::kernel::Time>,
    moving: bool,
    backoff: Option<Span>,
    server_failed: Option<crate::kernel::Time>,
    leader_failed: Option<crate::kernel::Time>,
}

const TOGETHER: Span = Span::from_secs(1);

impl Sights {
    pub fn new(blueprint: &Arc<Blueprint>) -> Sights {
        Sights {
            blueprint: Arc::clone(blueprint),
            seen: BTreeSet::new(),
            down: BTreeSet::new(),
            hung: BTreeSet::new(),
            cut: BTreeSet::new(),
            at_work: BTreeSet::new(),
            unmissed: BTreeSet::new(),
            believe: BTreeSet::new(),
            latest_leader: None,
            led: BTreeSet::new(),
            grants: 0,
            pending: 0,
            restarting: false,
            initializing: BTreeSet::new(),
            restored: None,
            completed: 0,
            completed_since_grant: true,
            aborted_in_row: 0,
            elected: 0,
            expired: None,
            moving: false,
            backoff: None,
            server_failed: None,
            leader_failed: None,
        }
    }

    /// In the order of their list.
    pub fn seen(&self) -> Vec<Sight> {
        self.seen.iter().copied().collect()
    }

    pub fn has(&self, sight: Sight) -> bool {
        self.seen.contains(&sight)
    }

    fn see(&mut self, sight: Sight, holds: bool) {
        if holds {
            self.seen.insert(sight);
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        match fact {
            Fact::FaultInjected { .. }
            | Fact::FaultHealed { .. }
            | Fact::ProcessStarted { .. }
            | Fact::ProcessExited
            | Fact::FatalError { .. } => self.process(header, fact),
            Fact::LeadershipGranted
            | Fact::LeadershipLost { .. }
            | Fact::SessionExpired { .. }
            | Fact::EnsembleLeader { .. }
            | Fact::TaskManagerStopped { .. } => self.leadership(header, fact),
            Fact::CheckpointTriggered { .. }
            | Fact::CheckpointCompleted { .. }
            | Fact::CheckpointAborted { .. }
            | Fact::TransactionCommitted { .. }
            | Fact::TransactionAborted { .. }
            | Fact::Sink(SinkFact::TransactionAborted { .. })
            | Fact::Replayed { .. }
            | Fact::Deduplicated { .. } => self.records(fact),
            _ => self.job(fact),
        }
    }

    /// Somebody fails, or comes back.
    fn process(&mut self, header: &Header, fact: &Fact) {
        let (actor, now) = (header.actor, header.time);
        match fact {
            Fact::FaultInjected { what } => {
                self.see(Sight::FaultInQuietStart, self.completed == 0);
                self.see(Sight::FailsWhileMoved, self.moving);
                let lasts = !matches!(*what, "kill" | "stop") && !is_moment(what);
                if lasts {
                    self.at_work.insert((actor, what));
                }
                self.see(Sight::ThreeAtOnce, self.at_work.len() >= 3);
                self.see(Sight::ThrowInRestart, *what == "throw" && self.restarting);
                let storage = matches!(*what, "fail-storage" | "lose-storage" | "slow-storage");
                self.see(Sight::StorageFailsInRestart, storage && self.restarting);
                match *what {
                    "kill" | "power-off" => self.dies(header),
                    "hang" => drop(self.hung.insert(actor)),
                    "cut" | "cut-off" => drop(self.cut.insert(actor)),
                    _ => {}
                }
                if self.blueprint.directory.zookeeper.contains(&actor) {
                    self.server_failed = Some(now);
                }
                if self.latest_leader == Some(actor) {
                    self.leader_failed = Some(now);
                }
                let both = self.server_failed.zip(self.leader_failed);
                let together = both.is_some_and(|(a, b)| a.max(b).since(a.min(b)) <= TOGETHER);
                self.see(Sight::LeaderGoesWithServer, together);
                let directory = &self.blueprint.directory;
                let gone = |server: &&ActorId| {
                    self.down.contains(server)
                        || self.hung.contains(server)
                        || self.cut.contains(server)
                };
                let servers = &directory.zookeeper;
                let lost =
                    servers.iter().filter(gone).count() * 2 >= servers.len() + servers.len() % 2;
                self.see(Sight::NoQuorum, lost);
            }
            Fact::FaultHealed { what } => {
                self.at_work.remove(&(actor, what));
                match *what {
                    "hang" => {
                        self.hung.remove(&actor);
                        let deposed =
                            self.believe.contains(&actor) && self.latest_leader != Some(actor);
                        self.see(Sight::WakesDeposed, deposed);
                    }
                    "cut" | "cut-off" => drop(self.cut.remove(&actor)),
                    _ => {}
                }
            }
            Fact::FatalError { .. } => self.see(Sight::FatalError, true),
            Fact::ProcessExited => self.dies(header),
            Fact::ProcessStarted { .. } => {
                self.down.remove(&actor);
                self.at_work.remove(&(actor, "power-off"));
            }
            _ => {}
        }
    }

    fn dies(&mut self, header: &Header) {
        let actor = header.actor;
        self.down.insert(actor);
        self.hung.remove(&actor);
        if self.blueprint.directory.taskmanager_index(actor).is_some() {
            self.unmissed.insert(actor);
            self.see(Sight::TaskManagerDiesInCheckpoint, self.pending > 0);
            self.see(Sight::TaskManagerDiesInRestart, self.restarting);
            let restores = !self.initializing.is_empty();
            self.see(Sight::TaskManagerDiesInRestore, restores);
        }
        if self.believe.remove(&actor) && self.latest_leader == Some(actor) {
            self.see(Sight::LeaderDiesInCheckpoint, self.pending > 0);
            self.see(Sight::LeaderDiesInRestart, self.restarting);
            self.see(Sight::NobodyLeads, self.believe.is_empty());
        }
    }

    fn leadership(&mut self, header: &Header, fact: &Fact) {
        let (actor, now) = (header.actor, header.time);
        match fact {
            Fact::LeadershipGranted => {
                self.grants += 1;
                self.believe.insert(actor);
                self.see(Sight::TwoBelieve, self.believe.len() > 1);
                self.see(Sight::ThirdLeader, self.grants > 2);
                let again = !self.led.insert(actor);
                self.see(Sight::SameAgain, again);
                self.latest_leader = Some(actor);
                self.completed_since_grant = self.grants == 1;
                self.pending = 0;
            }
            Fact::LeadershipLost { .. } => {
                self.see(Sight::LostInLife, !self.down.contains(&actor));
                self.believe.remove(&actor);
                self.see(Sight::NobodyLeads, self.believe.is_empty());
            }
            Fact::SessionExpired { owner, .. } => {
                self.see(Sight::ExpiredAlive, !self.down.contains(owner));
                self.see(Sight::ExpiredHung, self.hung.contains(owner));
                let before = self.expired.replace(now);
                let together = before.is_some_and(|at| now.since(at) <= TOGETHER);
                self.see(Sight::TwoExpireTogether, together);
            }
            Fact::EnsembleLeader { .. } => {
                self.elected += 1;
                self.see(Sight::EnsembleElects, self.elected > 1);
            }
            _ => self.see(Sight::TaskManagerStopsTasks, true),
        }
    }

    fn records(&mut self, fact: &Fact) {
        match fact {
            Fact::CheckpointTriggered { .. } => self.pending += 1,
            Fact::CheckpointCompleted { .. } => {
                self.pending = self.pending.saturating_sub(1);
                self.completed += 1;
                self.aborted_in_row = 0;
                self.moving = false;
                self.see(Sight::CompletesUnmissed, !self.unmissed.is_empty());
                self.see(Sight::CompletesInRestart, self.restarting);
                self.see(Sight::CompletesAfterTakeover, !self.completed_since_grant);
                self.completed_since_grant = true;
            }
            Fact::CheckpointAborted { .. } => {
                self.pending = self.pending.saturating_sub(1);
                self.aborted_in_row += 1;
                self.see(Sight::CheckpointAborted, true);
                self.see(Sight::AbortedInRow, self.aborted_in_row >= 3);
            }
            Fact::TransactionCommitted { .. } => self.see(Sight::CommitInRestart, self.restarting),
            Fact::TransactionAborted { .. } => self.see(Sight::TransactionAborted, true),
            Fact::Sink(SinkFact::TransactionAborted { cause, .. }) => {
                let sight = match cause {
                    AbortCause::NewProducer | AbortCause::Closed => Sight::TransactionAborted,
                    AbortCause::Timeout => Sight::TransactionTimedOut,
                    AbortCause::Overridden => Sight::TransactionOverridden,
                };
                self.see(sight, true);
            }
            Fact::Replayed { .. } => self.see(Sight::Replayed, true),
            _ => self.see(Sight::Deduplicated, true),
        }
    }

    fn job(&mut self, fact: &Fact) {
        match fact {
            Fact::TaskManagerLost { taskmanager, .. } => drop(self.unmissed.remove(taskmanager)),
            Fact::PeerLost { peer, .. } => {
                let actor = peer.address.actor;
                self.unmissed.remove(&actor);
                self.see(Sight::PeerLost, !self.down.contains(&actor));
            }
            Fact::JobStatusChanged { status, .. } => {
                self.restarting = !matches!(status, JobStatus::Running | JobStatus::Failed);
                self.see(Sight::JobFails, *status == JobStatus::Failed);
            }
            Fact::ExecutionChanged {
                subtask,
                state,
                taskmanager,
                ..
            } => {
                match state {
                    ExecutionState::Initializing => drop(self.initializing.insert(*subtask)),
                    _ => drop(self.initializing.remove(subtask)),
                }
                if let (ExecutionState::Deploying, Some(to)) = (state, taskmanager) {
                    self.see(Sight::DeployedToDead, self.down.contains(to));
                    self.see(Sight::DeployedToHung, self.hung.contains(to));
                    self.see(Sight::DeployedToCutOff, self.cut.contains(to));
                }
            }
            Fact::RecoveryStarted {
                scope,
                lost,
                detector,
                ..
            } => {
                let spares = self.blueprint.scope.spares_survivors();
                self.see(Sight::Widened, spares && *scope == RecoveryScope::Region);
                self.see(Sight::TwoLost, lost.len() > 1);
                self.see(Sight::Reregistered, *detector == Detector::Reregistration);
                self.see(Sight::RestoreInRestore, self.restarting);
                self.restarting = true;
            }
            Fact::RecoveryRunning { .. } => self.restarting = false,
            Fact::RetrievalDone { checkpoint, .. } => {
                self.see(Sight::RestoredFromNothing, *checkpoint == 0);
                self.see(Sight::RestoresSameAgain, self.restored == Some(*checkpoint));
                self.restored = Some(*checkpoint);
            }
            Fact::ResourcesMissing { .. } | Fact::NotEnoughResources { .. } => {
                self.see(Sight::NoRoom, true)
            }
            Fact::ExecutionGraphCreated { .. } => self.see(Sight::Rescaled, true),
            Fact::RebalanceDecided { .. } => {
                self.moving = true;
                self.see(Sight::MovedByLoad, true);
            }
            Fact::SlotRequestFailed { .. } => self.see(Sight::SlotRefused, true),
            Fact::RestartDelayed { delay, .. } => {
                let before = self.backoff.replace(*delay);
                self.see(Sight::BackOffGrows, before.is_some_and(|it| it < *delay));
            }
            _ => {}
        }
    }
}
