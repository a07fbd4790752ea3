//! Which texts are paths.

use proptest::prelude::*;

use crate::{PathError, TenantPath};

fn refused(text: &str) -> PathError {
    text.parse::<TenantPath>().unwrap_err()
}

#[test]
fn plain_names_in_any_language_are_paths() {
    for text in ["a", "a/b/c.txt", ".hidden", "...", "naïve/日本語/½", "a b", "-rf", "~", "C:"] {
        assert_eq!(text.parse::<TenantPath>().unwrap().as_str(), text);
    }
}

#[test]
fn a_refusal_names_the_reason() {
    assert_eq!(refused(""), PathError::Empty);
    assert_eq!(refused("/etc/passwd"), PathError::Absolute);
    assert_eq!(refused("a//b"), PathError::EmptyName);
    assert_eq!(refused("a/"), PathError::EmptyName);
    assert_eq!(refused("a/../b"), PathError::Dots);
    assert_eq!(refused("./a"), PathError::Dots);
    assert_eq!(refused("a\\..\\b"), PathError::Backslash);
    assert_eq!(refused("a\0b"), PathError::Control('\0'));
    assert_eq!(refused("a\u{85}b"), PathError::Control('\u{85}'));
    assert_eq!(refused(&"x".repeat(256)), PathError::NameTooLong(256));
    assert_eq!(refused(&"é".repeat(128)), PathError::NameTooLong(256));
    assert_eq!(refused(&["x"; 65].join("/")), PathError::TooDeep);
    assert_eq!(refused(&["x".repeat(250).as_str(); 20].join("/")), PathError::PathTooLong(5019));
    assert_eq!(refused(".openclaw-tmp-0"), PathError::Reserved);
}

#[test]
fn characters_that_become_a_separator_are_refused() {
    for c in ['\u{2044}', '\u{2215}', '\u{FF0F}', '\u{29F8}', '\u{FF3C}', '\u{FE68}', '\u{2105}', '\u{2216}'] {
        assert_eq!(refused(&format!("..{c}x")), PathError::LikeSeparator(c));
    }
    for dots in ["\u{2025}", "\u{2024}\u{2024}", ".\u{FF0E}", "\u{FF0E}", "a/\u{FE52}\u{FE52}"] {
        assert_eq!(refused(dots), PathError::Dots, "{dots}");
    }
}

proptest! {
    /// However a path is put together, what is accepted is plain after any
    /// normalisation a file system or a viewer may apply.
    #[test]
    fn an_accepted_path_is_plain(text in hostile_text()) {
        use unicode_normalization::UnicodeNormalization;
        if let Ok(path) = text.parse::<TenantPath>() {
            prop_assert_eq!(path.as_str(), &text);
            for name in text.nfkc().collect::<String>().split('/') {
                prop_assert!(!matches!(name, "" | "." | ".."));
                prop_assert!(!name.contains(['\\', '\0']));
            }
            prop_assert_eq!(text.nfkc().filter(|&c| c == '/').count(), text.matches('/').count());
        }
    }
}

/// Texts made of what attacks are made of.
pub(super) fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "..", ".", "/", "//", "\\", "\0", "a", "dir", "link", "loop", "abs", "up", "canary", "outside",
            "%2e%2e", "..%2f", "\u{FF0E}", "\u{2024}", "\u{2025}", "\u{2044}", "\u{2215}", "\u{FF0F}", "\u{FF3C}",
            "\u{2105}", "\u{202E}", "\u{200D}", "\n", "~", "/proc/self/root", "/etc/passwd", "C:\\", " ", "-rf",
        ]).prop_map(str::to_owned),
        1 => "\\PC{1,4}",
        1 => (1..300_usize).prop_map(|n| "n".repeat(n)),
    ];
    let with_slashes = proptest::collection::vec(piece, 1..8);
    (with_slashes, prop::bool::ANY).prop_map(|(pieces, slashes)| pieces.join(if slashes { "/" } else { "" }))
}
