//! The target: bounds on quantiles over seeds. The first one is what is made as good as possible within the others.

use std::cmp::Ordering;

use crate::campaign::sweep::Row;
use crate::campaign::sweep::gate::{quantile, unit};
use crate::campaign::sweep::measure::Unit;
use crate::drill::expectations::compare;
use crate::drill::verdict::Verdict;
use crate::scenario::expect::{Clause, Comparison, Expectation};

use super::Measured;

#[derive(Clone, Debug)]
pub struct Goal {
    text: String,
    clauses: Vec<Clause>,
}

/// How good a setting is: first by how far it misses its bounds, then whether the scenario warns of it, then by the first
/// quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    missed: f64,
    warned: bool,
    objective: f64,
}

impl Score {
    pub const WORST: Score = Score {
        missed: f64::INFINITY,
        warned: false,
        objective: f64::INFINITY,
    };

    pub fn is_met(&self) -> bool {
        self.missed == 0.0
    }

    pub fn order(&self, other: &Score) -> Ordering {
        let missed = self.missed.total_cmp(&other.missed);
        let warned = self.warned.cmp(&other.warned);
        missed
            .then(warned)
            .then(self.objective.total_cmp(&other.objective))
    }
}

/// A run that breaks an invariant outweighs any bound.
const BROKEN: f64 = 1e6;

impl Goal {
    /// `p99(total) <= 30 s and p50(checkpoint_overhead) <= 5 %`; without a quantile the worst seed counts.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Goal, String> {
        let mut clauses = Expectation::parse(text)?.clauses;
        for clause in &mut clauses {
            if matches!(clause.comparison, Comparison::Equal | Comparison::NotEqual) {
                return Err("a target is a bound; write `<`, `<=`, `>` or `>=`".to_owned());
            }
            clause.over_seeds.get_or_insert(1_000);
        }
        Ok(Goal {
            text: text.trim().to_owned(),
            clauses,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn unit(&self) -> Unit {
        unit(self.clauses[0].quantity)
    }

    /// The first quantity, of these runs.
    pub fn objective(&self, rows: &[Row]) -> Option<f64> {
        self.value(&self.clauses[0], rows)
            .filter(|value| value.is_finite())
    }

    /// Turned so that less is better.
    pub fn oriented(&self, objective: f64) -> f64 {
        if wants_less(&self.clauses[0]) {
            objective
        } else {
            -objective
        }
    }

    /// How much better `after` is than `before`.
    pub fn gain(&self, before: f64, after: f64) -> f64 {
        self.oriented(before) - self.oriented(after)
    }

    fn value(&self, clause: &Clause, rows: &[Row]) -> Option<f64> {
        let rows: Vec<&Row> = rows.iter().collect();
        let found = quantile(clause.quantity, clause.over_seeds.unwrap_or(1_000), &rows)?;
        Some(found.value.unwrap_or(f64::INFINITY))
    }

    pub fn score(&self, rows: &[Row], warned: bool) -> Score {
        let mut missed: f64 = self
            .clauses
            .iter()
            .map(|clause| match self.value(clause, rows) {
                None => f64::INFINITY,
                Some(value) if compare(value, clause.comparison, clause.value) => 0.0,
                // At the bound itself a strict one is missed by a hair.
                Some(value) => {
                    ((value - clause.value).abs() / clause.value.abs().max(1e-9)).max(1e-9)
                }
            })
            .sum();
        let broken = |row: &&Row| matches!(row.verdict, Verdict::Unsafe | Verdict::Stuck);
        missed += BROKEN * rows.iter().filter(broken).count() as f64;
        let objective = self.value(&self.clauses[0], rows);
        Score {
            missed,
            warned,
            objective: objective.map_or(f64::INFINITY, |value| self.oriented(value)),
        }
    }

    pub fn measured(&self, rows: &[Row]) -> Vec<Measured> {
        let texts = self.text.split(" and ");
        let measured = |(clause, text): (&Clause, &str)| {
            let value = self.value(clause, rows);
            Measured {
                clause: text.trim().to_owned(),
                value: value.filter(|value| value.is_finite()),
                unit: unit(clause.quantity).name(),
                met: value.is_some_and(|value| compare(value, clause.comparison, clause.value)),
            }
        };
        self.clauses.iter().zip(texts).map(measured).collect()
    }
}

fn wants_less(clause: &Clause) -> bool {
    matches!(
        clause.comparison,
        Comparison::Less | Comparison::LessOrEqual
    )
}
