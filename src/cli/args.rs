//! The arguments, and the help that explains them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod campaigns;
mod starting;

pub(super) use campaigns::{
    Chosen, CompareArgs, Effort, MergeArgs, Sample, SweepAction, SweepArgs, TuneArgs,
};

pub(super) use starting::{CompletionsArgs, ImportArgs, ManArgs, NewArgs};

use super::check::args::CheckArgs;

const EXAMPLES: &str = "\
Examples:
  firedrill run fraud-detection
      rehearse a drill that is built in (firedrill list scenarios); the report goes to reports/fraud-detection/
  firedrill run drill.yaml --seed 7 --set recovery.scope=region --format json
      the same drill under another seed and with a changed setting, for a script
  firedrill replay reports/fraud-detection
      run a report's drill again, event by event, and stop at the first difference
  firedrill list faults
      what can go wrong in a scenario

Exit status:
  0 all is well            1 an expectation is not met    2 bad arguments or a bad file
  3 safety is broken       4 liveness is broken           5 a replay differs
  70 a bug in Firedrill    130 interrupted";

/// Rehearse the failover of an Apache Flink cluster before it happens.
///
/// Firedrill simulates JobManagers, TaskManagers, ZooKeeper, Kafka partitions and checkpoints on one seeded event
/// loop. A scenario file goes in; out come the recovery timeline, where each second of it went, whether exactly-once
/// held, plots, and a digest that anyone can replay bit for bit.
#[derive(Debug, Parser)]
#[command(name = "firedrill", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Simulate a scenario once and report what happened
    Run(RunArgs),
    /// Run a report's drill or a case of a check again (or a scenario twice) and compare every event
    Replay(ReplayArgs),
    /// Show the first event at which two traces differ, with what led to it
    Diff(DiffArgs),
    /// Say why each recovery took so long: the critical path from the fault to "caught up", and the settings behind it
    Explain(ExplainArgs),
    /// Run a scenario under varied settings and many seeds: quantiles, plots, a row per run
    Sweep(SweepArgs),
    /// Set two scenarios, models, policies or settings against each other, seed by seed
    Compare(CompareArgs),
    /// Search the settings that meet a target, and say which of them buys most
    Tune(TuneArgs),
    /// Search for a fault plan that breaks a promise, and make it small
    Check(CheckArgs),
    /// Set measured recoveries beside what the simulator predicts for them
    Validate(ValidateArgs),
    /// Make a profile of the environment out of a table of measured recoveries
    Calibrate(CalibrateArgs),
    /// Make a scenario from what Flink's REST API answers for a running job
    Import(ImportArgs),
    /// Write a commented scenario to start from
    New(NewArgs),
    /// Show the names that a scenario may use
    List(ListArgs),
    /// Print the JSON Schema of the scenario file, for editors
    Schema,
    /// Print the completions of a shell, to be sourced or put where it looks for them
    Completions(CompletionsArgs),
    /// Print the man page, or write one for each command
    Man(ManArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  firedrill run drill.yaml --set recovery.scope=region --out reports/region
  firedrill run drill.yaml --set execution.checkpointing.interval='5 s'
  firedrill run drill.yaml --flink-config /etc/flink/config.yaml --model flink-default --profile ./ours.yaml
  firedrill run drill.yaml --seed 7 --format json --no-files | jq .recoveries[0].total_ms
  firedrill run drill.yaml --model story,flink-default,flink-adaptive
  firedrill run drill.yaml --seeds 400 --junit verdicts.xml

The report's folder holds scenario.yaml (as resolved), summary.json, timeline.csv, tasks.csv, \
metrics.csv, trace.jsonl and the plots. It is written whole or not at all; an earlier report there \
is replaced, any other folder is refused. With several models each has a folder of its own below \
reports/<name of the scenario>-models (or --out), beside comparison.txt, .csv and .json.";

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(super) struct RunArgs {
    /// The scenario: a YAML file, or the name of one that is built in
    #[arg(value_name = "SCENARIO.yaml")]
    pub(super) scenario: PathBuf,

    /// Seed of every random draw, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,

    /// Run under many seeds instead (N for 0..N, or A..B without B) and show p50, p90, p99 of the total and of each phase,
    /// with the seed to look at for each
    #[arg(long, value_name = "N|A..B", conflicts_with_all = ["seed", "out", "no_trace"])]
    pub(super) seeds: Option<String>,

    /// Threads, with --seeds [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = jobs, requires = "seeds")]
    pub(super) jobs: Option<usize>,

    /// Model of the cluster, in place of the scenario's (see `firedrill list models`); several, separated by commas, run
    /// one after the other and are set side by side
    #[arg(long, value_name = "M[,M]", value_delimiter = ',')]
    pub(super) model: Vec<String>,

    /// Set one value of the scenario: a dotted path of it, or a Flink key; may be repeated, later wins
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(super) set: Vec<(String, String)>,

    /// The cluster's own configuration, config.yaml or flink-conf.yaml; what the scenario sets wins
    #[arg(long, value_name = "FILE")]
    pub(super) flink_config: Option<PathBuf>,

    /// What the environment contributes: the name of a profile, or a YAML file of one, in place of the scenario's
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) profile: Option<String>,

    /// Folder of the report [default: reports/<name of the scenario>]
    #[arg(long, value_name = "DIR", conflicts_with = "no_files")]
    pub(super) out: Option<PathBuf>,

    /// What goes to standard output: the report, or summary.json alone
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,

    /// Write the verdicts as JUnit XML, for a CI system: a test case for each expectation and invariant
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,

    /// No progress and no report in text: only what is wrong
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// Compute everything, write no file
    #[arg(long)]
    pub(super) no_files: bool,

    /// Leave out trace.jsonl, by far the largest file (a replay then compares digests)
    #[arg(long)]
    pub(super) no_trace: bool,
}

