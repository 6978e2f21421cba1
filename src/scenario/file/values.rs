//! Values of the file: quantities with units, and ranges of them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::kernel::time::Span;
use crate::scenario::model;
use crate::scenario::units;

/// A text as it would stand in the file: numbers without quotes.
pub(super) fn plain<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let plain_number = |number: f64| format!("{number:?}") == text;
    match (text.parse::<u64>(), text.parse::<f64>()) {
        (Ok(number), _) if number.to_string() == text => serializer.serialize_u64(number),
        (_, Ok(number)) if plain_number(number) => serializer.serialize_f64(number),
        _ => serializer.serialize_str(text),
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
                plain(&write(self.0), serializer)
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
