//! Several models on one scenario and seed, side by side.

use serde::Serialize;

use crate::drill::outcome::{Phases, Recovery, Summary};

use super::{Artifact, csv_bytes, number, phase};

/// One line of the comparison: what it is, and each model's value, as shown and as a number.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub quantity: String,
    pub unit: &'static str,
    /// In the order of the models; null where a model has none.
    pub values: Vec<Option<f64>>,
    /// The same for people.
    pub shown: Vec<String>,
}

/// The table of one recovery, or of the whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// `kill tm-3 at 60.000 s`, or `whole run`.
    pub title: String,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    pub scenario: String,
    pub seed: u64,
    pub models: Vec<String>,
    /// Digests of the runs, by model.
    pub digests: Vec<String>,
    pub tables: Vec<Table>,
}

/// Sets runs of one scenario and seed side by side; recoveries meet by the fault that they answer.
pub fn compare(summaries: &[Summary]) -> Comparison {
    let first = &summaries[0];
    let mut faults: Vec<(String, f64)> = Vec::new();
    let recovered = summaries.iter().flat_map(|summary| &summary.recoveries);
    let recovered = recovered.map(|recovery| (recovery.fault.clone(), recovery.at_ms));
    let spared = summaries.iter().flat_map(|summary| &summary.spared);
    let spared = spared.map(|spared| (spared.fault.clone(), spared.at_ms));
    for key in recovered.chain(spared) {
        if !faults.contains(&key) {
            faults.push(key);
        }
    }
    faults.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut tables: Vec<Table> = faults
        .iter()
        .map(|(fault, at_ms)| {
            let found: Vec<Option<&Recovery>> = summaries
                .iter()
                .map(|summary| {
                    summary
                        .recoveries
                        .iter()
                        .find(|recovery| recovery.fault == *fault && recovery.at_ms == *at_ms)
                })
                .collect();
            let mut rows = recovery_rows(&found);
            for (shown, summary) in rows[0].shown.iter_mut().zip(summaries) {
                let mut spared = summary.spared.iter();
                if spared.any(|spared| spared.fault == *fault && spared.at_ms == *at_ms) {
                    *shown = "hit no task".to_owned();
                }
            }
            Table {
                title: format!("{fault} at {}", number::instant(*at_ms)),
                rows,
            }
        })
        .collect();
    tables.push(Table {
        title: "whole run".to_owned(),
        rows: run_rows(summaries),
    });
    Comparison {
        scenario: first.scenario.clone(),
        seed: first.seed,
        models: summaries
            .iter()
            .map(|summary| summary.model.clone())
            .collect(),
        digests: summaries
            .iter()
            .map(|summary| summary.digest.clone())
            .collect(),
        tables,
    }
}

fn recovery_rows(found: &[Option<&Recovery>]) -> Vec<Row> {
    let mut rows = vec![Row {
        quantity: "noticed by".to_owned(),
        unit: "",
        values: vec![None; found.len()],
        shown: found
            .iter()
            .map(|recovery| {
                let detector = recovery.and_then(|recovery| recovery.detector.clone());
                detector.unwrap_or_else(|| "-".to_owned())
            })
            .collect(),
    }];
    for (phase, (_, of)) in phase::ALL.iter().zip(Phases::ALL) {
        let row = ms(phase.title, found, |recovery| Some(of(&recovery.phases_ms)));
        if row.values.iter().flatten().any(|value| *value > 0.0) {
            rows.push(row);
        }
    }
    rows.push(ms("total", found, |recovery| recovery.total_ms));
    rows.push(counted("restarts", found, |r| u64::from(r.restarts)));
    rows.push(counted("restarted tasks", found, |r| r.restarted_tasks));
    rows.push(counted("replayed records", found, |r| r.replayed_records));
    rows.push(counted("records read again", found, |r| {
        r.reprocessed_records
    }));
    rows
}

fn run_rows(summaries: &[Summary]) -> Vec<Row> {
    let all: Vec<Option<&Summary>> = summaries.iter().map(Some).collect();
    let delayed = |summary: &Summary| summary.interruption.as_ref().and_then(|i| i.all.share);
    let shares: Vec<Option<f64>> = summaries.iter().map(delayed).collect();
    vec![
        Row {
            quantity: "job status at the end".to_owned(),
            unit: "",
            values: vec![None; summaries.len()],
            shown: summaries.iter().map(|s| s.job_status.clone()).collect(),
        },
        Row {
            quantity: "records delayed".to_owned(),
            unit: "share",
            shown: shares
                .iter()
                .map(|share| share.map_or_else(|| "-".to_owned(), number::share))
                .collect(),
            values: shares,
        },
        ms("latency p99", &all, |summary| summary.latency_ms.p99),
        ms("latency max", &all, |summary| summary.latency_ms.max),
        ms("visibility latency max", &all, |summary| {
            summary.visibility_latency_ms.max
        }),
        counted("lost", &all, |summary| summary.delivery.lost),
        counted("duplicated", &all, |summary| summary.delivery.duplicated),
        counted("checkpoints completed", &all, |s| s.checkpoints.completed),
        counted("checkpoints failed", &all, |s| s.checkpoints.failed),
        counted("invariants broken", &all, |summary| {
            let broken = summary
                .invariants
                .iter()
                .filter(|invariant| !invariant.violations.is_empty());
            broken.count() as u64
        }),
    ]
}

