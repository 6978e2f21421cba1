//! The arguments of commands that help to begin: a scenario, completions, a man page.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

const IMPORT_EXAMPLES: &str = "\
Examples:
  curl -s $FLINK/jobs/$JOB > job.json; sleep 12; curl -s $FLINK/jobs/$JOB > job.json
  curl -s $FLINK/jobs/$JOB/checkpoints > checkpoints.json
  curl -s $FLINK/jobs/$JOB/checkpoints/config > checkpoints-config.json
  curl -s $FLINK/taskmanagers > taskmanagers.json
  firedrill import --plan job.json --config conf/config.yaml --checkpoints checkpoints.json \\
      --checkpoints checkpoints-config.json --taskmanagers taskmanagers.json --out ours.yaml
  firedrill run ours.yaml

What no answer says is assumed; each assumption is told on standard error and stands as a comment in the file.";

#[derive(Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(in crate::cli) struct ImportArgs {
    /// The answer of /jobs/:id/plan; or of /jobs/:id, which holds the plan and counts records too
    #[arg(long, value_name = "plan.json")]
    pub(in crate::cli) plan: PathBuf,

    /// The cluster's own configuration, config.yaml or flink-conf.yaml
    #[arg(long, value_name = "config.yaml")]
    pub(in crate::cli) config: PathBuf,

    /// The answer of /jobs/:id/checkpoints, of its /config or of its /details/:checkpointid; may be repeated, to give all three
    #[arg(long, value_name = "checkpoints.json")]
    pub(in crate::cli) checkpoints: Vec<PathBuf>,

    /// The answer of /taskmanagers
    #[arg(long, value_name = "taskmanagers.json")]
    pub(in crate::cli) taskmanagers: Option<PathBuf>,

    /// Name of the scenario [default: that of the job]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,

    /// The scenario's file; without it the scenario goes to standard output
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NewArgs {
    /// A scenario that is built in, instead of the one to start from; `firedrill list scenarios` has their names
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) from: Option<PathBuf>,

    /// Where it goes; a file that is there is left alone. Without it the scenario goes to standard output
    #[arg(value_name = "FILE.yaml")]
    pub(in crate::cli) file: Option<PathBuf>,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  firedrill completions bash > ~/.local/share/bash-completion/completions/firedrill
  firedrill completions zsh > ~/.zfunc/_firedrill
  firedrill completions fish > ~/.config/fish/completions/firedrill.fish";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(in crate::cli) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub(in crate::cli) shell: Shell,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ManArgs {
    /// Folder for firedrill.1 and a page of each command, as `man` looks for them
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
}
