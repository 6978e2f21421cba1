//! What a sweep leaves: a table for people, JSON and CSV for programs, plots.

use crate::campaign::statistics::{Estimate, Proportion};
use crate::campaign::sweep::measure::{ALL_RUNNING, TOTAL_AND_PHASES};
use crate::campaign::sweep::plan::name;
use crate::campaign::sweep::{MeasureSummary, Row, SweepSummary, VariantSummary};

use crate::drill::outcome::ExpectationVerdict;

pub mod page;

use super::plot::sweep as plots;
use super::{Artifact, csv_bytes, number, phase};

/// Whatever [`artifacts`] and [`page::page`] may leave in a folder.
pub const FILES: &[&str] = &[
    "summary.json",
    "summary.csv",
    "summary.txt",
    "recovery-time.svg",
    "recovery-time.png",
    "phases-by-variant.svg",
    "phases-by-variant.png",
    "heat-map.svg",
    "heat-map.png",
    "report.html",
];

/// Files of a whole sweep, without the rows.
pub fn artifacts(summary: &SweepSummary) -> Vec<Artifact> {
    let artifact = |name, bytes| Artifact { name, bytes };
    let mut artifacts = vec![
        artifact("summary.json", json(summary)),
        artifact("summary.csv", csv(summary)),
        artifact("summary.txt", text(summary, WIDTH).into_bytes()),
    ];
    artifacts.extend(plots::artifacts(summary));
    let is_listed = |artifact: &Artifact| FILES.contains(&artifact.name);
    assert!(artifacts.iter().all(is_listed), "every file is listed");
    artifacts
}

/// Columns of a table in a file.
const WIDTH: usize = 120;

/// `runs.csv`: rows in the order of their cases.
pub fn runs(keys: &[String], rows: &[Row]) -> Vec<u8> {
    let header = Row::header(keys);
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    csv_bytes(&header, rows.iter().map(Row::fields))
}

pub fn json(summary: &SweepSummary) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(summary).expect("a summary is made of plain values");
    bytes.push(b'\n');
    bytes
}

/// A line per variant and measure.
pub fn csv(summary: &SweepSummary) -> Vec<u8> {
    let mut header = vec!["variant".to_owned()];
    header.extend(summary.varied.iter().cloned());
    header.extend(["runs", "failing", "measure", "unit", "having_it", "mean"].map(str::to_owned));
    for quantile in ["p50", "p90", "p99", "max"] {
        header.extend(["", "_low", "_high", "_seed"].map(|part| format!("{quantile}{part}")));
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let or_empty = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let rows = summary.variants.iter().flat_map(|variant| {
        variant.measures.iter().map(move |measure| {
            let mut fields = vec![variant.variant.to_string()];
            fields.extend(variant.settings.iter().cloned());
            fields.extend([
                variant.runs.to_string(),
                variant.failing.count.to_string(),
                measure.measure.to_owned(),
                measure.unit.to_owned(),
                measure.runs.to_string(),
                or_empty(measure.mean),
            ]);
            for found in &measure.quantiles {
                fields.extend([
                    or_empty(found.value),
                    or_empty(found.low),
                    or_empty(found.high),
                ]);
                fields.push(found.seed.to_string());
            }
            fields
        })
    });
    csv_bytes(&header, rows)
}

/// A value in its unit.
pub(super) fn value(unit: &str, value: Option<f64>) -> String {
    match (unit, value) {
        (_, None) => "not over".to_owned(),
        ("ms", Some(ms)) => number::duration(ms),
        ("share", Some(share)) => number::share(share),
        ("bytes", Some(bytes)) => number::size(bytes as u64),
        (_, Some(count)) => number::count(count as u64),
    }
}

/// `40.1 s [39.8 s, 40.4 s]`
pub(super) fn estimate(unit: &str, found: &Estimate) -> String {
    let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |end| value(unit, Some(end)));
    match found.per_mille {
        1_000 => value(unit, found.value),
        _ => format!(
            "{} [{}, {}]",
            value(unit, found.value),
            end(found.low),
            end(found.high)
        ),
    }
}

