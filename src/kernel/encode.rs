//! The canonical encoding of payloads for the digest: integers fixed in width and little-endian,
//! variants as a `u32` index, lengths as a `u64`, floats by their bits. Field names are left out.

use std::fmt;

use serde::Serialize;
use serde::ser::{
    self, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::digest::Writer;

/// Writes a value's canonical encoding.
///
/// # Panics
///
/// If the value has none: a sequence or map of unknown length, or a refusal of its own.
#[inline]
pub fn encode<T: Serialize + ?Sized>(value: &T, writer: &mut Writer<'_>) {
    if let Err(error) = value.serialize(Encoder(writer)) {
        panic!("a payload cannot be digested: {error}");
    }
}

struct Encoder<'w, 'd>(&'w mut Writer<'d>);

/// Why a value has no canonical encoding.
#[derive(Debug)]
struct EncodeError(String);

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        EncodeError(message.to_string())
    }
}

/// One method per number type, all alike.
macro_rules! numbers {
    ($($method:ident($type:ty);)*) => {$(
        #[inline(always)]
        fn $method(self, value: $type) -> Result<(), EncodeError> {
            self.0.write_array(value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl Encoder<'_, '_> {
    #[inline(always)]
    fn length(&mut self, len: Option<usize>) -> Result<(), EncodeError> {
        match len {
            Some(len) => {
                self.0.write_array((len as u64).to_le_bytes());
                Ok(())
            }
            None => Err(EncodeError("a sequence or map of unknown length".into())),
        }
    }

    #[inline(always)]
    fn variant(&mut self, index: u32) {
        self.0.write_array(index.to_le_bytes());
    }
}

impl Serializer for Encoder<'_, '_> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64); serialize_i128(i128);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_u128(u128);
    }

    #[inline(always)]
    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.serialize_u8(u8::from(value))
    }

    #[inline(always)]
    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.serialize_u32(value.to_bits())
    }

    #[inline(always)]
    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        self.serialize_u64(value.to_bits())
    }

    #[inline(always)]
    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_u32(u32::from(value))
    }

    #[inline(always)]
    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline(always)]
    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), EncodeError> {
        self.length(Some(value.len()))?;
        self.0.write(value);
        Ok(())
    }

    #[inline(always)]
    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_u8(0)
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.0.write_array([1]);
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), EncodeError> {
        self.variant(index);
        Ok(())
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.variant(index);
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_seq(mut self, len: Option<usize>) -> Result<Self, EncodeError> {
        self.length(len)?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.variant(index);
        Ok(self)
    }

    #[inline(always)]
    fn serialize_map(mut self, len: Option<usize>) -> Result<Self, EncodeError> {
        self.length(len)?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.variant(index);
        Ok(self)
    }

    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Compounds have no framing of their own: their parts follow each other.
macro_rules! parts {
    ($($compound:ident: $method:ident($($name:ty)?);)*) => {$(
        impl $compound for Encoder<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                value: &T,
            ) -> Result<(), EncodeError> {
                value.serialize(Encoder(self.0))
            }

            #[inline(always)]
            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

impl SerializeMap for Encoder<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        key.serialize(Encoder(self.0))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Encoder(self.0))
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}
