use super::{Message, preview_of, shorten};

fn text_of(json: &str) -> Option<String> {
    serde_json::from_str::<Message>(json).ok().map(|message| message.text())
}

#[test]
fn the_text_of_a_message_is_its_text_parts() {
    let parts =
        r#"{"role":"user","content":[{"type":"text","text":" a "},{"type":"image"},{"type":"text","text":"b"}]}"#;
    assert_eq!(text_of(parts).as_deref(), Some("a\nb"));
    assert_eq!(text_of(r#"{"content":"plain"}"#).as_deref(), Some("plain"));
    assert_eq!(text_of(r#"{"role":"user"}"#).as_deref(), Some(""));
}

#[test]
fn a_short_text_is_never_longer_than_asked() {
    assert_eq!(shorten("größer", 6), "größer");
    assert_eq!(shorten("größer", 5), "größ…");
    assert_eq!(preview_of("two\n  lines"), "two lines");
}
