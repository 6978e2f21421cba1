//! Which runs a sweep consists of, in which order, and what tells one sweep from another.

use xxhash_rust::xxh3::xxh3_128;

use crate::scenario::Override;

use super::row::Row;
use super::vary::{Axis, Sampling, overrides, variants};

/// Seeds of each variant: the same for all, so that variants differ in their settings alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    pub first: u64,
    pub count: u64,
}

impl Seeds {
    /// `A..B` without B, or a count.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Seeds, String> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let seeds = match text.split_once("..") {
            None => number(text).map(|count| Seeds { first: 0, count }),
            Some((from, to)) => number(from).zip(number(to)).and_then(|(first, end)| {
                let count = end.checked_sub(first)?;
                Some(Seeds { first, count })
            }),
        };
        seeds.filter(|seeds| seeds.count > 0).ok_or_else(|| {
            "expected a number of seeds, like 200, or A..B, like 0..200 (without 200)".to_owned()
        })
    }
}

/// One run of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub number: u64,
    pub variant: usize,
    pub seed: u64,
}

/// All runs, numbered: the seeds of the first variant, then those of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub axes: Vec<Axis>,
    /// Values of the axes.
    pub variants: Vec<Vec<String>>,
    pub seeds: Seeds,
}

impl Plan {
    /// # Errors
    /// When a key comes twice, or there would be too many variants.
    pub fn new(axes: Vec<Axis>, sampling: Sampling, seeds: Seeds) -> Result<Plan, String> {
        for (at, axis) in axes.iter().enumerate() {
            if axis.key == "seed" {
                return Err("seeds are varied by --seeds".to_owned());
            }
            if axes[..at].iter().any(|other| other.key == axis.key) {
                return Err(format!("{} is varied twice", axis.key));
            }
        }
        let variants = variants(&axes, sampling)?;
        let cases = (variants.len() as u64).checked_mul(seeds.count);
        if cases.is_none_or(|cases| cases > u64::from(u32::MAX)) {
            return Err("that makes more runs than anybody waits for".to_owned());
        }
        Ok(Plan {
            axes,
            variants,
            seeds,
        })
    }

    pub fn cases(&self) -> u64 {
        self.variants.len() as u64 * self.seeds.count
    }

    /// Whether a row is of this sweep.
    pub fn has(&self, row: &Row) -> bool {
        row.case < self.cases() && self.variants.get(row.variant) == Some(&row.settings)
    }

    pub fn case(&self, number: u64) -> Case {
        Case {
            number,
            variant: (number / self.seeds.count) as usize,
            seed: self.seeds.first + number % self.seeds.count,
        }
    }

    pub fn keys(&self) -> Vec<String> {
        self.axes.iter().map(|axis| axis.key.clone()).collect()
    }

    /// What a variant sets on the scenario.
    pub fn overrides(&self, variant: usize) -> Vec<Override> {
        overrides(&self.axes, &self.variants[variant])
    }

    /// As people read a variant: `key=value key=value`.
    pub fn name(&self, variant: usize) -> String {
        name(&self.keys(), &self.variants[variant])
    }
}

pub fn name(keys: &[String], values: &[String]) -> String {
    let pairs = keys.iter().zip(values);
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    match pairs.is_empty() {
        true => "as it is".to_owned(),
        false => pairs.join(" "),
    }
}

/// What tells sweeps apart: the resolved scenarios of all variants, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    so_far: u128,
}

impl Identity {
    pub fn add(&mut self, text: &str) {
        let mut bytes = self.so_far.to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        self.so_far = xxh3_128(&bytes);
    }

    pub fn hex(&self) -> String {
        format!("{:032x}", self.so_far)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_count_or_a_range_without_its_end() {
        let seeds = |first, count| Ok(Seeds { first, count });
        assert_eq!(Seeds::parse("200"), seeds(0, 200));
        assert_eq!(Seeds::parse("5..7"), seeds(5, 2));
        for text in ["", "0", "7..5", "5..5", "a", "-1"] {
            assert!(Seeds::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_case_has_its_variant_and_seed() {
        let axes = vec![Axis::parse("weight=1,2").unwrap()];
        let seeds = Seeds {
            first: 10,
            count: 3,
        };
        let plan = Plan::new(axes.clone(), Sampling::Grid, seeds).unwrap();
        assert_eq!(plan.cases(), 6);
        let last = plan.case(5);
        assert_eq!((last.variant, last.seed), (1, 12));
        assert_eq!(plan.name(1), "weight=2");
        assert!(Plan::new([axes.clone(), axes].concat(), Sampling::Grid, seeds).is_err());
        let seed = vec![Axis::parse("seed=1,2").unwrap()];
        assert!(Plan::new(seed, Sampling::Grid, seeds).is_err());
    }
}
