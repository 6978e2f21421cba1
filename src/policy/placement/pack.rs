//! The machine with the most tasks that still has what the task needs: the others stay free.

use super::{Candidate, PlacementPolicy, Resources, first_best};

pub struct Pack;

impl PlacementPolicy for Pack {
    fn choose(&mut self, need: Resources, candidates: &[Candidate]) -> Option<usize> {
        // Where it fits nowhere, full machines are none the better for being full.
        first_best(candidates, |candidate| {
            let left = candidate.left_per_million(need);
            match left >= 0 {
                true => (true, i64::from(candidate.tasks)),
                false => (false, left),
            }
        })
    }
}
