//! The sink that compares a run with a reference as it goes.

use serde::Serialize;

use crate::cli::engine::{TraceLine, TraceSink};
use crate::cli::status::Failure;
use crate::cli::trace::{Event, write_line};

use super::difference::Difference;

/// What a run is compared with.
pub(super) trait Reference {
    /// The next line, with its line end, or nothing at the end.
    fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure>;

    /// Reads a line that [`Reference::next`] gave.
    fn parse(&self, line: &[u8]) -> Result<Event, Failure>;

    /// The line just given was the same, and is of this event.
    fn passed(&mut self, event: u64);

    /// The first line of an event that was passed.
    fn look_up(&mut self, event: u64) -> Option<Event>;
}

/// Compares line by line, up to the first difference; what comes after it is of no interest.
pub(super) struct Comparing<R> {
    pub(super) reference: R,
    expected: Vec<u8>,
    actual: Vec<u8>,
    same: u64,
    found: Result<Option<Difference>, Failure>,
}

impl<R: Reference> Comparing<R> {
    pub(super) fn new(reference: R) -> Comparing<R> {
        Comparing {
            reference,
            expected: Vec::new(),
            actual: Vec::new(),
            same: 0,
            found: Ok(None),
        }
    }

    /// Whether everything so far is the same.
    pub(super) fn is_same(&self) -> bool {
        matches!(self.found, Ok(None))
    }

    /// How many lines were the same.
    pub(super) fn same(&self) -> u64 {
        self.same
    }

    /// The run has nothing more to say for now: whatever is left of the reference is a difference.
    pub(super) fn expect_end(&mut self) {
        if self.is_same() {
            self.found = self.rest();
        }
    }

    /// What was found, and the reference to look causes up in.
    pub(super) fn into_found(self) -> Result<Option<(Difference, R)>, Failure> {
        Ok(self.found?.map(|difference| (difference, self.reference)))
    }

    fn rest(&mut self) -> Result<Option<Difference>, Failure> {
        if !self.reference.next(&mut self.expected)? {
            return Ok(None);
        }
        let before = self.reference.parse(&self.expected)?;
        Ok(Some(Difference::new(self.same, Some(before), None)))
    }

    fn compare(&mut self, event: u64) -> Result<Option<Difference>, Failure> {
        let more = self.reference.next(&mut self.expected)?;
        if more && self.expected == self.actual {
            self.reference.passed(event);
            self.same += 1;
            return Ok(None);
        }
        let before = match more {
            true => Some(self.reference.parse(&self.expected)?),
            false => None,
        };
        let now = serde_json::from_slice(&self.actual)
            .map_err(|error| Failure::bad(format!("event {event} cannot be read: {error}")))?;
        Ok(Some(Difference::new(self.same, before, Some(now))))
    }
}

impl<R: Reference> TraceSink for Comparing<R> {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B) {
        if !self.is_same() {
            return;
        }
        self.actual.clear();
        self.found = match write_line(&mut self.actual, line, body) {
            Ok(()) => self.compare(line.event),
            Err(error) => Err(Failure::bad(format!(
                "event {} cannot be written as JSON: {error}",
                line.event
            ))),
        };
    }
}
