//! From what was watched to the outcome.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::blueprint::Blueprint;
use crate::actor::fact::JobStatus;
use crate::actor::settings::CheckpointingMode;
use crate::actor::world::World;
use crate::dataflow::ledger::ranges;
use crate::dataflow::record::SplitId;
use crate::dataflow::sink::Guarantee;
use crate::dataflow::topology::JobId;
use crate::invariant::Kind;
use crate::kernel::Time;
use crate::policy::Liveness;
use crate::scenario::fault_lines;
use crate::scenario::model::Scenario;

use super::causes::Hop;
use super::episode::{Episode, Injected};
use super::outcome::{
    Checkpoints, Delivery, FaultSpan, InvariantVerdict, JobSummary, Notifications, Outcome,
    PhaseSpan, PlacementEntry, Reason, Rebalance, RecordRanges, Recovery, Spared, StatusChange,
    Summary, TimelineEntry, Unprovoked, Violation,
};
use super::recoveries::Recoveries;
use super::watch::Watch;
use super::{Drill, Ended, expectations, explain, interruption, sinks, steps};

/// Ranges of offsets that a report names for each partition.
const RANGES_MAX: usize = 20;
/// Violations that a report names for each invariant.
const VIOLATIONS_MAX: usize = 20;

pub fn outcome(drill: Drill, ended: Ended) -> Outcome {
    let (events, digest, now) = (drill.events(), drill.digest(), drill.now());
    let Drill {
        scenario,
        blueprint,
        simulation,
        mut watch,
    } = drill;
    let latency_ms = watch.arrivals.quantiles();
    let jobs = jobs(&watch, &blueprint);
    let (stall, ended) = match ended {
        Ended::Completed => (None, "completed"),
        Ended::Interrupted => (None, "interrupted"),
        Ended::Stalled(message) => (Some(message), "stalled"),
    };
    let mut summary = Summary {
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        model: scenario.model.name().to_owned(),
        seed: scenario.seed,
        digest: format!("{digest:032x}"),
        events,
        simulated_ms: now.as_ms(),
        weight: scenario.weight,
        ended: ended.to_owned(),
        stall,
        recoveries: watch
            .recoveries
            .closed
            .iter()
            .map(|e| recovery(e, &watch, &blueprint, now))
            .collect(),
        notable: watch.notables.told(now),
        not_recovered: steps::not_recovered(&watch, &blueprint, now),
        unprovoked: watch
            .recoveries
            .unprovoked
            .iter()
            .map(|restart| Unprovoked {
                job: blueprint.topology.jobs[restart.job as usize].name.clone(),
                at_ms: restart.at.as_ms(),
                detector: restart.detector.to_owned(),
                failed: restart.failed,
            })
            .collect(),
        waiting: waiting(simulation.world(), &scenario),
        spared: watch
            .recoveries
            .spared()
            .map(|(fault, job)| spared(fault, job, &blueprint))
            .collect(),
        delivery: delivery(&watch, &blueprint, now),
        interruption: interruption::interruption(&watch, &blueprint, now),
        checkpoints: Checkpoints {
            triggered: watch.checkpoints.triggered,
            completed: watch.checkpoints.completed,
            failed: watch.checkpoints.failed,
            latest_completed: watch.checkpoints.latest,
            state_bytes: watch.checkpoints.state_bytes,
            written_bytes: watch.checkpoints.written_bytes,
            duration_ms: watch.checkpoints.durations.quantiles(),
        },
        rebalances: watch
            .moves
            .iter()
            .map(|(at, subtask, from, to, reason)| Rebalance {
                at_ms: at.as_ms(),
                task: blueprint.topology.task_name(*subtask),
                from: from.clone(),
                to: to.clone(),
                reason: reason.clone(),
            })
            .collect(),
        notifications: Notifications {
            sent: watch.notifications.sent,
            delivered: watch.notifications.delivered.len() as u64,
            retried: watch.notifications.retried,
            repeated: watch.notifications.repeated,
        },
        invariants: invariants(&watch, now),
        expectations: Vec::new(),
        job_status: status_of_all(&jobs),
        jobs,
        latency_ms,
        visibility_latency_ms: watch.visibility.quantiles(),
        in_flight_log_max_bytes: watch.tasks.logs_max(),
        event_time: watch.event_times.summaries(now),
    };
    summary.expectations = expectations::verdicts(&scenario.expect, &summary);
    let phases = |(number, episode): (usize, &Episode)| {
        let end = episode.until(now);
        let spans = episode.intervals.until(end).into_iter();
        spans.map(move |(phase, from, to)| PhaseSpan {
            recovery: number,
            phase: phase.name(),
            from_ms: from.as_ms(),
            to_ms: to.as_ms(),
        })
    };
    Outcome {
        timeline: timeline(&watch, &blueprint),
        tasks: watch.tasks.spans(&blueprint),
        metrics: match watch.causes {
            None => Vec::new(),
            Some(_) => watch.metrics(now),
        },
        latency: watch.arrivals.points().to_vec(),
        phases: watch
            .recoveries
            .closed
            .iter()
            .enumerate()
            .flat_map(phases)
            .collect(),
        faults: faults(&watch.recoveries, &blueprint),
        taskmanagers: blueprint
            .cluster
            .taskmanagers
            .iter()
            .map(|tm| tm.name.clone())
            .collect(),
        explanations: match watch.causes {
            None => Vec::new(),
            Some(_) => explain::explanations(&watch, &blueprint, now),
        },
        film: std::mem::take(&mut watch.filming).film(&blueprint),
        graphs: watch.checkpoint_history.graphs(&watch.tasks),
        checkpoints: std::mem::take(&mut watch.checkpoint_history.entries),
        lag: std::mem::take(&mut watch.lag),
        watermark_lag: watch.event_times.points(),
        summary,
    }
}

