use super::{of_params, of_result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Item {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[test]
fn schemas_are_closed_inline_and_without_noise() {
    let schema = of_params::<Vec<Item>>();
    assert_eq!(
        schema,
        json!({"type": "array", "items": {
            "type": "object",
            "additionalProperties": false,
            "properties": {"title": {"type": "string"}, "note": {"type": ["string", "null"]}},
            "required": ["title"],
        }})
    );
}

#[test]
fn a_field_that_may_be_left_out_of_a_result_is_not_required() {
    assert_eq!(of_result::<Item>()["required"], json!(["title"]));
}
