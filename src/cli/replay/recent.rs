//! The lines of a first run in memory, for a second one in lockstep.

use std::collections::VecDeque;

use serde::Serialize;

use crate::cli::engine::{TraceLine, TraceSink};
use crate::cli::status::Failure;
use crate::cli::trace::{Event, write_line};

use super::compare::Reference;

/// What is kept to look causes up in; most lie close to their effects.
const KEPT_BYTES_MAX: usize = 256 << 20;

/// Collects the lines of one slice.
#[derive(Default)]
pub(super) struct Slice(Vec<u8>);

impl TraceSink for Slice {
    fn record<B: Serialize>(&mut self, line: &TraceLine<'_>, body: &B) {
        // Memory takes every write, and a body without JSON shows on the other side.
        let _ = write_line(&mut self.0, line, body);
    }
}

/// The slices of the first run; the newest is the one that is compared.
#[derive(Default)]
pub(super) struct Recent {
    slices: VecDeque<Slice>,
    bytes: usize,
    /// How far the newest slice was given out.
    given: usize,
}

impl Recent {
    pub(super) fn push(&mut self, slice: Slice) {
        self.bytes += slice.0.len();
        self.given = 0;
        self.slices.push_back(slice);
        while self.bytes > KEPT_BYTES_MAX && self.slices.len() > 1 {
            let oldest = self.slices.pop_front().unwrap_or_default();
            self.bytes -= oldest.0.len();
        }
    }
}

impl Reference for Recent {
    fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, Failure> {
        line.clear();
        let newest = self.slices.back().map_or(&[][..], |slice| &slice.0);
        let rest = &newest[self.given.min(newest.len())..];
        let first = rest.split_inclusive(|byte| *byte == b'\n').next();
        line.extend_from_slice(first.unwrap_or_default());
        self.given += line.len();
        Ok(!line.is_empty())
    }

    fn parse(&self, line: &[u8]) -> Result<Event, Failure> {
        serde_json::from_slice(line)
            .map_err(|error| Failure::bad(format!("an event cannot be read: {error}")))
    }

    fn passed(&mut self, _event: u64) {}

    fn look_up(&mut self, event: u64) -> Option<Event> {
        self.slices.iter().rev().find_map(|slice| {
            slice
                .0
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice::<Event>(line).ok())
                .find(|found| found.number == event)
        })
    }
}
