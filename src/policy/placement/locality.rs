//! The machine with the most of the tasks that this one exchanges records with, unless that overloads it.
//!
//! Checkpoints lie in the storage, as far from one machine as from the other: what can be near are the neighbours.

use super::{Candidate, PlacementPolicy, Resources, first_best};

pub struct Locality;

impl PlacementPolicy for Locality {
    fn choose(&mut self, need: Resources, candidates: &[Candidate]) -> Option<usize> {
        first_best(candidates, |candidate| {
            let left = candidate.left_per_million(need);
            let neighbours = if left >= 0 { candidate.neighbours } else { 0 };
            (neighbours, left)
        })
    }
}
