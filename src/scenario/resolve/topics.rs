//! Topics: partitions and arrivals.

use super::{Check, MAX_OFFSET, MAX_PARTITIONS};
use crate::kernel::time::Span;
use crate::scenario::file::{At, Delay, Named, TopicFile};
use crate::scenario::model::{Arrivals, OffsetReset, Topic};
use crate::scenario::near;
use crate::scenario::units::short;

const MAX_RECORD: u64 = 64 << 20;

/// The place of the topic that is meant.
pub fn find(name: &At<String>, topics: &[Topic], check: &mut Check) -> Option<usize> {
    let found = topics.iter().position(|topic| topic.name == name.value);
    if found.is_none() {
        let hint = near::hint(&name.value, topics.iter().map(|topic| topic.name.as_str()));
        let message = format!("unknown topic `{}`{hint}", short(&name.value));
        check.refuse(name.place, message);
    }
    found
}

pub fn resolve(
    file: &Named<TopicFile>,
    duration: Span,
    weight: u32,
    check: &mut Check,
) -> Vec<Topic> {
    if file.0.is_empty() {
        check
            .problems
            .push(crate::scenario::error::Problem::nowhere(
                "a scenario needs at least one topic under `topics`",
            ));
    }
    let mut partitions: u32 = 0;
    let mut topics = Vec::new();
    for (name, topic) in &file.0 {
        check.name(name, "a topic");
        check.within(
            &topic.partitions,
            1,
            MAX_PARTITIONS,
            "is no number of partitions",
        );
        partitions = partitions.saturating_add(topic.partitions.value);
        if partitions > MAX_PARTITIONS && topic.partitions.value <= MAX_PARTITIONS {
            check.refuse(topic.partitions.place, format!("all topics together have {partitions} partitions; {MAX_PARTITIONS} are possible"));
        }
        let rate = topic.rate.value.0;
        let records = rate * duration.as_secs() / f64::from(weight.max(1));
        if records >= MAX_OFFSET {
            check.refuse(
                topic.rate.place,
                format!("{records:.0} records per partition are more than the 2^34 that a run can hold; shorten `duration`, or let `weight` records be one"),
            );
        }
        if let Some(size) = topic
            .record_size
            .as_ref()
            .filter(|at| !(1..=MAX_RECORD).contains(&at.value.0))
        {
            check.refuse(size.place, "a record has 1 B to 64 MiB, like `200 B`");
        }
        if let Some(keys) = topic.keys.as_ref() {
            check.within(keys, 1, 1_000_000_000, "is no number of keys");
        }
        if let Some(at) = &topic.retention
            && at.value.0 < Span::from_secs(1)
        {
            check.refuse(at.place, "records are kept for a second at least");
        }
        topics.push(Topic {
            name: name.value.clone(),
            partitions: topic.partitions.value,
            rate_per_s: rate,
            arrivals: topic.arrivals.unwrap_or(Arrivals::Constant),
            record_bytes: topic
                .record_size
                .as_ref()
                .map_or(200, |at| u32::try_from(at.value.0).unwrap_or(u32::MAX)),
            keys: topic.keys.as_ref().map_or(10_000, |at| at.value),
            linger: topic.linger.map_or(Span::from_ms(20), |Delay(value)| value),
            retention: topic.retention.as_ref().map(|at| at.value.0),
            offset_reset: topic.offset_reset.unwrap_or(OffsetReset::Earliest),
            disorder: topic.disorder.map_or(Span::ZERO, |Delay(value)| value),
        });
    }
    topics
}
