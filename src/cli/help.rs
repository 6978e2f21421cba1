//! `firedrill new`, `completions` and `man`: what helps to begin.

use std::path::Path;

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs, ManArgs, NewArgs};
use super::console;
use super::folder::{Shelf, write_whole};
use super::shipped;
use super::status::{Failure, Status};

/// A scenario whose comments say what may be changed.
const STARTER: &str = include_str!("starter.yaml");

pub(super) fn new(args: &NewArgs) -> Result<Status, Failure> {
    let text = match &args.from {
        None => STARTER,
        Some(name) => named(name)?,
    };
    let Some(file) = &args.file else {
        console::print(text.as_bytes())?;
        return Ok(Status::Ok);
    };
    if file.exists() {
        return Err(Failure::bad(format!(
            "{} is there already and is left alone; name another file",
            file.display()
        )));
    }
    write_whole(file, text.as_bytes())?;
    console::note(&format!(
        "{} is a scenario to start from; `firedrill run` it",
        file.display()
    ));
    Ok(Status::Ok)
}

fn named(name: &Path) -> Result<&'static str, Failure> {
    let shipped = shipped::named(name).ok_or_else(|| {
        Failure::bad(format!(
            "no scenario {} is built in; `firedrill list scenarios` has the names{}",
            name.display(),
            shipped::nearest(name)
        ))
    })?;
    Ok(shipped.text)
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<Status, Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "firedrill", &mut bytes);
    console::print(&bytes)?;
    Ok(Status::Ok)
}

pub(super) fn man(args: &ManArgs) -> Result<Status, Failure> {
    let Some(folder) = &args.out else {
        console::print(&page(Cli::command())?)?;
        return Ok(Status::Ok);
    };
    let shelf = Shelf::make(folder)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut left = vec![command];
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().cloned());
        let name = clap_mangen::Man::new(command.clone()).get_filename();
        shelf.write(&name, &page(command)?)?;
    }
    Ok(Status::Ok)
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut bytes)
        .map_err(|error| Failure::bad(format!("cannot make the man page: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::engine;

    #[test]
    fn the_starter_loads_without_a_warning() {
        let loaded =
            engine::load(STARTER, "starter.yaml", &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.warnings, Vec::<String>::new());
        assert!(!loaded.scenario.faults.is_empty() && !loaded.scenario.expect.is_empty());
    }
}
