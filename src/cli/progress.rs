//! Progress on a terminal: how much is simulated, how fast.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::engine::{Drill, Span, Time};

/// Drawn on standard error while a run works, gone when it is over; nothing where that is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(what: &str, end: Time, quiet: bool) -> Progress {
        if quiet || !std::io::stderr().is_terminal() {
            return Progress {
                bar: ProgressBar::hidden(),
            };
        }
        let bar =
            ProgressBar::with_draw_target(Some(end.0), ProgressDrawTarget::stderr_with_hz(10))
                .with_prefix(what.to_string());
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:20}] {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { bar }
    }

    pub(super) fn show(&self, drill: &Drill) {
        if self.bar.is_hidden() {
            return;
        }
        let elapsed_s = self.bar.elapsed().as_secs_f64();
        let rate = drill.events() as f64 / elapsed_s.max(1e-3);
        self.bar.set_position(drill.now().0);
        self.bar.set_message(format!(
            "{:.1} s of {:.1} s simulated, {} events/s",
            seconds(drill.now()),
            seconds(drill.end()),
            thousands(rate)
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn seconds(time: Time) -> f64 {
    Span(time.0).as_secs()
}

/// Three digits are what a reader takes in while it changes.
fn thousands(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} M", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.0} k", rate / 1e3),
        rate => format!("{rate:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn rates_are_short() {
        assert_eq!(thousands(12.0), "12");
        assert_eq!(thousands(845_300.0), "845 k");
        assert_eq!(thousands(1_234_567.0), "1.23 M");
    }
}
