//! What checking one value against a schema takes at most.
//!
//! A validator cannot be interrupted. So the way it would go is walked before,
//! without looking at what is true of the value: keyword by keyword, each
//! counted by what it looks at, until the steps are used up.

use serde_json::{Map, Value};

use super::budget::{looks, resolve};

/// What one byte takes that a pattern looks at: as much as an automaton without a table at its largest size.
const PATTERN_BYTE: u64 = 64;

/// Bytes of a text that are looked at in one step by anything else.
const TEXT_STEP: usize = 64;

/// To find two items that are equal, each is looked at so often.
const UNIQUE: u64 = 8;

/// The steps of a check, if they are `most` at most. A step is some 50 ns.
pub(super) fn steps(document: &Value, value: &Value, most: u64) -> Option<u64> {
    let mut walk = Walk { document, left: most };
    walk.schema(document, value, 1)?;
    Some(most - walk.left)
}

struct Walk<'d> {
    document: &'d Value,
    left: u64,
}

/// None once the steps are used up.
type Goes = Option<()>;

impl<'d> Walk<'d> {
    fn take(&mut self, steps: u64) -> Goes {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }

    /// `times`: how often it is looked at.
    fn schema(&mut self, schema: &'d Value, value: &Value, times: u64) -> Goes {
        self.take(times)?;
        let Value::Object(members) = schema else { return Some(()) };
        let times = times.saturating_mul(looks(members));
        members.iter().try_for_each(|(keyword, member)| {
            self.take(times.saturating_mul(own_size(value)))?;
            self.keyword(keyword, member, value, times)
        })
    }

    fn keyword(&mut self, keyword: &str, member: &'d Value, value: &Value, times: u64) -> Goes {
        match (keyword, member, value) {
            ("$ref", Value::String(target), _) => {
                resolve(self.document, target).map_or(Some(()), |schema| self.schema(schema, value, times))
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas), _) => {
                schemas.iter().try_for_each(|schema| self.schema(schema, value, times))
            }
            ("not" | "if" | "then" | "else", ..) => self.schema(member, value, times),
            ("enum" | "const" | "required" | "dependentRequired", ..) => self.whole(member, times),
            ("pattern", _, Value::String(text)) => self.pattern(text, times),
            (_, _, Value::Array(items)) => self.of_array(keyword, member, items, times),
            (_, _, Value::Object(members)) => self.of_object(keyword, member, value, members, times),
            _ => Some(()),
        }
    }

    fn of_array(&mut self, keyword: &str, member: &'d Value, items: &[Value], times: u64) -> Goes {
        match (keyword, member) {
            ("items" | "contains" | "unevaluatedItems", _) => {
                items.iter().try_for_each(|item| self.schema(member, item, times))
            }
            ("prefixItems", Value::Array(schemas)) => {
                schemas.iter().zip(items).try_for_each(|(schema, item)| self.schema(schema, item, times))
            }
            ("uniqueItems", Value::Bool(true)) => {
                // What is no text can be made to look alike, until each is compared with each.
                let alike = items.iter().filter(|item| !item.is_string()).count() as u64;
                self.take(times.saturating_mul(alike.saturating_mul(alike) / UNIQUE))?;
                items.iter().try_for_each(|item| self.whole(item, times.saturating_mul(UNIQUE)))
            }
            _ => Some(()),
        }
    }

    fn of_object(
        &mut self,
        keyword: &str,
        member: &'d Value,
        value: &Value,
        members: &Map<String, Value>,
        times: u64,
    ) -> Goes {
        match (keyword, member) {
            ("properties", Value::Object(named)) => named.iter().try_for_each(|(name, schema)| {
                self.take(times)?;
                members.get(name).map_or(Some(()), |member| self.schema(schema, member, times))
            }),
            ("patternProperties", Value::Object(named)) => named.values().try_for_each(|schema| {
                members.iter().try_for_each(|(name, member)| {
                    // Once to find them, and once for those that are left over.
                    self.pattern(name, times.saturating_mul(2))?;
                    self.schema(schema, member, times)
                })
            }),
            ("additionalProperties" | "unevaluatedProperties", _) => {
                members.values().try_for_each(|value| self.schema(member, value, times))
            }
            ("propertyNames", _) => members.keys().try_for_each(|name| {
                // It is copied to be looked at, here and by the validator.
                self.take(times.saturating_mul(text_size(name)))?;
                self.schema(member, &Value::String(name.clone()), times)
            }),
            ("dependentSchemas" | "dependencies", Value::Object(named)) => {
                named.values().try_for_each(|schema| self.schema(schema, value, times))
            }
            _ => Some(()),
        }
    }

    /// A value that is looked at with all that is in it.
    fn whole(&mut self, value: &Value, times: u64) -> Goes {
        self.take(times.saturating_mul(own_size(value)))?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.whole(item, times)),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                self.take(times.saturating_mul(text_size(name)))?;
                self.whole(member, times)
            }),
            _ => Some(()),
        }
    }

    fn pattern(&mut self, text: &str, times: u64) -> Goes {
        self.take(times.saturating_mul(PATTERN_BYTE).saturating_mul(text.len() as u64 + 1))
    }
}

