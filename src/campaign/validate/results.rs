//! Predicted beside measured: by row, by cell, overall.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::campaign::statistics::{median, quantile, relative_error};

/// What is compared. Milliseconds after the fault, unless it is a count or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    Detect,
    #[serde(rename = "jobmaster_lost_tm")]
    JobMasterLostTm,
    RmLostTm,
    LeaderGranted,
    TmSideDetect,
    OldTasksCancelled,
    RestartDelay,
    RestartDelayEnd,
    FirstDeploying,
    AllDeploying,
    AllInitializing,
    AllRunning,
    FirstRecordFinal,
    CaughtUp,
    #[serde(rename = "n_restarts")]
    Restarts,
    #[serde(rename = "restored_ckpt_age")]
    RestoredCheckpointAge,
    /// Records that sinks' writers handled again.
    #[serde(rename = "replayed_at_least_once")]
    Replayed,
    TasksRestarted,
    FirstCommit,
    MaxVisibility,
    /// Until caught up, where a table has nothing else.
    Total,
}

impl Quantity {
    pub const ALL: [Quantity; 21] = [
        Quantity::Detect,
        Quantity::JobMasterLostTm,
        Quantity::RmLostTm,
        Quantity::LeaderGranted,
        Quantity::TmSideDetect,
        Quantity::OldTasksCancelled,
        Quantity::RestartDelay,
        Quantity::RestartDelayEnd,
        Quantity::FirstDeploying,
        Quantity::AllDeploying,
        Quantity::AllInitializing,
        Quantity::AllRunning,
        Quantity::FirstRecordFinal,
        Quantity::CaughtUp,
        Quantity::Restarts,
        Quantity::RestoredCheckpointAge,
        Quantity::Replayed,
        Quantity::TasksRestarted,
        Quantity::FirstCommit,
        Quantity::MaxVisibility,
        Quantity::Total,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Quantity::Detect => "detect",
            Quantity::JobMasterLostTm => "jobmaster_lost_tm",
            Quantity::RmLostTm => "rm_lost_tm",
            Quantity::LeaderGranted => "leader_granted",
            Quantity::TmSideDetect => "tm_side_detect",
            Quantity::OldTasksCancelled => "old_tasks_cancelled",
            Quantity::RestartDelay => "restart_delay",
            Quantity::RestartDelayEnd => "restart_delay_end",
            Quantity::FirstDeploying => "first_deploying",
            Quantity::AllDeploying => "all_deploying",
            Quantity::AllInitializing => "all_initializing",
            Quantity::AllRunning => "all_running",
            Quantity::FirstRecordFinal => "first_record_final",
            Quantity::CaughtUp => "caught_up",
            Quantity::Restarts => "n_restarts",
            Quantity::RestoredCheckpointAge => "restored_ckpt_age",
            Quantity::Replayed => "replayed_at_least_once",
            Quantity::TasksRestarted => "tasks_restarted",
            Quantity::FirstCommit => "first_commit",
            Quantity::MaxVisibility => "max_visibility",
            Quantity::Total => "total",
        }
    }

    pub fn is_count(self) -> bool {
        matches!(
            self,
            Quantity::Restarts | Quantity::Replayed | Quantity::TasksRestarted
        )
    }

    /// How finely clusters note it: logs have milliseconds.
    pub fn resolution(self) -> f64 {
        if self.is_count() { 0.0 } else { 1.0 }
    }

    /// The laboratory's column for it, where it holds a number.
    pub fn column(self) -> Option<&'static str> {
        Some(match self {
            Quantity::Detect => "detect_ms",
            Quantity::JobMasterLostTm => "jobmaster_lost_tm_ms",
            Quantity::RmLostTm => "rm_lost_tm_ms",
            Quantity::LeaderGranted => "leader_granted_ms",
            Quantity::TmSideDetect => "tm_side_detect_ms",
            Quantity::OldTasksCancelled => "old_tasks_cancelled_ms",
            Quantity::RestartDelay => "restart_delay_ms",
            Quantity::RestartDelayEnd => "restart_delay_end_ms",
            Quantity::FirstDeploying => "first_deploying_ms",
            Quantity::AllDeploying => "all_deploying_ms",
            Quantity::AllInitializing => "all_initializing_ms",
            Quantity::AllRunning => "all_running_ms",
            Quantity::FirstRecordFinal => "first_record_final_ms",
            Quantity::CaughtUp => "caught_up_1s_ms",
            Quantity::Restarts => "n_restarts",
            Quantity::RestoredCheckpointAge => "restored_ckpt_age_ms",
            Quantity::Replayed => "replayed_at_least_once",
            Quantity::FirstCommit => "eo_first_commit_ms",
            Quantity::MaxVisibility => "eo_max_visibility_ms",
            Quantity::TasksRestarted | Quantity::Total => return None,
        })
    }
}

/// What one seed, or one measurement, has of a recovery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub quantities: BTreeMap<Quantity, f64>,
    /// What showed the fault first, as `detect_kind` says it.
    pub noticed: Option<String>,
}

