//! What the rows of a sweep say: for each variant quantiles with their intervals, and how often it went wrong.

use serde::Serialize;

use crate::campaign::statistics::{Estimate, Proportion, estimate, proportion, seeds_for};
use crate::drill::outcome::ExpectationVerdict;
use crate::drill::verdict::Verdict;
use crate::scenario::expect::Expectation;

use super::gate;
use super::measure::MEASURES;
use super::plan::{Plan, name};
use super::row::{Ending, Row};
use crate::drill::outcome::Phases;

/// Seeds that are named of runs that went wrong.
const SEEDS_NAMED: usize = 10;

/// Quantiles that are shown, in thousandths.
pub const QUANTILES: [u32; 3] = [500, 900, 990];

#[derive(Clone, Debug, Serialize)]
pub struct SweepSummary {
    pub scenario: String,
    pub firedrill: String,
    pub runs: u64,
    pub seeds: SeedsUsed,
    /// How the intervals are made.
    pub intervals: &'static str,
    pub varied: Vec<String>,
    pub variants: Vec<VariantSummary>,
    pub expectations: Vec<String>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct SeedsUsed {
    pub first: u64,
    pub count: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct VariantSummary {
    pub variant: usize,
    pub settings: Vec<String>,
    pub runs: u64,
    /// Runs without any recovery: they count in no quantile of phases and totals.
    pub without_recovery: u64,
    /// Runs that ended before they were caught up: their total counts as longer than any other.
    pub not_caught_up: u64,
    /// Runs that do not meet the scenario's expectations, or break an invariant.
    pub failing: Proportion,
    pub unmet: u64,
    pub unsafe_runs: u64,
    pub stuck: u64,
    /// By expectation of single runs: in how many it is not met, and under which seeds first.
    pub unmet_by_expectation: Vec<Missed>,
    /// Runs in which a job had not recovered when they ended, or never ran.
    pub not_recovered: Missed,
    /// Under which seeds a safety invariant is broken first, and a liveness invariant.
    pub unsafe_seeds: Vec<u64>,
    pub stuck_seeds: Vec<u64>,
    /// Statements about all seeds together.
    pub over_seeds: Vec<ExpectationVerdict>,
    /// Mean duration of each phase; they add up to the mean of all totals that have ended.
    pub mean_phases_ms: Vec<f64>,
    pub measures: Vec<MeasureSummary>,
    /// Totals in order, for the distribution; infinite ones last. In the file the rows show them.
    #[serde(skip)]
    pub totals_ms: Vec<f64>,
}

/// An expectation that some runs do not meet.
#[derive(Clone, Debug, Serialize)]
pub struct Missed {
    pub runs: u64,
    pub seeds: Vec<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MeasureSummary {
    pub measure: &'static str,
    pub unit: &'static str,
    /// Runs that have it.
    pub runs: u64,
    pub mean: Option<f64>,
    pub quantiles: Vec<Estimate>,
}

impl SweepSummary {
    /// Rows come in any order.
    pub fn of(
        plan: &Plan,
        scenario: &str,
        expectations: &[Expectation],
        rows: &[Row],
    ) -> SweepSummary {
        summarize(plan, scenario, expectations, rows)
    }
}

fn summarize(
    plan: &Plan,
    scenario: &str,
    expectations: &[Expectation],
    rows: &[Row],
) -> SweepSummary {
    let (over_seeds, plain): (Vec<&Expectation>, Vec<&Expectation>) = expectations
        .iter()
        .partition(|expect| expect.is_over_seeds());
    let mut of_variant: Vec<Vec<&Row>> = vec![Vec::new(); plan.variants.len()];
    for row in rows {
        of_variant[row.variant].push(row);
    }
    let variants: Vec<VariantSummary> = of_variant
        .iter_mut()
        .enumerate()
        .map(|(number, rows)| {
            rows.sort_by_key(|row| row.seed);
            variant(
                number,
                plan.variants[number].clone(),
                rows,
                plain.len(),
                &over_seeds,
            )
        })
        .collect();
    let mut warnings = too_few(plan);
    for variant in &variants {
        let of = match plan.axes.is_empty() {
            true => String::new(),
            false => format!("{}: ", name(&plan.keys(), &variant.settings)),
        };
        if variant.runs > 0 && variant.without_recovery == variant.runs {
            warnings.push(format!(
                "{of}no run has a recovery; do its faults do anything?"
            ));
        }
        if variant.not_recovered.runs > variant.not_caught_up {
            warnings.push(format!(
                "{of}in {} of {} runs a job does not run at the end; `not_recovered` in the rows says why",
                variant.not_recovered.runs, variant.runs
            ));
        }
        if variant.not_caught_up > 0 {
            warnings.push(format!(
                "{of}{} of {} runs end before they are caught up; a longer `duration` would show how long they take",
                variant.not_caught_up, variant.runs
            ));
        }
    }
    SweepSummary {
        scenario: scenario.to_owned(),
        firedrill: env!("CARGO_PKG_VERSION").to_owned(),
        runs: rows.len() as u64,
        seeds: SeedsUsed {
            first: plan.seeds.first,
            count: plan.seeds.count,
        },
        intervals: "95 %, from order statistics (binomial; no assumption about the distribution); shares: Wilson",
        varied: plan.keys(),
        variants,
        expectations: plain.iter().map(|expect| expect.text.clone()).collect(),
        warnings,
    }
}

/// Quantiles whose interval cannot have both ends with so few seeds.
fn too_few(plan: &Plan) -> Vec<String> {
    let have = plan.seeds.count;
    let short: Vec<String> = QUANTILES
        .into_iter()
        .filter(|per_mille| have < seeds_for(*per_mille))
        .map(|per_mille| format!("p{} needs {}", per_mille / 10, seeds_for(per_mille)))
        .collect();
    match short.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "{have} seeds are too few for an interval with two ends: {}",
            short.join(", ")
        )],
    }
}

