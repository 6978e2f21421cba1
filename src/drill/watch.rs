//! Everybody who watches a run: checkers, ledger, timeline, measurements; and the trace, where one is wanted.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::{Fact, JobStatus};
use crate::actor::message::{Batches, Body, Envelope, Timer};
use crate::actor::sink_fact::{OffsetReset, SinkFact};
use crate::actor::source_fact::SourceFact;
use crate::actor::world::World;
use crate::dataflow::batch::CheckpointId;
use crate::dataflow::record::SplitId;
use crate::dataflow::topology::{JobId, SubtaskId};
use crate::invariant::Checks;
use crate::invariant::delivery::Delivery;
use crate::kernel::trace::{TraceKind, TraceLine, TraceSink};
use crate::kernel::{ActorId, Header, Observer, Span, Time};
use crate::policy::Liveness;

use super::arrivals::{Arrivals, Spans};
use super::causes::Causes;
use super::checkpoint_history::CheckpointHistory;
use super::event_time::EventTimes;
use super::film::Filming;
use super::gauges::Gauges;
use super::journal::Journal;
use super::notable::Notables;
use super::outcome::{LagPoint, MetricPoint, Quantiles};
use super::recoveries::Recoveries;
use super::rescales::Rescales;
use super::tasks::Tasks;
use super::timeline::Timeline;

/// How often lag is noted and lateness looked at.
const LOOK_EVERY: Span = Span::from_ms(250);

/// Whatever a run's observers remember. A clone of a run clones it too.
#[derive(Clone, Debug)]
pub struct Watch {
    blueprint: Arc<Blueprint>,
    pub checks: Checks,
    pub delivery: Delivery,
    pub arrivals: Arrivals,
    pub visibility: Spans,
    pub recoveries: Recoveries,
    pub timeline: Timeline,
    pub tasks: Tasks,
    pub journal: Journal,
    pub checkpoints: CheckpointLog,
    pub statuses: Vec<(Time, JobId, JobStatus, String)>,
    pub moves: Vec<(Time, u32, String, String, String)>,
    pub notifications: NotificationLog,
    /// Latency from when the jobs had come up until the first fault.
    pub before: Option<Quantiles>,
    pub lag: Vec<LagPoint>,
    /// Records that sinks' writers have handled more than once, each time but the first.
    pub written_again: u64,
    /// How far each split has been handed out.
    taken: Vec<u64>,
    looked: Time,
    /// Who published its address last.
    pub leader: Option<ActorId>,
    /// Where somebody wants to know why.
    pub causes: Option<Causes>,
    pub filming: Filming,
    pub gauges: Gauges,
    pub notables: Notables,
    pub rescales: Rescales,
    pub checkpoint_history: CheckpointHistory,
    pub event_times: EventTimes,
}

/// What only counts when the leader says so.
fn is_about_the_job(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::TaskManagerLost { .. }
            | Fact::JobStatusChanged { .. }
            | Fact::ExecutionChanged { .. }
            | Fact::RecoveryStarted { .. }
            | Fact::JobGivenUp(..)
            | Fact::SlotPoolChanged { .. }
            | Fact::RequirementsDeclared { .. }
            | Fact::RetrievalStarted { .. }
            | Fact::ResourcesMissing { .. }
            | Fact::TaskPlaced { .. }
            | Fact::RecoveryDeployed { .. }
            | Fact::RecoveryRunning { .. }
            | Fact::CheckpointTriggered { .. }
            | Fact::CheckpointAborted { .. }
            | Fact::RebalanceDecided { .. }
    )
}

#[derive(Clone, Debug, Default)]
pub struct CheckpointLog {
    pub triggered: u64,
    pub completed: u64,
    pub failed: u64,
    pub latest: Option<CheckpointId>,
    pub durations: Spans,
    pub written_bytes: u64,
    /// Of the latest one.
    pub state_bytes: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub struct NotificationLog {
    pub sent: u64,
    pub delivered: BTreeSet<u64>,
    pub retried: u64,
    pub repeated: u64,
}

impl Watch {
    /// Of a run that lasts so long.
    pub fn new(blueprint: &Arc<Blueprint>, lasts: Span) -> Watch {
        Watch {
            checks: Checks::new(blueprint),
            delivery: Delivery::new(blueprint),
            arrivals: Arrivals::new(blueprint, lasts),
            visibility: Spans::default(),
            recoveries: Recoveries::new(blueprint),
            timeline: Timeline::new(blueprint),
            tasks: Tasks::new(blueprint, lasts),
            journal: Journal::default(),
            checkpoints: CheckpointLog::default(),
            statuses: Vec::new(),
            moves: Vec::new(),
            notifications: NotificationLog::default(),
            before: None,
            lag: Vec::new(),
            written_again: 0,
            taken: vec![0; blueprint.topology.splits.len()],
            looked: Time::ZERO,
            leader: None,
            causes: None,
            filming: Filming::default(),
            gauges: Gauges::new(blueprint),
            notables: Notables::new(blueprint),
            rescales: Rescales::default(),
            checkpoint_history: CheckpointHistory::new(blueprint),
            event_times: EventTimes::new(blueprint),
            blueprint: Arc::clone(blueprint),
        }
    }

