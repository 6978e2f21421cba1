//! The arguments of commands that run a scenario many times.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{Format, jobs, setting};

/// A scenario, with what is changed of it.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Chosen {
    /// Model of the cluster, in place of the scenario's
    #[arg(long, value_name = "M")]
    pub(in crate::cli) model: Option<String>,

    /// Set one value of the scenario: a dotted path of it, or a Flink key; may be repeated, later wins
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(in crate::cli) set: Vec<(String, String)>,

    /// The cluster's own configuration, config.yaml or flink-conf.yaml; what the scenario sets wins
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) flink_config: Option<PathBuf>,

    /// What the environment contributes: the name of a profile, or a YAML file of one, in place of the scenario's
    #[arg(long, value_name = "NAME|FILE")]
    pub(in crate::cli) profile: Option<String>,
}

impl Chosen {
    /// The arguments that choose the same again, with paths written by `shown`.
    pub(in crate::cli) fn words(&self, shown: impl Fn(&Path) -> String) -> Vec<String> {
        let model = self.model.iter().map(|model| ("--model", model.clone()));
        let sets = self.set.iter();
        let sets = sets.map(|(key, value)| ("--set", format!("{key}={value}")));
        let config = self.flink_config.iter();
        let config = config.map(|path| ("--flink-config", shown(path)));
        let profile = self
            .profile
            .iter()
            .map(|name| ("--profile", shown(Path::new(name))));
        let options = model.chain(sets).chain(config).chain(profile);
        options
            .flat_map(|(option, value)| [option.to_owned(), value])
            .collect()
    }
}

/// How the runs are computed.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Effort {
    /// Threads [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub(in crate::cli) jobs: Option<usize>,

    /// No progress and no result in text: only what is wrong
    #[arg(long, short)]
    pub(in crate::cli) quiet: bool,
}

impl Effort {
    pub(in crate::cli) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or_else(cores)
    }
}

const SWEEP_EXAMPLES: &str = "\
Examples:
  firedrill sweep drill.yaml --seeds 400 --vary high-availability.zookeeper.client.session-timeout='10 s..60 s'
  firedrill sweep drill.yaml --seeds 100 --vary model=story,flink-default --vary jobs.0.operators.1.parallelism=2..8:4
  firedrill sweep drill.yaml --vary a=1..9 --vary b='1 s..1 min' --sample latin-hypercube --samples 50
  firedrill sweep drill.yaml --seeds 1000 --out big --resume
  firedrill sweep drill.yaml --seeds 1000 --shard 2/4 --out shard-2
  firedrill sweep merge shard-1 shard-2 shard-3 shard-4 --out whole

Every variant runs under the same seeds, so that variants differ by their settings alone. Each run is a row; rows go \
to the journal in the folder as they finish, and --resume goes on from there. When all are there the folder \
holds runs.csv (a row per run), summary.json, summary.csv, summary.txt and the plots. The bytes do \
not depend on --jobs, on interruptions or on shards.";

