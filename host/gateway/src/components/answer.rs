//! What `components.*` answers.

use openclaw_runtime::{BindingScope, Changed, Component, Digest, Installed, Listed, Origin, Row};
use openclaw_tenancy::Family;
use serde_json::{Map, Value, json};

use crate::discover::closed_object;

/// A line of the list. What others' calls did is not a tenant's to know: the counters of what it
/// shares with them are the operator's.
pub(super) fn row(listed: &Listed, operator: bool) -> Value {
    let mut row = match (&listed.entry, &listed.version) {
        (Some(entry), _) => stored(&entry.row),
        (None, Some(version)) => {
            let source = match &version.origin {
                Origin::Builtin => "builtin",
                Origin::Operator => "operator",
                Origin::Installed(scope) => source(scope),
            };
            let digest = version.component.digest;
            summary(&listed.family, &version.component.manifest.version, digest, source, "active")
        }
        (None, None) => Map::new(),
    };
    describe(&mut row, listed.version.as_ref().map(|version| &*version.component));
    let own = listed.entry.as_ref().map(|entry| &entry.stats);
    let shared = listed.version.as_ref().map(|version| &version.stats).filter(|_| operator);
    if let Some(stats) = own.or(shared) {
        let counted = stats.counted();
        row.insert("calls".into(), counted.calls.into());
        row.insert("errors".into(), counted.errors.into());
        row.insert("p50Us".into(), counted.p50_us.into());
        row.insert("p99Us".into(), counted.p99_us.into());
    }
    if let Some(error) = &listed.error {
        row.insert("error".into(), error.for_client().into());
    }
    Value::Object(row)
}

/// A component that was installed, and what it passed.
pub(crate) fn installed(installed: &Installed) -> Value {
    let mut row = stored(&installed.row);
    describe(&mut row, Some(&installed.component));
    row.extend(zero_counters());
    row.insert("previous".into(), text(installed.previous));
    row.insert("checks".into(), installed.checks.clone().into());
    Value::Object(row)
}

/// The schema of [`installed`]'s answer, or of a list of rows.
pub(super) fn schema(list: bool) -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let texts = json!({ "type": "array", "items": text });
    let mut properties = json!({
        "family": text, "name": text, "version": text, "digest": text, "source": text, "state": text,
        "methods": texts, "capabilities": texts, "grants": texts, "canaryPercent": number,
        "calls": number, "errors": number, "p50Us": number, "p99Us": number,
    });
    let required = json!(["methods", "capabilities"]);
    if list {
        properties["error"] = text;
        let rows = json!({ "components": { "type": "array", "items": closed_object(&properties, &required) } });
        return closed_object(&rows, &json!(["components"]));
    }
    properties["previous"] = json!({ "type": ["string", "null"] });
    properties["checks"] = texts;
    closed_object(&properties, &required)
}

/// The schema of [`changed`]'s answer.
pub(super) fn changed_schema() -> Value {
    let digest = json!({ "type": ["string", "null"] });
    let removed = json!({ "type": "array", "items": { "type": "string" } });
    closed_object(
        &json!({ "family": { "type": "string" }, "active": digest, "previous": digest, "removed": removed }),
        &json!(["family", "active", "previous", "removed"]),
    )
}

/// What a change led to.
pub(super) fn changed(family: &Family, changed: &Changed) -> Value {
    let removed: Vec<Value> = changed.removed.iter().map(|digest| text(Some(*digest))).collect();
    json!({
        "family": family.as_str(),
        "active": text(changed.active),
        "previous": text(changed.previous),
        "removed": removed,
    })
}

fn stored(row: &Row) -> Map<String, Value> {
    let mut members = summary(&row.family, &row.version, row.digest, source(&row.scope), row.state.name());
    if let Some(grants) = &row.grants {
        members.insert("grants".into(), grants.clone().into());
    }
    if let Some(percent) = row.canary_percent {
        members.insert("canaryPercent".into(), percent.into());
    }
    members
}

fn summary(family: &Family, version: &str, digest: Digest, source: &str, state: &str) -> Map<String, Value> {
    Map::from_iter([
        ("family".to_owned(), family.as_str().into()),
        ("name".to_owned(), family.as_str().into()),
        ("version".to_owned(), version.into()),
        ("digest".to_owned(), digest.to_string().into()),
        ("source".to_owned(), source.into()),
        ("state".to_owned(), state.into()),
    ])
}

fn source(scope: &BindingScope) -> &'static str {
    match scope {
        BindingScope::Gateway => "gateway",
        BindingScope::Group(_) => "group",
        BindingScope::Tenant(_) => "tenant",
    }
}

/// What is known of a component once it is loaded.
fn describe(row: &mut Map<String, Value>, component: Option<&Component>) {
    let methods: Vec<&str> =
        component.into_iter().flat_map(|component| component.manifest.methods.keys()).map(String::as_str).collect();
    let capabilities = component.map(Component::asked).unwrap_or_default();
    row.insert("methods".into(), methods.into());
    row.insert("capabilities".into(), capabilities.into());
}

fn zero_counters() -> [(String, Value); 4] {
    ["calls", "errors", "p50Us", "p99Us"].map(|name| (name.to_owned(), 0.into()))
}

fn text(digest: Option<Digest>) -> Value {
    digest.map_or(Value::Null, |digest| digest.to_string().into())
}
