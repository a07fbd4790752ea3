//! What a handler may answer: any serializable value, or JSON as it is.

use crate::{Error, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use std::borrow::Cow;
use std::marker::PhantomData;

/// What a handler may answer.
pub trait Answer {
    /// The JSON that the client gets.
    ///
    /// # Errors
    /// INTERNAL when there is no JSON for it.
    fn into_json(self) -> Result<Vec<u8>>;
}

impl<T: Serialize> Answer for T {
    fn into_json(self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&self)?)
    }
}

/// JSON that is passed on without being parsed; `T` describes its shape.
pub struct Encoded<T> {
    json: Vec<u8>,
    shape: PhantomData<T>,
}

impl<T> Encoded<T> {
    /// Takes JSON as it is: the host checks it against `T`'s schema.
    #[must_use]
    pub fn new(json: Vec<u8>) -> Self {
        Self { json, shape: PhantomData }
    }

    /// Adds a member at the end of the JSON object.
    ///
    /// # Errors
    /// INTERNAL when the JSON is not an object.
    pub fn with_member(mut self, name: &str, value: &impl Serialize) -> Result<Self> {
        while self.json.pop_if(|byte| byte.is_ascii_whitespace()).is_some() {}
        if self.json.pop() != Some(b'}') {
            return Err(Error::internal("a JSON object was expected"));
        }
        let last = self.json.iter().rfind(|byte| !byte.is_ascii_whitespace());
        if last != Some(&b'{') {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, name)?;
        self.json.push(b':');
        serde_json::to_writer(&mut self.json, value)?;
        self.json.push(b'}');
        Ok(self)
    }
}

// No clash with the impl above: `Encoded` has no `Serialize`.
impl<T> Answer for Encoded<T> {
    fn into_json(self) -> Result<Vec<u8>> {
        Ok(self.json)
    }
}

impl<T: JsonSchema> JsonSchema for Encoded<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests;
