//! What a job's sinks promise and its slots need, against what the rest of the scenario gives: Flink starts such a job, and it
//! does not do what its owner expects.

use super::Check;
use crate::dataflow::sink::Guarantee;
use crate::kernel::time::Span;
use crate::scenario::error::Place;
use crate::scenario::file::ScenarioFile;
use crate::scenario::model::{Cluster, Job, SinkSpec, SinkTarget};

pub fn warn(
    file: &ScenarioFile,
    jobs: &[Job],
    cluster: &Cluster,
    interval: Option<Span>,
    check: &mut Check,
) {
    for job in jobs {
        for operator in &job.operators {
            let Some(sink) = operator.kind.sink() else {
                continue;
            };
            let place = place_of(file, &job.name, &operator.name);
            for message in doubts(sink, cluster.kafka.transaction_timeout_max, interval) {
                check.warn(place, message);
            }
        }
    }
}

/// Slots that the jobs ask for, with slot sharing, against those that TaskManagers offer at the start.
pub fn warn_of_slots(file: &ScenarioFile, jobs: &[Job], cluster: &Cluster, check: &mut Check) {
    let needed: u64 = jobs.iter().map(|job| u64::from(job.slots_needed())).sum();
    let there = cluster.slots_at_start();
    if needed > there {
        let place = file
            .jobs
            .first()
            .map_or(Place::Nowhere, |job| job.name.place);
        check.warn(
            place,
            format!("{needed} slots are needed, and the TaskManagers have {there}: not all jobs will run"),
        );
    }
}

fn doubts(sink: &SinkSpec, timeout_max: Span, interval: Option<Span>) -> Vec<String> {
    let mut doubts = Vec::new();
    if sink.guarantee != Guarantee::ExactlyOnce {
        return doubts;
    }
    if interval.is_none() {
        doubts.push(
            "an exactly-once sink commits when a checkpoint completes, and there is no `execution.checkpointing.interval`: nothing becomes visible".to_owned(),
        );
    }
    let SinkTarget::Kafka(kafka) = &sink.target else {
        return doubts;
    };
    let timeout = kafka.transaction_timeout;
    if timeout > timeout_max {
        doubts.push(format!(
            "the brokers refuse a transaction timeout of {timeout} (InvalidTxnTimeoutException): `transaction-max-timeout` of `cluster.kafka` is {timeout_max}; set `transaction-timeout` of the sink"
        ));
    }
    if let Some(interval) = interval.filter(|interval| *interval >= timeout) {
        doubts.push(format!(
            "a transaction stays open from one checkpoint to the next, {interval}, and the brokers abort it after {timeout}: `transaction-timeout` has to be longer, by the longest outage too"
        ));
    }
    doubts
}

fn place_of(file: &ScenarioFile, job: &str, operator: &str) -> Place {
    let job = file.jobs.iter().find(|of| of.name.value == job);
    let operators = job.into_iter().flat_map(|job| &job.operators);
    let mut named = operators.filter(|of| of.name.value == operator);
    named.next().map_or(Place::Nowhere, |of| of.name.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::{KafkaSink, TransactionNaming};

    fn sink(timeout: u64, guarantee: Guarantee) -> SinkSpec {
        SinkSpec {
            target: SinkTarget::Kafka(KafkaSink {
                topic: "out".into(),
                partitions: 1,
                transaction_timeout: Span::from_secs(timeout),
                naming: TransactionNaming::Incrementing,
            }),
            guarantee,
            linger: Span::ZERO,
        }
    }

    #[test]
    fn a_transaction_has_to_outlast_a_checkpoint_and_please_the_brokers() {
        let doubts = |timeout, guarantee, interval: Option<u64>| {
            let most = Span::from_secs(900);
            doubts(
                &sink(timeout, guarantee),
                most,
                interval.map(Span::from_secs),
            )
            .len()
        };
        assert_eq!(doubts(900, Guarantee::ExactlyOnce, Some(60)), 0);
        assert_eq!(doubts(901, Guarantee::ExactlyOnce, Some(60)), 1);
        assert_eq!(doubts(60, Guarantee::ExactlyOnce, Some(60)), 1);
        assert_eq!(doubts(60, Guarantee::ExactlyOnce, None), 1);
        assert_eq!(doubts(901, Guarantee::AtLeastOnce, None), 0);
    }
}
