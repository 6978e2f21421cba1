//! Holds what happened against what the scenario expects.

use crate::actor::fact::JobStatus;
use crate::scenario::expect::{Clause, Comparison, Expectation, Quantity};

use super::outcome::{ExpectationVerdict, Phases, Summary};

pub fn verdicts(expectations: &[Expectation], summary: &Summary) -> Vec<ExpectationVerdict> {
    let verdict = |expectation: &Expectation| {
        let clauses: Vec<(bool, String)> = expectation
            .clauses
            .iter()
            .map(|clause| judge(clause, summary))
            .collect();
        ExpectationVerdict {
            text: expectation.text.clone(),
            met: clauses.iter().all(|(met, _)| *met),
            measured: clauses
                .into_iter()
                .map(|(_, measured)| measured)
                .collect::<Vec<_>>()
                .join(", "),
        }
    };
    expectations.iter().map(verdict).collect()
}

/// Phases and totals must hold for each recovery; what has not ended is not met. Without a recovery they are not met either:
/// a drill that hit nothing has shown nothing, and must not pass for one that went well.
fn judge(clause: &Clause, summary: &Summary) -> (bool, String) {
    let (name, is_duration) = name(clause.quantity);
    let values = measure(clause.quantity, summary);
    if values.is_empty() {
        let why = summary.spared.first();
        let why = why.map_or(String::new(), |spared| format!(" ({})", spared.what));
        return (false, format!("{name}: no recovery{why}"));
    }
    let holds = |value: &Option<f64>| {
        value.is_some_and(|value| compare(value, clause.comparison, clause.value))
    };
    let show = |value: &Option<f64>| match value {
        None => "not over".to_owned(),
        Some(ms) if is_duration && *ms >= 1e3 => format!("{:.3} s", ms / 1e3),
        Some(ms) if is_duration => format!("{ms:.1} ms"),
        Some(count) => format!("{count}"),
    };
    let shown: Vec<String> = values.iter().map(show).collect();
    (
        values.iter().all(holds),
        format!("{name}: {}", shown.join(" | ")),
    )
}

pub fn compare(value: f64, comparison: Comparison, bound: f64) -> bool {
    match comparison {
        Comparison::Less => value < bound,
        Comparison::LessOrEqual => value <= bound,
        Comparison::Equal => value == bound,
        Comparison::NotEqual => value != bound,
        Comparison::GreaterOrEqual => value >= bound,
        Comparison::Greater => value > bound,
    }
}

