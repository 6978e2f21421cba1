//! Advancing a drill in slices, so that progress shows and Ctrl-C is heard.

use super::engine::{Drill, Ended, Span, Time, TraceSink};
use super::interrupt;
use super::progress::Progress;

/// How far a drill is advanced at a time. Where a slice ends has no effect on what is simulated.
pub(super) fn slice(end: Time) -> Span {
    Span((end.0 / 1000).clamp(Span::from_ms(1).0, Span::from_ms(100).0))
}

/// Advances to `until`, or until the user interrupts, the drill stalls, or `go_on` says that the sink has had enough
/// (which ends the same way as an interruption: the caller asks the sink).
pub(super) fn drive<T: TraceSink>(
    drill: &mut Drill,
    until: Time,
    trace: &mut T,
    progress: &Progress,
    go_on: impl Fn(&T) -> bool,
) -> Ended {
    let slice = slice(drill.end());
    while drill.now() < until {
        let next = (drill.now() + slice).min(until);
        if let Err(stall) = drill.advance(next, trace) {
            return Ended::Stalled(stall.to_string());
        }
        if interrupt::asked() || !go_on(trace) {
            return Ended::Interrupted;
        }
        progress.show(drill);
    }
    Ended::Completed
}
