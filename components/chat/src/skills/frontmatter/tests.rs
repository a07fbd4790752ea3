use super::*;

fn read(frontmatter: &str) -> Result<Frontmatter> {
    Frontmatter::read(format!("---\n{frontmatter}\n---\n# Body\n").as_bytes())
}

fn described(frontmatter: &str) -> String {
    read(frontmatter).unwrap_or_else(|error| panic!("{frontmatter}: {}", error.message)).description
}

fn refused(frontmatter: &str) -> String {
    read(frontmatter).expect_err(frontmatter).message
}

fn key(frontmatter: &str) -> Option<String> {
    read(frontmatter).unwrap_or_else(|error| panic!("{frontmatter}: {}", error.message)).key
}

#[test]
fn a_skill_as_people_write_it_is_read() {
    let text = "\u{feff}---\r\n# Made by hand.\r\nname: pdf-forms\r\ndescription: Fills forms. # of PDF\r\n\
                homepage: https://example.com\r\nallowed-tools: [read, exec]\r\ntags:\r\n- a\r\n  - b\r\n\
                disable-model-invocation: false\r\nmetadata: {\"openclaw\": {\"emoji\": \"📄\", \"skillKey\": \"pdf\"}}\r\n\
                ---\r\n# Body\r\nname: none of it\r\n";
    let expected = Frontmatter {
        name: Some("pdf-forms".into()),
        description: "Fills forms.".into(),
        key: Some("pdf".into()),
        is_hidden: false,
    };
    assert_eq!(Frontmatter::read(text.as_bytes()), Ok(expected));
}

#[test]
fn a_text_is_plain_quoted_or_a_block() {
    for (value, text) in [
        ("Use when: a form is to be filled", "Use when: a form is to be filled"),
        ("one\n  two # told\n  three", "one two three"),
        ("\n  below", "below"),
        ("a#b", "a#b"),
        (r#""a \"form\": #1, \u00e9\n{""#, "a \"form\": #1, é\n{"),
        ("\"one\n  two\"  # told", "one two"),
        ("'it''s a: #1'", "it's a: #1"),
        ("'one\n  two'", "one two"),
        ("|\n  one\n\n  two # kept", "  one\n\n  two # kept"),
        (">-\n  one\n  two", "  one\n  two"),
        (">2+ # told\n   one", "   one"),
    ] {
        assert_eq!(described(&format!("description: {value}\nname: a")), text, "{value}");
    }
    assert_eq!(described("\"description\": a"), "a");
    assert_eq!((described("description:"), read("name: ''").unwrap().name), (String::new(), None));
}

#[test]
fn what_is_no_text_is_refused_by_its_key() {
    for value in [
        "[a, b]",
        "{a: b}",
        "\n  - a",
        "\n- a",
        "&a b",
        "*a",
        "!!str a",
        "@a",
        "\"a",
        "'a",
        "\"a\" b",
        "'a' b",
        r#""\q""#,
        "|x\n  a",
        ">\u{e9}\n  a",
    ] {
        assert_eq!(
            refused(&format!("description: {value}")),
            "its description is no text that is read here",
            "{value}"
        );
    }
}

#[test]
fn what_is_no_mapping_between_two_fences_is_refused() {
    for text in ["", "# A skill\n", "name: a\n---\n", " ---\nname: a\n---\n", "--- # a\nname: a\n---\n"] {
        assert!(Frontmatter::read(text.as_bytes()).unwrap_err().message.contains("no frontmatter"), "{text:?}");
    }
    for text in [&b"---\nname: a\n"[..], b"---\nname: \xff\n---\n", b"---\nname: a\n ---\n"] {
        assert!(Frontmatter::read(text).unwrap_err().message.contains("no --- at its end"), "{text:?}");
    }
    for lines in ["just words", "  name: a", "name:a", ": a", "a b: c", "name: a\nwords", "\tname: a", "- name: a"] {
        assert!(refused(lines).contains("no key with a value"), "{lines}");
    }
    assert!(refused("name: a\nname: b").contains("a key twice"));
    let many: Vec<String> = (0..=KEYS).map(|number| format!("k{number}: 1")).collect();
    assert!(refused(&many.join("\n")).contains("more than 64 keys"));
}

#[test]
fn the_key_is_found_however_metadata_is_written() {
    for metadata in [
        r#"{"openclaw":{"skillKey":"k"}}"#,
        "\n  {\n    \"openclaw\": {\n      \"os\": [\"linux\",],\n      \"skillKey\": \"k\",\n    },\n  }",
        "{\n  \"openclaw\": {\"skillKey\": \"k\"}\n}",
        r#"'{"openclaw":{"skillKey":"k"}}'"#,
        "|\n  {\"openclaw\": {\"skillKey\": \"k\"}}",
        "\n  author: me\n  openclaw:\n    requires:\n      bins: [a]\n    skillKey: k\n    install:\n      - id: a",
        "\n  openclaw: {\"skillKey\": \"k\"}",
        r#"{"clawdbot":{"skillKey":"k"}}"#,
        "\n  moltbot:\n    skillKey: 'k'",
    ] {
        assert_eq!(key(&format!("metadata: {metadata}\nname: a")).as_deref(), Some("k"), "{metadata}");
    }
    for metadata in
        ["", "words", "{}", r#"{"openclaw":{}}"#, r#"{"openclaw":null}"#, "\n  author: me", "{\"a\": \"x,}\"}"]
    {
        assert_eq!(key(&format!("metadata: {metadata}\nname: a")), None, "{metadata}");
    }
    assert_eq!(key(r#"metadata: {"openclaw":{"skillKey":"k\",]",},}"#).as_deref(), Some("k\",]"), "a text is kept");
    for metadata in ["{openclaw: {skillKey: k}}", r#"{"openclaw":{"skillKey":1}}"#, "{", &"{\"a\":".repeat(2000)] {
        assert!(refused(&format!("metadata: {metadata}")).contains("its metadata is not read as JSON"), "{metadata}");
    }
}

#[test]
fn a_skill_is_hidden_from_models_by_any_word_but_a_no() {
    for (word, is_hidden) in
        [("", false), ("false", false), ("No", false), ("true", true), ("'yes'", true), ("ture", true)]
    {
        let found = read(&format!("name: a\ndisable-model-invocation: {word}")).unwrap();
        assert_eq!(found.is_hidden, is_hidden, "{word}");
    }
}
