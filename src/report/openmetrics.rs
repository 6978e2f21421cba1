//! `metrics.txt`: the measurements as OpenMetrics text, under the names and labels by which Flink's own Prometheus
//! reporter exports them, so that a dashboard made for Flink reads them too. Timestamps are simulated seconds.
//!
//! Everything of Flink is a gauge, as Flink has it. All samples of a family stand together, those of one label set in order of time.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::drill::outcome::{Outcome, Quantiles};

use super::{Artifact, Format, phase};

mod flink;

pub struct OpenMetrics;

/// One gauge: what it is about, and its samples by label set.
struct Family {
    help: String,
    unit: Option<&'static str>,
    metrics: BTreeMap<String, Vec<Sample>>,
}

#[derive(Clone, Copy)]
struct Sample {
    at_ms: f64,
    value: f64,
}

/// All families by name.
#[derive(Default)]
struct Exposition(BTreeMap<String, Family>);

impl Exposition {
    fn family(&mut self, name: &str, help: &str, unit: Option<&'static str>) -> &mut Family {
        assert!(
            unit.is_none_or(|unit| name.ends_with(unit)),
            "a unit ends the family's name"
        );
        self.0.entry(name.into()).or_insert_with(|| Family {
            help: help.into(),
            unit,
            metrics: BTreeMap::new(),
        })
    }

    /// Where a series of these families pauses, or ends before the run, the family's value for that stands at the scrape
    /// that found nothing.
    fn end(&mut self, families: &BTreeMap<String, f64>, end_ms: f64) {
        let mut series: Vec<(&mut Vec<Sample>, f64)> = Vec::new();
        for (name, family) in &mut self.0 {
            if let Some(value) = families.get(name) {
                series.extend(family.metrics.values_mut().map(|samples| (samples, *value)));
            }
        }
        for (samples, _) in &mut series {
            **samples = in_order(samples);
        }
        let gaps = series.iter().flat_map(|(samples, _)| samples.windows(2));
        let interval_ms = gaps
            .map(|pair| pair[1].at_ms - pair[0].at_ms)
            .fold(f64::INFINITY, f64::min);
        for (samples, value) in series {
            let later = samples.iter().skip(1).map(|sample| sample.at_ms);
            let later = later.chain([end_ms + 0.5 * interval_ms]);
            let last: Vec<Sample> = samples
                .iter()
                .zip(later)
                .filter(|(sample, next)| next - sample.at_ms > 1.5 * interval_ms)
                .map(|(sample, _)| Sample {
                    at_ms: sample.at_ms + interval_ms,
                    value,
                })
                .collect();
            samples.extend(last);
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, family) in &self.0 {
            writeln!(text, "# TYPE {name} {}", family.kind()).expect("a string takes all");
            if let Some(unit) = family.unit {
                writeln!(text, "# UNIT {name} {unit}").expect("a string takes all");
            }
            writeln!(text, "# HELP {name} {}", escaped(&family.help)).expect("a string takes all");
            for (labels, samples) in &family.metrics {
                for sample in in_order(samples) {
                    let at = sample.at_ms / 1e3;
                    writeln!(text, "{name}{labels} {} {at}", number(sample.value))
                        .expect("a string takes all");
                }
            }
        }
        text.push_str("# EOF\n");
        text
    }
}

impl Family {
    /// Only summaries may have quantiles.
    fn kind(&self) -> &'static str {
        let mut label_sets = self.metrics.keys();
        match label_sets.any(|labels| labels.starts_with("{quantile=\"")) {
            true => "summary",
            false => "gauge",
        }
    }

    fn sample(&mut self, labels: &[(&str, &str)], at_ms: f64, value: f64) {
        // A sample without a time cannot be placed.
        if at_ms.is_finite() {
            self.metrics
                .entry(label_set(labels))
                .or_default()
                .push(Sample { at_ms, value });
        }
    }
}