#[derive(Debug, Args)]
#[command(after_help = SWEEP_EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(in crate::cli) struct SweepArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: Option<SweepAction>,

    /// The scenario: a YAML file, or the name of one that is built in
    #[arg(value_name = "SCENARIO.yaml", required = true)]
    pub(in crate::cli) scenario: Option<PathBuf>,

    /// Seeds of each variant: N for 0..N, or A..B without B
    #[arg(long, value_name = "N|A..B", default_value = "100")]
    pub(in crate::cli) seeds: String,

    /// What varies: a dotted path of the scenario or a Flink key, with values or a range (on 5 points, or A..B:POINTS);
    /// may be repeated
    #[arg(long, value_name = "KEY=V1,V2,...|A..B")]
    pub(in crate::cli) vary: Vec<String>,

    /// Which variants: every combination, or as many as --samples says, drawn
    #[arg(long, value_enum, default_value_t = Sample::Grid)]
    pub(in crate::cli) sample: Sample,

    /// How many variants are drawn
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::cli) samples: Option<u32>,

    /// Seed of the drawing
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(in crate::cli) sample_seed: u64,

    #[command(flatten)]
    pub(in crate::cli) chosen: Chosen,

    /// Folder of the sweep [default: reports/<name of the scenario>-sweep]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,

    /// Go on with what the folder holds; without anything there, begin
    #[arg(long)]
    pub(in crate::cli) resume: bool,

    /// Only every N-th run, beginning with the I-th: for machines that share the work
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(in crate::cli) shard: Option<(u64, u64)>,

    /// What goes to standard output: the summary, or summary.json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,

    /// Write the verdicts as JUnit XML, for a CI system: a test case for each expectation
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) effort: Effort,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SweepAction {
    /// Put the shards of a sweep together: the same bytes as one process would have written
    Merge(MergeArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MergeArgs {
    /// The folders of all shards
    #[arg(value_name = "DIR", required = true)]
    pub(in crate::cli) shards: Vec<PathBuf>,

    /// Folder of the whole sweep [default: reports/<name of the scenario>-sweep]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,

    /// What goes to standard output: the summary, or summary.json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,

    /// Write the verdicts as JUnit XML, for a CI system: a test case for each expectation
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,

    /// No result in text
    #[arg(long, short)]
    pub(in crate::cli) quiet: bool,
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  firedrill compare drill.yaml --b model=flink-default --seeds 200
  firedrill compare drill.yaml --b high-availability.zookeeper.client.session-timeout='20 s'
  firedrill compare drill.yaml --b taskmanager.load-balance.mode=tasks
  firedrill compare before.yaml after.yaml

Both sides run under the same seeds, so that each pair differs by what is compared alone: far fewer seeds tell them \
apart than by their distributions.";

#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(in crate::cli) struct CompareArgs {
    /// The scenario of side A
    #[arg(value_name = "A.yaml")]
    pub(in crate::cli) a_scenario: PathBuf,

    /// The scenario of side B [default: that of A]
    #[arg(value_name = "B.yaml")]
    pub(in crate::cli) b_scenario: Option<PathBuf>,

    /// Set one value on side A alone; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(in crate::cli) a: Vec<(String, String)>,

    /// Set one value on side B alone; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(in crate::cli) b: Vec<(String, String)>,

    /// Seeds of both: N for 0..N, or A..B without B
    #[arg(long, value_name = "N|A..B", default_value = "100")]
    pub(in crate::cli) seeds: String,

    #[command(flatten)]
    pub(in crate::cli) chosen: Chosen,

    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,

    #[command(flatten)]
    pub(in crate::cli) effort: Effort,
}

const TUNE_EXAMPLES: &str = "\
Examples:
  firedrill tune drill.yaml --target 'p99(total) <= 30 s and p50(checkpoint_overhead) <= 5 %' \\
      --vary execution.checkpointing.interval='1 s..60 s' \\
      --vary high-availability.zookeeper.client.session-timeout='4 s..60 s'

The first bound's quantity is made as good as possible within all bounds. Every setting runs under the same seeds; \
before and after are then predicted on as many seeds that the search has not seen. Exit status 1: the target is not met.";

#[derive(Debug, Args)]
#[command(after_help = TUNE_EXAMPLES)]
pub(in crate::cli) struct TuneArgs {
    /// The scenario: a YAML file, or the name of one that is built in
    #[arg(value_name = "SCENARIO.yaml")]
    pub(in crate::cli) scenario: PathBuf,

    /// Bounds on quantiles over seeds, joined by `and`; without a quantile the worst seed counts
    #[arg(long, value_name = "BOUNDS")]
    pub(in crate::cli) target: String,

    /// What may be changed: a dotted path of the scenario or a Flink key, with values or a range; may be repeated
    #[arg(long, value_name = "KEY=V1,V2,...|A..B", required = true)]
    pub(in crate::cli) vary: Vec<String>,

    /// Seeds of each setting: N for 0..N, or A..B without B
    #[arg(long, value_name = "N|A..B", default_value = "40")]
    pub(in crate::cli) seeds: String,

    /// Runs that the search may take
    #[arg(long, value_name = "RUNS", default_value_t = 4_000)]
    pub(in crate::cli) budget: u64,

    /// What counts as steady-state cost in the plot: its median over the seeds
    #[arg(long, value_name = "MEASURE", default_value = "checkpoint_overhead")]
    pub(in crate::cli) cost: String,

    #[command(flatten)]
    pub(in crate::cli) chosen: Chosen,

    /// Folder for tune.json, tune.txt and the plot [default: reports/<name of the scenario>-tune]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,

    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,

    #[command(flatten)]
    pub(in crate::cli) effort: Effort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Sample {
    /// Every combination of the values
    Grid,
    /// Each value drawn by itself
    Random,
    /// Each key's values spread evenly over the samples
    LatinHypercube,
}

fn shard(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    text.split_once('/')
        .and_then(|(which, of)| number(which).zip(number(of)))
        .filter(|(which, of)| (1..=*of).contains(which))
        .ok_or_else(|| "expected I/N with I from 1 to N, like 2/4".to_string())
}
