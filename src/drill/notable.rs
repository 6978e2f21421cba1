//! What surprises in a run, a line each: two leaders at once, zombies that are refused, checkpoints that do not complete, a job
//! that is RUNNING without its tasks, a leadership that goes with a connection, commits that come late or again.

mod commits;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::{Fact, JobStatus};
use crate::actor::sink_fact::{AbortCause, SinkFact};
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::topology::JobId;
use crate::kernel::{ActorId, Header, Span, Time};
use crate::policy::Liveness;

use super::number::count;
use super::outcome::Notable;
use super::steps::took;
use commits::Commits;

/// A job that waits for its tasks for longer than this has a status that misleads.
const WAITS: Span = Span::from_secs(10);
/// What comes so soon after a suspended connection comes of it.
const AT_ONCE: Span = Span::from_secs(1);
/// Checkpoint intervals without a completed checkpoint that stand out.
const INTERVALS: u64 = 5;

#[derive(Clone, Debug)]
pub struct Notables {
    blueprint: Arc<Blueprint>,
    told: Vec<(Time, String)>,
    /// Who believes to lead; since when somebody else does.
    leading: BTreeMap<ActorId, Option<(Time, ActorId)>>,
    suspended: BTreeMap<ActorId, Time>,
    jobs: BTreeMap<JobId, Job>,
    fenced: Count,
    /// Commits of attempts whose successors had committed before.
    in_vain: Count,
    timed_out: Count,
    overridden: Count,
    too_late: Count,
    commits: Commits,
}

/// What is counted, and how it is told of once and of several times.
type Counted = (Count, String, String);

/// How often something happened, and when first.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    first: Option<Time>,
    times: u64,
    records: u64,
}

