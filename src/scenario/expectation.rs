//! Reads `total < 60 s` and `lost == 0 and duplicated == 0`.

use super::expect::{Clause, Comparison, Expectation, Quantity};
use super::near;
use super::units::{self, short};

/// What a quantity is measured in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Duration,
    Count,
}

const QUANTITIES: &[(&str, Quantity, Measure)] = &[
    ("detection", Quantity::Detection, Measure::Duration),
    ("leadership", Quantity::Leadership, Measure::Duration),
    ("cancellation", Quantity::Cancellation, Measure::Duration),
    ("backoff", Quantity::Backoff, Measure::Duration),
    ("resources", Quantity::Resources, Measure::Duration),
    ("deployment", Quantity::Deployment, Measure::Duration),
    ("restore", Quantity::Restore, Measure::Duration),
    ("first_output", Quantity::FirstOutput, Measure::Duration),
    ("catch_up", Quantity::CatchUp, Measure::Duration),
    ("total", Quantity::Total, Measure::Duration),
    ("restarted_tasks", Quantity::RestartedTasks, Measure::Count),
    ("restarts", Quantity::Restarts, Measure::Count),
    ("failed_jobs", Quantity::FailedJobs, Measure::Count),
    (
        "replayed_records",
        Quantity::ReplayedRecords,
        Measure::Count,
    ),
    ("recoveries", Quantity::Recoveries, Measure::Count),
    ("lost", Quantity::Lost, Measure::Count),
    ("duplicated", Quantity::Duplicated, Measure::Count),
    ("rebalances", Quantity::Rebalances, Measure::Count),
    (
        "checkpoints_completed",
        Quantity::CheckpointsCompleted,
        Measure::Count,
    ),
    (
        "checkpoints_failed",
        Quantity::CheckpointsFailed,
        Measure::Count,
    ),
    ("latency_p99", Quantity::LatencyP99, Measure::Duration),
    ("latency_max", Quantity::LatencyMax, Measure::Duration),
    ("violations", Quantity::Violations, Measure::Count),
];

/// Longer signs first: `<=` also starts with `<`.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// One statement; the error says what is wrong with it, without a place.
pub fn parse(text: &str) -> Result<Expectation, String> {
    let clauses = text
        .split(" and ")
        .map(clause)
        .collect::<Result<Vec<Clause>, String>>()?;
    Ok(Expectation {
        text: text.to_owned(),
        clauses,
    })
}

fn clause(text: &str) -> Result<Clause, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    if name.is_empty() {
        return Err(format!(
            "`{}` says nothing; write a quantity, a comparison and a value, like `total < 60 s`",
            short(text)
        ));
    }
    let Some(&(_, quantity, measure)) = QUANTITIES.iter().find(|(known, ..)| *known == name) else {
        let names: Vec<&str> = QUANTITIES.iter().map(|(known, ..)| *known).collect();
        return Err(format!(
            "unknown quantity `{}`{}",
            short(name),
            near::hint(name, names)
        ));
    };
    let Some(&(sign, comparison)) = COMPARISONS.iter().find(|(sign, _)| rest.starts_with(sign))
    else {
        return Err(format!(
            "`{}` compares nothing; write `<`, `<=`, `==`, `!=`, `>=` or `>` after `{name}`",
            short(text)
        ));
    };
    let value = rest[sign.len()..].trim();
    let value = match measure {
        Measure::Duration => {
            units::duration(value)
                .map_err(|message| format!("{message} (`{name}` is a duration)"))?
                as f64
                / 1e6
        }
        Measure::Count => count(value).ok_or_else(|| {
            format!(
                "`{}` is not a whole number (`{name}` is a count)",
                short(value)
            )
        })?,
    };
    Ok(Clause {
        quantity,
        comparison,
        value,
    })
}

fn count(text: &str) -> Option<f64> {
    let digits = text.replace(['_', ','], "");
    // Beyond 2^53 a float is no count any more.
    digits
        .parse::<u64>()
        .ok()
        .filter(|value| *value <= 1 << 53)
        .map(|value| value as f64)
}
