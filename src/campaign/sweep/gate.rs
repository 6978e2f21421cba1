//! Statements about many seeds, as `p99(total) <= 60 s`, held against a variant's rows.

use crate::campaign::statistics::{Estimate, estimate};
use crate::drill::expectations::compare;
use crate::drill::outcome::ExpectationVerdict;
use crate::scenario::expect::{Clause, Expectation, Quantity};

use super::measure::{Unit, total};
use super::row::{Ending, Row};

/// The verdict of one statement. Clauses without a quantile must hold in every run.
pub fn judge(expectation: &Expectation, rows: &[&Row]) -> ExpectationVerdict {
    let clauses: Vec<(bool, String)> = expectation
        .clauses
        .iter()
        .map(|clause| clause_over(clause, rows))
        .collect();
    let measured: Vec<String> = clauses
        .iter()
        .map(|(_, measured)| measured.clone())
        .collect();
    ExpectationVerdict {
        text: expectation.text.clone(),
        met: clauses.iter().all(|(met, _)| *met),
        measured: measured.join(", "),
    }
}

fn clause_over(clause: &Clause, rows: &[&Row]) -> (bool, String) {
    let holds = |value: f64| compare(value, clause.comparison, clause.value);
    let Some(per_mille) = clause.over_seeds else {
        let missed = rows
            .iter()
            .filter(|row| !measured(clause.quantity, row).is_some_and(holds))
            .count();
        return (
            missed == 0,
            format!("missed in {missed} of {} runs", rows.len()),
        );
    };
    match quantile(clause.quantity, per_mille, rows) {
        None => (false, "no run has it".to_owned()),
        Some(found) => {
            let value = found.value.unwrap_or(f64::INFINITY);
            (holds(value), shown(clause.quantity, &found))
        }
    }
}

/// A quantile of a quantity over runs; none where no run has it.
pub fn quantile(quantity: Quantity, per_mille: u32, rows: &[&Row]) -> Option<Estimate> {
    let mut sample: Vec<(f64, u64)> = rows
        .iter()
        .filter_map(|row| Some((measured(quantity, row)?, row.seed)))
        .collect();
    if sample.is_empty() {
        return None;
    }
    sample.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Some(estimate(&sample, per_mille))
}

fn shown(quantity: Quantity, found: &Estimate) -> String {
    let unit = unit(quantity);
    let text = |value: Option<f64>, without: &str| match (value, unit) {
        (None, _) => without.to_owned(),
        (Some(ms), Unit::Ms) if ms >= 1e3 => format!("{:.3} s", ms / 1e3),
        (Some(ms), Unit::Ms) => format!("{ms:.1} ms"),
        (Some(share), Unit::Share) => format!("{:.2} %", share * 100.0),
        (Some(count), Unit::Count | Unit::Bytes) => format!("{count}"),
    };
    format!(
        "{} [{}, {}], seed {}",
        text(found.value, "not over"),
        text(found.low, "?"),
        text(found.high, "?"),
        found.seed
    )
}

pub fn unit(quantity: Quantity) -> Unit {
    match quantity {
        Quantity::Detection
        | Quantity::Leadership
        | Quantity::Cancellation
        | Quantity::Backoff
        | Quantity::Resources
        | Quantity::Deployment
        | Quantity::Restore
        | Quantity::FirstOutput
        | Quantity::CatchUp
        | Quantity::Total
        | Quantity::LatencyP99
        | Quantity::LatencyMax
        | Quantity::VisibilityP99
        | Quantity::VisibilityMax
        | Quantity::WatermarkLagMax
        | Quantity::EventTimeStall => Unit::Ms,
        Quantity::Delayed | Quantity::CheckpointOverhead => Unit::Share,
        _ => Unit::Count,
    }
}

/// A quantity of a run, by its row; infinite where it was not over.
pub fn measured(quantity: Quantity, row: &Row) -> Option<f64> {
    let phase = |place: usize| (row.ending != Ending::NoRecovery).then(|| row.phases_ms[place]);
    match quantity {
        Quantity::Detection => phase(0),
        Quantity::Leadership => phase(1),
        Quantity::Cancellation => phase(2),
        Quantity::Backoff => phase(3),
        Quantity::Resources => phase(4),
        Quantity::Deployment => phase(5),
        Quantity::Restore => phase(6),
        Quantity::FirstOutput => phase(7),
        Quantity::CatchUp => phase(8),
        Quantity::Total => total(row),
        Quantity::RestartedTasks => Some(row.restarted_tasks as f64),
        Quantity::Restarts => Some(row.restarts as f64),
        Quantity::FailedJobs => Some(row.failed_jobs as f64),
        Quantity::ReplayedRecords => Some(row.replayed_records as f64),
        Quantity::Recoveries => Some(row.recoveries as f64),
        Quantity::Lost => Some(row.lost as f64),
        Quantity::Duplicated => Some(row.duplicated as f64),
        Quantity::Overwritten => Some(row.overwritten as f64),
        Quantity::Withheld => Some(row.withheld as f64),
        Quantity::FailedCommits => Some(row.failed_commits as f64),
        Quantity::Rebalances => Some(row.rebalances as f64),
        Quantity::CheckpointsCompleted => Some(row.checkpoints_completed as f64),
        Quantity::CheckpointsFailed => Some(row.checkpoints_failed as f64),
        Quantity::LatencyP99 => row.latency_p99_ms,
        Quantity::LatencyMax => row.latency_max_ms,
        Quantity::VisibilityP99 => row.visibility_p99_ms,
        Quantity::VisibilityMax => row.visibility_max_ms,
        Quantity::WatermarkLagMax => row.watermark_lag_max_ms,
        Quantity::EventTimeStall => row.event_time_stall_ms,
        Quantity::LateRecords => row.late_records,
        Quantity::Violations => Some(row.violations as f64),
        Quantity::Delayed => row.delayed_share,
        Quantity::CheckpointOverhead => row.checkpoint_overhead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::sweep::row::tests::row;

    #[test]
    fn a_statement_over_seeds_looks_at_the_quantile_alone() {
        let totals = (0..100).map(|seed| Some(if seed < 98 { 10_000.0 } else { 90_000.0 }));
        let mut rows: Vec<Row> = (0..)
            .zip(totals)
            .map(|(seed, total)| row(seed, 0, seed, total))
            .collect();
        rows[99].total_ms = None;
        rows[99].ending = Ending::NotCaughtUp;
        let rows: Vec<&Row> = rows.iter().collect();
        let met = |text: &str| judge(&Expectation::parse(text).unwrap(), &rows).met;
        assert!(met("p98(total) <= 10 s"));
        assert!(!met("p99(total) <= 10 s"));
        assert!(met("p99(total) <= 90 s"));
        assert!(!met("max(total) <= 1 h"));
        assert!(met("p50(total) < 11 s and lost == 0"));
        assert!(!met("p50(total) < 11 s and total < 11 s"));
        let measured = judge(&Expectation::parse("p99(total) <= 1 s").unwrap(), &rows).measured;
        assert!(
            measured.contains("90.000 s") && measured.contains("seed 98"),
            "{measured}"
        );
    }
}
