//! How much work a schema can make of one value.
//!
//! Validation runs in the host, where no limit of a call reaches. A schema whose
//! references fan out, or lead back to themselves, turns a small value into
//! endless work, so its size is counted with every reference followed.

use std::collections::HashMap;

use serde_json::Value;

/// The most parts that a schema may have, each reference counted as what it leads to.
const PARTS_MAX: u64 = 5_000;

/// Refuses a schema that is too large, leads back to itself or out of itself.
pub(super) fn check(document: &Value) -> Result<(), String> {
    let parts = Count { document, known: HashMap::new() }.parts(document)?;
    if parts > PARTS_MAX {
        return Err(format!("it has {parts} parts with its references followed, more than {PARTS_MAX}"));
    }
    Ok(())
}

struct Count<'d> {
    document: &'d Value,
    /// Parts behind a reference; none while it is being counted.
    known: HashMap<String, Option<u64>>,
}

impl Count<'_> {
    fn parts(&mut self, schema: &Value) -> Result<u64, String> {
        let mut parts: u64 = 1;
        match schema {
            Value::Object(members) => {
                for (key, member) in members {
                    let more = match (key.as_str(), member) {
                        ("$ref", Value::String(target)) => self.behind(target)?,
                        ("$dynamicRef" | "$recursiveRef", _) => return Err(format!("{key} is not supported")),
                        // Counted where something refers to it.
                        ("$defs" | "definitions", _) => 0,
                        _ => self.parts(member)?,
                    };
                    parts = parts.saturating_add(more);
                }
            }
            Value::Array(items) => {
                for item in items {
                    parts = parts.saturating_add(self.parts(item)?);
                }
            }
            _ => {}
        }
        Ok(parts)
    }

    fn behind(&mut self, target: &str) -> Result<u64, String> {
        match self.known.get(target) {
            Some(Some(parts)) => return Ok(*parts),
            Some(None) => return Err(format!("the reference {target} leads back to itself")),
            None => {}
        }
        let document = self.document;
        let schema = target.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        let schema = schema.ok_or_else(|| format!("the reference {target} leads to nothing in this schema"))?;
        self.known.insert(target.to_owned(), None);
        let parts = self.parts(schema)?;
        self.known.insert(target.to_owned(), Some(parts));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check;

    #[test]
    fn references_that_fan_out_are_counted() {
        let mut defs = serde_json::Map::new();
        for n in 0..28 {
            let next = json!({ "$ref": format!("#/$defs/s{}", n + 1) });
            defs.insert(format!("s{n}"), json!({ "allOf": [next.clone(), next] }));
        }
        defs.insert("s28".into(), json!({ "type": "null" }));
        let error = check(&json!({ "$ref": "#/$defs/s0", "$defs": defs })).unwrap_err();
        assert!(error.contains("references followed"), "{error}");
    }

    #[test]
    fn references_to_themselves_or_elsewhere_are_refused() {
        let own = json!({ "$defs": { "a": { "properties": { "a": { "$ref": "#/$defs/a" } } } }, "$ref": "#/$defs/a" });
        assert!(check(&own).unwrap_err().contains("back to itself"));
        assert!(check(&json!({ "$ref": "http://x/y" })).unwrap_err().contains("leads to nothing"));
        assert!(check(&json!({ "type": "object", "properties": { "a": { "type": "string" } } })).is_ok());
    }
}
