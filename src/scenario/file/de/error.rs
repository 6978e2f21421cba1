//! Errors of reading, as serde's derived code raises them.

use std::fmt;

use serde::de;

use crate::scenario::error::Place;
use crate::scenario::near;
use crate::scenario::units::short;

/// What serde's derived code says is wrong; the innermost value that passes it on adds the place.
#[derive(Debug)]
pub struct ReadError {
    pub(super) place: Option<Place>,
    pub(super) message: String,
    pub(super) missing: bool,
}

impl ReadError {
    /// Keeps the innermost place.
    pub(super) fn or_at(mut self, place: Place) -> ReadError {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> ReadError {
        ReadError {
            place: None,
            message: message.to_string(),
            missing: false,
        }
    }

    fn missing_field(field: &'static str) -> ReadError {
        ReadError {
            place: None,
            message: format!("`{field}` is missing"),
            missing: true,
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> ReadError {
        let hint = near::hint(field, expected.iter().copied());
        de::Error::custom(format_args!("unknown key `{}`{hint}", short(field)))
    }
}
