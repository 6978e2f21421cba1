//! Marks of event time at the input gate: what has come of those on its channels.

use crate::dataflow::event_time::{Mark, Valve};

use super::InputGate;

impl InputGate {
    /// The channels carry event time.
    pub fn keep_event_time(&mut self) {
        self.valve = Some(Box::new(Valve::new(self.channels.len())));
    }

    #[inline]
    pub fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    pub fn take_marks(&mut self) -> Vec<Mark> {
        std::mem::take(&mut self.marks)
    }
}
