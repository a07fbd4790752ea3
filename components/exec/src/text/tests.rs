use super::*;

#[test]
fn what_a_terminal_would_act_upon_is_written_out() {
    assert_eq!(visible("ls -la 'ä 🦀'"), "ls -la 'ä 🦀'");
    assert_eq!(visible("ls\u{1b}[2K\rrm"), "ls\\u{1b}[2K\\u{d}rm");
    assert_eq!(visible("a\nb\tc\u{9b}\0"), "a\\u{a}b\\u{9}c\\u{9b}\\u{0}");
    assert_eq!(
        visible("\u{202e}fdp\u{2066}\u{200b}\u{feff}\u{e0041}"),
        "\\u{202e}fdp\\u{2066}\\u{200b}\\u{feff}\\u{e0041}"
    );
}

#[test]
fn a_space_that_is_none_is_written_out() {
    assert_eq!(visible("deploy\u{a0}--check"), "deploy\\u{a0}--check");
    let spaces = (0..=0x3000).filter_map(char::from_u32).filter(|character| character.is_whitespace());
    for space in spaces.filter(|&space| space != ' ') {
        assert_eq!(visible(&space.to_string()), space.escape_unicode().to_string());
        assert!(check("it", &format!("a{space}b")).is_err(), "{space:?}");
    }
}

#[test]
fn no_two_texts_become_the_same() {
    let texts = ["a\nb", "a\\u{a}b", "a\\\\u{a}b", "a\\u{5c}u{a}b", "a\\nb", "ab"];
    let shown: std::collections::BTreeSet<String> = texts.iter().map(|text| visible(text)).collect();
    assert_eq!(shown.len(), texts.len(), "{shown:?}");
    assert!(shown.iter().all(|text| check("it", text).is_ok()));
}

#[test]
fn what_is_too_long_as_it_is_shown_is_refused() {
    assert_eq!(shown("command", "abc", 3).unwrap(), "abc");
    assert!(shown("command", "abcd", 3).unwrap_err().message.starts_with("command has more than the 3 bytes"));
    assert!(shown("command", "a\nb", 3).is_err());
}
