//! One row per run: all that a sweep keeps of it.

use crate::actor::fact::JobStatus;
use crate::drill::outcome::{JobSummary, Phases, Recovery, SinkDelivery, Summary};
use crate::drill::verdict::Verdict;

use super::plan::Case;

/// How the run's recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    CaughtUp,
    /// The run ended before.
    NotCaughtUp,
    /// No fault led to a recovery.
    NoRecovery,
}

impl Ending {
    const ALL: [Ending; 3] = [Ending::CaughtUp, Ending::NotCaughtUp, Ending::NoRecovery];

    pub fn name(self) -> &'static str {
        match self {
            Ending::CaughtUp => "caught-up",
            Ending::NotCaughtUp => "not-caught-up",
            Ending::NoRecovery => "no-recovery",
        }
    }
}

/// Durations are milliseconds. Where a run has several recoveries, `total` and the phases are those of the longest.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub case: u64,
    pub variant: usize,
    /// Values of what is varied.
    pub settings: Vec<String>,
    pub seed: u64,
    pub digest: String,
    pub events: u64,
    pub verdict: Verdict,
    pub ending: Ending,
    pub recoveries: u64,
    /// In the order of [`Phases::ALL`].
    pub phases_ms: [f64; 9],
    pub total_ms: Option<f64>,
    /// Sum over all recoveries of the run.
    pub all_recoveries_ms: Option<f64>,
    pub restarts: u64,
    pub restarted_tasks: u64,
    pub replayed_records: u64,
    /// Read again by sources that went back.
    pub reprocessed_records: u64,
    /// The most that in-flight logs of all tasks held together.
    pub in_flight_log_max_bytes: u64,
    pub produced: u64,
    pub visible: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Of an upsert: records written again over themselves.
    pub overwritten: u64,
    /// Committed, and behind an open transaction at the end.
    pub withheld: u64,
    /// Transactions whose commit came too late.
    pub failed_commits: u64,
    /// Of the records that arrived after the fault, as a share of one.
    pub delayed_share: Option<f64>,
    /// The same of those that did not pass through a task that failed, and how long the last of them took.
    pub others_delayed_share: Option<f64>,
    pub others_max_ms: Option<f64>,
    pub latency_p50_ms: Option<f64>,
    pub latency_p99_ms: Option<f64>,
    pub latency_max_ms: Option<f64>,
    pub visibility_p99_ms: Option<f64>,
    pub visibility_max_ms: Option<f64>,
    /// How far event time was behind at the sinks at the most; none: no job has it.
    pub watermark_lag_max_ms: Option<f64>,
    /// The longest that it stood still.
    pub event_time_stall_ms: Option<f64>,
    /// Records that came behind a watermark that was newer.
    pub late_records: Option<f64>,
    pub checkpoints_completed: u64,
    pub checkpoints_failed: u64,
    pub checkpoint_p50_ms: Option<f64>,
    /// Share of the simulated time in which a checkpoint was under way, by the completed ones' median duration.
    pub checkpoint_overhead: Option<f64>,
    pub rebalances: u64,
    /// Jobs that ended `FAILED`.
    pub failed_jobs: u64,
    /// Of the first job.
    pub job_status: String,
    /// What had not recovered by the end, and why; empty where all has.
    pub not_recovered: String,
    /// Ids of what is broken.
    pub safety: Vec<String>,
    pub liveness: Vec<String>,
    pub violations: u64,
    /// Places of the expectations that are not met, from 1.
    pub unmet: Vec<String>,
}

/// One that has not ended is longer than any that has.
fn longest(recoveries: &[Recovery]) -> Option<&Recovery> {
    let length = |recovery: &&Recovery| recovery.total_ms.unwrap_or(f64::INFINITY);
    let longest = recoveries.iter().map(|r| length(&r)).fold(0.0, f64::max);
    recoveries
        .iter()
        .find(|recovery| length(recovery) >= longest)
}