/// A fault of several processes waits once for each.
fn waiting(world: &World, scenario: &Scenario) -> Vec<String> {
    let lines = fault_lines(scenario);
    let places: BTreeSet<usize> = world.waiting_faults().collect();
    places
        .into_iter()
        .map(|place| lines[place].clone())
        .collect()
}

fn spared(fault: &Injected, job: JobId, blueprint: &Blueprint) -> Spared {
    let target = blueprint.directory.name(fault.target);
    let job = &blueprint.topology.jobs[job as usize].name;
    Spared {
        fault: format!("{} {target}", fault.what),
        job: job.clone(),
        at_ms: fault.at.as_ms(),
        noticed_by: fault.missed.map(|(by, _)| by.to_owned()),
        noticed_ms: fault.missed.map(|(_, at)| at.as_ms()),
        what: format!("{target} ran no task of {job}: nothing to recover"),
    }
}

fn recovery(episode: &Episode, watch: &Watch, blueprint: &Blueprint, now: Time) -> Recovery {
    let topology = &blueprint.topology;
    let name = |actor| blueprint.directory.name(actor).to_owned();
    let placement = episode
        .placement
        .iter()
        .map(|(subtask, from, to)| PlacementEntry {
            task: topology.task_name(*subtask),
            operator: topology.operator_of(*subtask).spec.name.clone(),
            subtask: topology.subtasks[*subtask as usize].index,
            partitions: match episode.splits.get(subtask) {
                Some(splits) => topology.partitions(splits),
                None => topology.partitions_of(*subtask),
            },
            from: from.map(name),
            to: name(*to),
        });
    Recovery {
        fault: steps::faults(episode, watch, blueprint),
        job: topology.jobs[episode.job as usize].name.clone(),
        at_ms: episode.at.as_ms(),
        detector: episode.detector.map(str::to_owned),
        detected_ms: episode.detected.map(Time::as_ms),
        restored_checkpoint: episode.checkpoint.filter(|checkpoint| *checkpoint > 0),
        restarted_tasks: episode.failed.len() as u64,
        restarts: episode.restarts.len() as u32,
        scope: episode.scope.map(|scope| scope.name().to_owned()),
        phases_ms: episode.intervals.sums(episode.until(now)),
        total_ms: episode.end.map(|end| {
            end.since(episode.intervals.start().unwrap_or(episode.at))
                .as_ms()
        }),
        event_time_stall_ms: {
            let until = episode.until(now);
            let stall = watch.event_times.stall(episode.job, episode.at, until, now);
            stall.map(crate::kernel::Span::as_ms)
        },
        failed_ms: episode.given_up.map(Time::as_ms),
        placement: placement.collect(),
        replayed_records: episode.replayed * u64::from(blueprint.weight),
        reprocessed_records: episode.reprocessed * u64::from(blueprint.weight),
        deduplicated_records: episode.deduplicated * u64::from(blueprint.weight),
        why_not: steps::why_not(episode, watch, now),
        attempts: steps::restarts(episode, blueprint),
        told_as: match blueprint.liveness {
            Liveness::ZkEphemeral => "seven-steps",
            Liveness::RpcHeartbeats => "restarts",
        },
        steps: steps::steps(episode, watch, blueprint, now),
    }
}

