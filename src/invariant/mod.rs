//! Floor 4: checkers that watch what actors state.

pub mod delivery;

/// Ids and statements of everything that is checked.
pub fn catalogue() -> Vec<(&'static str, &'static str)> {
    delivery::STATEMENTS.to_vec()
}
