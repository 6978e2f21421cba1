//! Any machine: what other policies have to be better than.

use crate::kernel::Random as _;
use crate::kernel::Stream;

use super::{Candidate, PlacementPolicy, Resources};

pub struct Random {
    pub stream: Stream,
}

impl PlacementPolicy for Random {
    fn choose(&mut self, _: Resources, candidates: &[Candidate]) -> Option<usize> {
        // One number for each task, so that tasks do not depend on how many machines there are for another.
        let drawn = self.stream.next_u64();
        let place = (u128::from(drawn) * candidates.len() as u128) >> 64;
        (!candidates.is_empty()).then_some(place as usize)
    }
}
