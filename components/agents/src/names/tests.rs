use super::id_of;

fn id(name: &str) -> Option<String> {
    id_of(name).ok()
}

#[test]
fn an_id_follows_from_the_name() {
    assert_eq!(id("  Research Helper! ").as_deref(), Some("research-helper"));
    assert_eq!(id("ops_2").as_deref(), Some("ops_2"));
    assert_eq!(id(&"x".repeat(100)).map(|id| id.len()), Some(64));
}

#[test]
fn no_name_makes_a_path() {
    assert_eq!(id("../../etc").as_deref(), Some("etc"));
    assert_eq!(id("a/b\\c\0d").as_deref(), Some("a-b-c-d"));
    assert_eq!(id(".."), None);
    assert_eq!(id("研究"), None);
}
