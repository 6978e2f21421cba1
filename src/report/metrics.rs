//! `metrics.csv`: every measurement over time, latency and lag included, one value per line.

use crate::drill::outcome::Outcome;

use super::{Artifact, Format, csv_bytes};

pub struct MetricsCsv;

/// One line: when, then the rest.
type Row = (f64, Vec<String>);

fn row(at_ms: f64, scope: &str, subject: &str, metric: &str, value: String) -> Row {
    (
        at_ms,
        vec![
            at_ms.to_string(),
            scope.into(),
            subject.into(),
            metric.into(),
            value,
        ],
    )
}

fn rows(outcome: &Outcome) -> Vec<Row> {
    let mut rows = Vec::new();
    for point in &outcome.metrics {
        let value = point.value.to_string();
        rows.push(row(
            point.at_ms,
            point.scope,
            &point.subject,
            point.metric,
            value,
        ));
    }
    for point in &outcome.latency {
        let sink = |metric, value| row(point.at_ms, "sink", "all", metric, value);
        rows.push(sink("records", point.records.to_string()));
        rows.push(sink("latency_p50_ms", point.p50_ms.to_string()));
        rows.push(sink("latency_p99_ms", point.p99_ms.to_string()));
        rows.push(sink("latency_max_ms", point.max_ms.to_string()));
    }
    for point in &outcome.lag {
        let topic =
            |metric, value: u64| row(point.at_ms, "topic", "all", metric, value.to_string());
        rows.push(topic("lag_total", point.total));
        rows.push(topic("lag_max_partition", point.max));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows
}

impl Format for MetricsCsv {
    fn artifacts(&self, outcome: &Outcome) -> Vec<Artifact> {
        let header = ["at_ms", "scope", "subject", "metric", "value"];
        let rows = rows(outcome).into_iter().map(|(_, fields)| fields);
        vec![Artifact {
            name: "metrics.csv",
            bytes: csv_bytes(&header, rows),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn lines_are_in_order_of_time_and_complete() {
        let outcome = fixture::story();
        let bytes = MetricsCsv.artifacts(&outcome).remove(0).bytes;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let times: Vec<f64> = reader
            .records()
            .map(|record| record.unwrap()[0].parse().unwrap())
            .collect();
        assert!(times.is_sorted());
        let expected = outcome.metrics.len() + 4 * outcome.latency.len() + 2 * outcome.lag.len();
        assert_eq!(times.len(), expected);
    }

    #[test]
    fn odd_values_are_written_as_they_are() {
        let mut outcome = fixture::quiet();
        outcome.latency.clear();
        outcome.lag.clear();
        outcome.metrics.truncate(1);
        outcome.metrics[0].value = f64::NAN;
        let text = String::from_utf8(MetricsCsv.artifacts(&outcome).remove(0).bytes).unwrap();
        assert!(text.ends_with(",NaN\n"), "{text}");
    }
}