/// What showed the fault first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Noticed {
    pub measured: Option<String>,
    /// By kind, the share of seeds in which it came first.
    pub predicted: BTreeMap<String, f64>,
    /// Whether the kind that came first most often is the measured one.
    pub agrees: Option<bool>,
}

impl Noticed {
    fn of(measured: Option<&String>, seeds: &BTreeMap<String, usize>) -> Noticed {
        let all = seeds.values().sum::<usize>().max(1) as f64;
        let most = seeds.iter().max_by_key(|(_, count)| **count);
        Noticed {
            measured: measured.cloned(),
            predicted: seeds
                .iter()
                .map(|(kind, count)| (kind.clone(), *count as f64 / all))
                .collect(),
            agrees: measured.zip(most).map(|(kind, (most, _))| kind == most),
        }
    }
}

/// A predicted distribution beside what was measured; null where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Predicted {
    pub measured: Option<f64>,
    pub median: Option<f64>,
    pub p5: Option<f64>,
    pub p95: Option<f64>,
    /// Seeds in which it had a value.
    pub seeds: usize,
    pub relative_error: Option<f64>,
    /// Whether the measured value lies between the 5th and the 95th percentile.
    pub inside_band: Option<bool>,
}

impl Predicted {
    /// `resolution`: how finely it was measured. What is as near to the band as that is inside.
    pub fn of(sample: &[f64], measured: Option<f64>, resolution: f64) -> Predicted {
        let (p5, p95) = (quantile(sample, 50), quantile(sample, 950));
        let median = median(sample);
        let inside =
            |measured: f64| Some(p5? - resolution <= measured && measured <= p95? + resolution);
        Predicted {
            measured,
            median,
            p5,
            p95,
            seeds: sample.len(),
            relative_error: measured
                .zip(median)
                .and_then(|(measured, median)| relative_error(median, measured)),
            inside_band: measured.and_then(inside),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct RowResult {
    pub line: u64,
    pub run_id: String,
    pub cell: String,
    pub fault: String,
    pub detect_kind: Noticed,
    pub quantities: BTreeMap<Quantity, Predicted>,
}

/// Rows that were measured under the same settings and fault.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    pub cell: String,
    pub fault: String,
    pub rows: usize,
    /// Medians of the rows' measurements beside medians of all their predictions.
    pub quantities: BTreeMap<Quantity, Predicted>,
}

/// How good the predictions are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Overall {
    /// Over the cells: how far the predicted median is off the measured one, as a share; the median of it.
    pub median_relative_error: Option<f64>,
    /// Over the rows: share of measured values inside the predicted band.
    pub inside_band: Option<f64>,
    pub cells: usize,
    pub values: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    /// `all_running` and `caught_up` (or `total`) together.
    #[serde(flatten)]
    pub both: Overall,
    pub quantities: BTreeMap<Quantity, Overall>,
    /// By kind of fault, `all_running` and `caught_up` together.
    pub faults: BTreeMap<String, Overall>,
    /// Over the rows that say what showed the fault first: the share in which that is what most seeds say.
    pub detect_kind: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Validation {
    pub table: String,
    pub scenario: String,
    pub profile: String,
    pub seeds: u64,
    /// False where it was interrupted: some seeds are missing, and perhaps rows.
    pub complete: bool,
    pub rows: Vec<RowResult>,
    pub cells: Vec<Cell>,
    pub overall: Totals,
}

/// What the judgement rests on.
const JUDGED: [Quantity; 3] = [Quantity::AllRunning, Quantity::CaughtUp, Quantity::Total];

/// Samples of one row: by quantity, a value for each seed that had one.
pub type Samples = BTreeMap<Quantity, Vec<f64>>;

/// One row with what was measured and what was simulated.
#[derive(Clone, Debug)]
pub struct Judged {
    pub line: u64,
    pub run_id: String,
    pub cell: String,
    pub fault: String,
    pub measured: Measured,
    pub samples: Samples,
    /// What showed the fault first, with the number of seeds.
    pub noticed: BTreeMap<String, usize>,
}

pub fn judge(judged: &[Judged]) -> (Vec<RowResult>, Vec<Cell>, Totals) {
    let rows: Vec<RowResult> = judged
        .iter()
        .map(|row| RowResult {
            line: row.line,
            run_id: row.run_id.clone(),
            cell: row.cell.clone(),
            fault: row.fault.clone(),
            detect_kind: Noticed::of(row.measured.noticed.as_ref(), &row.noticed),
            quantities: beside(&row.samples, &row.measured.quantities),
        })
        .collect();
    let mut names: Vec<(String, String)> = Vec::new();
    for row in judged {
        let name = (row.cell.clone(), row.fault.clone());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let cells: Vec<Cell> = names
        .into_iter()
        .map(|(cell, fault)| {
            let of: Vec<&Judged> = judged
                .iter()
                .filter(|row| (&row.cell, &row.fault) == (&cell, &fault))
                .collect();
            let mut samples = Samples::new();
            let mut measured: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
            for row in &of {
                for (quantity, values) in &row.samples {
                    samples.entry(*quantity).or_default().extend(values);
                }
                for (quantity, value) in &row.measured.quantities {
                    measured.entry(*quantity).or_default().push(*value);
                }
            }
            let medians = measured
                .iter()
                .filter_map(|(quantity, values)| Some((*quantity, median(values)?)))
                .collect();
            Cell {
                cell,
                fault,
                rows: of.len(),
                quantities: beside(&samples, &medians),
            }
        })
        .collect();
    let totals = totals(&rows, &cells);
    (rows, cells, totals)
}

fn beside(samples: &Samples, measured: &BTreeMap<Quantity, f64>) -> BTreeMap<Quantity, Predicted> {
    let empty = Vec::new();
    Quantity::ALL
        .into_iter()
        .filter(|quantity| samples.contains_key(quantity) || measured.contains_key(quantity))
        .map(|quantity| {
            let sample = samples.get(&quantity).unwrap_or(&empty);
            let predicted = Predicted::of(
                sample,
                measured.get(&quantity).copied(),
                quantity.resolution(),
            );
            (quantity, predicted)
        })
        .collect()
}

fn totals(rows: &[RowResult], cells: &[Cell]) -> Totals {
    let overall = |quantities: &[Quantity], fault: Option<&str>| {
        let errors: Vec<f64> = cells
            .iter()
            .filter(|cell| fault.is_none_or(|fault| cell.fault == fault))
            .flat_map(|cell| quantities.iter().filter_map(|q| cell.quantities.get(q)))
            .filter_map(|predicted| predicted.relative_error)
            .collect();
        let inside: Vec<bool> = rows
            .iter()
            .filter(|row| fault.is_none_or(|fault| row.fault == fault))
            .flat_map(|row| quantities.iter().filter_map(|q| row.quantities.get(q)))
            .filter_map(|predicted| predicted.inside_band)
            .collect();
        let within = inside.iter().filter(|inside| **inside).count();
        Overall {
            median_relative_error: median(&errors),
            inside_band: (!inside.is_empty()).then(|| within as f64 / inside.len() as f64),
            cells: errors.len(),
            values: inside.len(),
        }
    };
    let mut faults: Vec<&str> = rows.iter().map(|row| row.fault.as_str()).collect();
    faults.sort_unstable();
    faults.dedup();
    let kinds: Vec<bool> = rows
        .iter()
        .filter_map(|row| row.detect_kind.agrees)
        .collect();
    let agree = kinds.iter().filter(|agrees| **agrees).count();
    Totals {
        detect_kind: (!kinds.is_empty()).then(|| agree as f64 / kinds.len() as f64),
        both: overall(&JUDGED, None),
        quantities: Quantity::ALL
            .into_iter()
            .map(|quantity| (quantity, overall(&[quantity], None)))
            .filter(|(_, overall)| overall.values > 0)
            .collect(),
        faults: faults
            .into_iter()
            .map(|fault| (fault.to_owned(), overall(&JUDGED, Some(fault))))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cell: &str, measured: f64, sample: &[f64]) -> Judged {
        Judged {
            line: 2,
            run_id: "r".to_owned(),
            cell: cell.to_owned(),
            fault: "tm-kill".to_owned(),
            measured: Measured {
                quantities: BTreeMap::from([(Quantity::AllRunning, measured)]),
                noticed: Some("heartbeat-timeout".to_owned()),
            },
            samples: BTreeMap::from([(Quantity::AllRunning, sample.to_vec())]),
            noticed: BTreeMap::from([
                ("heartbeat-timeout".to_owned(), 3),
                ("new-leader".to_owned(), 1),
            ]),
        }
    }

    #[test]
    fn cells_judge_medians_and_rows_judge_bands() {
        let sample: Vec<f64> = (90..=110).map(f64::from).collect();
        let judged = [
            row("a", 95.0, &sample),
            row("a", 105.0, &sample),
            row("b", 200.0, &sample),
        ];
        let (rows, cells, totals) = judge(&judged);
        assert_eq!(
            rows[2].quantities[&Quantity::AllRunning].inside_band,
            Some(false)
        );
        assert_eq!(rows[0].detect_kind.predicted["new-leader"], 0.25);
        assert_eq!(rows[0].detect_kind.agrees, Some(true));
        assert_eq!(totals.detect_kind, Some(1.0));
        assert_eq!(cells.len(), 2);
        assert_eq!(
            cells[0].quantities[&Quantity::AllRunning].relative_error,
            Some(0.0)
        );
        assert_eq!(
            cells[1].quantities[&Quantity::AllRunning].relative_error,
            Some(0.5)
        );
        assert_eq!(totals.both.median_relative_error, Some(0.25));
        assert_eq!(totals.both.inside_band, Some(2.0 / 3.0));
        assert_eq!(totals.faults["tm-kill"], totals.both);
        assert!(!totals.quantities.contains_key(&Quantity::Detect));
    }
}