fn delivery(watch: &Watch, blueprint: &Blueprint, now: Time) -> Delivery {
    let weight = u64::from(blueprint.weight);
    let outcome = watch.delivery.outcome();
    let read: Vec<SplitId> = outcome.visible.keys().copied().collect();
    let produced: u64 = read
        .iter()
        .map(|split| watch.arrivals.arrived(*split, now))
        .sum();
    let visible: u64 = outcome.visible.values().sum();
    let count = |records: &BTreeMap<SplitId, Vec<u64>>| {
        records
            .values()
            .map(|offsets| offsets.len() as u64)
            .sum::<u64>()
    };
    let (lost, duplicated) = (count(&outcome.lost), count(&outcome.duplicated));
    let named = |records: &BTreeMap<SplitId, Vec<u64>>| {
        let name = |(split, offsets): (&SplitId, &Vec<u64>)| {
            let info = &blueprint.topology.splits[*split as usize];
            RecordRanges {
                topic: blueprint.topology.topics[info.topic].name.clone(),
                partition: info.partition,
                offsets: ranges(offsets).into_iter().take(RANGES_MAX).collect(),
                records: offsets.len() as u64 * weight,
            }
        };
        records.iter().map(name).collect()
    };
    Delivery {
        guarantee: guarantee(blueprint).name().to_owned(),
        produced: produced * weight,
        visible: visible * weight,
        lost: lost * weight,
        duplicated: duplicated * weight,
        pending: produced.saturating_sub(visible + lost) * weight,
        lost_records: named(&outcome.lost),
        duplicated_records: named(&outcome.duplicated),
        sinks: sinks::sinks(&outcome.sinks, blueprint, named),
    }
}

/// What all sinks promise: as much as the weakest, and no more than checkpoints do.
fn guarantee(blueprint: &Blueprint) -> Guarantee {
    let operators = blueprint.topology.operators.iter();
    let sinks = operators.filter_map(|operator| operator.spec.kind.sink());
    let promised = sinks.map(|sink| sink.guarantee);
    let promised = promised.min().unwrap_or(Guarantee::ExactlyOnce);
    match blueprint.config.checkpointing.mode {
        CheckpointingMode::ExactlyOnce => promised,
        CheckpointingMode::AtLeastOnce => promised.min(Guarantee::AtLeastOnce),
    }
}

