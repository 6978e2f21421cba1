//! The machine that would have the largest share of its scarcer resource left.

use super::{Candidate, PlacementPolicy, Resources, first_best};

pub struct LeastLoaded;

impl PlacementPolicy for LeastLoaded {
    fn choose(&mut self, need: Resources, candidates: &[Candidate]) -> Option<usize> {
        first_best(candidates, |candidate| candidate.left_per_million(need))
    }
}
