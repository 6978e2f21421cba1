//! Records in the words of a message: by topic, partition and offset.

use crate::dataflow::ledger::ranges;
use crate::dataflow::record::{Record, SplitId};
use crate::dataflow::topology::Topology;

use super::sink::Offsets;

/// Their offsets, sorted.
pub fn by_split(records: &[Record]) -> Offsets {
    let mut offsets = Offsets::new();
    for record in records {
        offsets
            .entry(record.split())
            .or_default()
            .push(record.offset());
    }
    for offsets in offsets.values_mut() {
        offsets.sort_unstable();
    }
    offsets
}

/// Ranges that a message names.
const RANGES_NAMED: usize = 4;

/// `transactions partition 4 offsets 30-36, partition 5 offset 7`, the first few of them.
pub fn named(records: &Offsets, topology: &Topology) -> String {
    let all = records.iter().flat_map(|(split, offsets)| {
        let ranges = ranges(offsets).into_iter();
        ranges.map(move |range| (*split, range))
    });
    let all: Vec<_> = all.collect();
    let name = |(split, [first, last]): &(SplitId, [u64; 2])| {
        let split = &topology.splits[*split as usize];
        let topic = &topology.topics[split.topic].name;
        let partition = split.partition;
        format!("{topic} partition {partition} offsets {first}-{last}")
    };
    let some: Vec<_> = all.iter().take(RANGES_NAMED).map(name).collect();
    let more = if all.len() > RANGES_NAMED {
        ", ..."
    } else {
        ""
    };
    some.join(", ") + more
}
