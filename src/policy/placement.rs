//! Where a task goes: one trait, one implementation per policy.

use super::{Placement, Slots};

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
}

pub trait PlacementPolicy {
    /// The index of the chosen candidate; candidates are in the cluster's order.
    fn choose(&mut self, need: Resources, candidates: &[Candidate]) -> Option<usize>;
}

pub fn policy(placement: Placement) -> Box<dyn PlacementPolicy> {
    match placement {
        Placement::LeastLoaded => Box::new(LeastLoaded),
        Placement::RoundRobin => Box::new(RoundRobin { last: None }),
    }
}

/// Those that have room by the rule for slots.
pub fn with_room(candidates: &[Candidate], slots: Slots) -> Vec<Candidate> {
    let has_room =
        |candidate: &&Candidate| slots == Slots::Ignore || candidate.tasks < candidate.slots;
    candidates.iter().filter(has_room).cloned().collect()
}

/// The machine that would have the largest share of its scarcer resource left.
struct LeastLoaded;

impl PlacementPolicy for LeastLoaded {
    fn choose(&mut self, need: Resources, candidates: &[Candidate]) -> Option<usize> {
        // On a tie the first one, in the cluster's order.
        let best = candidates
            .iter()
            .map(|candidate| candidate.left_per_million(need))
            .max()?;
        candidates
            .iter()
            .position(|candidate| candidate.left_per_million(need) == best)
    }
}

/// Each machine in turn.
struct RoundRobin {
    last: Option<usize>,
}

impl PlacementPolicy for RoundRobin {
    fn choose(&mut self, _: Resources, candidates: &[Candidate]) -> Option<usize> {
        let after = |last: usize| {
            candidates
                .iter()
                .position(|candidate| candidate.taskmanager > last)
        };
        let chosen = self
            .last
            .and_then(after)
            .or((!candidates.is_empty()).then_some(0))?;
        self.last = Some(candidates[chosen].taskmanager);
        Some(chosen)
    }
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

    fn candidate(taskmanager: usize, cpu: u64, network: u64, tasks: u32) -> Candidate {
        let capacity = Resources {
            cpu_microcores: cpu,
            network_bytes_per_s: network,
        };
        Candidate {
            taskmanager,
            capacity,
            committed: Resources::default(),
            slots: 2,
            tasks,
        }
    }

    #[test]
    fn least_loaded_looks_at_the_scarcer_resource() {
        let candidates = [
            candidate(0, 1_000_000, 100, 0),
            candidate(1, 500_000, 1_000, 0),
        ];
        let mut policy = policy(Placement::LeastLoaded);
        let network_heavy = Resources {
            cpu_microcores: 1_000,
            network_bytes_per_s: 90,
        };
        let cpu_heavy = Resources {
            cpu_microcores: 400_000,
            network_bytes_per_s: 10,
        };
        assert_eq!(policy.choose(network_heavy, &candidates), Some(1));
        assert_eq!(policy.choose(cpu_heavy, &candidates), Some(0));
        assert_eq!(policy.choose(Resources::default(), &candidates), Some(0));
        assert_eq!(policy.choose(cpu_heavy, &[]), None);
    }

    #[test]
    fn slots_bind_only_where_they_should() {
        let candidates = [candidate(0, 1, 1, 2), candidate(1, 1, 1, 1)];
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
        let mut policy = policy(Placement::RoundRobin);
        let chosen: Vec<_> = (0..4)
            .map(|_| policy.choose(Resources::default(), &candidates).unwrap())
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0]);
    }
}
