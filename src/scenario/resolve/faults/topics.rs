//! What befalls topics: more partitions, and partitions to which nobody writes.

use super::{At, Fault, FaultFile, FaultKind, Target, Topic};
use crate::scenario::resolve::{Check, MAX_PARTITIONS, topics};

/// The topic that is meant, if the fault can befall it.
pub fn of_topic(
    f: &FaultFile,
    name: &At<String>,
    topics: &[Topic],
    check: &mut Check,
) -> Option<Target> {
    let topic = topics::find(name, topics, check)?;
    if let Some(count) = &f.count {
        check.within(count, 1, MAX_PARTITIONS, "is no number of partitions");
    }
    let has = topics[topic].partitions;
    if let Some(partition) = f.partition.as_ref().filter(|at| at.value >= has) {
        let message = format!(
            "`{}` has the partitions 0 to {} at the start",
            name.value,
            has - 1
        );
        check.refuse(partition.place, message);
    }
    Some(Target::Topic(topic))
}

/// All topics together, with what they come to have.
pub fn in_all(faults: &[(Fault, At<String>)], topics: &[Topic], check: &mut Check) {
    let mut partitions: u32 = topics
        .iter()
        .fold(0, |sum, topic| sum.saturating_add(topic.partitions));
    for (fault, name) in faults {
        if let FaultKind::AddPartitions { count } = fault.kind {
            partitions = partitions.saturating_add(count);
            if partitions > MAX_PARTITIONS {
                let message = format!(
                    "all topics together come to have {partitions} partitions; {MAX_PARTITIONS} are possible"
                );
                check.refuse(name.place, message);
            }
        }
    }
}