impl Count {
    fn add(&mut self, now: Time, records: u64) {
        self.first.get_or_insert(now);
        self.times += 1;
        self.records += records;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Job {
    /// Its status says so, and not all of its tasks run.
    running_since: Option<Time>,
    /// All tasks have come to run, or a checkpoint has completed; nothing has restarted since.
    without_checkpoint: Option<Time>,
    completed: CheckpointId,
}

impl Notables {
    pub fn new(blueprint: &Arc<Blueprint>) -> Notables {
        Notables {
            blueprint: Arc::clone(blueprint),
            told: Vec::new(),
            leading: BTreeMap::new(),
            suspended: BTreeMap::new(),
            jobs: BTreeMap::new(),
            fenced: Count::default(),
            in_vain: Count::default(),
            timed_out: Count::default(),
            overridden: Count::default(),
            too_late: Count::default(),
            commits: Commits::default(),
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let (actor, now) = (header.actor, header.time);
        match fact {
            Fact::LeadershipGranted => {
                for (_, other) in self
                    .leading
                    .iter_mut()
                    .filter(|(other, _)| **other != actor)
                {
                    other.get_or_insert((now, actor));
                }
                self.leading.insert(actor, None);
            }
            Fact::FaultInjected {
                what: "kill" | "power-off",
            } => drop(self.leading.remove(&actor)),
            Fact::LeadershipLost { .. } | Fact::ProcessExited => self.steps_down(actor, now),
            Fact::ZooKeeperSuspended => drop(self.suspended.insert(actor, now)),
            Fact::JobStatusChanged { job, status, .. } => {
                let running = (*status == JobStatus::Running).then_some(now);
                self.jobs.entry(*job).or_default().running_since = running;
            }
            Fact::RecoveryStarted { job, .. } => {
                self.checkpoint_gap(*job, now);
                self.commits.restarts(now, *job);
                self.jobs.entry(*job).or_default().without_checkpoint = None;
            }
            Fact::RecoveryRunning { job, .. } => {
                self.waited_for_tasks(*job, now);
                let job = self.jobs.entry(*job).or_default();
                job.running_since = None;
                job.without_checkpoint = Some(now);
            }
            Fact::CheckpointCompleted {
                job, checkpoint, ..
            } => {
                self.checkpoint_gap(*job, now);
                self.commits.completed(now, *job, *checkpoint);
                let job = self.jobs.entry(*job).or_default();
                job.without_checkpoint = Some(now);
                job.completed = job.completed.max(*checkpoint);
            }
            Fact::RetrievalStarted {
                job, checkpoint, ..
            } => self.restored(*job, *checkpoint, now),
            Fact::TaskManagerStopped { reason } => {
                let name = self.blueprint.directory.name(actor);
                self.told
                    .push((now, format!("{name} stops its tasks: {reason}")));
            }
            Fact::Sink(SinkFact::Fenced { .. }) => self.fenced.add(now, 0),
            Fact::Sink(SinkFact::CommittedBySuccessor { .. }) => self.in_vain.add(now, 0),
            Fact::Sink(SinkFact::TransactionAborted {
                cause: AbortCause::Timeout,
                batches,
                ..
            }) => self.timed_out.add(now, batches.records()),
            Fact::Sink(SinkFact::TransactionAborted {
                cause: AbortCause::Overridden,
                batches,
                ..
            }) => self.overridden.add(now, batches.records()),
            Fact::Sink(SinkFact::CommitFailed { .. }) => self.too_late.add(now, 0),
            Fact::Sink(SinkFact::CommitterDone {
                sink,
                attempt,
                checkpoint,
            }) => {
                let job = self.blueprint.topology.job_of(*sink);
                let patience = self.blueprint.config.checkpointing.interval;
                let patience = patience.unwrap_or(Span(u64::MAX));
                let what = (*attempt, *checkpoint);
                self.commits.done(now, job, *sink, what, patience);
            }
            _ => {}
        }
    }

    /// A JobManager knows now that it does not lead, or is gone.
    fn steps_down(&mut self, actor: ActorId, now: Time) {
        let name = |actor| self.blueprint.directory.name(actor);
        let text = match self.leading.remove(&actor) {
            None => return,
            Some(Some((since, other))) => format!(
                "two leaders at once: {} believed to lead for {} after {} had been elected; what it sent bore an old token",
                name(actor),
                took(now.since(since)),
                name(other)
            ),
            Some(None) => {
                let suspended = self.suspended.get(&actor);
                if suspended.is_none_or(|at| now.since(*at) > AT_ONCE) {
                    return;
                }
                format!(
                    "{} gives up the leadership with its connection to ZooKeeper (SUSPENDED); its session has not expired",
                    name(actor)
                )
            }
        };
        self.told.push((now, text));
    }

    /// Its status said RUNNING from the moment that the restart began.
    fn waited_for_tasks(&mut self, job: JobId, now: Time) {
        // The story's status waits for the tasks.
        let misleads = self.blueprint.liveness == Liveness::RpcHeartbeats;
        let since = self
            .jobs
            .get(&job)
            .and_then(|job| job.running_since.filter(|_| misleads));
        if let Some(since) = since.filter(|since| now.since(*since) >= WAITS) {
            let name = &self.blueprint.topology.jobs[job as usize].name;
            let text = format!(
                "the status of {name} said RUNNING from {since} on, {} before all its tasks ran",
                took(now.since(since))
            );
            self.told.push((now, text));
        }
    }

    fn checkpoint_gap(&mut self, job: JobId, now: Time) {
        let since = self.jobs.get(&job).and_then(|job| job.without_checkpoint);
        if let (Some(since), Some(interval)) = (since, self.blueprint.config.checkpointing.interval)
            && now.since(since) >= interval * INTERVALS
        {
            let text = format!(
                "no checkpoint completed from {since} to {now}, for {}, and nothing restarted",
                took(now.since(since))
            );
            self.told.push((now, text));
        }
    }

    fn restored(&mut self, job: JobId, checkpoint: CheckpointId, now: Time) {
        let completed = self.jobs.entry(job).or_default().completed;
        let text = match checkpoint.cmp(&completed) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Less => {
                format!(
                    "a restart goes back to checkpoint {checkpoint}, although {completed} had completed"
                )
            }
            std::cmp::Ordering::Greater => {
                format!(
                    "a restart goes back to checkpoint {checkpoint}, which no leader had called complete"
                )
            }
        };
        if self.told.last().is_none_or(|(_, last)| *last != text) {
            self.told.push((now, text));
        }
    }

    /// All of it, in order of time; the run has ended `now`.
    pub fn told(&self, now: Time) -> Vec<Notable> {
        let mut whole = self.clone();
        for job in self.jobs.keys() {
            whole.checkpoint_gap(*job, now);
            whole.waited_for_tasks(*job, now);
        }
        for actor in self.leading.iter().filter(|(_, other)| other.is_some()) {
            whole.steps_down(*actor.0, now);
        }
        let counted = |count, once: &str, often: &str| (count, once.to_owned(), often.to_owned());
        let counted = [
            counted(
                self.fenced,
                "a write of an attempt that had a successor is refused (fenced)",
                "writes of attempts that had a successor are refused (fenced)",
            ),
            counted(
                self.in_vain,
                "a committer commits again what its successor has committed: nothing changes",
                "committers commit again what their successors have committed: nothing changes",
            ),
            counted(
                self.timed_out,
                "a transaction is aborted by the broker: transaction.timeout.ms is over",
                "transactions are aborted by the broker: transaction.timeout.ms is over",
            ),
            counted(
                self.overridden,
                "a transaction is aborted because a predecessor of its task opens its id once more",
                "transactions are aborted because predecessors of their tasks open their ids once more",
            ),
            counted(
                self.too_late,
                "a commit comes too late and fails; the job goes on",
                "commits come too late and fail; the job goes on",
            ),
        ];
        for (counted, once, often) in counted.into_iter().chain(self.commits.counted()) {
            let Some(first) = counted.first else { continue };
            let records = match counted.records * u64::from(self.blueprint.weight) {
                0 => String::new(),
                records => format!("; {} records in all", count(records)),
            };
            let what = match counted.times {
                1 => once,
                times => format!("{times} {often}"),
            };
            whole.told.push((first, what + &records));
        }
        whole.told.sort_by_key(|(at, _)| *at);
        let line = |(at, what): (Time, String)| Notable {
            at_ms: at.as_ms(),
            what,
        };
        whole.told.into_iter().map(line).collect()
    }
}