/// `3, 17, 40 and 12 more`
pub(super) fn seeds(named: &[u64], of: u64) -> String {
    let named: Vec<String> = named.iter().map(u64::to_string).collect();
    match of - named.len() as u64 {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// A line for each statement about all seeds.
fn gates(variant: &VariantSummary) -> String {
    let line = |verdict: &ExpectationVerdict| {
        let met = if verdict.met { "met" } else { "NOT met" };
        format!("{met}: {} (measured: {})\n", verdict.text, verdict.measured)
    };
    variant.over_seeds.iter().map(line).collect()
}

fn failing(share: &Proportion) -> String {
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), number::share);
    match share.count {
        0 => format!("none [0%, {}]", percent(share.high)),
        _ => format!(
            "{} [{}, {}]",
            percent(share.share),
            percent(share.low),
            percent(share.high)
        ),
    }
}

/// The table of the totals by variant, and what else should be said.
pub fn text(summary: &SweepSummary, width: usize) -> String {
    let mut text = format!(
        "{} · {} of {} · seeds {}..{} · total until caught up\n\n",
        summary.scenario,
        number::counted(summary.runs, "run"),
        number::counted(summary.variants.len() as u64, "variant"),
        summary.seeds.first,
        summary.seeds.first + summary.seeds.count
    );
    let mut rows = vec![
        [
            "variant",
            "p50 [95 %]",
            "p90 [95 %]",
            "p99 [95 %]",
            "max",
            "seed of p99",
            "of max",
            "failing [95 %]",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for variant in &summary.variants {
        let mut row = vec![shown_name(summary, variant)];
        match variant.measure("total") {
            None => row.extend(["no recovery", "", "", "", "", ""].map(str::to_owned)),
            Some(total) => {
                row.extend(
                    total
                        .quantiles
                        .iter()
                        .map(|found| estimate(total.unit, found)),
                );
                row.extend(
                    total.quantiles[2..]
                        .iter()
                        .map(|found| found.seed.to_string()),
                );
            }
        }
        row.push(failing(&variant.failing));
        rows.push(row);
    }
    text.push_str(&table(&rows));
    text.push('\n');
    for (place, expectation) in summary.expectations.iter().enumerate() {
        let unmet = |variant: &VariantSummary| variant.unmet_by_expectation[place].runs;
        let runs: u64 = summary.variants.iter().map(unmet).sum();
        if runs > 0 {
            text.push_str(&format!(
                "not met in {}: {expectation}\n",
                number::counted(runs, "run")
            ));
        }
    }
    for (what, of) in [
        (
            "break a safety invariant",
            (|variant| variant.unsafe_runs) as fn(&VariantSummary) -> u64,
        ),
        ("break a liveness invariant or stall", |variant| {
            variant.stuck
        }),
    ] {
        let runs: u64 = summary.variants.iter().map(of).sum();
        if runs > 0 {
            text.push_str(&format!("{} {what}\n", number::counted(runs, "run")));
        }
    }
    let without: u64 = summary
        .variants
        .iter()
        .map(|each| each.without_recovery)
        .sum();
    if (1..summary.runs).contains(&without) {
        text.push_str(&left_out(without));
    }
    for variant in &summary.variants {
        for line in gates(variant).lines() {
            text.push_str(&format!("{}: {line}\n", shown_name(summary, variant)));
        }
    }
    text.push_str("[low, high]: 95 % intervals from order statistics; of shares, Wilson's; ?: too few seeds\n");
    for warning in &summary.warnings {
        text.push_str(&wrapped(&format!("warning: {warning}"), width));
    }
    text
}

/// Runs that quantiles of recoveries cannot know.
fn left_out(without_recovery: u64) -> String {
    format!(
        "no recovery in {}, which the quantiles leave out\n",
        number::counted(without_recovery, "run")
    )
}

/// Quantiles of the total and of each phase of one variant, with the seeds to look at.
pub fn phases_text(summary: &SweepSummary, variant: &VariantSummary, width: usize) -> String {
    let mut text = format!(
        "{} · {} · seeds {}..{}\n\n",
        summary.scenario,
        number::counted(variant.runs, "run"),
        summary.seeds.first,
        summary.seeds.first + summary.seeds.count
    );
    let mut rows = vec![
        [
            "",
            "p50 [95 %]",
            "seed",
            "p90 [95 %]",
            "seed",
            "p99 [95 %]",
            "seed",
            "max",
            "seed",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let lasting = |measure: &&MeasureSummary| {
        measure.measure == "total"
            || measure
                .quantiles
                .iter()
                .any(|found| found.value != Some(0.0))
    };
    // The total and until when it lasts first, then its phases.
    let of_recovery = &variant.measures[..=TOTAL_AND_PHASES];
    let (whole, phases): (Vec<_>, Vec<_>) = of_recovery
        .iter()
        .partition(|measure| ["total", ALL_RUNNING].contains(&measure.measure));
    for measure in whole
        .into_iter()
        .chain(phases)
        .filter(|_| variant.without_recovery < variant.runs)
        .filter(lasting)
    {
        let mut row = vec![shown_measure(measure.measure)];
        for found in &measure.quantiles {
            row.push(estimate(measure.unit, found));
            row.push(found.seed.to_string());
        }
        rows.push(row);
    }
    match rows.len() {
        1 => text.push_str("no run has a recovery\n"),
        _ => text.push_str(&table(&rows)),
    }
    text.push_str(&format!("\nfailing runs: {}\n", failing(&variant.failing)));
    if (1..variant.runs).contains(&variant.without_recovery) {
        text.push_str(&left_out(variant.without_recovery));
    }
    for (expectation, missed) in summary
        .expectations
        .iter()
        .zip(&variant.unmet_by_expectation)
    {
        if missed.runs > 0 {
            text.push_str(&format!(
                "not met in {}: {expectation} (seeds {})\n",
                number::counted(missed.runs, "run"),
                seeds(&missed.seeds, missed.runs)
            ));
        }
    }
    text.push_str(&gates(variant));
    text.push_str("[low, high]: 95 % intervals from order statistics; ?: too few seeds\n");
    for warning in &summary.warnings {
        text.push_str(&wrapped(&format!("warning: {warning}"), width));
    }
    text
}

pub(super) fn shown_name(summary: &SweepSummary, variant: &VariantSummary) -> String {
    let short: Vec<String> = summary.varied.iter().map(|key| short_key(key)).collect();
    let values: Vec<String> = variant
        .settings
        .iter()
        .map(|value| shown_value(value))
        .collect();
    name(&short, &values)
}

/// A setting as people read it. Flink's syntax has no `16.5 s`: what is set again must be as it was.
pub(super) fn shown_value(value: &str) -> String {
    let ms = value
        .strip_suffix(" ms")
        .and_then(|ms| ms.parse::<u64>().ok());
    match ms {
        Some(ms) if ms >= 1_000 => format!("{} s", ms as f64 / 1e3),
        _ => value.to_owned(),
    }
}

/// A measure as people read it.
pub(super) fn shown_measure(name: &str) -> String {
    match (phase::index(name), name) {
        (Some(index), _) => phase::ALL[index].title.to_owned(),
        (_, "in_flight_log_max_bytes") => "in-flight log max".to_owned(),
        (_, "delayed_share") => "records delayed".to_owned(),
        (_, "others_delayed_share") => "other records delayed".to_owned(),
        (_, "others_max") => "other records, latency max".to_owned(),
        (_, "checkpoint") => "checkpoint duration".to_owned(),
        _ => name.replace('_', " "),
    }
}

/// The end of a dotted path tells keys apart.
pub(super) fn short_key(key: &str) -> String {
    let parts: Vec<&str> = key.split('.').collect();
    match parts.as_slice() {
        [.., before, last] if last.len() < 8 => format!("{before}.{last}"),
        [.., last] => (*last).to_owned(),
        [] => key.to_owned(),
    }
}

/// Columns as wide as what is in them; the first to the left, the others to the right.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match place {
                0 => line.push_str(&format!("{cell:<width$}")),
                _ => line.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
#[path = "tests/sweep.rs"]
mod tests;
