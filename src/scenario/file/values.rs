//! Values of the file: quantities with units, ranges, names with a place.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::de::AT;
use crate::kernel::time::Span;
use crate::scenario::error::Place;
use crate::scenario::model;
use crate::scenario::units;

/// A value and where it stands in the file.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub value: T,
    pub place: Place,
}

impl<T> At<T> {
    /// For values that come from no file.
    pub fn nowhere(value: T) -> At<T> {
        At {
            value,
            place: Place::Nowhere,
        }
    }
}

impl<T: Default> Default for At<T> {
    fn default() -> At<T> {
        At::nowhere(T::default())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        struct Pair<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pair<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value and its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<At<T>, A::Error> {
                let missing = || A::Error::custom("a value is missing");
                let place = Place::unpack(pair.next_element()?.ok_or_else(missing)?);
                Ok(At {
                    value: pair.next_element()?.ok_or_else(missing)?,
                    place,
                })
            }
        }
        deserializer.deserialize_tuple_struct(AT, 2, Pair(PhantomData))
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A quantity that stands in the file as one text.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty), $read:expr, $write:expr, $schema:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = String::deserialize(deserializer)?;
                let read: fn(&str) -> Result<$inner, String> = $read;
                read(&text).map($name).map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn($inner) -> String = $write;
                serializer.serialize_str(&write(self.0))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"description": $schema, "type": ["string", "number"], "pattern": $pattern})
            }
        }
    };
}

fn more_than_zero(text: &str, value: u64, like: &str) -> Result<u64, String> {
    if value == 0 {
        Err(format!(
            "`{text}` is zero; this must be more, like `{like}`"
        ))
    } else {
        Ok(value)
    }
}

quantity!(
    /// A duration of more than zero.
    Duration(Span),
    |text| units::duration(text).and_then(|ns| more_than_zero(text, ns, "10 s")).map(Span),
    |span| units::write_duration(span.0),
    "A duration of more than zero: a number and ns, us, ms, s, min or h.",
    r"^[0-9._]+ *(ns|us|µs|ms|s|min|h)$"
);
quantity!(
    /// A duration that may be zero.
    Delay(Span),
    |text| units::duration(text).map(Span),
    |span| units::write_duration(span.0),
    "A duration: a number and ns, us, ms, s, min or h.",
    r"^(0|[0-9._]+ *(ns|us|µs|ms|s|min|h))$"
);
quantity!(
    /// A range of durations, `a .. b`, or one duration.
    DelayRange(model::Range),
    read_range,
    write_range,
    "A duration, or a range of durations `a .. b` from which one is drawn.",
    r"^[^.].*$"
);
quantity!(
    /// Bytes; may be zero.
    Size(u64),
    |text| units::size(text),
    units::write_size,
    "A size: a number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB.",
    r"^(0|[0-9._]+ *(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB))$"
);
quantity!(
    /// Bytes per second, more than zero.
    Bandwidth(u64),
    |text| units::bandwidth(text).and_then(|value| more_than_zero(text, value, "1 Gbit/s")),
    units::write_bandwidth,
    "A bandwidth: a number and bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s, MB/s or GB/s.",
    r"^[0-9._]+ *([kMG]?bit/s|[kKMG]?B/s)$"
);
quantity!(
    /// Records per second; may be zero.
    Rate(f64),
    |text| units::rate(text),
    |per_s| format!("{per_s}/s"),
    "Records per second, minute or hour: 500/s.",
    r"^[0-9._,]+ */ *(s|min|h)$"
);
quantity!(
    /// A part of the whole, in thousandths.
    Share(u32),
    |text| units::share(text),
    units::write_share,
    "A part of the whole: 50 %.",
    r"^(0|[0-9._]+ *[%‰])$"
);
quantity!(
    /// A decimal number more than zero, in thousandths.
    Decimal(u64),
    |text| units::thousandths(text).and_then(|value| more_than_zero(text, value, "2.0")),
    units::write_thousandths,
    "A number with up to three decimals, more than zero.",
    r"^[0-9._]+$"
);

fn read_range(text: &str) -> Result<model::Range, String> {
    let (from, to) = units::ends(text);
    let (min, max) = (Span(units::duration(from)?), Span(units::duration(to)?));
    if min > max {
        return Err(format!(
            "`{text}` ends before it starts; write the shorter duration first"
        ));
    }
    Ok(model::Range { min, max })
}

fn write_range(range: model::Range) -> String {
    if range.min == range.max {
        return units::write_duration(range.min.0);
    }
    format!(
        "{} .. {}",
        units::write_duration(range.min.0),
        units::write_duration(range.max.0)
    )
}

/// A map from names to values, in the order of the file.
#[derive(Clone, Debug)]
pub struct Named<T>(pub Vec<(At<String>, T)>);

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named<T>, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}
