//! The state of an operator's subtask: what has been applied, by key group, and how large it has grown.

use std::sync::Arc;

use fixedbitset::FixedBitSet;

use crate::actor::checkpoint::Snapshot;
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::key_groups::KeySelector;
use crate::dataflow::record::Record;
use crate::dataflow::topology::OperatorInfo;
use crate::policy::defect::{Defect, Defects};

#[derive(Clone, Debug)]
pub struct OperatorState {
    selector: KeySelector,
    first_group: u32,
    applied: Vec<Fingerprint>,
    keys: FixedBitSet,
    keys_seen: u32,
    /// Keys that can reach this subtask.
    keys_possible: u32,
    /// Bytes of state per key.
    bytes_per_key: u64,
}

impl OperatorState {
    /// None where the operator keeps no state by key.
    pub fn new(operator: &OperatorInfo, key_groups: (u32, u32)) -> Option<OperatorState> {
        let selector = operator.selector.clone()?;
        let (first_group, last_group) = key_groups;
        let keys_possible = selector.keys_in(first_group, last_group);
        Some(OperatorState {
            first_group,
            applied: vec![Fingerprint::default(); (last_group + 1 - first_group) as usize],
            keys: FixedBitSet::with_capacity(selector.keys() as usize),
            keys_seen: 0,
            keys_possible,
            bytes_per_key: operator.spec.state_bytes / u64::from(selector.keys()),
            selector,
        })
    }

    pub fn apply(&mut self, records: &[Record]) {
        let (first_group, applied) = (self.first_group, self.applied.as_mut_slice());
        for record in records {
            let group = u32::from(record.key_group()).wrapping_sub(first_group);
            // The index is out of bounds where a record was routed to a subtask that does not own its key group.
            applied[group as usize].add(*record);
        }
        if self.keys_seen < self.keys_possible {
            for record in records {
                let key = self.selector.key(*record) as usize;
                self.keys_seen += u32::from(!self.keys.put(key));
            }
        }
    }

    pub fn bytes(&self) -> u64 {
        u64::from(self.keys_seen) * self.bytes_per_key
    }

    pub fn total(&self) -> Fingerprint {
        total(&self.applied)
    }

    pub fn save(&self, snapshot: &mut Snapshot) {
        snapshot.first_group = self.first_group;
        snapshot.applied = Arc::new(self.applied.clone());
        snapshot.keys = Arc::new(self.keys.clone());
        snapshot.bytes += self.bytes();
    }

    /// First and last key group, inclusive.
    pub fn key_groups(&self) -> (u32, u32) {
        (
            self.first_group,
            self.first_group + self.applied.len() as u32 - 1,
        )
    }

    /// Takes over what a snapshot has of its key groups; others belong to other subtasks.
    pub fn load(&mut self, snapshot: &Snapshot, defects: Defects) {
        let (first, mut last) = self.key_groups();
        let is_own = snapshot.first_group == first && snapshot.applied.len() == self.applied.len();
        if defects.has(Defect::KeyGroupOffByOne) && !is_own {
            last -= 1;
        }
        for (group, applied) in (snapshot.first_group..).zip(snapshot.applied.iter()) {
            if (first..=last).contains(&group) {
                self.applied[(group - first) as usize].merge(*applied);
            }
        }
        for key in snapshot.keys.ones() {
            if (first..=last).contains(&self.selector.group_of_key(key as u32)) {
                self.keys_seen += u32::from(!self.keys.put(key));
            }
        }
    }
}

fn total(applied: &[Fingerprint]) -> Fingerprint {
    let mut total = Fingerprint::default();
    for group in applied {
        total.merge(*group);
    }
    total
}
