//! The last line: a panic becomes a message that says whose mistake it is, and an exit status of its own.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use super::console;
use super::status::Status;

/// What the hook saw; printed once everything is unwound and the terminal is the user's again.
static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

struct Seen {
    what: String,
    backtrace: Option<String>,
}

/// Runs `work`; a panic in it ends in [`Status::Bug`] instead of Rust's own 101.
pub(super) fn guarded(work: impl FnOnce() -> Status) -> Status {
    caught(work).unwrap_or_else(|seen| {
        console::error(&apology(&seen));
        Status::Bug
    })
}

fn caught(work: impl FnOnce() -> Status) -> Result<Status, Seen> {
    let before = panic::take_hook();
    panic::set_hook(Box::new(remember));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(before);
    result.map_err(|_| {
        let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner).take();
        seen.unwrap_or_else(|| Seen {
            what: "unknown".to_string(),
            backtrace: None,
        })
    })
}

fn remember(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let literal = payload.downcast_ref::<&str>().copied();
    let what = literal
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info
        .location()
        .map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    // The first panic is the cause, later ones its consequences.
    SEEN.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_with(|| Seen {
            what: format!("{what}{place}"),
            backtrace: backtrace(),
        });
}

/// Where the user asked for one with `RUST_BACKTRACE=1`.
fn backtrace() -> Option<String> {
    let trace = Backtrace::capture();
    (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string())
}

fn apology(seen: &Seen) -> String {
    let command: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let backtrace = seen.backtrace.as_deref();
    [
        &format!("internal error: {}", seen.what),
        "This is a bug in Firedrill, not in what you gave it.",
        "Please report this message, together with the scenario file.",
        &format!("  version  {}", env!("CARGO_PKG_VERSION")),
        &format!("  command  {}", command.join(" ")),
        backtrace.unwrap_or("RUST_BACKTRACE=1 adds where it came from."),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_message_and_place() {
        assert!(matches!(caught(|| Status::Ok), Ok(Status::Ok)));
        let Err(seen) = caught(|| panic!("the world ended")) else {
            panic!("it went through");
        };
        assert!(seen.what.starts_with("the world ended ("), "{}", seen.what);
        assert!(seen.what.contains("guard.rs:"), "{}", seen.what);
    }

    #[test]
    fn the_message_says_whose_bug_it_is() {
        let text = apology(&Seen {
            what: "index out of bounds (src/a.rs:1)".to_string(),
            backtrace: None,
        });
        assert!(text.starts_with("internal error: index out of bounds (src/a.rs:1)"));
        assert!(text.contains("bug in Firedrill"));
        assert!(text.contains(env!("CARGO_PKG_VERSION")));
    }
}
