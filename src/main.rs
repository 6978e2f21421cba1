//! The binary; everything is in [`firedrill::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    firedrill::cli::main()
}
