//! Sweeps: one scenario under varied settings and many seeds, a row for each run, a summary for each variant.

pub mod gate;
pub mod measure;
pub mod pairs;
pub mod plan;
pub mod row;
pub mod single;
pub mod summary;
pub mod vary;

pub use measure::{MEASURES, Measure};
pub use plan::{Plan, Seeds};
pub use row::{Ending, Row};
pub use summary::{MeasureSummary, Missed, SweepSummary, VariantSummary};
pub use vary::{Axis, Sampling, Values};
