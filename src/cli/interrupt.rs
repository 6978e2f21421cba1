//! Ctrl-C: the first ends the run at once and cleanly, the second ends the program.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::status::Status;

static ASKED: AtomicBool = AtomicBool::new(false);

/// The unfinished folder, for the second Ctrl-C to clear away: an exit from the handler unwinds nothing.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From here on Ctrl-C (SIGTERM and SIGHUP too) only sets a flag.
pub(super) fn install() {
    // Without a handler Ctrl-C kills at once, as it does by default: nothing to tell the user.
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(folder) = &*unfinished {
                let _ = std::fs::remove_dir_all(folder);
            }
            std::process::exit(Status::Interrupted as i32);
        }
    });
}

/// Whether somebody asked to stop.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Says which folder is unfinished, or that none is.
pub(super) fn unfinished(folder: Option<&Path>) {
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = folder.map(Path::to_path_buf);
}
