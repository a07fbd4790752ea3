//! How much work the schemas of a manifest can make: to compile them, and of one value.
//!
//! Schemas are compiled and applied in the host, where no limit of a call
//! reaches. A schema whose references fan out, or lead back to themselves, turns
//! a small value into endless work, so its size is counted with every reference
//! followed, before anything of it is compiled.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// The most parts that a schema may have, each reference counted as what it leads to.
const PARTS_MAX: u64 = 5_000;

/// The most parts of all schemas of a manifest.
const PARTS_IN_ALL: u64 = 30_000;

/// The most levels, each reference followed: whoever walks a schema has a stack.
const LEVELS_MAX: usize = 128;

/// The most patterns of a manifest that differ.
const PATTERNS_MAX: usize = 64;

/// The most bytes of one pattern.
const PATTERN_BYTES: usize = 1024;

/// The most bytes of all patterns of a manifest.
const PATTERN_BYTES_IN_ALL: usize = 8 << 10;

/// The one draft that is compiled: another one below would change what keywords mean.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Keywords whose members' names are not keywords.
const OF_NAMES: [&str; 4] = ["properties", "patternProperties", "dependentSchemas", "dependencies"];

/// Keywords that look at what stands beside them once more.
const UNEVALUATED: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];

/// How often a schema with one of these is looked at.
const AGAIN: u64 = 4;

/// How often the parts of a schema are looked at for one value.
pub(super) fn looks(schema: &serde_json::Map<String, Value>) -> u64 {
    if UNEVALUATED.iter().any(|keyword| schema.contains_key(*keyword)) { AGAIN } else { 1 }
}

/// What the schemas of one manifest have taken so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    parts: u64,
    patterns: HashSet<String>,
    pattern_bytes: usize,
}

impl Budget {
    /// Takes in a schema. Refuses one that is too large, leads back to itself or out of itself.
    pub(super) fn take(&mut self, document: &Value) -> Result<(), String> {
        let mut count = Count { document, known: HashMap::new(), patterns: HashSet::new() };
        let Size { parts, .. } = count.size(document, false, 1)?;
        if parts > PARTS_MAX {
            return Err(format!("it has {parts} parts with its references followed, more than {PARTS_MAX}"));
        }
        self.parts += parts;
        if self.parts > PARTS_IN_ALL {
            return Err(format!("with it the manifest's schemas have {} parts, more than {PARTS_IN_ALL}", self.parts));
        }
        count.patterns.into_iter().try_for_each(|pattern| self.take_pattern(pattern))
    }