    pub fn fact(&mut self, header: &Header, fact: &Fact) {
        let now = header.time;
        if now.since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.look(now);
        }
        match fact {
            // The data plane's facts, of which there are many, concern few.
            Fact::Appended { split, times, .. } => {
                self.arrivals.append(*split, &times.0);
                return self.checks.fact(header, fact);
            }
            Fact::SourceEmitted {
                split,
                first,
                records,
                ..
            } => {
                self.taken[*split as usize] = first + u64::from(*records);
                return self.checks.fact(header, fact);
            }
            Fact::SinkWritten {
                subtask,
                attempt,
                batch,
            } => {
                self.event_times
                    .written(*subtask, *attempt, batch, &self.arrivals);
                let (worst, again) = self.arrivals.handle(batch, now);
                let job = self.blueprint.topology.job_of(*subtask);
                self.written_again += again;
                return self.recoveries.handled(job, worst, again, now);
            }
            Fact::EventTime(what) => {
                self.event_times.fact(what, now);
                return self.checks.fact(header, fact);
            }
            Fact::TaskMeasured { .. } | Fact::MachineMeasured { .. } => {
                return self.tasks.fact(header, fact);
            }
            fact if self.is_deposed(header.actor) && is_about_the_job(fact) => {
                self.checks.fact(header, fact);
                return self.timeline.fact(header, fact, self.causes.as_ref());
            }
            // Flink's JobMasters work before their address is out.
            Fact::LeadershipGranted if self.blueprint.liveness == Liveness::RpcHeartbeats => {
                self.leader = Some(header.actor)
            }
            Fact::LeaderPublished { .. } => self.leader = Some(header.actor),
            Fact::FaultInjected { .. } if self.before.is_none() => {
                self.before = Some(self.arrivals.settled_quantiles())
            }
            Fact::TransactionCommitted { batches, .. } => {
                self.note_visible(batches, now);
            }
            Fact::OffsetReset(OffsetReset {
                split, from, to, ..
            }) => self.arrivals.skip(*split, *from, *to),
            Fact::Sink(SinkFact::Readable { batches, .. }) => self.note_visible(batches, now),
            Fact::Sink(SinkFact::Written { sink, batches, .. }) if self.reads_at_once(*sink) => {
                self.note_visible(batches, now)
            }
            Fact::TaskRestored {
                subtask, offsets, ..
            }
            | Fact::Source(SourceFact::SplitsAdded {
                subtask,
                splits: offsets,
                ..
            }) => {
                let mut again = 0;
                for (split, offset) in offsets {
                    let taken = &mut self.taken[*split as usize];
                    again += taken.saturating_sub(*offset);
                    *taken = *offset;
                }
                self.recoveries.read_again(*subtask, again);
            }
            Fact::CheckpointTriggered { .. } => self.checkpoints.triggered += 1,
            Fact::CheckpointAborted { .. } => self.checkpoints.failed += 1,
            Fact::CheckpointCompleted {
                checkpoint,
                bytes,
                written_bytes,
                duration,
                ..
            } => {
                self.checkpoints.completed += 1;
                self.checkpoints.written_bytes += written_bytes;
                self.checkpoints.state_bytes = Some(*bytes);
                self.checkpoints.latest = Some(*checkpoint);
                self.checkpoints.durations.record(*duration);
            }
            Fact::JobStatusChanged {
                job,
                status,
                reason,
            } => self.statuses.push((now, *job, *status, reason.clone())),
            Fact::RebalanceDecided {
                subtask,
                from,
                to,
                reason,
            } => {
                let name = |actor| self.blueprint.directory.name(actor).to_owned();
                self.moves
                    .push((now, *subtask, name(*from), name(*to), reason.clone()));
            }
            Fact::NotificationSent { attempt, .. } => {
                self.notifications.sent += u64::from(*attempt == 1);
                self.notifications.retried += u64::from(*attempt > 1);
            }
            Fact::NotificationDelivered { id } => {
                let is_new = self.notifications.delivered.insert(*id);
                self.notifications.repeated += u64::from(!is_new);
            }
            _ => {}
        }
        self.event_times.control(fact);
        self.checks.fact(header, fact);
        self.delivery.fact(header, fact);
        // Somebody else leads the jobs by then.
        if !(self.is_deposed(header.actor) && matches!(fact, Fact::LeadershipLost { .. })) {
            self.recoveries.fact(header, fact);
        }
        if let Some(causes) = &mut self.causes {
            causes.fact(header, fact);
            self.checkpoint_history.fact(header, fact);
            self.gauges.fact(header, fact);
            self.recoveries
                .each_episode(|episode| episode.explain(header.event.0, causes));
        }
        self.journal.fact(header, fact);
        self.tasks.fact(header, fact);
        self.filming.fact(header, fact);
        self.notables.fact(header, fact);
        self.rescales.fact(header, fact);
        self.timeline.fact(header, fact, self.causes.as_ref());
    }

