//! Standard output and standard error.

use std::io::{self, IsTerminal, Write};

use super::status::Failure;

/// Columns where there is no terminal to ask.
const WIDTH_PIPED: usize = 100;

/// What standard output can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stdout {
    pub(super) width: usize,
    pub(super) colour: bool,
}

impl Stdout {
    /// Asks the terminal; plain text where there is none, or where `NO_COLOR` (no-color.org) asks for it.
    pub(super) fn ask() -> Stdout {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if !io::stdout().is_terminal() {
            return Stdout {
                width: WIDTH_PIPED,
                colour: false,
            };
        }
        let width = terminal_size::terminal_size().map_or(WIDTH_PIPED, |(width, _)| {
            usize::from(width.0).clamp(40, 160)
        });
        Stdout {
            width,
            colour: !set("NO_COLOR") && !dumb,
        }
    }
}

/// Prints to standard output. A reader who has gone away (`| head`) is not an error.
pub(super) fn print(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text)
        .and_then(|()| stdout.flush())
        .or_else(forgive_broken_pipe)
        .map_err(|error| Failure::bad(format!("cannot write to standard output: {error}")))
}

/// A word that a shell takes as it is.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.=:,/-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

pub(super) fn forgive_broken_pipe(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}

/// What stops the program.
pub(super) fn error(message: &str) {
    say("error", message);
}

/// What the user should know although the program goes on.
pub(super) fn warning(message: &str) {
    say("warning", message);
}

/// A fact beside the result.
pub(super) fn note(message: &str) {
    say("note", message);
}

fn say(what: &str, message: &str) {
    // Some messages bring their own heading, several even one for each problem.
    let heading = format!("{what}: ");
    let message = message.strip_prefix(&heading).unwrap_or(message).trim_end();
    // Where standard error is closed there is nobody left to tell; the exit status still does.
    let _ = writeln!(io::stderr().lock(), "{heading}{message}");
}