fn variant(
    number: usize,
    settings: Vec<String>,
    rows: &[&Row],
    expectations: usize,
    over_seeds: &[&Expectation],
) -> VariantSummary {
    let counted = |such: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| such(row)).count() as u64;
    let with = |verdict: Verdict| counted(&|row| row.verdict == verdict);
    let seeds = |such: &dyn Fn(&Row) -> bool| -> Vec<u64> {
        let such = rows.iter().filter(|row| such(row)).map(|row| row.seed);
        such.take(SEEDS_NAMED).collect()
    };
    let recovered: Vec<&&Row> = rows
        .iter()
        .filter(|row| row.ending == Ending::CaughtUp)
        .collect();
    let mean_phase = |phase: usize| {
        let sum: f64 = recovered.iter().map(|row| row.phases_ms[phase]).sum();
        sum / (recovered.len().max(1)) as f64
    };
    let mut totals_ms: Vec<f64> = rows
        .iter()
        .filter_map(|row| super::measure::total(row))
        .collect();
    totals_ms.sort_by(f64::total_cmp);
    VariantSummary {
        variant: number,
        settings,
        runs: rows.len() as u64,
        without_recovery: counted(&|row| row.ending == Ending::NoRecovery),
        not_caught_up: counted(&|row| row.ending == Ending::NotCaughtUp),
        failing: proportion(
            counted(&|row| row.verdict != Verdict::Met),
            rows.len() as u64,
        ),
        unmet: with(Verdict::Unmet),
        unsafe_runs: with(Verdict::Unsafe),
        stuck: with(Verdict::Stuck),
        unmet_by_expectation: (1..=expectations)
            .map(|place| {
                let place = place.to_string();
                let missed = |row: &Row| row.unmet.contains(&place);
                Missed {
                    runs: counted(&missed),
                    seeds: seeds(&missed),
                }
            })
            .collect(),
        not_recovered: Missed {
            runs: counted(&|row| !row.not_recovered.is_empty()),
            seeds: seeds(&|row| !row.not_recovered.is_empty()),
        },
        unsafe_seeds: seeds(&|row| row.verdict == Verdict::Unsafe),
        stuck_seeds: seeds(&|row| row.verdict == Verdict::Stuck),
        over_seeds: over_seeds
            .iter()
            .map(|expect| gate::judge(expect, rows))
            .collect(),
        mean_phases_ms: (0..Phases::ALL.len()).map(mean_phase).collect(),
        measures: MEASURES
            .iter()
            .filter_map(|measure| {
                let mut sample: Vec<(f64, u64)> = rows
                    .iter()
                    .filter_map(|row| Some(((measure.of)(row)?, row.seed)))
                    .collect();
                if sample.is_empty() {
                    return None;
                }
                sample.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let sum: f64 = sample.iter().map(|(value, _)| value).sum();
                let mut quantiles: Vec<Estimate> = QUANTILES
                    .iter()
                    .map(|per_mille| estimate(&sample, *per_mille))
                    .collect();
                quantiles.push(estimate(&sample, 1_000));
                Some(MeasureSummary {
                    measure: measure.name,
                    unit: measure.unit.name(),
                    runs: sample.len() as u64,
                    mean: Some(sum / sample.len() as f64).filter(|mean| mean.is_finite()),
                    quantiles,
                })
            })
            .collect(),
        totals_ms,
    }
}

