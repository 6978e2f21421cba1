//! Where a task goes: one trait, one implementation per policy.

mod least_loaded;
mod load_aware;
mod locality;
mod pack;
mod random;
mod round_robin;
mod spread;

use crate::kernel::Stream;

use super::{Placement, Slots};

pub use least_loaded::LeastLoaded;

/// What a task needs, or a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Millionths of a core.
    pub cpu_microcores: u64,
    pub network_bytes_per_s: u64,
}

/// A TaskManager that could take the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its place in the cluster.
    pub taskmanager: usize,
    pub capacity: Resources,
    /// What the tasks need that run there or were just placed there.
    pub committed: Resources,
    pub slots: u32,
    pub tasks: u32,
    /// CPU that the tasks there were seen to use, in millionths of a core; where nothing was seen, what they need.
    pub used_microcores: u64,
    /// Tasks there that send records to the one to be placed, or get some from it.
    pub neighbours: u32,
}

pub trait PlacementPolicy {
    /// The index of the chosen candidate; candidates are in the cluster's order.
    fn choose(&mut self, need: Resources, candidates: &[Candidate]) -> Option<usize>;
}

/// `stream` is what a policy that draws draws from.
pub fn policy(placement: Placement, stream: Stream) -> Box<dyn PlacementPolicy> {
    match placement {
        Placement::LeastLoaded => Box::new(LeastLoaded),
        Placement::RoundRobin => Box::new(round_robin::RoundRobin::default()),
        Placement::Spread => Box::new(spread::Spread),
        Placement::Pack => Box::new(pack::Pack),
        Placement::Locality => Box::new(locality::Locality),
        Placement::LoadAware => Box::new(load_aware::LoadAware),
        Placement::Random => Box::new(random::Random { stream }),
    }
}

/// The first candidate, in the cluster's order, for which `key` is largest.
fn first_best<K: Ord>(candidates: &[Candidate], key: impl Fn(&Candidate) -> K) -> Option<usize> {
    let best = candidates.iter().map(&key).max()?;
    candidates
        .iter()
        .position(|candidate| key(candidate) == best)
}

/// Those that have room by the rule for slots.
pub fn with_room(candidates: &[Candidate], slots: Slots) -> Vec<Candidate> {
    let has_room =
        |candidate: &&Candidate| slots == Slots::Ignore || candidate.tasks < candidate.slots;
    candidates.iter().filter(has_room).cloned().collect()
}

impl Candidate {
    /// The share of the scarcer resource that would be left with the task, in millionths; negative: overloaded.
    pub fn left_per_million(&self, need: Resources) -> i64 {
        let left = |capacity: u64, committed: u64, need: u64| {
            let left = i128::from(capacity) - i128::from(committed) - i128::from(need);
            (left * 1_000_000 / i128::from(capacity.max(1))) as i64
        };
        let cpu = left(
            self.capacity.cpu_microcores,
            self.committed.cpu_microcores,
            need.cpu_microcores,
        );
        let network = left(
            self.capacity.network_bytes_per_s,
            self.committed.network_bytes_per_s,
            need.network_bytes_per_s,
        );
        cpu.min(network)
    }
}

