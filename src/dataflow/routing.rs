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
    RoundRobin {
        targets: u32,
    },
    Hash(ByKey),
}

/// The rule of a hash exchange: to the subtask that owns the record's key group.
#[derive(Clone, Debug)]
pub struct ByKey {
    selector: KeySelector,
    pub(super) target_of_group: std::sync::Arc<[u16]>,
}

impl ByKey {
    /// The target of a record, and the record with its key group.
    #[inline]
    pub fn route(&self, record: Record) -> (usize, Record) {
        let group = self.selector.group(record);
        let target = self.target_of_group[group as usize];
        (target as usize, record.with_key_group(group))
    }
}

impl Router {
    pub fn hash(selector: KeySelector, parallelism: u32, max_parallelism: u32) -> Router {
        let target_of_group = (0..max_parallelism)
            .map(|g| subtask_of_group(g, parallelism, max_parallelism) as u16)
            .collect();
        Router::Hash(ByKey {
            selector,
            target_of_group,
        })
    }

    /// The target of a record, and the record as it travels (a hash exchange stamps the key group).
    #[inline]
    pub fn route(&self, record: Record) -> (usize, Record) {
        match self {
            Router::Single => (0, record),
            Router::RoundRobin { targets } => (turn(record, *targets), record),
            Router::Hash(keys) => keys.route(record),
        }
    }

    /// Of consecutive records of a split, each target gets every so-many-th. None: it depends on the record.
    pub fn stride(&self) -> Option<u64> {
        match self {
            Router::Single => Some(1),
            Router::RoundRobin { targets } => Some(u64::from(*targets)),
            Router::Hash(_) => None,
        }
    }

    /// Routes many records.
    #[inline]
    pub fn scatter(
        &self,
        records: impl Iterator<Item = Record>,
        mut emit: impl FnMut(usize, Record),
    ) {
        match self {
            Router::Single => records.for_each(|record| emit(0, record)),
            Router::RoundRobin { targets } => {
                // Neighbours in a split are neighbours in turn: no division.
                let mut expected = (u64::MAX, 0);
                for record in records {
                    let target = if record.identity() == expected.0 {
                        expected.1
                    } else {
                        turn(record, *targets)
                    };
                    emit(target, record);
                    let next = if target + 1 == *targets as usize {
                        0
                    } else {
                        target + 1
                    };
                    expected = (record.identity() + 1, next);
                }
            }
            Router::Hash(keys) => records.for_each(|record| {
                let (target, record) = keys.route(record);
                emit(target, record);
            }),
        }
    }
}

fn turn(record: Record, targets: u32) -> usize {
    ((u64::from(record.split()) + record.offset()) % u64::from(targets)) as usize
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

    #[test]
    fn many_records_go_where_each_of_them_would() {
        let offsets = (0..20).chain(7..9).chain([40, 42, 43, 41]);
        let records: Vec<Record> = offsets
            .map(|offset| Record::new(3 + offset as u32 / 15, offset))
            .collect();
        let selector = KeySelector::new("card", 1_000, 128, 1, 1);
        for router in [
            Router::Single,
            Router::RoundRobin { targets: 5 },
            Router::hash(selector, 5, 128),
        ] {
            let mut scattered = Vec::new();
            router.scatter(records.iter().copied(), |target, record| {
                scattered.push((target, record))
            });
            let each: Vec<_> = records.iter().map(|record| router.route(*record)).collect();
            assert_eq!(scattered, each);
        }
    }
}
