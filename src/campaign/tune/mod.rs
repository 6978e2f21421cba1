//! Tuning: within what may be varied, the settings that meet a target, and what each of them buys.

mod goal;
mod search;

use serde::Serialize;

use crate::campaign::sweep::Row;
use crate::campaign::sweep::gate::quantile;
use crate::campaign::sweep::measure::Measure;
use crate::campaign::sweep::vary::Axis;
use crate::scenario::Override;

pub use goal::{Goal, Score};
pub use search::{Place, search};

/// Rows of one setting under all seeds; none where the scenario refuses it.
pub type Tried = Option<Vec<Row>>;

/// Runs settings under seeds: those to search with, or fresh ones to check the result on. None: interrupted.
pub trait Bench<E> {
    /// # Errors
    /// What stops the whole.
    fn run(&mut self, settings: &[Vec<Override>], fresh: bool) -> Result<Option<Vec<Tried>>, E>;

    /// Whether the scenario warns of a setting.
    fn warns_of(&self, setting: &[Override]) -> bool;
}

/// What was asked and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Tuned {
    pub scenario: String,
    pub target: String,
    pub keys: Vec<String>,
    /// Values of the keys.
    pub settings: Vec<String>,
    /// Whether the target is met, on seeds that the search has not seen; and whether it is without any change.
    pub met: bool,
    pub met_before: bool,
    pub seeds: u64,
    pub settings_tried: u64,
    pub before: State,
    pub after: State,
    /// What each key does by itself, the one that buys most first.
    pub sensitivity: Vec<Gain>,
    /// What is steady-state cost here, and its unit.
    pub cost: &'static str,
    pub cost_unit: &'static str,
    pub objective_unit: &'static str,
    pub points: Vec<Point>,
}

/// A setting against the target, on fresh seeds.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// By clause of the target: what it asks, and what was measured (null: not over, or nothing to measure).
    pub clauses: Vec<Measured>,
    pub cost: Option<f64>,
    /// Totals' quantiles: p50, p90, p99, max.
    pub total_ms: Vec<Option<f64>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub clause: String,
    pub value: Option<f64>,
    pub unit: &'static str,
    pub met: bool,
}

/// One key of the answer, alone.
#[derive(Clone, Debug, Serialize)]
pub struct Gain {
    pub key: String,
    pub value: String,
    /// The target's first quantity with this key alone changed, and with this key alone put back.
    pub alone: Option<f64>,
    pub without: Option<f64>,
    /// How much better than before it is alone.
    pub buys: Option<f64>,
}

/// A setting that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    pub settings: Vec<String>,
    pub cost: Option<f64>,
    pub objective: Option<f64>,
    pub meets: bool,
    /// Nothing that was tried is better in both.
    pub front: bool,
}

/// Searches, then checks on fresh seeds. None: interrupted.
///
/// # Errors
/// What the bench says.
pub fn tune<E>(
    scenario: &str,
    axes: &[Axis],
    goal: &Goal,
    cost: &'static Measure,
    settings_max: usize,
    bench: &mut impl Bench<E>,
) -> Result<Option<Tuned>, E> {
    let Some(found) = search(axes, goal, settings_max, bench)? else {
        return Ok(None);
    };
    let best = found.best.clone();
    let only = |keep: &dyn Fn(usize) -> bool| -> Vec<Override> {
        let pairs = axes.iter().zip(&best).enumerate();
        pairs
            .filter(|(place, _)| keep(*place))
            .map(|(_, (axis, value))| Override {
                path: axis.key.clone(),
                value: value.clone(),
            })
            .collect()
    };
    let mut asked = vec![only(&|_| false), only(&|_| true)];
    for key in 0..axes.len() {
        asked.push(only(&|place| place == key));
        asked.push(only(&|place| place != key));
    }
    let Some(checked) = bench.run(&asked, true)? else {
        return Ok(None);
    };
    let objective = |tried: &Tried| tried.as_ref().and_then(|rows| goal.objective(rows));
    let before = objective(&checked[0]);
    let mut sensitivity: Vec<Gain> = axes
        .iter()
        .zip(&best)
        .enumerate()
        .map(|(place, (axis, value))| {
            let alone = objective(&checked[2 + 2 * place]);
            Gain {
                key: axis.key.clone(),
                value: value.clone(),
                alone,
                without: objective(&checked[3 + 2 * place]),
                buys: before
                    .zip(alone)
                    .map(|(before, alone)| goal.gain(before, alone)),
            }
        })
        .collect();
    sensitivity.sort_by(|a, b| {
        let buys = |gain: &Gain| gain.buys.unwrap_or(f64::NEG_INFINITY);
        buys(b).total_cmp(&buys(a)).then(a.key.cmp(&b.key))
    });
    let mut points: Vec<Point> = found
        .tried
        .iter()
        .map(|(settings, tried)| {
            let rows = tried.as_deref().unwrap_or_default();
            Point {
                settings: settings.clone(),
                cost: median(cost, rows),
                objective: goal.objective(rows),
                meets: !rows.is_empty() && goal.score(rows, false).is_met(),
                front: false,
            }
        })
        .collect();
    mark_front(&mut points, goal);
    let [before, after] = [0, 1].map(|place| state(goal, cost, &checked[place]));
    let met = |state: &State| state.clauses.iter().all(|clause| clause.met);
    Ok(Some(Tuned {
        scenario: scenario.to_owned(),
        target: goal.text().to_owned(),
        keys: axes.iter().map(|axis| axis.key.clone()).collect(),
        settings: best,
        met: met(&after),
        met_before: met(&before),
        seeds: checked[0].as_ref().map_or(0, |rows| rows.len() as u64),
        settings_tried: points.len() as u64,
        before,
        after,
        sensitivity,
        cost: cost.name,
        cost_unit: cost.unit.name(),
        objective_unit: goal.unit().name(),
        points,
    }))
}

fn state(goal: &Goal, cost: &Measure, tried: &Tried) -> State {
    let rows = tried.as_deref().unwrap_or_default();
    let references: Vec<&Row> = rows.iter().collect();
    let total = crate::scenario::expect::Quantity::Total;
    State {
        clauses: goal.measured(rows),
        cost: median(cost, rows),
        total_ms: [500, 900, 990, 1_000]
            .into_iter()
            .map(|per_mille| quantile(total, per_mille, &references)?.value)
            .collect(),
    }
}

fn median(measure: &Measure, rows: &[Row]) -> Option<f64> {
    let mut sample: Vec<f64> = rows.iter().filter_map(measure.of).collect();
    sample.sort_by(f64::total_cmp);
    let middle = sample.len().checked_sub(1)? / 2;
    Some(sample[middle]).filter(|median| median.is_finite())
}

fn mark_front(points: &mut [Point], goal: &Goal) {
    let known: Vec<(f64, f64)> = points
        .iter()
        .map(|point| {
            let objective = point.objective.map(|objective| goal.oriented(objective));
            (
                point.cost.unwrap_or(f64::INFINITY),
                objective.unwrap_or(f64::INFINITY),
            )
        })
        .collect();
    for (place, point) in points.iter_mut().enumerate() {
        let own = known[place];
        let beaten = known.iter().enumerate().any(|(other, at)| {
            let better = at.0 < own.0 || at.1 < own.1;
            (at.0 <= own.0 && at.1 <= own.1) && (better || other < place)
        });
        point.front = own.0.is_finite() && own.1.is_finite() && !beaten;
    }
}

#[cfg(test)]
mod tests;
