//! Entries of maps, keys, and the pair of place and value.

use std::cell::RefCell;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::Reader;
use super::error::ReadError;
use crate::scenario::error::{Place, Problem};
use crate::scenario::tree::{Name, Node, Value};
use crate::scenario::units::short;

/// The entries of a map that a struct or a map of names wants to see.
pub(super) struct Entries<'de, 'u> {
    pub(super) entries: std::vec::IntoIter<&'de (Name, Node)>,
    pub(super) value: Option<(&'de Name, &'de Node)>,
    pub(super) unknown: &'u RefCell<Vec<Problem>>,
}

impl<'de> de::MapAccess<'de> for Entries<'de, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        seed.deserialize(Key(key))
            .map(Some)
            .map_err(|error| error.or_at(key.place))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let Some((key, node)) = self.value.take() else {
            return Err(de::Error::custom("a value is missing"));
        };
        // An override with an empty value goes back to the default; in a file it is something forgotten.
        if matches!(node.value, Value::Null) && !matches!(node.place, Place::Argument(_)) {
            let message = format!(
                "`{}` has no value; give it one, or leave the key out",
                short(&key.text)
            );
            return Err(<ReadError as de::Error>::custom(message).or_at(key.place));
        }
        seed.deserialize(Reader {
            node,
            unknown: self.unknown,
        })
        .map_err(|error| error.or_at(node.place))
    }
}

/// A key, which may be asked for its place too.
struct Key<'de>(&'de Name);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_borrowed_str(&self.0.text)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_seq(Placed {
            place: Some(self.0.place),
            value: Some(self),
        })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple struct map enum identifier ignored_any
    }
}

/// Place and value as a pair, for [`super::At`].
pub(super) struct Placed<D> {
    pub(super) place: Option<Place>,
    pub(super) value: Option<D>,
}

impl<'de, D: Deserializer<'de, Error = ReadError>> de::SeqAccess<'de> for Placed<D> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ReadError> {
        if let Some(place) = self.place.take() {
            return seed.deserialize(place.pack().into_deserializer()).map(Some);
        }
        self.value
            .take()
            .map(|value| seed.deserialize(value))
            .transpose()
    }
}

/// The items of a list.
pub(super) struct Items<'de, 'u> {
    pub(super) items: std::slice::Iter<'de, Node>,
    pub(super) unknown: &'u RefCell<Vec<Problem>>,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ReadError> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        let reader = Reader {
            node,
            unknown: self.unknown,
        };
        seed.deserialize(reader)
            .map(Some)
            .map_err(|error| error.or_at(node.place))
    }
}
