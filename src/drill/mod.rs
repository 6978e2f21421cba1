//! Floor 6: one run, from scenario to outcome.

pub mod outcome;
