//! From the tree to types: a serde deserializer that knows where everything stands.

mod access;
mod error;

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, Deserializer, IntoDeserializer, Visitor};

use access::{Entries, Items, Placed};
use error::ReadError;

use crate::scenario::error::{Place, Problem};
use crate::scenario::near;
use crate::scenario::tree::{Name, Node, Value};
use crate::scenario::units::short;

/// The name by which [`super::At`] asks for its place: it is then handed place and value as a pair.
pub const AT: &str = "$at";

/// Reads `T` from the tree. Unknown keys are all reported; of other mistakes in the shape, the first.
pub fn read<'de, T: de::Deserialize<'de>>(node: &'de Node) -> Result<T, Vec<Problem>> {
    let unknown = RefCell::new(Vec::new());
    let result = T::deserialize(Reader {
        node,
        unknown: &unknown,
    });
    let mut problems = unknown.into_inner();
    match result {
        Ok(value) if problems.is_empty() => Ok(value),
        Ok(_) => Err(problems),
        Err(error) => {
            // A missing key beside an unknown one is the same mistake seen twice.
            if !error.missing || problems.is_empty() {
                problems.push(Problem {
                    place: error.place.unwrap_or(Place::Nowhere),
                    message: error.message,
                });
            }
            Err(problems)
        }
    }
}

#[derive(Clone, Copy)]
struct Reader<'de, 'u> {
    node: &'de Node,
    unknown: &'u RefCell<Vec<Problem>>,
}

impl<'de> Reader<'de, '_> {
    fn scalar(self, what: &str) -> Result<&'de str, ReadError> {
        let found = match &self.node.value {
            Value::Scalar(text) => return Ok(text),
            Value::Null => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        Err(self.refuse(format_args!("{found} where {what} is expected")))
    }

    fn refuse(self, message: impl fmt::Display) -> ReadError {
        <ReadError as de::Error>::custom(message).or_at(self.node.place)
    }

    /// `keys`: those that are known there, if it is known which.
    fn entries(self, what: &str, keys: &[&str]) -> Result<&'de [(Name, Node)], ReadError> {
        let found = match &self.node.value {
            Value::Map(entries) => return Ok(entries),
            Value::Scalar(text) => format!("`{}`", short(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Null => "nothing".to_owned(),
        };
        let like = match keys {
            [] => "keys and values".to_owned(),
            keys if keys.len() <= 8 => format!("the keys {}", near::quoted(keys)),
            keys => format!("keys like {}", near::quoted(&keys[..4])),
        };
        Err(self.refuse(format_args!(
            "{found} where {what} (a map of {like}) is expected"
        )))
    }

    fn visit_entries<V: Visitor<'de>>(
        self,
        entries: Vec<&'de (Name, Node)>,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor
            .visit_map(Entries {
                entries: entries.into_iter(),
                value: None,
                unknown: self.unknown,
            })
            .map_err(|error| error.or_at(self.node.place))
    }
}

/// Parses the scalar as a Rust number, for the plain integers of the format.
macro_rules! number {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let text = self.scalar("a whole number")?;
            let value: $type = text.replace(['_', ','], "").parse().map_err(|_| {
                self.refuse(format_args!("`{}` is not a whole number from {} to {}", short(text), <$type>::MIN, <$type>::MAX))
            })?;
            visitor.$visit(value).map_err(|error: ReadError| error.or_at(self.node.place))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Null => visitor
                .visit_unit()
                .map_err(|_: ReadError| self.refuse("a value is missing here")),
            Value::Scalar(text) => visitor
                .visit_borrowed_str(text)
                .map_err(|error: ReadError| error.or_at(self.node.place)),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.scalar("true or false")? {
            "true" | "yes" => visitor.visit_bool(true),
            "false" | "no" => visitor.visit_bool(false),
            other => Err(self.refuse(format_args!(
                "`{}` is neither `true` nor `false`",
                short(other)
            ))),
        }
    }

    number! {
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let text = self.scalar("a text")?;
        visitor
            .visit_borrowed_str(text)
            .map_err(|error: ReadError| error.or_at(self.node.place))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Value::List(items) = &self.node.value else {
            return Err(match &self.node.value {
                Value::Scalar(text) => {
                    self.refuse(format_args!("`{}` where a list is expected", short(text)))
                }
                _ => self.refuse("a map where a list is expected"),
            });
        };
        let items = Items {
            items: items.iter(),
            unknown: self.unknown,
        };
        visitor
            .visit_seq(items)
            .map_err(|error| error.or_at(self.node.place))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let entries = self.entries("a section", &[])?;
        self.visit_entries(entries.iter().collect(), visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let mut known = Vec::new();
        for entry in self.entries(name, fields)? {
            let key = &entry.0;
            if fields.contains(&key.text.as_str()) {
                known.push(entry);
            } else {
                let hint = near::hint(&key.text, fields.iter().copied());
                let message = format!("unknown key `{}` in {name}{hint}", short(&key.text));
                self.unknown
                    .borrow_mut()
                    .push(Problem::at(key.place, message));
            }
        }
        self.visit_entries(known, visitor).map_err(|mut error| {
            if error.missing
                && error.place == Some(self.node.place)
                && !error.message.contains(" in ")
            {
                error.message = format!("{} in {name}", error.message);
            }
            error
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let text = self.scalar(name)?;
        if !variants.contains(&text) {
            let known = near::quoted(variants);
            let near =
                near::nearest(text, variants).map(|near| format!("; did you mean `{near}`?"));
            let hint = near.unwrap_or_else(|| format!("; it is one of {known}"));
            return Err(self.refuse(format_args!("`{}` is not {name}{hint}", short(text))));
        }
        visitor
            .visit_enum(text.into_deserializer())
            .map_err(|error: ReadError| error.or_at(self.node.place))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_seq(Placed {
            place: Some(self.node.place),
            value: Some(self),
        })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        identifier ignored_any
    }
}
