//! The state of an operator's subtask: what has been applied, by key group, how large it has grown, and how much of it is
//! new since a checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::blueprint::Blueprint;
use crate::actor::checkpoint::Snapshot;
use crate::actor::settings::StateBackend;
use crate::dataflow::batch::{Batch, CheckpointId};
use crate::dataflow::distinct::distinct_keys;
use crate::dataflow::fingerprint::Fingerprint;
use crate::dataflow::topology::OperatorInfo;
use crate::policy::defect::{Defect, Defects};

#[derive(Clone, Debug)]
pub struct OperatorState {
    first_group: u32,
    applied: Vec<Fingerprint>,
    /// Keys that can reach this subtask.
    keys_possible: u64,
    /// Bytes of state per key.
    bytes_per_key: u64,
    /// Real records that one stands for: each has a key of its own.
    weight: u64,
    increments: Option<Increments>,
}

/// Incremental snapshots write what is new since the last checkpoint that is known to be complete
/// (`RocksIncrementalSnapshotStrategy`).
#[derive(Clone, Debug, Default)]
struct Increments {
    /// Records applied up to the snapshots since then.
    snapshots: BTreeMap<CheckpointId, u64>,
    /// And up to that checkpoint; none: nothing has been stored yet.
    confirmed: Option<u64>,
}

impl OperatorState {
    /// None where the operator keeps no state by key.
    pub fn new(
        operator: &OperatorInfo,
        key_groups: (u32, u32),
        blueprint: &Blueprint,
    ) -> Option<OperatorState> {
        let selector = operator.selector.as_ref()?;
        let (first_group, last_group) = key_groups;
        let config = &blueprint.config;
        // A hash map's snapshots are always whole.
        let is_incremental =
            config.checkpointing.incremental && config.state_backend == StateBackend::RocksDb;
        Some(OperatorState {
            first_group,
            applied: vec![Fingerprint::default(); (last_group + 1 - first_group) as usize],
            keys_possible: u64::from(selector.keys_in(first_group, last_group)),
            bytes_per_key: operator.spec.state_bytes / u64::from(selector.keys()),
            weight: u64::from(blueprint.weight),
            increments: is_incremental.then(Increments::default),
        })
    }

    pub fn apply(&mut self, batch: &Batch) {
        let (first_group, applied) = (self.first_group, self.applied.as_mut_slice());
        for record in batch.records().iter() {
            let group = u32::from(record.key_group()).wrapping_sub(first_group);
            // The index is out of bounds where a record was routed to a subtask that does not own its key group.
            applied[group as usize].add(*record);
        }
    }

    /// How large it is: a key takes room once a record has had it.
    pub fn bytes(&self) -> u64 {
        self.bytes_of(self.records())
    }

    /// Of the keys that so many records touch.
    fn bytes_of(&self, records: u64) -> u64 {
        distinct_keys(self.keys_possible, records.saturating_mul(self.weight)) * self.bytes_per_key
    }

    fn records(&self) -> u64 {
        self.applied.iter().map(|group| group.records).sum()
    }

    pub fn total(&self) -> Fingerprint {
        total(&self.applied)
    }

    pub fn save(&mut self, checkpoint: CheckpointId, snapshot: &mut Snapshot) {
        snapshot.first_group = self.first_group;
        snapshot.applied = Arc::new(self.applied.clone());
        let records = self.records();
        let whole = self.bytes_of(records);
        snapshot.bytes += whole;
        let increments = self.increments.as_mut().filter(|_| !snapshot.is_savepoint);
        let new = match increments {
            Some(increments) => {
                increments.snapshots.insert(checkpoint, records);
                increments.confirmed.map(|confirmed| records - confirmed)
            }
            None => None,
        };
        snapshot.written_bytes += new.map_or(whole, |new| self.bytes_of(new).min(whole));
    }

    /// A checkpoint is complete: later snapshots build on what it stored.
    pub fn confirm(&mut self, checkpoint: CheckpointId) {
        if let Some(increments) = &mut self.increments
            && let Some(records) = increments.snapshots.get(&checkpoint)
        {
            increments.confirmed = Some(*records);
            increments.snapshots.retain(|id, _| *id > checkpoint);
        }
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
        let is_whole =
            snapshot.first_group == first && snapshot.applied.len() == self.applied.len();
        if defects.has(Defect::KeyGroupOffByOne) && !is_whole {
            last -= 1;
        }
        for (group, applied) in (snapshot.first_group..).zip(snapshot.applied.iter()) {
            if (first..=last).contains(&group) {
                self.applied[(group - first) as usize].merge(*applied);
            }
        }
        // Files of the restored checkpoint are referred to again where the whole of them is taken over; never a savepoint's
        // (`execution.state-recovery.claim-mode: NO_CLAIM`).
        let records = self.records();
        if let Some(increments) = &mut self.increments {
            let builds_on = is_whole && !snapshot.is_savepoint;
            increments.confirmed = builds_on.then_some(records);
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u64 = 1_000;

    fn state(increments: Option<Increments>) -> OperatorState {
        OperatorState {
            first_group: 0,
            applied: vec![Fingerprint::default(); 128],
            keys_possible: KEYS,
            bytes_per_key: 10,
            weight: 1,
            increments,
        }
    }

    /// Applies so many records and takes a snapshot: whole size, and what is written.
    fn snapshot(state: &mut OperatorState, id: CheckpointId, records: u64) -> (u64, u64) {
        state.applied[0].records += records;
        let mut snapshot = Snapshot::default();
        state.save(id, &mut snapshot);
        (snapshot.bytes, snapshot.written_bytes)
    }

    #[test]
    fn incremental_snapshots_write_what_is_new_since_the_last_confirmed_one() {
        let mut state = state(Some(Increments::default()));
        assert_eq!(snapshot(&mut state, 1, 100_000), (10_000, 10_000));
        // Nothing is known to be stored yet.
        assert_eq!(snapshot(&mut state, 2, 1), (10_000, 10_000));
        state.confirm(1);
        assert_eq!(snapshot(&mut state, 3, 1), (10_000, 20));
        state.confirm(3);
        assert_eq!(snapshot(&mut state, 4, 5), (10_000, 50));
        // A late notification of what was passed over changes nothing.
        state.confirm(2);
        assert_eq!(snapshot(&mut state, 5, 0), (10_000, 50));
    }

    #[test]
    fn whole_snapshots_write_everything_and_state_grows_with_the_keys() {
        let mut state = state(None);
        assert_eq!(snapshot(&mut state, 1, 1), (10, 10));
        state.confirm(1);
        assert_eq!(snapshot(&mut state, 2, 100_000), (10_000, 10_000));
    }

    #[test]
    fn a_restored_task_builds_on_what_it_was_restored_from() {
        let mut before = state(Some(Increments::default()));
        before.applied[0].records = 100_000;
        let mut stored = Snapshot::default();
        before.save(1, &mut stored);
        let mut after = state(Some(Increments::default()));
        after.load(&stored, Defects::default());
        assert_eq!(snapshot(&mut after, 2, 1), (10_000, 10));
        let mut narrower = state(Some(Increments::default()));
        narrower.applied.truncate(64);
        narrower.load(&stored, Defects::default());
        assert_eq!(snapshot(&mut narrower, 2, 1), (10_000, 10_000));
    }
}
