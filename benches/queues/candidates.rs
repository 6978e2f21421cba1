//! Event lists that were measured against the kernel's own.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use firedrill::kernel::queue::{Key, Queue};
use firedrill::kernel::{EventId, Time};

pub trait List: Default {
    const NAME: &'static str;
    fn push(&mut self, key: Key);
    fn pop(&mut self) -> Option<Key>;
}

impl List for Queue {
    const NAME: &'static str = "buckets";

    #[inline]
    fn push(&mut self, key: Key) {
        Queue::push(self, key);
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        self.pop_until(Time::MAX, |_| {})
    }
}

/// The standard heap over keys of 16 bytes.
#[derive(Default)]
pub struct StdHeap(BinaryHeap<Reverse<Key>>);

impl List for StdHeap {
    const NAME: &'static str = "std heap";

    #[inline]
    fn push(&mut self, key: Key) {
        self.0.push(Reverse(key));
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        self.0.pop().map(|entry| entry.0)
    }
}

/// What one writes first: tuples of 24 bytes.
#[derive(Default)]
pub struct StdHeapOfTuples(BinaryHeap<Reverse<(Time, EventId, u32)>>);

impl List for StdHeapOfTuples {
    const NAME: &'static str = "std tuples";

    #[inline]
    fn push(&mut self, key: Key) {
        self.0.push(Reverse((key.time(), key.event(), key.slot())));
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        self.0
            .pop()
            .map(|Reverse((time, event, slot))| Key::new(time, event, slot))
    }
}

#[derive(Default)]
pub struct Ordered(BTreeSet<Key>);

impl List for Ordered {
    const NAME: &'static str = "B-tree";

    #[inline]
    fn push(&mut self, key: Key) {
        self.0.insert(key);
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        self.0.pop_first()
    }
}

/// An implicit heap of four children a node. A pop leaves a hole at the root, which the next push
/// fills: most pops are followed by one.
#[derive(Default)]
pub struct FourAry {
    heap: Vec<Key>,
    hole: bool,
}

impl FourAry {
    #[inline]
    fn sift_down(&mut self, key: Key) {
        let heap = self.heap.as_mut_slice();
        let mut at = 0;
        loop {
            let first = 4 * at + 1;
            let child = match heap.get(first..first + 4) {
                Some(four) => {
                    let left = usize::from(four[1] < four[0]);
                    let right = 2 + usize::from(four[3] < four[2]);
                    first
                        + if four[right] < four[left] {
                            right
                        } else {
                            left
                        }
                }
                None if first < heap.len() => (first..heap.len())
                    .min_by_key(|child| heap[*child])
                    .unwrap_or(first),
                None => break,
            };
            if heap[child] > key {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = key;
    }
}

impl List for FourAry {
    const NAME: &'static str = "4-ary heap";

    #[inline]
    fn push(&mut self, key: Key) {
        if std::mem::take(&mut self.hole) {
            return self.sift_down(key);
        }
        let mut at = self.heap.len();
        self.heap.push(key);
        while at > 0 {
            let parent = (at - 1) / 4;
            if self.heap[parent] < key {
                break;
            }
            self.heap[at] = self.heap[parent];
            at = parent;
        }
        self.heap[at] = key;
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        if std::mem::take(&mut self.hole)
            && let Some(last) = self.heap.pop()
            && !self.heap.is_empty()
        {
            self.sift_down(last);
        }
        let first = *self.heap.first()?;
        self.hole = true;
        Some(first)
    }
}

/// The radix heap as published (Ahuja, Mehlhorn, Orlin, Tarjan 1990): a bucket for each bit.
pub struct Radix {
    last: u64,
    used: u64,
    now: std::collections::VecDeque<Key>,
    buckets: Vec<Vec<Key>>,
}

impl Default for Radix {
    fn default() -> Radix {
        Radix {
            last: 0,
            used: 0,
            now: Default::default(),
            buckets: vec![Vec::new(); 64],
        }
    }
}

impl List for Radix {
    const NAME: &'static str = "radix heap";

    #[inline]
    fn push(&mut self, key: Key) {
        match (key.time().0 ^ self.last).checked_ilog2() {
            None => self.now.push_back(key),
            Some(bit) => {
                self.used |= 1 << bit;
                self.buckets[bit as usize].push(key);
            }
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Key> {
        if self.now.is_empty() && self.used != 0 {
            let first = self.used.trailing_zeros() as usize;
            self.used &= self.used - 1;
            let mut bucket = std::mem::take(&mut self.buckets[first]);
            self.last = bucket
                .iter()
                .map(|key| key.time().0)
                .min()
                .unwrap_or(self.last);
            for key in &bucket {
                self.push(*key);
            }
            bucket.clear();
            self.buckets[first] = bucket;
        }
        self.now.pop_front()
    }
}
