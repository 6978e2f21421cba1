//! The queue against a sorted set.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Key, NEAR_MAX, Queue, REFILL_MIN, SORT_MAX};
use crate::kernel::random::{Random, Streams};
use crate::kernel::time::Time;
use crate::kernel::world::EventId;

/// A queue and what it should be.
#[derive(Default)]
struct Pair {
    queue: Queue,
    set: BTreeSet<Key>,
    sequence: u64,
    now: u64,
}

impl Pair {
    fn push(&mut self, time: u64) {
        self.sequence += 1;
        let slot = (self.sequence * 31) as u32 & Key::SLOT_MAX;
        let key = Key::new(Time(time), EventId(self.sequence), slot);
        self.queue.push(key);
        self.set.insert(key);
    }

    fn pop_until(&mut self, end: u64) -> Option<Key> {
        let expected = self
            .set
            .first()
            .copied()
            .filter(|key| key.time() <= Time(end));
        assert_eq!(self.queue.pop_until(Time(end), |_| {}), expected);
        let key = expected?;
        self.set.remove(&key);
        self.now = key.time().0;
        assert_eq!(self.queue.len(), self.set.len());
        Some(key)
    }

    fn drain(&mut self) {
        while self.pop_until(u64::MAX).is_some() {}
        assert!(self.queue.is_empty());
    }
}

#[test]
fn long_walks_on_every_scale() {
    for (scale, bits) in [2, 10, 20, 34, 50, 63].into_iter().enumerate() {
        let mut pair = Pair::default();
        let mut draws = Streams::new(scale as u64).small("walk", "queue");
        for step in 0..60_000 {
            let growing = step % 8_000 < 4_000;
            if draws.chance_per_mille(if growing { 600 } else { 420 }) {
                let far = draws.below(bits) + 1;
                pair.push(pair.now.saturating_add(draws.below(1 << far)));
            } else {
                pair.pop_until(u64::MAX);
            }
        }
        pair.drain();
    }
}

#[test]
fn bursts_at_one_instant_keep_their_order() {
    let mut pair = Pair::default();
    for round in 1..4 {
        let instant = round * 1_000_003;
        for _ in 0..3 * NEAR_MAX {
            pair.push(instant);
        }
        for n in 0..2_000 {
            pair.pop_until(u64::MAX);
            pair.push(instant);
            pair.push(instant + n % 3);
            pair.push(instant + 300);
        }
        pair.drain();
    }
}

#[test]
fn pushes_before_what_was_seen_already() {
    let mut pair = Pair::default();
    for n in 0..(4 * SORT_MAX as u64) {
        pair.push(1_000_000 + n * n);
    }
    assert_eq!(pair.pop_until(999_999), None);
    pair.pop_until(1_000_100);
    for n in 0..2_000 {
        pair.push(n * 517 % 1_000_000);
    }
    pair.drain();
    // What was the earliest time before is not after the queue ran empty.
    for n in 0..1_000 {
        pair.push(n * 13 % 500);
    }
    pair.drain();
}

#[test]
fn pushes_before_the_buckets_begin() {
    // Looked at up to here, with nothing taken, the buckets are spread, or the first one is near.
    for looked_at in [999_000, 999_999] {
        let mut pair = Pair::default();
        for n in 1..=REFILL_MIN as u64 {
            pair.push(n);
        }
        for n in 0..(4 * SORT_MAX as u64) {
            pair.push(1_000_000 + n * n);
        }
        while pair.pop_until(looked_at).is_some() {}
        for n in 0..2_000 {
            pair.push(100 + n * 517 % 999_000);
        }
        pair.drain();
    }
}

#[test]
fn the_ends_of_time() {
    let mut pair = Pair::default();
    for time in [u64::MAX, 0, u64::MAX - 1, 1 << 63, (1 << 63) - 1, u64::MAX] {
        for _ in 0..SORT_MAX {
            pair.push(time);
        }
    }
    pair.drain();
}

#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Pop,
    PopUntil(u64),
    Retain(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let delay = prop_oneof![Just(0), 0..20_u64, 0..5_000_u64, 0..u64::MAX / 1000];
    prop_oneof![
        8 => delay.prop_map(Step::Push),
        5 => Just(Step::Pop),
        1 => (0..2_000_u64).prop_map(Step::PopUntil),
        1 => (2..7_u64).prop_map(Step::Retain),
    ]
}

proptest! {
    #[test]
    fn any_steps(steps in prop::collection::vec(step(), 1..800)) {
        let mut pair = Pair::default();
        for step in steps {
            match step {
                Step::Push(delay) => pair.push(pair.now.saturating_add(delay)),
                Step::Pop => { pair.pop_until(u64::MAX); }
                Step::PopUntil(delay) => { pair.pop_until(pair.now.saturating_add(delay)); }
                Step::Retain(n) => {
                    pair.queue.retain(|key| !key.event().0.is_multiple_of(n));
                    pair.set.retain(|key| !key.event().0.is_multiple_of(n));
                }
            }
        }
        pair.drain();
    }
}