/// By time, which Prometheus counts in milliseconds; of several samples of one instant it would keep the first, where the
/// last holds.
fn in_order(samples: &[Sample]) -> Vec<Sample> {
    let mut ordered = samples.to_vec();
    for sample in &mut ordered {
        sample.at_ms = sample.at_ms.round();
    }
    // As they come those of one millisecond are in order.
    ordered.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    ordered.reverse();
    ordered.dedup_by(|a, b| a.at_ms == b.at_ms);
    ordered.reverse();
    ordered
}

fn label_set(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 {
            "+Inf".into()
        } else {
            "-Inf".into()
        }
    } else {
        value.to_string()
    }
}

impl Format for OpenMetrics {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        let mut exposition = Exposition::default();
        flink::measurements(outcome, &mut exposition);
        latency_and_lag(outcome, &mut exposition);
        totals(outcome, &mut exposition);
        vec![Artifact {
            name: "metrics.txt",
            bytes: exposition.text().into_bytes(),
        }]
    }
}

/// What Flink does not export itself: latency at the sink and lag over all partitions.
fn latency_and_lag(outcome: &Outcome, exposition: &mut Exposition) {
    for point in &outcome.latency {
        let family = exposition.family(
            "firedrill_latency_seconds",
            "End-to-end latency at the sink's writer, of the records of one second.",
            Some("seconds"),
        );
        for (quantile, ms) in [
            ("0.5", point.p50_ms),
            ("0.99", point.p99_ms),
            ("1.0", point.max_ms),
        ] {
            family.sample(&[("quantile", quantile)], point.at_ms, ms / 1e3);
        }
    }
    for point in &outcome.lag {
        let family = exposition.family(
            "firedrill_consumer_lag_records",
            "Records appended and not yet taken by a source.",
            Some("records"),
        );
        family.sample(&[("of", "all_partitions")], point.at_ms, point.total as f64);
        family.sample(
            &[("of", "furthest_partition")],
            point.at_ms,
            point.max as f64,
        );
    }
}

/// The figures of the whole run, at its end.
fn totals(outcome: &Outcome, exposition: &mut Exposition) {
    let summary = &outcome.summary;
    let end = summary.simulated_ms;
    for (index, recovery) in summary.recoveries.iter().enumerate() {
        let index = index.to_string();
        let at_ms = recovery
            .total_ms
            .map_or(end, |total| recovery.at_ms + total);
        let family = exposition.family(
            "firedrill_recovery_phase_seconds",
            "How long each phase of a recovery took.",
            Some("seconds"),
        );
        for (i, phase) in phase::ALL.iter().enumerate() {
            let labels = [
                ("recovery", index.as_str()),
                ("fault", &recovery.fault),
                ("phase", phase.id),
            ];
            family.sample(
                &labels,
                at_ms,
                phase::duration_ms(&recovery.phases_ms, i) / 1e3,
            );
        }
    }
    let delivery = &summary.delivery;
    let family = exposition.family(
        "firedrill_delivery_records",
        "What became of the records produced.",
        Some("records"),
    );
    for (what, records) in [
        ("produced", delivery.produced),
        ("visible", delivery.visible),
        ("pending", delivery.pending),
        ("lost", delivery.lost),
        ("duplicated", delivery.duplicated),
    ] {
        family.sample(&[("state", what)], end, records as f64);
    }
    let visibility = "From a record's arrival until a reader of the sink sees it, over the run.";
    quantiles(
        exposition,
        "firedrill_visibility_latency_seconds",
        visibility,
        end,
        &summary.visibility_latency_ms,
    );
}

fn quantiles(exposition: &mut Exposition, name: &str, help: &str, at_ms: f64, of: &Quantiles) {
    let values = [
        ("0.5", of.p50),
        ("0.9", of.p90),
        ("0.99", of.p99),
        ("1.0", of.max),
    ];
    for (quantile, ms) in values {
        if let Some(ms) = ms {
            let family = exposition.family(name, help, Some("seconds"));
            family.sample(&[("quantile", quantile)], at_ms, ms / 1e3);
        }
    }
}

#[cfg(test)]
mod tests;
