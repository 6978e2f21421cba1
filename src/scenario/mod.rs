//! Floor 5: the file format, validation with positions, defaults of the models.

pub mod expect;
pub mod model;
