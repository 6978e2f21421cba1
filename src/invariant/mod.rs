//! Floor 4: checkers that watch what actors state.

pub mod delivery;
