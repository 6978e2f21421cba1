//! Which channel of an output a record takes: a pure function of the record, so that a restored
//! producer sends each record where its predecessor sent it.

use super::job_graph::Exchange;
use super::key_groups::{KeySelector, subtask_of_group};
use super::record::Record;

/// The rule of one producing subtask for one outgoing exchange; targets are indexes into its channels.
#[derive(Clone, Debug)]
pub enum Router {
    /// Everything to the one consumer.
    Single,
    /// Consumers in turn, by offset.
    RoundRobin { targets: u32 },
    /// To the subtask that owns the record's key group.
    Hash {
        selector: KeySelector,
        target_of_group: std::sync::Arc<[u16]>,
    },
}

impl Router {
    pub fn hash(selector: KeySelector, parallelism: u32, max_parallelism: u32) -> Router {
        let target_of_group = (0..max_parallelism)
            .map(|g| subtask_of_group(g, parallelism, max_parallelism) as u16)
            .collect();
        Router::Hash {
            selector,
            target_of_group,
        }
    }

    /// The target of a record, and the record as it travels (a hash exchange stamps the key group).
    #[inline]
    pub fn route(&self, record: Record) -> (usize, Record) {
        match self {
            Router::Single => (0, record),
            Router::RoundRobin { targets } => (
                (record.split() as u64 + record.offset()) as usize % *targets as usize,
                record,
            ),
            Router::Hash {
                selector,
                target_of_group,
            } => {
                let group = selector.group(record);
                (
                    target_of_group[group as usize] as usize,
                    record.with_key_group(group),
                )
            }
        }
    }
    /// Routes many records.
    #[inline]
    pub fn scatter(&self, records: &[Record], mut emit: impl FnMut(usize, Record)) {
        match self {
            Router::Single => records.iter().for_each(|record| emit(0, *record)),
            router => records.iter().for_each(|record| {
                let (target, record) = router.route(*record);
                emit(target, record);
            }),
        }
    }
}

/// The consumers of a producing subtask, in the order of its channels.
pub fn consumers(exchange: Exchange, producer: u32, producers: u32, consumers: u32) -> Vec<u32> {
    match exchange {
        Exchange::Rebalance | Exchange::Hash => (0..consumers).collect(),
        // Flink's POINTWISE pattern (`VertexInputInfoComputationUtils`): contiguous groups.
        Exchange::Forward if producers >= consumers => {
            vec![(u64::from(producer) * u64::from(consumers) / u64::from(producers)) as u32]
        }
        Exchange::Forward => {
            let start = u64::from(producer) * u64::from(consumers) / u64::from(producers);
            let end = (u64::from(producer) + 1) * u64::from(consumers) / u64::from(producers);
            (start as u32..end as u32).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointwise_groups_cover_every_subtask_once() {
        for (p, q) in [(5, 2), (2, 5), (10, 10), (3, 7), (7, 3)] {
            let mut fed = vec![0; q as usize];
            for producer in 0..p {
                for consumer in consumers(Exchange::Forward, producer, p, q) {
                    fed[consumer as usize] += 1;
                }
            }
            assert!(fed.iter().all(|n| *n >= 1), "{p} -> {q}: {fed:?}");
            assert_eq!(
                fed.iter().sum::<i32>(),
                p.max(q) as i32,
                "{p} -> {q}: {fed:?}"
            );
        }
    }

    #[test]
    fn one_split_goes_round_all_targets() {
        let router = Router::RoundRobin { targets: 5 };
        let targets: Vec<usize> = (0..10).map(|o| router.route(Record::new(3, o)).0).collect();
        assert_eq!(targets, [3, 4, 0, 1, 2, 3, 4, 0, 1, 2]);
    }
}
