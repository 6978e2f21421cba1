//! The log of a run in words: faults, failures, recoveries, checkpoints, leaders, members, job status.

use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::Fact;
use crate::actor::sink_fact::{AbortCause, OffsetReset, SinkFact};
use crate::actor::source_fact::SourceFact;
use crate::dataflow::record::SplitId;
use crate::kernel::{ActorId, Header, Time};

use super::causes::{Causes, Hop};
use super::number::{count, size};

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Time,
    pub event: u64,
    pub actor: ActorId,
    pub kind: &'static str,
    pub text: String,
    /// What led to it, as far as causes are remembered; latest first.
    pub causes: Vec<Hop>,
}

/// Steps back that a line of the log remembers.
const CAUSES_MAX: usize = 12;

#[derive(Clone, Debug)]
pub struct Timeline {
    blueprint: Arc<Blueprint>,
    pub entries: Vec<Entry>,
}

impl Timeline {
    pub fn new(blueprint: &Arc<Blueprint>) -> Timeline {
        Timeline {
            blueprint: Arc::clone(blueprint),
            entries: Vec::new(),
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact, causes: Option<&Causes>) {
        if let Some((kind, text)) = self.in_words(header.actor, fact) {
            self.entries.push(Entry {
                at: header.time,
                event: header.event.0,
                actor: header.actor,
                kind,
                text,
                causes: causes.map_or_else(Vec::new, |causes| {
                    causes.walk(header.event.0, Time::ZERO, CAUSES_MAX)
                }),
            });
        }
    }

    fn of_sink(&self, fact: &SinkFact) -> Option<(&'static str, String)> {
        let task = |subtask: &u32| self.blueprint.topology.task_name(*subtask);
        let text = match fact {
            SinkFact::Fenced { sink, attempt, .. } => format!(
                "attempt {} of {} is fenced: a newer producer has its transactional id",
                attempt.number(),
                task(sink)
            ),
            SinkFact::CommittedBySuccessor { sink, attempt, .. } => format!(
                "attempt {} of {} commits what its successor has committed: nothing changes",
                attempt.number(),
                task(sink)
            ),
            SinkFact::TransactionAborted {
                sink,
                transaction,
                cause,
                batches,
            } => format!(
                "transaction {transaction} of {} is aborted with {} records: {}",
                task(sink),
                count(batches.records()),
                match cause {
                    AbortCause::NewProducer => "a new producer has its id",
                    AbortCause::Timeout => "transaction.timeout.ms is over",
                    AbortCause::Overridden => "a predecessor that starts late has its id",
                    AbortCause::Closed => "its task has ended",
                }
            ),
            SinkFact::CommitFailed {
                sink,
                checkpoint,
                error,
                ..
            } => format!(
                "{} cannot commit behind checkpoint {checkpoint}: {error}; the job goes on",
                task(sink)
            ),
            _ => return None,
        };
        Some(("sink", text))
    }

    fn of_source(&self, fact: &SourceFact) -> Option<(&'static str, String)> {
        let topology = &self.blueprint.topology;
        let listed = |splits: &mut dyn Iterator<Item = SplitId>| {
            let splits: Vec<SplitId> = splits.collect();
            let partitions = topology.partitions(&splits).into_iter();
            partitions
                .map(|p| p.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        Some(match fact {
            SourceFact::PartitionsAdded { topic, partitions } => (
                "kafka",
                format!(
                    "{} has {partitions} partitions now",
                    topology.topics[*topic as usize].name
                ),
            ),
            SourceFact::Discovered {
                operator, splits, ..
            } => (
                "source",
                format!(
                    "the enumerator of {} discovers partitions {}",
                    topology.operators[*operator as usize].spec.name,
                    listed(&mut splits.iter().copied())
                ),
            ),
            SourceFact::SplitsAdded {
                subtask, splits, ..
            } => (
                "source",
                format!(
                    "{} is given partitions {}",
                    topology.task_name(*subtask),
                    listed(&mut splits.iter().map(|(split, _)| *split))
                ),
            ),
            SourceFact::EnumeratorSnapshot { .. } => return None,
        })
    }

    fn in_words(&self, actor: ActorId, fact: &Fact) -> Option<(&'static str, String)> {
        let name = |actor: &ActorId| self.blueprint.directory.name(*actor);
        let names = |actors: &[ActorId]| actors.iter().map(name).collect::<Vec<_>>().join(", ");
        let job = |job: &u32| &self.blueprint.topology.jobs[*job as usize].name;
        let task = |subtask: &u32| self.blueprint.topology.task_name(*subtask);
        Some(match fact {
            Fact::OffsetReset(OffsetReset {
                subtask,
                split,
                from,
                to,
                ..
            }) => (
                "source",
                format!(
                    "{} finds offset {from} of split {split} out of range, and goes on at {to}",
                    task(subtask)
                ),
            ),
            Fact::Sink(SinkFact::BrokerChanged {
                broker,
                what,
                moved,
                leaderless,
            }) => (
                "kafka",
                format!(
                    "broker-{} {what}: {moved} partitions have another leader, {leaderless} have none",
                    broker + 1
                ),
            ),
            Fact::Sink(fact) => return self.of_sink(fact),
            Fact::Source(fact) => return self.of_source(fact),
            Fact::FaultInjected { what } => ("fault", format!("{what} {}", name(&actor))),
            Fact::FaultHealed { what } => ("fault", format!("{what} of {} is over", name(&actor))),
            Fact::ProcessStarted { .. } => ("membership", format!("{} has started", name(&actor))),
            Fact::SessionExpired {
                owner,
                last_heard,
                timeout,
                ..
            } => (
                "detection",
                format!(
                    "the session of {} expires: last heard at {last_heard}, timeout {timeout}",
                    name(owner)
                ),
            ),
            Fact::SessionClosed { owner, .. } => (
                "membership",
                format!("the session of {} is closed", name(owner)),
            ),
            Fact::EnsembleLeader { epoch } => (
                "leadership",
                format!("{} leads ZooKeeper in epoch {epoch}", name(&actor)),
            ),
            Fact::LeadershipGranted => {
                ("leadership", format!("{} wins the election", name(&actor)))
            }
            Fact::LeaderPublished { token } => (
                "leadership",
                format!("{} publishes its address under token {token}", name(&actor)),
            ),
            Fact::LeadershipLost { token } => (
                "leadership",
                format!("{} gives up the leadership of token {token}", name(&actor)),
            ),
            Fact::ZooKeeperSuspended => (
                "leadership",
                format!(
                    "the connection of {} to ZooKeeper is SUSPENDED",
                    name(&actor)
                ),
            ),
            Fact::JobsRecovered { jobs, .. } => (
                "leadership",
                format!("{} has read back {jobs} job(s)", name(&actor)),
            ),
            Fact::TaskManagerRegistered { taskmanager } => {
                ("membership", format!("{} registers", name(taskmanager)))
            }
            Fact::TaskManagerLost {
                taskmanager,
                detector,
            } => (
                "detection",
                format!("{} is lost ({})", name(taskmanager), detector.name()),
            ),
            Fact::FatalError { reason } => (
                "membership",
                format!("{} ends itself: {reason}", name(&actor)),
            ),
            Fact::TaskManagerStopped { reason } => (
                "membership",
                format!("{} stops its tasks: {reason}", name(&actor)),
            ),
            Fact::JobStatusChanged {
                job: id,
                status,
                reason,
            } => (
                "job-status",
                format!("{} is {} ({reason})", job(id), status.name()),
            ),
            Fact::ExecutionGraphCreated {
                job: id,
                parallelism,
            } => {
                let widths: Vec<String> = parallelism.iter().map(u32::to_string).collect();
                let text = format!("{} has parallelism {}", job(id), widths.join(", "));
                ("rescaling", text)
            }
            Fact::RecoveryStarted {
                job: id,
                detector,
                scope,
                lost,
                tasks,
                ..
            } => {
                let whose = if lost.is_empty() {
                    String::new()
                } else {
                    format!(" of {}", names(lost))
                };
                let text = format!(
                    "{}: {} tasks restart{whose}, scope {}, because of {}",
                    job(id),
                    tasks.len(),
                    scope.name(),
                    detector.name()
                );
                ("reassignment", text)
            }
            Fact::RetrievalStarted { checkpoint: 0, .. } => (
                "retrieval",
                "no checkpoint has completed: from the beginning".to_owned(),
            ),
            Fact::RetrievalStarted { checkpoint, .. } => (
                "retrieval",
                format!("reads the metadata of checkpoint {checkpoint}"),
            ),
            Fact::RetrievalDone {
                checkpoint,
                offsets,
                bytes,
                ..
            } => {
                let text = format!(
                    "has checkpoint {checkpoint}: {} offsets and {} of state to restore",
                    offsets.len(),
                    size(*bytes)
                );
                ("retrieval", text)
            }
            Fact::ResourcesMissing { job: id, .. } => (
                "redistribution",
                format!("no TaskManager has room for {}", job(id)),
            ),
            Fact::TaskPlaced {
                subtask, from, to, ..
            } => {
                let from = from
                    .as_ref()
                    .map_or(String::new(), |from| format!("{} -> ", name(from)));
                (
                    "redistribution",
                    format!("{}: {from}{}", task(subtask), name(to)),
                )
            }
            Fact::RecoveryDeployed { .. } => ("resumption", "deployment orders are out".to_owned()),
            Fact::RecoveryRunning { job: id, .. } => {
                ("resumption", format!("all tasks of {} run", job(id)))
            }
            Fact::CheckpointTriggered { checkpoint, .. } => (
                "checkpoint",
                format!("checkpoint {checkpoint} is triggered"),
            ),
            Fact::CheckpointCompleted {
                checkpoint,
                bytes,
                duration,
                ..
            } => (
                "checkpoint",
                format!(
                    "checkpoint {checkpoint} has completed in {duration}, {}",
                    size(*bytes)
                ),
            ),
            Fact::CheckpointAborted {
                checkpoint, reason, ..
            } => (
                "checkpoint",
                format!("checkpoint {checkpoint} is aborted: {reason}"),
            ),
            Fact::RebalanceDecided {
                subtask,
                from,
                to,
                reason,
            } => (
                "monitoring",
                format!(
                    "{} moves {} -> {}: {reason}",
                    task(subtask),
                    name(from),
                    name(to)
                ),
            ),
            Fact::NotificationSent { attempt, text, .. } => (
                "reporting",
                format!("tells the world (attempt {attempt}): {text}"),
            ),
            Fact::NotificationDelivered { .. } => {
                ("reporting", format!("{} has heard it", name(&actor)))
            }
            _ => return None,
        })
    }
}
