//! The machine with the fewest tasks: the next failure takes as few as possible.

use std::cmp::Reverse;

use super::{Candidate, PlacementPolicy, Resources, first_best};

pub struct Spread;

impl PlacementPolicy for Spread {
    fn choose(&mut self, _: Resources, candidates: &[Candidate]) -> Option<usize> {
        first_best(candidates, |candidate| Reverse(candidate.tasks))
    }
}
