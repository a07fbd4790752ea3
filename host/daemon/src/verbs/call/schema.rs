//! Which types a parameter takes, as `rpc.discover` tells of the method.

use serde_json::Value;

/// References that lead to references are followed this far.
const DEPTH_MAX: u8 = 16;

/// The schema of one parameter, or of a member below one.
pub(super) struct Schema<'a> {
    root: &'a Value,
    at: &'a Value,
}

/// The schema at a path of keys; none where the method names nothing there.
pub(super) fn of_param<'a>(method: &'a Value, path: &[&str]) -> Option<Schema<'a>> {
    let (first, below) = path.split_first()?;
    let params = method["params"].as_array()?;
    let root = &params.iter().find(|param| param["name"] == *first)?["schema"];
    below.iter().try_fold(Schema { root, at: root }, |schema, key| schema.member(key))
}

impl<'a> Schema<'a> {
    fn member(self, key: &str) -> Option<Self> {
        let at = self.followed(self.at, 0);
        let found = at["properties"].get(key).or_else(|| at.get("additionalProperties"));
        found.map(|at| Self { at, ..self })
    }

    /// Whether a value of this one's type can be valid.
    pub(super) fn takes(&self, value: &Value) -> bool {
        self.admits(self.at, value, 0)
    }

    fn followed(&self, schema: &'a Value, depth: u8) -> &'a Value {
        let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        match target.and_then(|pointer| self.root.pointer(pointer)) {
            Some(target) if depth < DEPTH_MAX => self.followed(target, depth + 1),
            _ => schema,
        }
    }

    fn admits(&self, schema: &'a Value, value: &Value, depth: u8) -> bool {
        if depth > DEPTH_MAX {
            return true;
        }
        let schema = self.followed(schema, 0);
        let any_of = |keyword: &str| {
            schema[keyword].as_array().is_none_or(|all| all.iter().any(|one| self.admits(one, value, depth + 1)))
        };
        let by_type = match &schema["type"] {
            Value::String(name) => is_of(name, value),
            Value::Array(names) => names.iter().filter_map(Value::as_str).any(|name| is_of(name, value)),
            _ => true,
        };
        let by_enum = schema["enum"].as_array().is_none_or(|listed| listed.iter().any(|one| same_type(one, value)));
        let by_const = schema.get("const").is_none_or(|one| same_type(one, value));
        *schema != Value::Bool(false) && by_type && by_enum && by_const && any_of("anyOf") && any_of("oneOf")
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
