//! Reading what somebody hostile wrote into a value: JSON, and the texts of configurations in any notation.
//!
//! serde_json's own `Value` is not used for that: with `raw_value` in the build it
//! parses the text inside a certain private key again, past every limit. This
//! reader refuses such keys, so that no later reader meets one, keys that appear twice, and bounds
//! depth and size.

mod check;

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, error::Category};

pub use check::check;

/// The most values, one inside another, that a text may hold.
pub const DEPTH_MAX: usize = 64;

/// How serde_json's private keys begin.
pub const PRIVATE: &str = "$serde_json::private::";

/// The most values that a text may hold in all: each costs memory far beyond its bytes.
pub const VALUES_MAX: usize = 250_000;

/// Why a text was not read.
#[derive(Debug, thiserror::Error)]
pub struct JsonError(#[from] serde_json::Error);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            // Our own words, with the place.
            Category::Data => error.fmt(f),
            Category::Eof => write!(f, "it ends too early, at line {line} column {column}"),
            Category::Syntax | Category::Io => write!(f, "a mistake at line {line} column {column}"),
        }
    }
}

/// Reads one JSON value. Refused: a duplicate key, more than `depth` levels, more than [`VALUES_MAX`] values.
pub fn read(text: &[u8], depth: usize) -> Result<Value, JsonError> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    let value = build(&mut parser, depth, Numbers::AsWritten)?;
    parser.end()?;
    Ok(value)
}

/// What becomes of a number with a fraction of nothing.
#[derive(Clone, Copy)]
pub(crate) enum Numbers {
    /// It stays one.
    AsWritten,
    /// Within 2^53 it is the integer that it looks like: JSON5 hands integers over as floats.
    Whole,
}

/// Builds the value that a parser of any notation reads.
pub(crate) fn build<'de, D: Deserializer<'de>>(parser: D, depth: usize, numbers: Numbers) -> Result<Value, D::Error> {
    Bounded { depth, numbers, values: &Cell::new(0) }.deserialize(parser)
}

#[derive(Clone, Copy)]
struct Bounded<'c> {
    depth: usize,
    numbers: Numbers,
    values: &'c Cell<usize>,
}

impl Bounded<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > VALUES_MAX {
            return Err(D::Error::custom(format_args!("more than {VALUES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        if matches!(self.numbers, Numbers::Whole) && value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
            return Ok(Value::Number((value as i64).into()));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, parser: D) -> Result<Value, D::Error> {
        parser.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if key.starts_with(PRIVATE) {
                return Err(A::Error::custom(format_args!("the key {key:?} is reserved")));
            }
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} appears twice")));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
