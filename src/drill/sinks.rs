//! What each sink's readers got, for the summary.

use std::collections::BTreeMap;

use crate::actor::blueprint::Blueprint;
use crate::dataflow::record::SplitId;
use crate::invariant::delivery::SinkDelivery as Delivered;

use super::outcome::{LossEntry, ReadUncommitted, RecordRanges, SinkDelivery};

pub fn sinks(
    delivered: &[Delivered],
    blueprint: &Blueprint,
    named: impl Fn(&BTreeMap<SplitId, Vec<u64>>) -> Vec<RecordRanges>,
) -> Vec<SinkDelivery> {
    let weight = u64::from(blueprint.weight);
    let sink = |of: &Delivered| {
        let operator = &blueprint.topology.operators[of.operator as usize];
        let spec = operator.spec.kind.sink();
        let lost = of.losses.iter().flat_map(|loss| loss.records.values());
        let losses = of.losses.iter().map(|loss| LossEntry {
            at_ms: loss.at.as_ms(),
            event: loss.event,
            cause: loss.cause.clone(),
            excused: loss.excused,
            records: named(&loss.records),
        });
        SinkDelivery {
            sink: operator.spec.name.clone(),
            kind: spec.map_or("", |spec| spec.target.name()).to_owned(),
            guarantee: spec.map_or("", |spec| spec.guarantee.name()).to_owned(),
            written: of.visible * weight,
            lost: lost.map(Vec::len).sum::<usize>() as u64 * weight,
            duplicated: of.duplicated * weight,
            overwritten: of.overwritten * weight,
            withheld: of.withheld * weight,
            failed_commits: of.failed_commits,
            read_uncommitted: of.uncommitted.map(|(records, duplicated)| ReadUncommitted {
                records: records * weight,
                duplicated: duplicated * weight,
            }),
            losses: losses.collect(),
        }
    };
    delivered.iter().map(sink).collect()
}
