//! Floor 7: many runs. Knows nothing of terminals and plots.

pub mod calibrate;
pub mod check;
pub mod runner;
pub mod statistics;
pub mod sweep;
pub mod tune;
pub mod validate;