const REPLAY_EXAMPLES: &str = "\
Examples:
  firedrill replay reports/fraud-detection
  firedrill replay scenarios/fraud-detection.yaml
  firedrill replay checks/fraud-detection/story-K5-seed-17

Exit status 0 when every event is the same, 5 when one differs: it is shown from both sides, with its causes.";

#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(super) struct ReplayArgs {
    /// The folder of a report, a case of a check (its folder or its case.json), or a scenario to run twice in lockstep
    #[arg(value_name = "DIR|CASE|SCENARIO.yaml")]
    pub(super) subject: PathBuf,

    /// No progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

const DIFF_EXAMPLES: &str = "\
Examples:
  firedrill diff reports/before reports/after
  firedrill diff a/trace.jsonl b/trace.jsonl

Exit status 0 when every line is the same, 5 when one differs: it is shown from both sides, with its causes.";

#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
pub(super) struct DiffArgs {
    /// The folder of a report with its trace, or a trace
    #[arg(value_name = "A")]
    pub(super) before: PathBuf,

    /// Another one
    #[arg(value_name = "B")]
    pub(super) now: PathBuf,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  firedrill explain reports/fraud-detection
  firedrill explain scenarios/fraud-detection-leader-dies.yaml --model flink-default --seed 7
  firedrill explain drill.yaml --format json | jq '.recoveries[0].settings[0]'

The drill is run again, and every event's cause is remembered. What ended each phase is followed back to where the \
phase began; the steps of all phases add up to the total.";

#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(super) struct ExplainArgs {
    /// The folder of a report, or a scenario
    #[arg(value_name = "DIR|SCENARIO.yaml")]
    pub(super) subject: PathBuf,

    /// Seed of every random draw, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,

    #[command(flatten)]
    pub(super) chosen: Chosen,

    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,