fn invariants(watch: &Watch, now: Time) -> Vec<InvariantVerdict> {
    let violation = |at: Time, event: u64, what: &str| Violation {
        at_ms: at.as_ms(),
        event,
        what: what.to_owned(),
    };
    let delivery =
        watch
            .delivery
            .promises()
            .into_iter()
            .map(|(id, statement, checked, violations)| InvariantVerdict {
                id: id.to_owned(),
                kind: Kind::Safety.name().to_owned(),
                statement: statement.to_owned(),
                checked,
                violations: violations
                    .iter()
                    .take(VIOLATIONS_MAX)
                    .map(|(at, event, what)| violation(*at, *event, what))
                    .collect(),
            });
    let others = watch
        .checks
        .finish(now)
        .into_iter()
        .map(|verdict| InvariantVerdict {
            id: verdict.id.to_owned(),
            kind: verdict.kind.name().to_owned(),
            statement: verdict.statement.to_owned(),
            checked: verdict.checked,
            violations: verdict
                .violations
                .iter()
                .map(|v| violation(v.at, v.event, &v.what))
                .collect(),
        });
    delivery.chain(others).collect()
}

fn jobs(watch: &Watch, blueprint: &Blueprint) -> Vec<JobSummary> {
    let summarize = |(number, job): (usize, &crate::dataflow::topology::JobInfo)| {
        let history: Vec<StatusChange> = watch
            .statuses
            .iter()
            .filter(|(_, of, ..)| *of as usize == number)
            .map(|(at, _, status, reason)| StatusChange {
                at_ms: at.as_ms(),
                status: status.name().to_owned(),
                reason: reason.clone(),
            })
            .collect();
        let status = history
            .last()
            .map_or("CREATED", |change| change.status.as_str())
            .to_owned();
        JobSummary {
            name: job.name.clone(),
            status,
            history,
            rescales: watch.rescales.of(number as JobId, blueprint),
        }
    };
    blueprint
        .topology
        .jobs
        .iter()
        .enumerate()
        .map(summarize)
        .collect()
}

fn timeline(watch: &Watch, blueprint: &Blueprint) -> Vec<TimelineEntry> {
    let belongs = |at: Time| {
        watch
            .recoveries
            .closed
            .iter()
            .position(|episode| episode.at <= at && episode.end.is_none_or(|end| at <= end))
    };
    let name = |actor| blueprint.directory.name(actor).to_owned();
    let reason = |hop: &Hop| Reason {
        event: hop.node.event,
        at_ms: hop.node.at.as_ms(),
        actor: name(hop.node.actor),
        from: name(hop.node.from),
        what: hop.node.name,
    };
    let entry = |entry: &super::timeline::Entry| TimelineEntry {
        at_ms: entry.at.as_ms(),
        event: entry.event,
        actor: blueprint.directory.name(entry.actor).to_owned(),
        kind: entry.kind.to_owned(),
        text: entry.text.clone(),
        recovery: belongs(entry.at),
        causes: entry.causes.iter().map(reason).collect(),
    };
    watch.timeline.entries.iter().map(entry).collect()
}

fn faults(recoveries: &Recoveries, blueprint: &Blueprint) -> Vec<FaultSpan> {
    let span = |fault: &super::episode::Injected| {
        let target = blueprint.directory.name(fault.target).to_owned();
        FaultSpan {
            fault: format!("{} {target}", fault.what),
            target,
            at_ms: fault.at.as_ms(),
            until_ms: fault.over().map(Time::as_ms),
        }
    };
    recoveries.faults.iter().map(span).collect()
}

/// Of the job that has failed, if one has; else of the first that does not run; else of the first.
fn status_of_all(jobs: &[JobSummary]) -> String {
    let is = |status: JobStatus| move |job: &&JobSummary| job.status == status.name();
    let failed = jobs.iter().find(is(JobStatus::Failed));
    let idle = || jobs.iter().find(|job| !is(JobStatus::Running)(job));
    let job = failed.or_else(idle).or(jobs.first());
    job.map_or_else(String::new, |job| job.status.clone())
}
