//! Kinds of sink that a search tries in place of those that the scenario has: each keeps its promise in a way of its own.

use crate::dataflow::job_graph::OperatorKind;
use crate::kernel::{Random, Span, Streams};
use crate::scenario::model::{
    Guarantee, KafkaSink, Scenario, SinkSpec, SinkTarget, TransactionNaming,
};

/// So long transactions may be open: longer than a run, or so short that an outage is too long for them.
const TRANSACTION_TIMEOUTS: [Span; 3] = [
    Span::from_secs(600),
    Span::from_secs(600),
    Span::from_secs(20),
];

/// Gives every sink another kind in every other variant.
pub fn vary(number: usize, scenario: &mut Scenario) {
    let mut random = Streams::new(number as u64).small("check", "sinks");
    if random.chance_per_mille(500) {
        return;
    }
    let longest = scenario.cluster.kafka.transaction_timeout_max;
    for job in &mut scenario.jobs {
        for operator in &mut job.operators {
            let (name, partitions) = (operator.name.clone(), operator.parallelism);
            let OperatorKind::Sink { spec, .. } = &mut operator.kind else {
                continue;
            };
            let kafka = |naming, timeout: Span| {
                SinkTarget::Kafka(KafkaSink {
                    topic: name,
                    partitions,
                    transaction_timeout: timeout.min(longest),
                    naming,
                })
            };
            let timeout = TRANSACTION_TIMEOUTS[random.below(3) as usize];
            let naming = match random.below(2) {
                0 => TransactionNaming::Incrementing,
                _ => TransactionNaming::Pooling,
            };
            let (target, guarantee) = match random.below(8) {
                0..4 => (kafka(naming, timeout), Guarantee::ExactlyOnce),
                4 => (kafka(naming, timeout), Guarantee::AtLeastOnce),
                5 => (SinkTarget::Upsert, Guarantee::AtLeastOnce),
                6 => (SinkTarget::Append, Guarantee::AtLeastOnce),
                _ => (SinkTarget::Database, Guarantee::ExactlyOnce),
            };
            *spec = SinkSpec {
                target,
                guarantee,
                ..SinkSpec::default()
            };
        }
    }
}