    /// No progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

const VALIDATE_EXAMPLES: &str = "\
Examples:
  firedrill validate tests/data/measured/lab.csv --scenario scenarios/lab.yaml --seeds 40
  firedrill validate mine.csv --scenario mine.yaml --columns mine.columns.yml --out reports/validation

Each row of the table is a measured recovery. Its settings and its fault are set on the scenario and simulated \
under many seeds; the measured times stand beside the predicted median and band. Columns named as in \
tests/data/measured/lab.csv are known; SCENARIO.columns.yml beside the scenario, or --columns, says what others \
mean.";

#[derive(Debug, Args)]
#[command(after_help = VALIDATE_EXAMPLES)]
pub(super) struct ValidateArgs {
    /// The measured recoveries, a CSV file with a header
    #[arg(value_name = "TABLE.csv")]
    pub(super) table: PathBuf,

    /// The scenario that the rows' settings are set on: its faults do not count
    #[arg(long, value_name = "BASE.yaml")]
    pub(super) scenario: PathBuf,

    /// What the columns mean [default: BASE.columns.yml, if there is one]
    #[arg(long, value_name = "COLUMNS.yaml")]
    pub(super) columns: Option<PathBuf>,

    /// Profile of the environment, in place of the scenario's
    #[arg(long, value_name = "P")]
    pub(super) profile: Option<String>,

    /// Simulations of each row
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(super) seeds: u64,

    /// Threads [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub(super) jobs: Option<usize>,

    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub(super) format: TableFormat,

    /// Folder for validation.json, .csv, .txt, .md and the scatter plot
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,

    /// No progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// One quantity of one row a line
    Csv,
    /// A line per cell, for documents
    Markdown,
}

pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=1_024) => Ok(jobs),
        _ => Err("expected a number of threads from 1 to 1024".to_string()),
    }
}

const CALIBRATE_EXAMPLES: &str = "\
Examples:
  firedrill calibrate tests/data/measured/lab.csv --base default --cores 2 --out lab-again.yaml
  firedrill validate mine.csv --scenario mine.yaml --profile ./lab-again.yaml

Columns named as in tests/data/measured/lab.csv are known: fault, detect_ms, cycles, leader_granted_ms, ... Each value \
says from how many rows it comes, and how; what the table does not show stays the base's, and is named.";

#[derive(Debug, Args)]
#[command(after_help = CALIBRATE_EXAMPLES)]
pub(super) struct CalibrateArgs {
    /// The measured recoveries, a CSV file with a header
    #[arg(value_name = "TABLE.csv")]
    pub(super) table: PathBuf,

    /// Where the rest comes from: the name of a profile, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub(super) base: String,

    /// Cores that all tasks of the job share; without it nothing is said about what takes CPU
    #[arg(long, value_name = "N", value_parser = cores)]
    pub(super) cores: Option<f64>,

    /// The profile's file; without it the profile goes to standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Of what
    #[arg(value_enum)]
    pub(super) what: Listing,

    /// One line each, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Listing {
    /// Bundles of defaults: `model`, `--model`
    Models,
    /// Values of the switches, one by one
    Policies,
    /// What can happen under `faults`
    Faults,
    /// What every run is checked against
    Invariants,
    /// Scenarios that come with Firedrill
    Scenarios,
    /// Mistakes that `check --defect` switches on
    Defects,
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

fn cores(text: &str) -> Result<f64, String> {
    let cores = text.parse().ok();
    cores
        .filter(|cores| (0.001..=1e6).contains(cores))
        .ok_or_else(|| "expected a number of cores, like 2 or 0.5".to_string())
}

/// `key=value`; the value may hold further equals signs.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_string(), value.trim().to_string()))
        }
        _ => Err("expected KEY=VALUE, as in recovery.scope=region".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_setting_splits_at_the_first_equals_sign() {
        let pair = |key: &str, value: &str| Ok((key.to_string(), value.to_string()));
        assert_eq!(setting("seed=7"), pair("seed", "7"));
        assert_eq!(setting("about=a=b"), pair("about", "a=b"));
        assert_eq!(setting("about="), pair("about", ""));
        assert!(setting("seed").is_err());
        assert!(setting("=7").is_err());
    }
}
