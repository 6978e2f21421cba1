//! The future-event list: keys in the order of (time, sequence number).
//!
//! A short sorted list holds what comes next; the rest waits unsorted in buckets, by the highest
//! byte in which its time differs from the present (a radix heap with 256 buckets a level). Most
//! entries are written two or three times and sorted once, among a few dozen, however many are
//! pending. Why this list and no other: `benches/README.md`.

mod buckets;
mod key;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::time::Time;
use buckets::{Buckets, Place};
pub use key::Key;

/// A bucket of up to this many entries is sorted as it is, not spread over finer buckets.
const SORT_MAX: usize = 48;

/// The sorted list is refilled with at least this many entries, if neighbouring buckets have them.
const REFILL_MIN: usize = 24;

/// A sorted list that grew beyond this goes back to the buckets: inserting would get slow.
const NEAR_MAX: usize = 160;

/// So many of the first entries are looked at one by one for where a new one belongs.
const CLOSE: usize = 8;

/// Pending entries, smallest key first. Any key may be pushed at any time; keys not far below the
/// last one taken are cheap.
#[derive(Clone, Debug)]
pub struct Queue {
    /// What comes next, the first one last: all entries up to `horizon`, but for the lane's.
    near: Vec<Key>,
    horizon: Time,
    /// Entries pushed for the instant that is being handled, in their order. There can be many,
    /// and inserting them one by one would cost their square.
    lane: VecDeque<Key>,
    /// The time of the last entry taken.
    instant: Time,
    far: Buckets,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue {
            near: Vec::with_capacity(NEAR_MAX),
            horizon: Time::ZERO,
            lane: VecDeque::new(),
            instant: Time::ZERO,
            far: Buckets::new(),
        }
    }
}

impl Queue {
    pub fn len(&self) -> usize {
        self.near.len() + self.lane.len() + self.far.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn push(&mut self, key: Key) {
        let few = self.far.len() == 0 && self.near.len() < REFILL_MIN;
        if key.time() > self.horizon && !few {
            self.far.push(key);
        } else {
            self.push_near(key);
        }
    }

    #[inline(never)]
    fn push_near(&mut self, key: Key) {
        let time = key.time();
        if time > self.horizon {
            // So few are pending that a sorted list is all it takes.
            self.horizon = time;
            self.near.insert(0, key);
        } else if time == self.instant && self.lane.back().is_none_or(|last| *last < key) {
            self.lane.push_back(key);
        } else {
            self.insert(key);
        }
    }

    /// Takes the first entry, unless it is after `end`. Now and then `upcoming` is told which
    /// entries come next.
    #[inline]
    pub fn pop_until(&mut self, end: Time, upcoming: impl FnOnce(&[Key])) -> Option<Key> {
        if !self.lane.is_empty() {
            return self.pop_with_lane(end);
        }
        if self.near.is_empty() {
            self.refill(end);
            upcoming(&self.near);
        }
        self.pop_near(end)
    }

    #[inline]
    fn pop_near(&mut self, end: Time) -> Option<Key> {
        let first = *self.near.last()?;
        if first.time() > end {
            return None;
        }
        self.near.pop();
        self.instant = self.instant.max(first.time());
        Some(first)
    }

    fn pop_with_lane(&mut self, end: Time) -> Option<Key> {
        let first = *self.lane.front()?;
        // No far entry is before the lane, which lies within the horizon.
        if self.near.last().is_some_and(|near| *near < first) {
            self.pop_near(end)
        } else if first.time() > end {
            None
        } else {
            self.lane.pop_front()
        }
    }

    /// Drops every entry for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(Key) -> bool) {
        self.near.retain(|key| keep(*key));
        self.lane.retain(|key| keep(*key));
        self.far.retain(keep);
    }

    #[inline]
    fn insert(&mut self, key: Key) {
        if self.near.len() >= NEAR_MAX {
            self.spill();
            if key.time() > self.horizon {
                return self.far.push(key);
            }
        }
        // Most entries of a busy cluster are among the next ones, where looking beats searching.
        let close = self.near.len().saturating_sub(CLOSE);
        let place = match self.near.get(close) {
            Some(last) if *last < key => self.near[..close].partition_point(|other| *other > key),
            _ => {
                let nearer = self.near.iter().rev();
                self.near.len() - nearer.take_while(|other| **other < key).count()
            }
        };
        self.near.insert(place, key);
    }

    /// Moves the later part of the sorted list back to the buckets.
    #[cold]
    fn spill(&mut self) {
        let (Some(last), Some(first)) = (self.near.first(), self.near.last()) else {
            return;
        };
        let middle = self.near[self.near.len() / 2].time();
        let horizon = if middle > first.time() {
            Time(middle.0 - 1)
        } else if last.time() > first.time() {
            first.time()
        } else {
            Time(first.time().0.saturating_sub(1))
        };
        // The lane stays within the horizon, and the buckets reach back to their origin only.
        if self.far.len() == 0 {
            self.far.set_origin(self.instant);
        }
        self.horizon = horizon.max(self.instant).max(self.far.origin());
        let kept_from = self.near.partition_point(|key| key.time() > self.horizon);
        for key in self.near.drain(..kept_from) {
            self.far.push(key);
        }
    }

    /// Fills the empty sorted list with the first entries, unless they are all after `end`.
    #[inline(never)]
    fn refill(&mut self, end: Time) {
        while let Some(first) = self.far.first() {
            if self.far.start(first) > end {
                return;
            }
            self.far.advance_to(first);
            // Nothing may be pushed to the buckets before their origin.
            self.horizon = self
                .horizon
                .max(Time(self.far.origin().0.saturating_sub(1)));
            if self.far.count(first) > SORT_MAX && !self.far.is_instant(first) {
                self.far.spread(first);
                continue;
            }
            let mut last = first;
            self.take_sorted(first);
            while self.near.len() < REFILL_MIN
                && let Some(next) = self.far.after(last)
                && self.far.count(next) <= SORT_MAX
            {
                self.take_sorted(next);
                last = next;
            }
            self.horizon = self.far.end(last);
            self.near.reverse();
            return;
        }
    }

    /// Buckets follow each other in time, so each is sorted by itself.
    #[inline(always)]
    fn take_sorted(&mut self, place: Place) {
        let from = self.near.len();
        self.far.take(place, &mut self.near);
        if self.near.len() > from + 1 {
            sort(&mut self.near[from..]);
        }
    }
}

#[inline(never)]
fn sort(bucket: &mut [Key]) {
    bucket.sort_unstable();
}
