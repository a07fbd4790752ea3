use super::{Answer, Encoded};

fn with_member(json: &str) -> Option<String> {
    let encoded = Encoded::<()>::new(json.into()).with_member("b", &true).ok()?;
    String::from_utf8(encoded.into_json().ok()?).ok()
}

#[test]
fn a_member_is_added_without_parsing() {
    assert_eq!(with_member(r#"{"a":1}"#).as_deref(), Some(r#"{"a":1,"b":true}"#));
    assert_eq!(with_member("{ } \n").as_deref(), Some(r#"{ "b":true}"#));
}

#[test]
fn only_an_object_gains_members() {
    assert_eq!(with_member("[]"), None);
    assert_eq!(with_member(""), None);
}
