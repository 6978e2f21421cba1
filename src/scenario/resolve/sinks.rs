//! Sinks: what they write to, and what they promise.

use super::Check;
use crate::kernel::time::Span;
use crate::scenario::file::{At, Delay, Duration, Either, OperatorFile, SinkFile};
use crate::scenario::model::{Guarantee, KafkaSink, SinkSpec, SinkTarget, TransactionNaming};
use crate::scenario::near;
use crate::scenario::units::short;

const KINDS: [&str; 4] = ["database", "upsert", "append", "kafka"];
/// Partitions of a topic that a sink writes to.
const PARTITIONS_MAX: u32 = 10_000;

/// Settings of sinks at an operator that is none.
pub fn refuse(file: &OperatorFile, check: &mut Check) {
    let sink = file.sink.as_ref().map(|at| (at.place, "a `sink`"));
    let guarantee = file.guarantee.as_ref().map(|at| (at.place, "a guarantee"));
    for (place, what) in sink.into_iter().chain(guarantee) {
        check.refuse(
            place,
            format!("only a sink, an operator whose output nobody reads, has {what}"),
        );
    }
}

pub fn resolve(file: &OperatorFile, parallelism: u32, check: &mut Check) -> SinkSpec {
    let target = match &file.sink {
        None => SinkTarget::Database,
        Some(at) => match &at.value {
            Either::Word(word) => {
                let kind = At {
                    value: word.clone(),
                    place: at.place,
                };
                target(&kind, None, file, parallelism, check)
            }
            Either::Map(map) => target(&map.kind, Some(map), file, parallelism, check),
        },
    };
    let guarantee = guarantee(file, &target, check);
    let linger = match file.sink.as_ref().map(|at| &at.value) {
        Some(Either::Map(map)) => map.linger,
        _ => None,
    };
    let default = match &target {
        SinkTarget::Kafka(_) => Span::from_ms(5),
        _ => Span::from_ms(100),
    };
    SinkSpec {
        target,
        guarantee,
        linger: linger.map_or(default, |Delay(value)| value),
    }
}

fn target(
    kind: &At<String>,
    map: Option<&SinkFile>,
    file: &OperatorFile,
    parallelism: u32,
    check: &mut Check,
) -> SinkTarget {
    if let Some(map) = map.filter(|_| kind.value != "kafka") {
        let partitions = map.partitions.as_ref().map(|at| at.place);
        let topic = map.topic.as_ref().map(|at| at.place);
        let timeout = map.transaction_timeout.as_ref().map(|at| at.place);
        let naming = map.transaction_naming.as_ref().map(|at| at.place);
        for place in partitions
            .into_iter()
            .chain(topic)
            .chain(timeout)
            .chain(naming)
        {
            check.refuse(place, "only a sink of kind `kafka` has this");
        }
    }
    match kind.value.as_str() {
        "database" => SinkTarget::Database,
        "upsert" => SinkTarget::Upsert,
        "append" => SinkTarget::Append,
        "kafka" => SinkTarget::Kafka(kafka(map, file, parallelism, check)),
        other => {
            let hint = near::hint(other, KINDS);
            let message = format!(
                "unknown sink `{}`{hint}: {}",
                short(other),
                KINDS.join(", ")
            );
            check.refuse(kind.place, message);
            SinkTarget::Database
        }
    }
}

fn kafka(
    map: Option<&SinkFile>,
    file: &OperatorFile,
    parallelism: u32,
    check: &mut Check,
) -> KafkaSink {
    let partitions = map.and_then(|map| map.partitions.as_ref());
    if let Some(at) = partitions {
        check.within(at, 1, PARTITIONS_MAX, "is no number of partitions");
    }
    let timeout = map.and_then(|map| map.transaction_timeout.as_ref());
    if let Some(at) = timeout
        && at.value.0 == Span::ZERO
    {
        check.refuse(at.place, "a transaction needs some time");
    }
    let naming = map.and_then(|map| map.transaction_naming.as_ref());
    let topic = map.and_then(|map| map.topic.as_ref());
    if let Some(topic) = topic {
        check.name(topic, "a topic");
    }
    KafkaSink {
        topic: topic.unwrap_or(&file.name).value.clone(),
        partitions: partitions.map_or(parallelism, |at| at.value).max(1),
        transaction_timeout: timeout.map_or(Span::from_secs(3_600), |at| {
            let Duration(value) = at.value;
            value
        }),
        naming: naming.map_or(TransactionNaming::Incrementing, |at| at.value),
    }
}

/// What the sink promises; Kafka's builder promises nothing by itself.
fn guarantee(file: &OperatorFile, target: &SinkTarget, check: &mut Check) -> Guarantee {
    let default = match target {
        SinkTarget::Database => Guarantee::ExactlyOnce,
        SinkTarget::Kafka(_) => Guarantee::None,
        SinkTarget::Upsert | SinkTarget::Append => Guarantee::AtLeastOnce,
    };
    let Some(at) = &file.guarantee else {
        return default;
    };
    let transacts = matches!(target, SinkTarget::Database | SinkTarget::Kafka(_));
    if at.value == Guarantee::ExactlyOnce && !transacts {
        check.refuse(
            at.place,
            format!(
                "a sink of kind `{}` has no transactions: it promises `at-least-once` or `none`",
                target.name()
            ),
        );
    }
    at.value
}
