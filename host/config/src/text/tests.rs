use serde_json::json;

use super::*;

fn value(text: &str) -> Value {
    parse(text).unwrap().into_value()
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn three_notations_say_the_same() {
    let expected = json!({"gateway": {"listen": "[::1]:1", "limits": {"batch": 3}}, "list": [1, -2.5, null, true]});
    let yaml = "# c\ngateway:\n  listen: '[::1]:1'\n  limits: {batch: 3}\nlist:\n- 1\n- -2.5\n- null\n- true\n";
    let json5 = "// c\n{gateway: {listen: '[::1]:1', limits: {batch: 3,}}, list: [1, -2.5, null, true]}";
    for (text, format) in [(yaml, Format::Yaml), (json5, Format::Json5), (expected.to_string().as_str(), Format::Json)]
    {
        let document = parse(text).unwrap();
        assert_eq!((document.value(), document.format()), (&expected, format));
    }
    assert_eq!(value("{a: plain words, b: no}"), json!({"a": "plain words", "b": "no"}), "flow YAML");
    assert_eq!(value(""), Value::Null);
    assert_eq!(value("n: 18446744073709551615"), json!({"n": u64::MAX}));
    assert_eq!(value(r#"{"n": 18446744073709551615}"#), json!({"n": u64::MAX}));
}

#[test]
fn yaml_words_are_strings_unless_they_are_json_literals() {
    assert_eq!(value("a: off\nb: yes\nc: NO\nd: 0o17\n"), json!({"a": "off", "b": "yes", "c": "NO", "d": 15}));
}

#[test]
fn errors_name_line_and_column() {
    assert_eq!(error("{\n  \"a\": 1,\n  \"b\" 2\n}"), "3:7: not JSON: expected colon");
    assert!(error("a: 1\nb: [1,\n").starts_with("2:") || error("a: 1\nb: [1,\n").starts_with("3:"));
    assert!(error("a: 1\n b: 2\n").starts_with("2:"), "{}", error("a: 1\n b: 2\n"));
}

#[test]
fn a_key_twice_is_an_error_in_every_notation() {
    for text in ["a: 1\nb: 2\na: 3\n", "{\n\"a\": 1,\n\"a\": 2}", "{a: 1, // c\n\n a: 2}", "{a:1,a:2}"] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.message, "the key \"a\" appears twice");
        assert!(error.position.is_some(), "{error}");
    }
}

#[test]
fn what_is_wrong_with_yaml_is_told_in_our_own_words_and_with_its_place() {
    let aliases = format!("a: &a x\nb: [{}]\n", vec!["*a"; 300].join(", "));
    let deep = format!("a: {}{}\n", "[".repeat(200), "]".repeat(200));
    for (text, told) in [
        ("a: 1\nb: 2\na: 3\n", "3:1: the key \"a\" appears twice"),
        ("a: 1\n---\nb: 2\n", "2:1: more than one document: a line of --- begins another"),
        (&aliases, "2:1029: more than 256 anchors (&name), aliases (*name) or merge keys (<<)"),
        (&deep, "1:67: nested too deeply: at most 64 levels are read"),
        ("a: &a [*a]\n", "1:8: an anchor (&name) holds its own alias"),
        ("a: *b\n", "1:4: an alias (*name) has no anchor (&name) before it"),
        ("a:\n  <<: 3\n", "2:7: only a mapping can be merged (<<)"),
        ("a: .nan\n", "1:4: a number must be finite"),
        ("a: [1\n", "1:4: not YAML: unclosed bracket"),
        ("a: \"b\n", "1:4: not YAML: unclosed quote"),
        ("a:\n\tb: 1\n", "2:2: not YAML: tabs"),
    ] {
        let said = error(text);
        assert!(said.starts_with(told), "{said}, not {told}");
        for word in ["budget", "Budget", "Policy", "Options", "serde", "breach"] {
            assert!(!said.contains(word), "{said}");
        }
    }
}

#[test]
fn bombs_are_refused() {
    let deep = "[".repeat(200_000);
    assert!(parse(&deep).unwrap_err().message.contains("deep"));
    let deep = format!("a: {}", "[".repeat(200_000));
    assert!(parse(&deep).is_err());
    assert!(parse(&"a:\n".repeat(3).replace("a:", "- - - - -")).is_ok());
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(parse(&bomb).is_err());
    assert!(parse(&" ".repeat(MAX_BYTES + 1)).unwrap_err().message.contains("at most"));
    assert!(parse("a: .nan").is_err() && parse("{a: Infinity}").is_err());
}

#[test]
fn every_key_has_a_place_and_scalars_have_their_bytes() {
    let yaml = "a:\n  b: 'x y'\n  ü: [1, {c: \"q\\n\"}]\n";
    let json5 = "{a:\n  {b: 'x y', /* ] */\n  'ü': [1, {c: \"q\\n\"}]}}";
    for (text, places) in [(yaml, parse(yaml).unwrap().places()), (json5, parse(json5).unwrap().places())] {
        let seen: Vec<_> = places
            .iter()
            .map(|(path, place)| (path.to_string(), place.position.line, place.scalar.clone().map(|s| &text[s])))
            .collect();
        let expected = [
            ("a", 1, None),
            ("a.b", 2, Some("'x y'")),
            ("a.ü", 3, None),
            ("a.ü[0]", 3, Some("1")),
            ("a.ü[1]", 3, None),
            ("a.ü[1].c", 3, Some("\"q\\n\"")),
        ];
        assert_eq!(seen, expected.map(|(path, line, scalar)| (path.to_owned(), line, scalar)));
    }
    assert_eq!(parse(yaml).unwrap().places()[&KeyPath::of_keys(["a", "b"])].position.to_string(), "2:3");
}

#[test]
fn single_values_change_in_place() {
    let yaml = "# keep me\na:\n  b: old # and me\n  c: 'x'\n";
    let json5 = "{a: {b: \"old\", /* me */ c: 'x'}}";
    let expected = json!({"a": {"b": "new \"ü\"", "c": "x"}});
    let changes = [(KeyPath::of_keys(["a", "b"]), json!("new \"ü\""))];
    for text in [yaml, json5] {
        let changed = parse(text).unwrap().rewritten(&changes, &expected);
        assert_eq!(parse(&changed).unwrap().value(), &expected, "{changed}");
        assert!(changed.contains("me") && !changed.contains("old"), "{changed}");
    }
    // An alias cannot be changed alone: the text is written afresh.
    let aliased = "x: &t old\na: {b: *t, c: x}\n";
    let expected = json!({"x": "old", "a": {"b": "new", "c": "x"}});
    let changed = parse(aliased).unwrap().rewritten(&[(KeyPath::of_keys(["a", "b"]), json!("new"))], &expected);
    assert_eq!(parse(&changed).unwrap().value(), &expected);
}

#[test]
fn written_values_read_back() {
    let value =
        json!({"a": ["off", "1", "null", "", " x", "a: b", "#", {"k.y": {}}], "n": -1.5, "l": [], "t": "a\nb\n"});
    for format in [Format::Yaml, Format::Json] {
        assert_eq!(parse(&write(&value, format)).unwrap().value(), &value);
    }
}
