//! Floor 9: arguments, exit statuses, files, progress, terminal output.

// This room alone meets the outside world: the rooms below may not touch files, clocks or the environment.
#![allow(
    clippy::disallowed_methods,
    reason = "the command line reads and writes files and asks what the terminal can do"
)]
#![allow(
    clippy::disallowed_types,
    reason = "nothing here feeds back into a simulation"
)]

mod args;
mod calibrate;
mod check;
mod compare;
mod console;
mod drive;
mod engine;
mod explain;
mod folder;
mod guard;
mod help;
mod import;
mod input;
mod interrupt;
mod list;
mod models;
mod progress;
mod replay;
mod run;
mod seeds;
mod shipped;
mod source;
mod status;
mod sweep;
mod trace;
mod tune;
mod validate;
mod verdict;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use status::{Failure, Status};

/// The whole program: parses the arguments, does what they ask, and answers with the exit status.
pub fn main() -> ExitCode {
    answer(std::env::args_os()).into()
}

/// What the program does for these arguments, the first of which is its own name; the exit status.
pub fn answer(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return answer_clap(&error) as u8,
    };
    let ended = guard::guarded(|| match dispatch(&cli.command) {
        Ok(status) => status,
        Err(failure) => {
            console::error(&failure.message);
            failure.status
        }
    });
    ended as u8
}

fn dispatch(command: &Command) -> Result<Status, Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Tune(args) => tune::run(args),
        Command::Validate(args) => validate::run(args),
        Command::Check(args) => check::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Replay(args) => replay::replay(args),
        Command::Diff(args) => replay::diff::run(args),
        Command::Import(args) => import::run(args),
        Command::New(args) => help::new(args),
        Command::Completions(args) => help::completions(args),
        Command::Man(args) => help::man(args),
        Command::List(args) => list::list(args),
        Command::Schema => list::schema(),
    }
}

/// Help and version are no errors, and clap prints both kinds where they belong.
fn answer_clap(error: &clap::Error) -> Status {
    let printed = error.print();
    if let Err(failure) = printed.or_else(console::forgive_broken_pipe) {
        console::error(&format!("cannot print: {failure}"));
    }
    if error.use_stderr() {
        Status::Bad
    } else {
        Status::Ok
    }
}
