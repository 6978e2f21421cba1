//! What a sweep varies: `key=v1,v2,v3` or `key=a..b`, and the variants that come of it.

use std::collections::BTreeSet;

use crate::kernel::random::{Random, Streams};
use crate::scenario::Override;
use crate::scenario::range::ValueRange;

/// Points on a range where nothing else is said.
pub const POINTS: u32 = 5;
/// More variants than this nobody meant.
pub const VARIANTS_MAX: u64 = 1_000_000;
/// Into how many parts a range is cut for drawing.
const PARTS: u64 = 1 << 32;

/// One key and the values that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// A dotted path of the scenario, or a Flink key.
    pub key: String,
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    List(Vec<String>),
    /// And on how many points, in a grid.
    Range(ValueRange, u32),
}

/// How variants are taken from the axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Every combination.
    Grid,
    /// Each value drawn by itself.
    Random { samples: u32, seed: u64 },
    /// Each axis cut into as many strata as there are samples, and each stratum met once (McKay, Beckman, Conover 1979).
    LatinHypercube { samples: u32, seed: u64 },
}

impl Axis {
    /// `key=v1,v2`, `key=a..b` or `key=a..b:points`.
    ///
    /// # Errors
    /// What is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Axis, String> {
        let (key, values) = text
            .split_once('=')
            .ok_or("expected KEY=V1,V2,... or KEY=A..B")?;
        let (key, values) = (key.trim(), values.trim());
        if key.is_empty() {
            return Err("expected a key in front of the equals sign".to_owned());
        }
        let axis = |values| {
            Ok(Axis {
                key: key.to_owned(),
                values,
            })
        };
        let (ends, points) = match values.rsplit_once(':') {
            Some((ends, points)) if ends.contains("..") => {
                let points = points.trim().parse().ok();
                let points = points.filter(|points| (2..=10_000).contains(points));
                (
                    ends,
                    points.ok_or("expected 2 to 10000 points behind the colon")?,
                )
            }
            _ => (values, POINTS),
        };
        if let Some(range) = ValueRange::parse(ends) {
            return axis(Values::Range(range, points));
        }
        let list = split(values);
        if list.iter().any(String::is_empty) {
            return Err(format!("`{text}` leaves a value out"));
        }
        if let [one] = list.as_slice()
            && one.contains("..")
        {
            return Err(format!(
                "`{one}` is no range; write both ends in one kind of unit, the smaller first, like `5 s..60 s` or `1..8`"
            ));
        }
        for (at, value) in list.iter().enumerate() {
            if list[..at].contains(value) {
                return Err(format!("`{value}` stands there twice"));
            }
        }
        axis(Values::List(list))
    }

    /// The values in a grid.
    pub fn grid(&self) -> Vec<String> {
        match &self.values {
            Values::List(list) => list.clone(),
            Values::Range(range, points) => {
                let points = u64::from(*points).min(range.values());
                let steps = (points - 1).max(1);
                (0..points).map(|point| range.at(point, steps)).collect()
            }
        }
    }

    /// The value at `share` of [`PARTS`].
    fn at(&self, share: u64) -> String {
        match &self.values {
            Values::Range(range, _) => range.part(share, PARTS),
            Values::List(list) => {
                let place = u128::from(share) * list.len() as u128 / u128::from(PARTS);
                list[place as usize].clone()
            }
        }
    }
}