    /// What differs is compiled once.
    fn take_pattern(&mut self, pattern: &str) -> Result<(), String> {
        if self.patterns.contains(pattern) {
            return Ok(());
        }
        self.pattern_bytes += pattern.len();
        self.patterns.insert(pattern.to_owned());
        if pattern.len() > PATTERN_BYTES {
            return Err(format!("a pattern of it has {} bytes, more than {PATTERN_BYTES}", pattern.len()));
        }
        if self.patterns.len() > PATTERNS_MAX || self.pattern_bytes > PATTERN_BYTES_IN_ALL {
            return Err(format!(
                "with it the manifest has more than {PATTERNS_MAX} patterns, or {PATTERN_BYTES_IN_ALL} bytes of them"
            ));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Size {
    parts: u64,
    levels: usize,
}

impl Size {
    const NOTHING: Self = Self { parts: 0, levels: 0 };

    fn add(&mut self, part: Self) {
        self.parts = self.parts.saturating_add(part.parts);
        self.levels = self.levels.max(part.levels + 1);
    }
}

struct Count<'d> {
    document: &'d Value,
    /// What is behind a reference; none while it is being counted.
    known: HashMap<&'d str, Option<Size>>,
    patterns: HashSet<&'d str>,
}

impl<'d> Count<'d> {
    /// `are_names`: the names of its members are no keywords.
    fn size(&mut self, schema: &'d Value, are_names: bool, level: usize) -> Result<Size, String> {
        if level > LEVELS_MAX {
            return Err(too_deep());
        }
        let mut size = Size { parts: 1, levels: 1 };
        match schema {
            Value::Object(members) => {
                for (name, member) in members {
                    size.add(match are_names {
                        true => self.size(member, false, level + 1)?,
                        false => self.keyword(name, member, level + 1)?,
                    });
                }
                if !are_names {
                    size.parts = size.parts.saturating_mul(looks(members));
                }
            }
            Value::Array(items) => {
                for item in items {
                    size.add(self.size(item, false, level + 1)?);
                }
            }
            _ => {}
        }
        Ok(size)
    }

    fn keyword(&mut self, keyword: &'d str, member: &'d Value, level: usize) -> Result<Size, String> {
        match (keyword, member) {
            ("$ref", Value::String(target)) => self.behind(target, level),
            // They change what a reference leads to, or what keywords mean.
            ("$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$recursiveRef" | "$recursiveAnchor", text)
                if !text.is_object() =>
            {
                Err(format!("{keyword} is not supported"))
            }
            ("$schema", Value::String(draft)) if draft.trim_end_matches('#') != DRAFT => {
                Err(format!("its $schema is {draft:?}, and {DRAFT} is what is served"))
            }
            // Counted where something refers to it.
            ("$defs" | "definitions", _) => Ok(Size::NOTHING),
            ("pattern", Value::String(pattern)) => {
                self.patterns.insert(pattern);
                self.size(member, false, level)
            }
            (keyword, Value::Object(named)) if OF_NAMES.contains(&keyword) => {
                if keyword == "patternProperties" {
                    self.patterns.extend(named.keys().map(String::as_str));
                }
                self.size(member, true, level)
            }
            _ => self.size(member, false, level),
        }
    }

    fn behind(&mut self, target: &'d str, level: usize) -> Result<Size, String> {
        match self.known.get(target) {
            Some(Some(size)) if level + size.levels > LEVELS_MAX => return Err(too_deep()),
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("the reference {target} leads back to itself")),
            None => {}
        }
        let schema = resolve(self.document, target);
        let schema = schema.ok_or_else(|| format!("the reference {target} leads to nothing in this schema"))?;
        self.known.insert(target, None);
        let size = self.size(schema, false, level)?;
        self.known.insert(target, Some(size));
        Ok(size)
    }
}

fn too_deep() -> String {
    format!("it has more than {LEVELS_MAX} levels with its references followed")
}

/// What a reference leads to. An escape of URIs could lead the validator elsewhere, so it leads nowhere.
pub(super) fn resolve<'d>(document: &'d Value, target: &str) -> Option<&'d Value> {
    let pointer = target.strip_prefix('#').filter(|pointer| !pointer.contains('%'))?;
    document.pointer(pointer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Budget, LEVELS_MAX, PATTERNS_MAX};

    fn check(document: &Value) -> Result<(), String> {
        Budget::default().take(document)
    }

    fn refused(document: &Value) -> String {
        check(document).expect_err("it is too much")
    }

    #[test]
    fn references_that_fan_out_are_counted() {
        let mut defs = serde_json::Map::new();
        for n in 0..28 {
            let next = json!({ "$ref": format!("#/$defs/s{}", n + 1) });
            defs.insert(format!("s{n}"), json!({ "allOf": [next.clone(), next] }));
        }
        defs.insert("s28".into(), json!({ "type": "null" }));
        let error = refused(&json!({ "$ref": "#/$defs/s0", "$defs": defs }));
        assert!(error.contains("references followed"), "{error}");
    }

    #[test]
    fn references_to_themselves_or_elsewhere_are_refused() {
        let own = json!({ "$defs": { "a": { "properties": { "a": { "$ref": "#/$defs/a" } } } }, "$ref": "#/$defs/a" });
        assert!(refused(&own).contains("back to itself"));
        assert!(refused(&json!({ "$ref": "#" })).contains("back to itself"));
        assert!(refused(&json!({ "$ref": "http://x/y" })).contains("leads to nothing"));
        assert!(check(&json!({ "type": "object", "properties": { "a": { "type": "string" } } })).is_ok());
    }

    #[test]
    fn a_long_way_of_references_is_refused() {
        let mut defs = serde_json::Map::new();
        for n in 0..LEVELS_MAX {
            defs.insert(format!("s{n}"), json!({ "$ref": format!("#/$defs/s{}", n + 1) }));
        }
        defs.insert(format!("s{LEVELS_MAX}"), json!(true));
        assert!(refused(&json!({ "$ref": "#/$defs/s0", "$defs": defs })).contains("levels"));
    }

    #[test]
    fn nothing_is_counted_elsewhere_than_the_validator_looks() {
        for keyword in ["$id", "$anchor", "$dynamicRef"] {
            let error = refused(&json!({ "properties": { "a": { keyword: "x" } } }));
            assert!(error.contains("not supported"), "{error}");
        }
        let older = json!({ "allOf": [{ "$schema": "http://json-schema.org/draft-04/schema#" }] });
        assert!(refused(&older).contains("draft-04"));
        let escaped = json!({ "$ref": "#/$defs/a%20b", "$defs": { "a%20b": true, "a b": { "$ref": "#" } } });
        assert!(refused(&escaped).contains("leads to nothing"));
        // A member may have the name of a keyword.
        let many = vec![json!({ "type": "string" }); 5_000];
        let error = refused(&json!({ "properties": { "$defs": { "allOf": many } } }));
        assert!(error.contains("more than 5000"), "{error}");
        assert!(check(&json!({ "properties": { "$id": { "type": "string" }, "$ref": { "type": "string" } } })).is_ok());
    }

    #[test]
    fn what_is_looked_at_again_counts_again() {
        let nested = |levels: usize| {
            (0..levels).fold(
                json!({ "type": "object" }),
                |inner, _| json!({ "unevaluatedProperties": false, "allOf": [inner] }),
            )
        };
        assert!(check(&nested(3)).is_ok());
        assert!(refused(&nested(8)).contains("parts"));
    }

    #[test]
    fn patterns_that_differ_are_few_and_short() {
        let patterns = |range: std::ops::Range<usize>| json!({ "anyOf": range.map(|n| json!({ "pattern": format!("^a{n}$") })).collect::<Vec<_>>() });
        let mut budget = Budget::default();
        budget.take(&patterns(0..PATTERNS_MAX)).expect("so many are fine");
        budget.take(&patterns(0..PATTERNS_MAX)).expect("the same again are the same");
        assert!(budget.take(&patterns(PATTERNS_MAX..PATTERNS_MAX + 1)).is_err());
        let named = json!({ "patternProperties": { "a".repeat(2_000): true } });
        assert!(refused(&named).contains("a pattern of it has 2000 bytes"));
    }

    #[test]
    fn the_schemas_of_a_manifest_are_counted_together() {
        let one = json!({ "allOf": vec![json!(true); 4_000] });
        let mut budget = Budget::default();
        let taken = (0..100).take_while(|_| budget.take(&one).is_ok()).count();
        assert_eq!(taken, 7);
    }
}