fn measure(quantity: Quantity, summary: &Summary) -> Vec<Option<f64>> {
    let phase = |of: fn(&Phases) -> f64| {
        summary
            .recoveries
            .iter()
            .map(|r| Some(of(&r.phases_ms)))
            .collect::<Vec<_>>()
    };
    let sum = |of: fn(&super::outcome::Recovery) -> u64| {
        vec![Some(summary.recoveries.iter().map(of).sum::<u64>() as f64)]
    };
    let of_sinks = |of: fn(&super::outcome::SinkDelivery) -> u64| {
        let sinks = summary.delivery.sinks.iter();
        vec![Some(sinks.map(of).sum::<u64>() as f64)]
    };
    let violations = || {
        summary
            .invariants
            .iter()
            .map(|invariant| invariant.violations.len())
            .sum::<usize>()
    };
    match quantity {
        Quantity::Detection => phase(|phases| phases.detection),
        Quantity::Leadership => phase(|phases| phases.leadership),
        Quantity::Cancellation => phase(|phases| phases.cancellation),
        Quantity::Backoff => phase(|phases| phases.backoff),
        Quantity::Resources => phase(|phases| phases.resources),
        Quantity::Deployment => phase(|phases| phases.deployment),
        Quantity::Restore => phase(|phases| phases.restore),
        Quantity::FirstOutput => phase(|phases| phases.first_output),
        Quantity::CatchUp => phase(|phases| phases.catch_up),
        Quantity::Total => summary
            .recoveries
            .iter()
            .map(|recovery| recovery.total_ms)
            .collect(),
        Quantity::RestartedTasks => sum(|recovery| recovery.restarted_tasks),
        Quantity::Restarts => sum(|recovery| u64::from(recovery.restarts)),
        Quantity::FailedJobs => {
            let failed = |job: &&super::outcome::JobSummary| job.status == JobStatus::Failed.name();
            vec![Some(summary.jobs.iter().filter(failed).count() as f64)]
        }
        Quantity::ReplayedRecords => sum(|recovery| recovery.replayed_records),
        Quantity::Recoveries => vec![Some(summary.recoveries.len() as f64)],
        Quantity::Lost => vec![Some(summary.delivery.lost as f64)],
        Quantity::Duplicated => vec![Some(summary.delivery.duplicated as f64)],
        Quantity::Overwritten => of_sinks(|sink| sink.overwritten),
        Quantity::Withheld => of_sinks(|sink| sink.withheld),
        Quantity::FailedCommits => of_sinks(|sink| sink.failed_commits),
        Quantity::Rebalances => vec![Some(summary.rebalances.len() as f64)],
        Quantity::CheckpointsCompleted => vec![Some(summary.checkpoints.completed as f64)],
        Quantity::CheckpointsFailed => vec![Some(summary.checkpoints.failed as f64)],
        Quantity::LatencyP99 => vec![summary.latency_ms.p99],
        Quantity::LatencyMax => vec![summary.latency_ms.max],
        Quantity::VisibilityP99 => vec![summary.visibility_latency_ms.p99],
        Quantity::WatermarkLagMax => vec![summary.watermark_lag_max_ms()],
        Quantity::EventTimeStall => vec![summary.event_time_stall_ms()],
        Quantity::LateRecords => vec![summary.late_records()],
        Quantity::VisibilityMax => vec![summary.visibility_latency_ms.max],
        Quantity::Violations => vec![Some(violations() as f64)],
        Quantity::Delayed => vec![summary.interruption.as_ref().and_then(|i| i.all.share)],
        Quantity::CheckpointOverhead => vec![summary.checkpoint_overhead()],
    }
}

/// The quantity's name in the file, and whether it is a duration.
fn name(quantity: Quantity) -> (&'static str, bool) {
    match quantity {
        Quantity::Detection => ("detection", true),
        Quantity::Leadership => ("leadership", true),
        Quantity::Cancellation => ("cancellation", true),
        Quantity::Backoff => ("backoff", true),
        Quantity::Resources => ("resources", true),
        Quantity::Deployment => ("deployment", true),
        Quantity::Restore => ("restore", true),
        Quantity::FirstOutput => ("first_output", true),
        Quantity::CatchUp => ("catch_up", true),
        Quantity::Total => ("total", true),
        Quantity::RestartedTasks => ("restarted_tasks", false),
        Quantity::Restarts => ("restarts", false),
        Quantity::FailedJobs => ("failed_jobs", false),
        Quantity::ReplayedRecords => ("replayed_records", false),
        Quantity::Recoveries => ("recoveries", false),
        Quantity::Lost => ("lost", false),
        Quantity::Duplicated => ("duplicated", false),
        Quantity::Overwritten => ("overwritten", false),
        Quantity::Withheld => ("withheld", false),
        Quantity::FailedCommits => ("failed_commits", false),
        Quantity::Rebalances => ("rebalances", false),
        Quantity::CheckpointsCompleted => ("checkpoints_completed", false),
        Quantity::CheckpointsFailed => ("checkpoints_failed", false),
        Quantity::LatencyP99 => ("latency_p99", true),
        Quantity::LatencyMax => ("latency_max", true),
        Quantity::VisibilityP99 => ("visibility_p99", true),
        Quantity::VisibilityMax => ("visibility_max", true),
        Quantity::WatermarkLagMax => ("watermark_lag_max", true),
        Quantity::EventTimeStall => ("event_time_stall", true),
        Quantity::LateRecords => ("late_records", false),
        Quantity::Violations => ("violations", false),
        Quantity::Delayed => ("delayed", false),
        Quantity::CheckpointOverhead => ("checkpoint_overhead", false),
    }
}
