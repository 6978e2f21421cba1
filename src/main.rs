//! The binary; everything is in [`firedrill::cli`].

use std::process::ExitCode;

/// Messages and batches are small, short-lived and many: what it saves is measured in `benches/README.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    firedrill::cli::main()
}