impl VariantSummary {
    pub fn measure(&self, name: &str) -> Option<&MeasureSummary> {
        self.measures.iter().find(|measure| measure.measure == name)
    }

    /// A quantile of a measure, in thousandths; 1000: the maximum.
    pub fn quantile(&self, name: &str, per_mille: u32) -> Option<&Estimate> {
        let measure = self.measure(name)?;
        measure
            .quantiles
            .iter()
            .find(|found| found.per_mille == per_mille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::sweep::row::tests::row;
    use crate::campaign::sweep::{Axis, Sampling, Seeds};

    fn plan(seeds: u64) -> Plan {
        let axes = vec![Axis::parse("duration=0 s,1 s").unwrap()];
        Plan::new(
            axes,
            Sampling::Grid,
            Seeds {
                first: 0,
                count: seeds,
            },
        )
        .unwrap()
    }

    #[test]
    fn a_run_that_is_not_over_is_longer_than_all_others() {
        let plan = plan(3);
        let totals = [Some(30.0), None, Some(10.0)];
        let rows: Vec<Row> = (0..3)
            .map(|seed| row(seed, 0, seed, totals[seed as usize]))
            .collect();
        let summary = summarize(&plan, "small", &[], &rows);
        let first = &summary.variants[0];
        assert_eq!(first.not_caught_up, 1);
        assert_eq!(first.quantile("total", 500).unwrap().value, Some(30.0));
        assert_eq!(first.quantile("total", 500).unwrap().seed, 0);
        let max = first.quantile("total", 1_000).unwrap();
        assert_eq!((max.value, max.seed), (None, 1));
        assert_eq!(first.mean_phases_ms[0], 20.0);
        assert_eq!(summary.variants[1].runs, 0);
    }

    #[test]
    fn rows_count_the_same_in_any_order() {
        let plan = plan(4);
        let mut rows: Vec<Row> = (0..8)
            .map(|case| row(case, (case / 4) as usize, case % 4, Some(case as f64)))
            .collect();
        let json =
            |rows: &[Row]| serde_json::to_string(&summarize(&plan, "small", &[], rows)).unwrap();
        let before = json(&rows);
        rows.reverse();
        assert_eq!(before, json(&rows));
    }

    #[test]
    fn warnings_name_the_variant_where_there_are_several() {
        let one = Seeds { first: 0, count: 1 };
        let nothing_varies = Plan::new(Vec::new(), Sampling::Grid, one).unwrap();
        let last = |plan: &Plan| {
            let rows: Vec<Row> = (0..plan.cases())
                .map(|case| row(case, case as usize, 0, None))
                .collect();
            summarize(plan, "small", &[], &rows).warnings.pop().unwrap()
        };
        assert!(last(&nothing_varies).starts_with("1 of 1 runs end before"));
        assert!(last(&plan(1)).starts_with("duration=1 s: 1 of 1 runs end before"));
    }

    #[test]
    fn too_few_seeds_are_warned_of() {
        let warned = |seeds| !too_few(&plan(seeds)).is_empty();
        assert!(warned(367));
        assert!(!warned(368));
    }
}
