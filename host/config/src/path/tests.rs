use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_path_is_written_with_dots_and_brackets() {
    let path = KeyPath::root().key("models").key("providers").index(0).key("a.b");
    assert_eq!(path.to_string(), r#"models.providers[0]["a.b"]"#);
    assert_eq!(path.get(&json!({"models": {"providers": [{"a.b": 7}]}})), Some(&json!(7)));
}

#[test]
fn malformed_paths_are_refused() {
    for text in ["a..b", ".a", "a.", "a[", "a[x]", "a]b", "a.[0]", r#"["a"#] {
        assert!(KeyPath::parse(text).is_err(), "{text}");
    }
}

fn segment() -> impl Strategy<Value = Segment> {
    prop_oneof![".{0,8}".prop_map(Segment::Key), (0usize..50).prop_map(Segment::Index)]
}

proptest! {
    #[test]
    fn the_written_form_reads_back(segments in proptest::collection::vec(segment(), 0..6)) {
        let path = KeyPath(segments);
        prop_assert_eq!(KeyPath::parse(&path.to_string()), Ok(path));
    }
}
