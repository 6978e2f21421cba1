//! What the columns of a table mean: settings, faults, measurements. The laboratory's columns are known; a few lines of YAML
//! say what others are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::results::{Measured, Quantity};
use super::table::Row;

/// Says what a table's columns mean where their names do not.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Columns {
    /// Only rows that have these values count.
    #[serde(default)]
    pub only: BTreeMap<String, String>,
    /// Columns that set something.
    #[serde(default)]
    pub set: BTreeMap<String, Setting>,
    /// Columns that hold a measurement.
    #[serde(default)]
    pub measure: BTreeMap<String, Measurement>,
    /// Another base scenario for rows whose `cell` holds this text.
    #[serde(default)]
    pub scenarios: BTreeMap<String, String>,
    /// The operator that throws at `user-exc`.
    pub throws: Option<String>,
    /// What happens where no column `fault` says so.
    pub fault: Option<String>,
    /// So long before the next checkpoint is due, in milliseconds, where no column `phase_since_ckpt_trigger_ms` says when.
    pub before_checkpoint_ms: Option<u64>,
}

/// Where a column's value goes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Setting {
    /// A dotted path of the scenario, or a Flink key.
    pub path: String,
    /// The value with `{}` in it, like `{} ms`. Default: as it stands.
    pub value: Option<String>,
    /// What the number is multiplied with first.
    pub factor: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Measurement {
    pub quantity: Quantity,
    /// Makes milliseconds of it. Default: 1.
    pub factor: Option<f64>,
    /// Milliseconds by which whoever measured saw it later than it was: predictions are so much later too. Default: 0.
    pub seen_late_ms: Option<f64>,
}

/// The laboratory's settings: column, Flink key, form of the value.
const KNOWN_SETTINGS: &[(&str, &str, &str)] = &[
    ("hb_interval_ms", "heartbeat.interval", "{} ms"),
    ("hb_timeout_ms", "heartbeat.timeout", "{} ms"),
    (
        "rpc_fail_threshold",
        "heartbeat.rpc-failure-threshold",
        "{}",
    ),
    (
        "zk_session_ms",
        "high-availability.zookeeper.client.session-timeout",
        "{} ms",
    ),
    ("scheduler", "jobmanager.scheduler", "{}"),
    (
        "failover_strategy",
        "jobmanager.execution.failover-strategy",
        "{}",
    ),
    (
        "local_recovery",
        "execution.state-recovery.from-local",
        "{}",
    ),
    ("backend", "state.backend.type", "{}"),
    (
        "ckpt_interval_ms",
        "execution.checkpointing.interval",
        "{} ms",
    ),
];

impl Columns {
    /// # Errors
    /// What is wrong with the YAML, with its place.
    pub fn read(text: &str, file: &str) -> Result<Columns, String> {
        serde_saphyr::from_str(text).map_err(|error| format!("{file}: {error}"))
    }

    pub fn counts(&self, row: &Row) -> bool {
        self.only
            .iter()
            .all(|(column, value)| row.text(column) == Some(value))
    }

    /// Columns whose values have to be numbers.
    pub fn numbers(&self) -> Vec<&str> {
        let known = Quantity::ALL
            .iter()
            .filter_map(|quantity| quantity.column());
        let scaled = self
            .set
            .iter()
            .filter(|(_, setting)| setting.factor.is_some());
        known
            .chain(self.measure.keys().map(String::as_str))
            .chain(scaled.map(|(column, _)| column.as_str()))
            .collect()
    }

    /// What a row sets: path and value, in a fixed order.
    pub fn settings(&self, row: &Row) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        for (column, path, form) in KNOWN_SETTINGS {
            if let Some(value) = row.text(column).filter(|_| !self.set.contains_key(*column)) {
                settings.push(((*path).to_owned(), form.replace("{}", value)));
            }
        }
        if let Some(strategy) = row.text("restart_strategy") {
            settings.extend(restart_strategy(strategy));
        }
        for (column, setting) in &self.set {
            let Some(text) = row.text(column) else {
                continue;
            };
            let number = row.number(column).zip(setting.factor);
            let value = match number {
                Some((number, factor)) => (number * factor).to_string(),
                None => text.to_owned(),
            };
            let form = setting.value.as_deref().unwrap_or("{}");
            settings.push((setting.path.clone(), form.replace("{}", &value)));
        }
        settings
    }

    /// By how many milliseconds measurements come later than what they measure.
    pub fn lags(&self) -> BTreeMap<Quantity, f64> {
        let lag = |measurement: &Measurement| {
            let lag = measurement.seen_late_ms?;
            Some((measurement.quantity, lag))
        };
        self.measure.values().filter_map(lag).collect()
    }

    /// What a row measured, in milliseconds or as a count.
    pub fn measured(&self, row: &Row) -> Measured {
        let mut measured: BTreeMap<Quantity, f64> = Quantity::ALL
            .iter()
            .filter_map(|quantity| Some((*quantity, row.number(quantity.column()?)?)))
            .collect();
        for (column, measurement) in &self.measure {
            if let Some(value) = row.number(column) {
                let factor = measurement.factor.unwrap_or(1.0);
                measured.insert(measurement.quantity, value * factor);
            }
        }
        // The laboratory counts by vertex.
        let by_vertex = row.text("tasks_restarted_per_vertex");
        let by_vertex =
            by_vertex.and_then(|text| serde_json::from_str::<BTreeMap<String, u32>>(text).ok());
        if let Some(by_vertex) = by_vertex {
            let tasks: u32 = by_vertex.values().sum();
            measured.insert(Quantity::TasksRestarted, f64::from(tasks));
        }
        Measured {
            quantities: measured,
            noticed: row.text("detect_kind").map(str::to_owned),
        }
    }
}

/// `type=fixed-delay; fixed-delay.delay=10 s`; `default(...)` sets nothing.
fn restart_strategy(text: &str) -> Vec<(String, String)> {
    let setting = |part: &str| {
        let (key, value) = part.split_once('=')?;
        Some((
            format!("restart-strategy.{}", key.trim()),
            value.trim().to_owned(),
        ))
    };
    text.split(';').filter_map(setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::validate::Table;

    #[test]
    fn columns_become_settings_and_measurements() {
        let csv = "hb_interval_ms,restart_strategy,load,recovery_s,job\n1000,type=fixed-delay; fixed-delay.delay=10 s,400,97,iot\n";
        let table = Table::read(csv.as_bytes(), "t.csv").expect("it is a table");
        let text = "only: {job: iot}\nset:\n  load: {path: topics.events.rate, value: '{}/s', factor: 0.25}\n\
                    measure:\n  recovery_s: {quantity: total, factor: 1000, seen-late-ms: 500}\n";
        let columns = Columns::read(text, "c.yaml").expect("it is right");
        let row = &table.rows[0];
        assert!(columns.counts(row));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            columns.settings(row),
            [
                pair("heartbeat.interval", "1000 ms"),
                pair("restart-strategy.type", "fixed-delay"),
                pair("restart-strategy.fixed-delay.delay", "10 s"),
                pair("topics.events.rate", "100/s"),
            ]
        );
        assert_eq!(columns.measured(row).quantities[&Quantity::Total], 97_000.0);
        assert_eq!(columns.lags()[&Quantity::Total], 500.0);
        assert!(Columns::read("sett: {}\n", "c.yaml").is_err());
    }
}
