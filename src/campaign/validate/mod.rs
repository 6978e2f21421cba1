//! Predictions against measured recoveries: each row of a table is simulated under many seeds, and the measured value set
//! beside the predicted distribution.

pub mod columns;
pub mod measures;
pub mod plan;
pub mod results;
pub mod sequence;
pub mod table;

pub use columns::Columns;
pub use plan::{Episode, Plan, plan};
pub use results::{Cell, Overall, Predicted, Quantity, RowResult, Validation};
pub use table::{Table, TableError};
