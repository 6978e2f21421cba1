//! Reads `total < 60 s`, `lost == 0 and duplicated == 0` and `p99(total) <= 60 s`.

use super::expect::{Clause, Comparison, Expectation, Quantity};
use super::near;
use super::units::{self, short};

/// What a quantity is measured in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Duration,
    Count,
    Share,
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
    ("overwritten", Quantity::Overwritten, Measure::Count),
    ("withheld", Quantity::Withheld, Measure::Count),
    ("failed_commits", Quantity::FailedCommits, Measure::Count),
    ("visibility_p99", Quantity::VisibilityP99, Measure::Duration),
    ("visibility_max", Quantity::VisibilityMax, Measure::Duration),
    (
        "watermark_lag_max",
        Quantity::WatermarkLagMax,
        Measure::Duration,
    ),
    (
        "event_time_stall",
        Quantity::EventTimeStall,
        Measure::Duration,
    ),
    ("late_records", Quantity::LateRecords, Measure::Count),
    ("violations", Quantity::Violations, Measure::Count),
    ("delayed", Quantity::Delayed, Measure::Share),
    (
        "checkpoint_overhead",
        Quantity::CheckpointOverhead,
        Measure::Share,
    ),
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
    if let Some((quantile, rest)) = text.split_once('(')
        && !quantile.contains(['<', '=', '>', '!'])
    {
        return over_seeds(quantile.trim_end(), rest, text);
    }
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
        Measure::Share => {
            units::share(value)
                .map(f64::from)
                .map_err(|message| format!("{message} (`{name}` is a share)"))?
                / 1e3
        }
    };
    Ok(Clause {
        over_seeds: None,
        quantity,
        comparison,
        value,
    })
}

/// `p99(total) <= 60 s`, from behind the bracket.
fn over_seeds(quantile: &str, rest: &str, text: &str) -> Result<Clause, String> {
    let Some((inner, rest)) = rest.split_once(')') else {
        return Err(format!("`{}` has no closing bracket", short(text)));
    };
    let per_mille = match quantile {
        "median" => Some(500),
        "max" => Some(1_000),
        quantile => quantile
            .strip_prefix('p')
            .and_then(|percent| units::thousandths(percent).ok())
            .filter(|thousandths| thousandths % 100 == 0 && (1..=99_900).contains(thousandths))
            .and_then(|thousandths| u32::try_from(thousandths / 100).ok()),
    };
    let Some(per_mille) = per_mille else {
        return Err(format!(
            "`{}` is no quantile over seeds; write `p50`, `p99`, `p99.9`, `median` or `max`",
            short(quantile)
        ));
    };
    let clause = clause(&format!("{} {}", inner.trim(), rest.trim_start()))?;
    match clause.over_seeds {
        Some(_) => Err(format!("`{}` is a quantile of a quantile", short(text))),
        None => Ok(Clause {
            over_seeds: Some(per_mille),
            ..clause
        }),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_have_every_quantity() {
        let docs = include_str!("../../docs/ci.md");
        for (name, ..) in QUANTITIES {
            assert!(docs.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn quantiles_over_seeds_are_read() {
        let of = |text: &str| parse(text).map(|read| read.clauses[0].clone());
        let p99 = of("p99(total) <= 60 s").unwrap();
        assert_eq!((p99.over_seeds, p99.value), (Some(990), 60_000.0));
        assert_eq!(of("p99.9( detection )<1 s").unwrap().over_seeds, Some(999));
        assert_eq!(of("max(lost) == 0").unwrap().over_seeds, Some(1_000));
        assert_eq!(
            of("median(checkpoint_overhead) <= 5 %").unwrap().value,
            0.05
        );
        assert_eq!(of("total < 1 s").unwrap().over_seeds, None);
        assert!(
            parse("lost == 0 and p50(total) < 9 s")
                .unwrap()
                .is_over_seeds()
        );
        for (text, word) in [
            ("p100(total) < 1 s", "no quantile"),
            ("q9(total) < 1 s", "no quantile"),
            ("p99(total < 1 s", "bracket"),
            ("p99(p50(total)) < 1 s", "quantile of a quantile"),
            ("p99(totl) < 1 s", "total"),
            ("delayed < 5", "share"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