impl Row {
    pub fn new(case: Case, settings: Vec<String>, summary: &Summary, verdict: Verdict) -> Row {
        let worst = longest(&summary.recoveries);
        let sum = |of: fn(&Recovery) -> u64| summary.recoveries.iter().map(of).sum();
        let of_sinks = |of: fn(&SinkDelivery) -> u64| summary.delivery.sinks.iter().map(of).sum();
        let broken = |kind: &str| {
            let broken = summary.invariants.iter();
            broken
                .filter(|invariant| invariant.kind == kind && !invariant.violations.is_empty())
                .map(|invariant| invariant.id.clone())
                .collect()
        };
        let totals = summary.recoveries.iter().map(|recovery| recovery.total_ms);
        let checkpoints = &summary.checkpoints;
        let others = summary.interruption.as_ref().map(|i| &i.others);
        let failed = |job: &&JobSummary| job.status == JobStatus::Failed.name();
        Row {
            case: case.number,
            variant: case.variant,
            settings,
            seed: summary.seed,
            digest: summary.digest.clone(),
            events: summary.events,
            verdict,
            ending: match worst {
                None => Ending::NoRecovery,
                Some(recovery) if recovery.total_ms.is_none() => Ending::NotCaughtUp,
                Some(_) => Ending::CaughtUp,
            },
            recoveries: summary.recoveries.len() as u64,
            phases_ms: Phases::ALL.map(|(_, of)| worst.map_or(0.0, |worst| of(&worst.phases_ms))),
            total_ms: worst.and_then(|worst| worst.total_ms),
            all_recoveries_ms: totals.sum::<Option<f64>>().filter(|_| worst.is_some()),
            restarts: sum(|recovery| u64::from(recovery.restarts)),
            restarted_tasks: sum(|recovery| recovery.restarted_tasks),
            replayed_records: sum(|recovery| recovery.replayed_records),
            reprocessed_records: sum(|recovery| recovery.reprocessed_records),
            in_flight_log_max_bytes: summary.in_flight_log_max_bytes,
            produced: summary.delivery.produced,
            visible: summary.delivery.visible,
            lost: summary.delivery.lost,
            duplicated: summary.delivery.duplicated,
            overwritten: of_sinks(|sink| sink.overwritten),
            withheld: of_sinks(|sink| sink.withheld),
            failed_commits: of_sinks(|sink| sink.failed_commits),
            delayed_share: summary.interruption.as_ref().and_then(|i| i.all.share),
            others_delayed_share: others.and_then(|others| others.share),
            others_max_ms: others.and_then(|others| others.delay_ms.max),
            latency_p50_ms: summary.latency_ms.p50,
            latency_p99_ms: summary.latency_ms.p99,
            latency_max_ms: summary.latency_ms.max,
            visibility_p99_ms: summary.visibility_latency_ms.p99,
            visibility_max_ms: summary.visibility_latency_ms.max,
            watermark_lag_max_ms: summary.watermark_lag_max_ms(),
            event_time_stall_ms: summary.event_time_stall_ms(),
            late_records: summary.late_records(),
            checkpoints_completed: checkpoints.completed,
            checkpoints_failed: checkpoints.failed,
            checkpoint_p50_ms: checkpoints.duration_ms.p50,
            checkpoint_overhead: summary.checkpoint_overhead(),
            rebalances: summary.rebalances.len() as u64,
            failed_jobs: summary.jobs.iter().filter(failed).count() as u64,
            job_status: summary.job_status.clone(),
            not_recovered: summary.not_recovered.join(" | "),
            safety: broken("safety"),
            liveness: broken("liveness"),
            violations: summary
                .invariants
                .iter()
                .map(|invariant| invariant.violations.len() as u64)
                .sum(),
            unmet: (1..)
                .zip(&summary.expectations)
                .filter(|(_, expectation)| !expectation.met)
                .map(|(place, _)| place.to_string())
                .collect(),
        }
    }

