//! What is followed of one job while it runs: where its restart stands, and the recovery that is open.

use crate::kernel::Time;

use super::episode::{Episode, Injected};
use super::phase::{JobState, Phase};

/// What is followed of one job.
#[derive(Clone, Debug)]
pub struct Following {
    pub state: JobState,
    pub episode: Option<Episode>,
    /// When a late record was last handled.
    pub last_late: Time,
    /// When its output was last found to be in time.
    pub in_time: Time,
    /// When the last stage before catching up ended.
    pub done_at: Time,
    /// The job has run once.
    pub submitted: bool,
}

impl Following {
    pub fn detect(&mut self, detector: &'static str, now: Time) {
        if let Some(episode) = &mut self.episode
            && episode.detected.is_none()
        {
            episode.detected = Some(now);
            episode.detector = Some(detector);
            // Somebody does act, although the fault is over.
            episode.intervals.rewind();
            episode.paths.clear();
        }
    }

    pub fn turn(&mut self, now: Time) {
        if let Some(episode) = &mut self.episode
            && episode.detected.is_some()
        {
            episode.intervals.turn(self.state.phase(), now);
        }
    }

    /// Where nobody acts and the faults are over by themselves, what remains is to catch up.
    pub fn unacted(&mut self, faults: &[Injected], now: Time) {
        if let Some(episode) = &mut self.episode
            && episode.detected.is_none()
            && episode
                .faults
                .iter()
                .all(|fault| faults[*fault].healed.is_some())
        {
            episode.intervals.turn(Phase::CatchUp, now);
        }
    }
}
