//! `sweep.json`: what a folder's sweep is, so that only the same one is resumed or merged with it.

use serde::{Deserialize, Serialize};

use crate::campaign::sweep::{Axis, Plan, Seeds, Values};
use crate::cli::status::Failure;
use crate::scenario::expect::Expectation;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// Versions may simulate differently.
    pub(super) firedrill: String,
    pub(super) scenario: String,
    /// Arguments of `run` for the scenario with what was chosen for all variants.
    pub(super) command: Vec<String>,
    /// Over the resolved scenarios of all variants.
    pub(super) identity: String,
    pub(super) first_seed: u64,
    pub(super) seeds: u64,
    pub(super) varied: Vec<String>,
    pub(super) variants: Vec<Vec<String>>,
    pub(super) expectations: Vec<String>,
    /// Which shard of how many.
    pub(super) shard: Option<(u64, u64)>,
}

impl Manifest {
    pub(super) fn new(
        plan: &Plan,
        scenario: &str,
        command: Vec<String>,
        identity: String,
        expectations: Vec<String>,
        shard: Option<(u64, u64)>,
    ) -> Manifest {
        Manifest {
            format: 1,
            firedrill: env!("CARGO_PKG_VERSION").to_string(),
            scenario: scenario.to_string(),
            command,
            identity,
            first_seed: plan.seeds.first,
            seeds: plan.seeds.count,
            varied: plan.keys(),
            variants: plan.variants.clone(),
            expectations,
            shard,
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a manifest is made of plain values");
        bytes.push(b'\n');
        bytes
    }

    /// The plan that it was made from, as far as summaries need it.
    pub(super) fn plan(&self) -> Plan {
        let axis = |(place, key): (usize, &String)| Axis {
            key: key.clone(),
            values: Values::List(self.variants.iter().map(|v| v[place].clone()).collect()),
        };
        Plan {
            axes: self.varied.iter().enumerate().map(axis).collect(),
            variants: self.variants.clone(),
            seeds: Seeds {
                first: self.first_seed,
                count: self.seeds,
            },
        }
    }

    /// What the scenario expects, of single runs and of all seeds together.
    pub(super) fn expectations(&self) -> Result<Vec<Expectation>, Failure> {
        let read = |text: &String| Expectation::parse(text).map_err(Failure::bad);
        self.expectations.iter().map(read).collect()
    }

    /// In which way another one is another sweep; none where it is the same.
    pub(super) fn difference(&self, other: &Manifest) -> Option<String> {
        let seeds = |manifest: &Manifest| (manifest.first_seed, manifest.seeds);
        let differ = |what: &str, here: &dyn std::fmt::Debug, there: &dyn std::fmt::Debug| {
            Some(format!("{what}: {here:?} there, {there:?} here"))
        };
        if self.firedrill != other.firedrill || self.format != other.format {
            return differ("Firedrill's version", &self.firedrill, &other.firedrill);
        }
        if self.scenario != other.scenario {
            return differ("scenario", &self.scenario, &other.scenario);
        }
        if seeds(self) != seeds(other) {
            return differ("seeds (first, count)", &seeds(self), &seeds(other));
        }
        if self.varied != other.varied {
            return differ("what varies", &self.varied, &other.varied);
        }
        if self.variants != other.variants {
            return Some("the values of what varies".to_string());
        }
        (self.identity != other.identity)
            .then(|| "what the scenario, its profile or its Flink configuration says".to_string())
    }
}