/// What looking at a value takes, without what is in it.
fn own_size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text_size(text),
        _ => 1,
    }
}

fn text_size(text: &str) -> u64 {
    1 + (text.len() / TEXT_STEP) as u64
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::steps;

    const MOST: u64 = 10_000_000;

    fn taken(schema: &Value, value: &Value) -> Option<u64> {
        steps(schema, value, MOST)
    }

    #[test]
    fn many_patterns_on_many_texts_are_too_much() {
        let patterns: Vec<Value> = (0..2_400).map(|n| json!({ "pattern": format!("^a{n}$") })).collect();
        let schema = json!({ "properties": { "a": { "items": { "allOf": patterns } } } });
        let texts = vec![json!("0123456789"); 5_000];
        assert_eq!(taken(&schema, &json!({ "a": texts })), None);
        assert!(taken(&schema, &json!({ "b": texts })).is_some_and(|steps| steps < 100), "nothing looks at it");
    }

    #[test]
    fn many_parts_on_many_values_are_too_much() {
        let parts = vec![json!({ "type": "integer" }); 2_400];
        let schema = json!({ "items": { "$ref": "#/$defs/all" }, "$defs": { "all": { "anyOf": parts } } });
        assert_eq!(taken(&schema, &json!(vec![0; 32_000])), None);
    }

    #[test]
    fn a_long_text_is_cheap_where_no_pattern_looks_at_it() {
        let text = "x".repeat(8 << 20);
        let id = json!({ "type": "string", "pattern": "^[a-z]+$" });
        let schema = json!({ "properties": { "id": id, "text": { "type": "string", "maxLength": 9_000_000 } } });
        assert!(taken(&schema, &json!({ "id": "one", "text": text })).is_some_and(|steps| steps < 1_000_000));
        assert_eq!(taken(&schema, &json!({ "id": text })), None);
    }

    #[test]
    fn names_are_looked_at_as_texts_are() {
        let members: serde_json::Map<String, Value> = (0..1_000).map(|n| (format!("{n:0>200}"), Value::Null)).collect();
        for schema in [
            json!({ "propertyNames": { "pattern": "^0" } }),
            json!({ "patternProperties": { "^0": true } }),
            json!({ "unevaluatedProperties": false, "allOf": [{ "patternProperties": { "^0": true } }] }),
        ] {
            assert_eq!(taken(&schema, &Value::Object(members.clone())), None, "{schema}");
        }
    }

    #[test]
    fn a_long_name_that_is_copied_often_is_too_much() {
        let schema = json!({ "allOf": vec![json!({ "propertyNames": {} }); 2_490] });
        assert_eq!(taken(&schema, &json!({ "x".repeat(8 << 20): null })), None);
    }

    #[test]
    fn items_that_look_alike_are_compared_with_each_other() {
        let schema = json!({ "uniqueItems": true });
        assert_eq!(taken(&schema, &json!(vec![json!([[], []]); 20_000])), None);
        assert!(taken(&schema, &json!(vec!["a text"; 20_000])).is_some_and(|steps| steps < 1_000_000));
    }
}
