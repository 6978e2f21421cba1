//! Each machine in turn.

use super::{Candidate, PlacementPolicy, Resources};

#[derive(Default)]
pub struct RoundRobin {
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