fn ms<T>(quantity: &str, found: &[Option<&T>], of: impl Fn(&T) -> Option<f64>) -> Row {
    let values: Vec<Option<f64>> = found.iter().map(|one| one.and_then(&of)).collect();
    Row {
        quantity: quantity.to_owned(),
        unit: "ms",
        shown: values
            .iter()
            .map(|value| number::duration_or_none(*value))
            .collect(),
        values,
    }
}

fn counted<T>(quantity: &str, found: &[Option<&T>], of: impl Fn(&T) -> u64) -> Row {
    let counts: Vec<Option<u64>> = found.iter().map(|one| one.map(&of)).collect();
    Row {
        quantity: quantity.to_owned(),
        unit: "",
        shown: counts
            .iter()
            .map(|count| count.map_or_else(|| "-".to_owned(), number::count))
            .collect(),
        values: counts.iter().map(|count| count.map(|n| n as f64)).collect(),
    }
}

impl Comparison {
    /// For a terminal or a file.
    pub fn text(&self) -> String {
        let mut text = format!("{} · seed {} · side by side\n", self.scenario, self.seed);
        let label = self
            .tables
            .iter()
            .flat_map(|table| &table.rows)
            .map(|row| row.quantity.chars().count())
            .max()
            .unwrap_or(0);
        let width = |model: usize| {
            self.tables
                .iter()
                .flat_map(|table| &table.rows)
                .map(|row| row.shown[model].chars().count())
                .chain([self.models[model].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.models.len()).map(width).collect();
        let mut line = |name: &str, cells: &[String]| {
            text.push_str(&format!("  {name:<label$}"));
            for (cell, width) in cells.iter().zip(&widths) {
                text.push_str(&format!("  {cell:>width$}"));
            }
            text.push('\n');
        };
        for table in &self.tables {
            line("", &[]);
            line(&format!("{}:", table.title), &[]);
            line("", &self.models);
            for row in &table.rows {
                line(&row.quantity, &row.shown);
            }
        }
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    /// `comparison.txt`, `comparison.csv`, `comparison.json`
    pub fn artifacts(&self) -> Vec<Artifact> {
        let mut header = vec!["of", "quantity", "unit"];
        header.extend(self.models.iter().map(String::as_str));
        let rows = self.tables.iter().flat_map(|table| {
            table.rows.iter().map(|row| {
                let mut fields = vec![
                    table.title.clone(),
                    row.quantity.clone(),
                    row.unit.to_owned(),
                ];
                fields.extend(row.values.iter().zip(&row.shown).map(|(value, shown)| {
                    match (value, row.unit) {
                        (Some(value), _) => value.to_string(),
                        (None, "") if shown != "-" => shown.clone(),
                        (None, _) => String::new(),
                    }
                }));
                fields
            })
        });
        let mut json =
            serde_json::to_vec_pretty(self).expect("a comparison is made of plain values");
        json.push(b'\n');
        vec![
            Artifact {
                name: "comparison.txt",
                bytes: self.text().into_bytes(),
            },
            Artifact {
                name: "comparison.csv",
                bytes: csv_bytes(&header, rows),
            },
            Artifact {
                name: "comparison.json",
                bytes: json,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn models_stand_side_by_side_and_what_one_lacks_is_a_gap() {
        let story = fixture::story().summary;
        let mut other = story.clone();
        other.model = "flink-default".to_owned();
        other.recoveries[0].total_ms = None;
        other.recoveries[0].restarts = 5;
        let compared = compare(&[story.clone(), other]);
        let of = |quantity: &str| {
            let row = compared.tables[0]
                .rows
                .iter()
                .find(|row| row.quantity == quantity);
            row.expect("the table has it").clone()
        };
        assert_eq!(of("total").values, [story.recoveries[0].total_ms, None]);
        assert_eq!(of("restarts").values[1], Some(5.0));
        let text = compared.text();
        assert!(
            text.contains("flink-default") && text.contains("whole run"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.trim_end() == line));
        assert_eq!(compared.artifacts().len(), 3);
    }
}
