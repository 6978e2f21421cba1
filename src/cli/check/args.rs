//! The arguments of `firedrill check`.

use std::path::PathBuf;

use clap::Args;

use crate::campaign::check::drawn_faults;
use crate::cli::args::{Chosen, Effort, Format};
use crate::scenario::model::Defect;

const CHECK_EXAMPLES: &str = "\
Examples:
  firedrill check drill.yaml --seeds 1000
  firedrill check drill.yaml --model flink-default --seeds 5000..6000 --format json
  firedrill check drill.yaml --seeds 0.. --time-limit 10min --seed-from-commit $(git rev-parse HEAD)
  firedrill check drill.yaml --faults kill,hang --set jobs.0.operators.4.guarantee=at-least-once
  firedrill replay checks/drill/story-K5-seed-17

Each seed draws faults, sizes and settings of its own; the scenario's own faults do not count, and what --set sets \
is the same under every seed. What breaks a promise is written down at once, below checks/<name of the scenario> (or \
--out), and then made small; the next check runs such cases first, and `firedrill replay` runs one again. Exit status 3 where a safety promise broke, 4 where a liveness promise did.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(in crate::cli) struct CheckArgs {
    /// The scenario: a YAML file, or the name of one that is built in
    #[arg(value_name = "SCENARIO.yaml")]
    pub(in crate::cli) scenario: PathBuf,

    /// A..B, A.. until stopped, or a count from 0 on [default: 1000; of each defect 2000]
    #[arg(long, value_name = "A..B|N", value_parser = seeds)]
    pub(in crate::cli) seeds: Option<Seeds>,

    /// The first seed is made of this commit's hash
    #[arg(long, value_name = "HASH", value_parser = commit)]
    pub(in crate::cli) seed_from_commit: Option<u64>,

    /// No further seeds after so long, like `90s`, `10min` or `2h`
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    pub(in crate::cli) time_limit: Option<u64>,

    /// No further seeds once many in a row have reached no new situation
    #[arg(long)]
    pub(in crate::cli) until_stable: bool,

    /// Kinds of fault that are drawn, and no others (names as in `firedrill list faults`) [default: all]
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = drawn, conflicts_with = "exhaustive")]
    pub(in crate::cli) faults: Vec<&'static str>,

    /// Switch a mistake on, to see whether it is noticed (see `firedrill list defects`); may be repeated
    #[arg(long, value_name = "NAME", value_parser = defect)]
    pub(in crate::cli) defect: Vec<String>,

    /// Switch one mistake on after the other, each in the model that it belongs to, and say which are found
    #[arg(long, conflicts_with_all = ["defect", "model", "out", "time_limit", "until_stable"])]
    pub(in crate::cli) all_defects: bool,

    /// In place of seeds: a tiny cluster, and every placement of so many faults (1 to 3) between its events
    #[arg(long, value_name = "FAULTS", value_parser = clap::value_parser!(u32).range(1..=3), conflicts_with_all = ["all_defects", "seeds", "seed_from_commit", "until_stable"])]
    pub(in crate::cli) exhaustive: Option<u32>,

    /// Go back to rare situations, and go on from each in so many other ways
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(in crate::cli) forks: u64,

    #[command(flatten)]
    pub(in crate::cli) chosen: Chosen,

    /// Folder of the cases [default: checks/<name of the scenario>]
    #[arg(long, value_name = "DIR", conflicts_with = "no_files")]
    pub(in crate::cli) out: Option<PathBuf>,

    /// Keep no cases, and run none of earlier checks
    #[arg(long)]
    pub(in crate::cli) no_files: bool,

    /// Leave what is found as it was found
    #[arg(long)]
    pub(in crate::cli) no_shrink: bool,

    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,

    #[command(flatten)]
    pub(in crate::cli) effort: Effort,
}

/// Seeds from a first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Seeds {
    pub(in crate::cli) first: u64,
    pub(in crate::cli) count: u64,
}

impl Seeds {
    /// How many there are, where somebody has said so.
    pub(in crate::cli) fn bounded(self) -> Option<u64> {
        (self.count < u64::MAX - self.first).then_some(self.count)
    }
}

fn seeds(text: &str) -> Result<Seeds, String> {
    let expected = || "expected seeds like 0..1000, 500.. or 1000".to_owned();
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| expected());
    match text.split_once("..") {
        None => Ok(Seeds {
            first: 0,
            count: number(text)?,
        }),
        Some((from, "")) => {
            let first = number(from)?;
            Ok(Seeds {
                first,
                count: u64::MAX - first,
            })
        }
        Some((from, to)) => {
            let (first, to) = (number(from)?, number(to)?);
            let count = to.checked_sub(first).ok_or_else(expected)?;
            Ok(Seeds { first, count })
        }
    }
}

fn drawn(text: &str) -> Result<&'static str, String> {
    let known = drawn_faults();
    match known.iter().find(|known| **known == text) {
        Some(fault) => Ok(fault),
        None => Err(format!("a check draws {}", known.join(", "))),
    }
}

fn defect(text: &str) -> Result<String, String> {
    let known = |defect: &&Defect| defect.name() == text;
    match Defect::ALL.iter().find(known) {
        Some(defect) => Ok(defect.name().to_owned()),
        None => Err("no such defect; `firedrill list defects` shows them".to_owned()),
    }
}

/// The first digits of a hash, as a number.
fn commit(text: &str) -> Result<u64, String> {
    let digits = text.get(..12).unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| "expected a commit's hash, hexadecimal".to_owned())
}

/// In milliseconds.
fn time_limit(text: &str) -> Result<u64, String> {
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_ms = match unit {
        "s" | "" => 1_000,
        "min" | "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let number: u64 = number.trim().parse().unwrap_or(0);
    match number.checked_mul(unit_ms) {
        Some(ms) if ms > 0 => Ok(ms),
        _ => Err("expected a time like 90s, 10min or 2h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_a_count() {
        let seeds = |first, count| Ok(Seeds { first, count });
        assert_eq!(super::seeds("1000"), seeds(0, 1000));
        assert_eq!(super::seeds("5..7"), seeds(5, 2));
        assert_eq!(super::seeds("5.."), seeds(5, u64::MAX - 5));
        assert!(super::seeds("7..5").is_err());
        assert!(super::seeds("x").is_err());
    }

    #[test]
    fn times_have_units_and_commits_are_hexadecimal() {
        assert_eq!(time_limit("90s"), Ok(90_000));
        assert_eq!(time_limit("2h"), Ok(7_200_000));
        assert!(time_limit("0s").is_err() && time_limit("5 parsecs").is_err());
        assert_eq!(commit("00000000000affff"), Ok(10));
        assert!(commit("not a hash").is_err());
    }
}
