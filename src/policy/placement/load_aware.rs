//! The machine with the most CPU left by what its tasks were seen to use, whatever they were said to need.

use super::{Candidate, PlacementPolicy, Resources, first_best};

pub struct LoadAware;

impl PlacementPolicy for LoadAware {
    fn choose(&mut self, need: Resources, candidates: &[Candidate]) -> Option<usize> {
        first_best(candidates, |candidate| {
            let capacity = i128::from(candidate.capacity.cpu_microcores);
            let taken = i128::from(candidate.used_microcores) + i128::from(need.cpu_microcores);
            (capacity - taken) * 1_000_000 / capacity.max(1)
        })
    }
}