impl std::ops::AddAssign for Resources {
    fn add_assign(&mut self, other: Resources) {
        self.cpu_microcores += other.cpu_microcores;
        self.network_bytes_per_s += other.network_bytes_per_s;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Streams;

    /// So many cores and megabytes a second, with tasks on it.
    fn candidate(taskmanager: usize, cores: u64, megabytes: u64, tasks: u32) -> Candidate {
        Candidate {
            taskmanager,
            capacity: Resources {
                cpu_microcores: cores * 1_000_000,
                network_bytes_per_s: megabytes * 1_000_000,
            },
            committed: Resources {
                cpu_microcores: u64::from(tasks) * 200_000,
                network_bytes_per_s: 0,
            },
            slots: 4,
            tasks,
            used_microcores: u64::from(tasks) * 200_000,
            neighbours: 0,
        }
    }

    fn need(cpu_microcores: u64, network_bytes_per_s: u64) -> Resources {
        Resources {
            cpu_microcores,
            network_bytes_per_s,
        }
    }

    fn of(placement: Placement) -> Box<dyn PlacementPolicy> {
        policy(placement, Streams::new(1).stream("placement", "test"))
    }

    const SMALL: Resources = Resources {
        cpu_microcores: 100_000,
        network_bytes_per_s: 0,
    };

    #[test]
    fn least_loaded_looks_at_the_scarcer_resource() {
        let candidates = [candidate(0, 4, 1, 0), candidate(1, 2, 10, 0)];
        let mut policy = of(Placement::LeastLoaded);
        assert_eq!(policy.choose(need(1_000, 900_000), &candidates), Some(1));
        assert_eq!(policy.choose(need(1_900_000, 10), &candidates), Some(0));
        assert_eq!(policy.choose(Resources::default(), &candidates), Some(0));
    }

    #[test]
    fn slots_bind_only_where_they_should() {
        let candidates = [candidate(0, 1, 1, 4), candidate(1, 1, 1, 1)];
        assert_eq!(with_room(&candidates, Slots::Bind).len(), 1);
        assert_eq!(with_room(&candidates, Slots::Ignore).len(), 2);
    }

    #[test]
    fn round_robin_goes_on_where_it_stopped() {
        let candidates = [
            candidate(0, 1, 1, 0),
            candidate(3, 1, 1, 0),
            candidate(4, 1, 1, 0),
        ];
        let mut policy = of(Placement::RoundRobin);
        let chosen: Vec<_> = (0..4).map(|_| policy.choose(SMALL, &candidates)).collect();
        assert_eq!(chosen, [Some(0), Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn spread_goes_where_few_are_and_pack_where_many_are_and_fit() {
        let candidates = [
            candidate(0, 4, 1, 2),
            candidate(1, 4, 1, 1),
            candidate(2, 4, 1, 3),
        ];
        assert_eq!(of(Placement::Spread).choose(SMALL, &candidates), Some(1));
        assert_eq!(of(Placement::Pack).choose(SMALL, &candidates), Some(2));
        // Three cores more than the fullest one has left.
        let large = need(3_500_000, 0);
        assert_eq!(of(Placement::Pack).choose(large, &candidates), Some(0));
        // Where it fits nowhere, the one with most left.
        assert_eq!(
            of(Placement::Pack).choose(need(9_000_000, 0), &candidates),
            Some(1)
        );
    }

    #[test]
    fn locality_goes_to_neighbours_that_are_not_overloaded() {
        let mut candidates = [
            candidate(0, 4, 1, 0),
            candidate(1, 4, 1, 1),
            candidate(2, 1, 1, 4),
        ];
        candidates[1].neighbours = 1;
        candidates[2].neighbours = 4;
        assert_eq!(of(Placement::Locality).choose(SMALL, &candidates), Some(2));
        assert_eq!(
            of(Placement::Locality).choose(need(900_000, 0), &candidates),
            Some(1)
        );
    }

    #[test]
    fn load_aware_goes_by_what_was_seen() {
        let mut candidates = [candidate(0, 4, 1, 1), candidate(1, 4, 1, 3)];
        candidates[0].used_microcores = 3_900_000;
        assert_eq!(
            of(Placement::LeastLoaded).choose(SMALL, &candidates),
            Some(0)
        );
        assert_eq!(of(Placement::LoadAware).choose(SMALL, &candidates), Some(1));
    }

    #[test]
    fn random_meets_every_one_and_repeats_itself() {
        let candidates = [
            candidate(0, 1, 1, 0),
            candidate(1, 1, 1, 0),
            candidate(2, 1, 1, 0),
        ];
        let draws = |mut policy: Box<dyn PlacementPolicy>| -> Vec<Option<usize>> {
            (0..50).map(|_| policy.choose(SMALL, &candidates)).collect()
        };
        let drawn = draws(of(Placement::Random));
        assert!((0..3).all(|place| drawn.contains(&Some(place))));
        assert_eq!(drawn, draws(of(Placement::Random)));
    }

    #[test]
    fn nobody_is_no_place() {
        for placement in Placement::ALL {
            assert_eq!(of(*placement).choose(SMALL, &[]), None, "{placement:?}");
        }
    }
}