/// At commas, but for those within quotes and brackets.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0_u32, None);
    for c in text.chars() {
        match (c, quote) {
            (',', None) if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// All variants: the values of the axes, in their order. Of equal ones that were drawn the first stands for all.
///
/// # Errors
/// When there would be too many.
pub fn variants(axes: &[Axis], sampling: Sampling) -> Result<Vec<Vec<String>>, String> {
    let (samples, seed, stratified) = match sampling {
        Sampling::Grid => return grid(axes),
        Sampling::Random { samples, seed } => (u64::from(samples), seed, false),
        Sampling::LatinHypercube { samples, seed } => (u64::from(samples), seed, true),
    };
    if axes.is_empty() {
        return Err("name what samples are drawn from, as in `weight=1..3`".to_owned());
    }
    let streams = Streams::new(seed);
    let columns: Vec<Vec<String>> = axes
        .iter()
        .map(|axis| {
            let mut stream = streams.stream("sample", &axis.key);
            if !stratified {
                return (0..samples).map(|_| axis.at(stream.below(PARTS))).collect();
            }
            let mut strata: Vec<u64> = (0..samples).collect();
            for last in (1..strata.len()).rev() {
                strata.swap(last, stream.below(last as u64 + 1) as usize);
            }
            let mut place = |stratum: u64| {
                let (from, to) = (stratum * PARTS / samples, (stratum + 1) * PARTS / samples);
                axis.at(from + stream.below(to - from))
            };
            strata.into_iter().map(&mut place).collect()
        })
        .collect();
    let row = |sample: usize| {
        columns
            .iter()
            .map(|column| column[sample].clone())
            .collect()
    };
    let mut rows: Vec<Vec<String>> = (0..samples as usize).map(row).collect();
    let mut seen = BTreeSet::new();
    rows.retain(|row| seen.insert(row.clone()));
    Ok(rows)
}

/// The last axis changes fastest.
fn grid(axes: &[Axis]) -> Result<Vec<Vec<String>>, String> {
    let values: Vec<Vec<String>> = axes.iter().map(Axis::grid).collect();
    let count = values
        .iter()
        .try_fold(1_u64, |count, values| count.checked_mul(values.len() as u64))
        .filter(|count| *count <= VARIANTS_MAX)
        .ok_or_else(|| {
            format!("that makes more than {VARIANTS_MAX} variants; use --sample latin-hypercube --samples N")
        })?;
    let mut variants = Vec::with_capacity(count as usize);
    for number in 0..count {
        let mut rest = number;
        let mut variant: Vec<String> = values
            .iter()
            .rev()
            .map(|values| {
                let place = (rest % values.len() as u64) as usize;
                rest /= values.len() as u64;
                values[place].clone()
            })
            .collect();
        variant.reverse();
        variants.push(variant);
    }
    Ok(variants)
}

/// A variant as what is set on the scenario.
pub fn overrides(axes: &[Axis], values: &[String]) -> Vec<Override> {
    axes.iter()
        .zip(values)
        .map(|(axis, value)| Override {
            path: axis.key.clone(),
            value: value.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(texts: &[&str]) -> Vec<Axis> {
        let parse = |text: &&str| Axis::parse(text).unwrap_or_else(|error| panic!("{error}"));
        texts.iter().map(parse).collect()
    }

    #[test]
    fn a_grid_has_every_combination_the_last_key_fastest() {
        let axes = axes(&["seed=1,2", "duration=10 s..30 s:3"]);
        let found = variants(&axes, Sampling::Grid).unwrap();
        assert_eq!(found.len(), 6);
        assert_eq!(found[0], ["1", "10 s"]);
        assert_eq!(found[1], ["1", "20 s"]);
        assert_eq!(found[5], ["2", "30 s"]);
        assert_eq!(
            variants(&[], Sampling::Grid).unwrap(),
            [Vec::<String>::new()]
        );
    }

    #[test]
    fn a_range_of_few_whole_numbers_has_each_once() {
        assert_eq!(axes(&["a=1..3"])[0].grid(), ["1", "2", "3"]);
        assert_eq!(axes(&["a=1..9:3"])[0].grid(), ["1", "5", "9"]);
    }

    #[test]
    fn a_latin_hypercube_meets_every_stratum_of_every_key_once() {
        let axes = axes(&["a=0..9", "b=x,y"]);
        let sampling = Sampling::LatinHypercube {
            samples: 10,
            seed: 3,
        };
        let found = variants(&axes, sampling).unwrap();
        let mut firsts: Vec<&str> = found.iter().map(|row| row[0].as_str()).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        assert_eq!(found.iter().filter(|row| row[1] == "x").count(), 5);
        assert_eq!(found, variants(&axes, sampling).unwrap());
        // One more key leaves the others as they are.
        let more = super::tests::axes(&["a=0..9", "c=1..100", "b=x,y"]);
        let again = variants(&more, sampling).unwrap();
        assert!(
            found
                .iter()
                .zip(&again)
                .all(|(a, b)| a[0] == b[0] && a[1] == b[2])
        );
    }

    #[test]
    fn equal_samples_are_one_variant_and_nothing_can_be_drawn_from_nothing() {
        let sampling = Sampling::Random {
            samples: 50,
            seed: 0,
        };
        let mut found = variants(&axes(&["weight=1..3"]), sampling).unwrap();
        found.sort_unstable();
        assert_eq!(found, [["1"], ["2"], ["3"]]);
        assert!(variants(&[], sampling).is_err());
    }

    #[test]
    fn commas_in_brackets_and_quotes_belong_to_the_value() {
        let list = |text: &str| axes(&[text])[0].grid();
        assert_eq!(list("a=[1, 2],[3]"), ["[1, 2]", "[3]"]);
        assert_eq!(list("a='x,y', z"), ["'x,y'", "z"]);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, word) in [
            ("a", "KEY="),
            ("=1", "key"),
            ("a=1,,2", "leaves a value out"),
            ("a=9..1", "no range"),
            ("a=1..9:1", "points"),
            ("a=x,x", "twice"),
        ] {
            let error = Axis::parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
        let many = axes(&["a=0..9999:5000", "b=0..9999:5000"]);
        assert!(variants(&many, Sampling::Grid).is_err());
    }
}
