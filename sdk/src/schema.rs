//! JSON Schemas of parameters and results, as the manifest carries them.

use schemars::{JsonSchema, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::Value;

/// The schema of what a client may send.
pub(crate) fn of_params<T: JsonSchema>() -> Value {
    generate::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of what a handler answers.
pub(crate) fn of_result<T: JsonSchema>() -> Value {
    generate::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn generate<T: JsonSchema>(mut settings: SchemaSettings) -> Value {
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    // What the root says of its type, the method's summary says better.
    schema.remove("description");
    remove_noise(&mut schema);
    schema.to_value()
}

/// A title is the name of a Rust type, and a default of null is the same as none.
fn remove_noise(schema: &mut schemars::Schema) {
    if schema.get("title").is_some_and(Value::is_string) {
        schema.remove("title");
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    transform_subschemas(&mut remove_noise, schema);
}

#[cfg(test)]
mod tests;
