//! Progress of a search on a terminal: seeds, their rate, coverage, failures.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::campaign::check::results::Results;

/// Drawn on standard error while a search works, gone when it is over; nothing where that is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// `seeds`: how many, where that is known.
    pub(super) fn new(seeds: Option<u64>, quiet: bool) -> Progress {
        if quiet || !std::io::stderr().is_terminal() {
            return Progress {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::with_draw_target(seeds, ProgressDrawTarget::stderr_with_hz(10));
        let template = match seeds {
            Some(_) => "[{bar:20}] {pos} of {len}, {per_sec}, {wide_msg}",
            None => "{spinner} {pos}, {per_sec}, {wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { bar }
    }

    /// Something else than seeds is counted.
    pub(super) fn tell(&self, position: u64, what: &str) {
        self.bar.set_position(position);
        self.bar.set_message(what.to_owned());
    }

    pub(super) fn show(&self, results: &Results) {
        if self.bar.is_hidden() {
            return;
        }
        let (seen, all) = results.coverage();
        self.bar.set_position(results.seeds);
        self.bar.set_message(format!(
            "{seen} of {all} rare situations, {} promises broken",
            results.failures.len()
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