    fn note_visible(&mut self, batches: &Batches, now: Time) {
        let oldest = self.arrivals.show(&batches.0, now, &mut self.visibility);
        self.journal.committed(now, oldest);
    }

    /// No transaction of somebody else keeps readers from what this sink writes.
    fn reads_at_once(&self, sink: SubtaskId) -> bool {
        let spec = self.blueprint.topology.sink_of(sink);
        spec.is_some_and(|spec| spec.kafka().is_none())
    }

    /// A JobManager that another one has succeeded, whether it knows or not.
    fn is_deposed(&self, actor: ActorId) -> bool {
        let is_jobmanager = self.blueprint.directory.jobmanagers.contains(&actor);
        is_jobmanager && self.leader.is_some_and(|leader| leader != actor)
    }

    /// Everything that was measured until now, in order of time.
    pub fn metrics(&self, now: Time) -> Vec<MetricPoint> {
        let mut points = self.tasks.metrics(&self.blueprint);
        points.extend(self.gauges.metrics(now));
        points.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
        points
    }

    /// The run has come to this instant.
    pub fn look(&mut self, now: Time) {
        self.event_times.look(now);
        self.recoveries.look(&mut self.arrivals, now);
        if self.before.is_none() && self.recoveries.is_steady(now) {
            self.arrivals.settle();
        }
        let weight = u64::from(self.blueprint.weight);
        let lags = self.taken.iter().enumerate().map(|(split, taken)| {
            let arrived = self.arrivals.arrived(split as SplitId, now);
            arrived.saturating_sub(*taken) * weight
        });
        if self.causes.is_some() {
            self.filming.look(now, lags.clone());
        }
        let (total, max) = lags.fold((0, 0), |(total, max): (u64, u64), lag| {
            (total + lag, max.max(lag))
        });
        self.lag.push(LagPoint {
            at_ms: now.as_ms(),
            total,
            max,
        });
    }
}

/// A watch and a trace, together for as long as the run goes on.
pub struct Watching<'a, T> {
    pub watch: &'a mut Watch,
    pub trace: &'a mut T,
}

fn line<'a>(blueprint: &'a Blueprint, header: &Header, kind: TraceKind) -> TraceLine<'a> {
    TraceLine {
        time: header.time,
        event: header.event.0,
        cause: header.cause.0,
        actor: blueprint.directory.name(header.actor),
        kind,
    }
}

impl<T: TraceSink> Observer<World> for Watching<'_, T> {
    fn message(&mut self, header: &Header, message: &Envelope) {
        if T::TAKES_LINES {
            let kind = match message.body {
                Body::Fault(_) => TraceKind::Fault,
                _ => TraceKind::Message,
            };
            let line = line(&self.watch.blueprint, header, kind);
            self.trace.record(&line, message);
        }
        if let Some(causes) = &mut self.watch.causes {
            causes.message(header, message);
        }
    }

    fn timer(&mut self, header: &Header, timer: Timer) {
        if T::TAKES_LINES {
            let line = line(&self.watch.blueprint, header, TraceKind::Timer);
            self.trace.record(&line, &timer);
        }
        if let Some(causes) = &mut self.watch.causes {
            causes.timer(header, timer);
        }
    }

    fn fact(&mut self, header: &Header, fact: &Fact) {
        if T::TAKES_LINES {
            let line = line(&self.watch.blueprint, header, TraceKind::State);
            self.trace.record(&line, fact);
        }
        self.watch.fact(header, fact);
    }
}