    /// Names of the columns, with those of what is varied.
    pub fn header(keys: &[String]) -> Vec<String> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let head: Vec<String> = own(&["case", "variant"]);
        let run: Vec<String> = own(&[
            "seed",
            "digest",
            "events",
            "verdict",
            "ending",
            "recoveries",
        ]);
        let phases: Vec<String> = Phases::ALL
            .iter()
            .map(|(name, _)| format!("{name}_ms"))
            .collect();
        let rest: Vec<String> = own(&[
            "total_ms",
            "all_recoveries_ms",
            "restarts",
            "restarted_tasks",
            "replayed_records",
            "reprocessed_records",
            "in_flight_log_max_bytes",
            "produced",
            "visible",
            "lost",
            "duplicated",
            "overwritten",
            "withheld",
            "failed_commits",
            "delayed_share",
            "others_delayed_share",
            "others_max_ms",
            "latency_p50_ms",
            "latency_p99_ms",
            "latency_max_ms",
            "visibility_p99_ms",
            "visibility_max_ms",
            "watermark_lag_max_ms",
            "event_time_stall_ms",
            "late_records",
            "checkpoints_completed",
            "checkpoints_failed",
            "checkpoint_p50_ms",
            "checkpoint_overhead",
            "rebalances",
            "failed_jobs",
            "job_status",
            "not_recovered",
            "safety_broken",
            "liveness_broken",
            "violations",
            "unmet",
        ]);
        [head, keys.to_vec(), run, phases, rest].concat()
    }

    /// In the order of the header. What has no value is empty.
    pub fn fields(&self) -> Vec<String> {
        let or_empty =
            |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let mut fields = vec![self.case.to_string(), self.variant.to_string()];
        fields.extend(self.settings.iter().cloned());
        fields.extend([
            self.seed.to_string(),
            self.digest.clone(),
            self.events.to_string(),
            self.verdict.name().to_owned(),
            self.ending.name().to_owned(),
            self.recoveries.to_string(),
        ]);
        fields.extend(self.phases_ms.iter().map(f64::to_string));
        fields.extend([or_empty(self.total_ms), or_empty(self.all_recoveries_ms)]);
        let counts = [
            self.restarts,
            self.restarted_tasks,
            self.replayed_records,
            self.reprocessed_records,
            self.in_flight_log_max_bytes,
            self.produced,
            self.visible,
            self.lost,
            self.duplicated,
            self.overwritten,
            self.withheld,
            self.failed_commits,
        ];
        fields.extend(counts.iter().map(u64::to_string));
        let measured = [
            self.delayed_share,
            self.others_delayed_share,
            self.others_max_ms,
            self.latency_p50_ms,
            self.latency_p99_ms,
            self.latency_max_ms,
            self.visibility_p99_ms,
            self.visibility_max_ms,
            self.watermark_lag_max_ms,
            self.event_time_stall_ms,
            self.late_records,
        ];
        fields.extend(measured.map(or_empty));
        fields.extend([
            self.checkpoints_completed.to_string(),
            self.checkpoints_failed.to_string(),
            or_empty(self.checkpoint_p50_ms),
            or_empty(self.checkpoint_overhead),
            self.rebalances.to_string(),
            self.failed_jobs.to_string(),
            self.job_status.clone(),
            self.not_recovered.clone(),
            self.safety.join(" "),
            self.liveness.join(" "),
            self.violations.to_string(),
            self.unmet.join(" "),
        ]);
        fields
    }

    /// Reads what [`Row::fields`] wrote, with so many varied keys; none where it is something else.
    pub fn read(fields: &[String], keys: usize) -> Option<Row> {
        let mut fields = fields.iter().map(String::as_str);
        let mut text = || fields.next();
        let count = |text: &str| text.parse::<u64>().ok();
        let measured = |text: &str| match text {
            "" => Some(None),
            text => text.parse::<f64>().ok().map(Some),
        };
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (case, variant) = (count(text()?)?, count(text()?)? as usize);
        let settings = (0..keys)
            .map(|_| text().map(str::to_owned))
            .collect::<Option<Vec<_>>>()?;
        let row = Row {
            case,
            variant,
            settings,
            seed: count(text()?)?,
            digest: text()?.to_owned(),
            events: count(text()?)?,
            verdict: {
                let name = text()?;
                Verdict::ALL
                    .into_iter()
                    .find(|verdict| verdict.name() == name)?
            },
            ending: {
                let name = text()?;
                Ending::ALL
                    .into_iter()
                    .find(|ending| ending.name() == name)?
            },
            recoveries: count(text()?)?,
            phases_ms: {
                let mut phases = [0.0; 9];
                for phase in &mut phases {
                    *phase = text()?.parse().ok()?;
                }
                phases
            },
            total_ms: measured(text()?)?,
            all_recoveries_ms: measured(text()?)?,
            restarts: count(text()?)?,
            restarted_tasks: count(text()?)?,
            replayed_records: count(text()?)?,
            reprocessed_records: count(text()?)?,
            in_flight_log_max_bytes: count(text()?)?,
            produced: count(text()?)?,
            visible: count(text()?)?,
            lost: count(text()?)?,
            duplicated: count(text()?)?,
            overwritten: count(text()?)?,
            withheld: count(text()?)?,
            failed_commits: count(text()?)?,
            delayed_share: measured(text()?)?,
            others_delayed_share: measured(text()?)?,
            others_max_ms: measured(text()?)?,
            latency_p50_ms: measured(text()?)?,
            latency_p99_ms: measured(text()?)?,
            latency_max_ms: measured(text()?)?,
            visibility_p99_ms: measured(text()?)?,
            visibility_max_ms: measured(text()?)?,
            watermark_lag_max_ms: measured(text()?)?,
            event_time_stall_ms: measured(text()?)?,
            late_records: measured(text()?)?,
            checkpoints_completed: count(text()?)?,
            checkpoints_failed: count(text()?)?,
            checkpoint_p50_ms: measured(text()?)?,
            checkpoint_overhead: measured(text()?)?,
            rebalances: count(text()?)?,
            failed_jobs: count(text()?)?,
            job_status: text()?.to_owned(),
            not_recovered: text()?.to_owned(),
            safety: words(text()?),
            liveness: words(text()?),
            violations: count(text()?)?,
            unmet: words(text()?),
        };
        fields.next().is_none().then_some(row)
    }
}

#[cfg(test)]
#[path = "row/tests.rs"]
pub mod tests;
