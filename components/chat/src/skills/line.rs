//! A text of a file as part of one line, in which everything can be seen.

use openclaw_sdk::text::is_unseen;

/// The text with each run of white space as one space, and without what cannot be seen.
pub(super) fn one_line(text: &str) -> String {
    let shown: String = text.chars().filter(|&character| character.is_whitespace() || !is_unseen(character)).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text is such a line already.
pub(super) fn is_plain(text: &str) -> bool {
    one_line(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_neither_ends_nor_what_cannot_be_seen() {
        assert_eq!(one_line(" a\r\n## b\u{2028}c\u{85}\t d "), "a ## b c d");
        assert_eq!(one_line("a\u{0}b\u{1b}[2Jc\u{202e}d\u{200b}e\u{e0041}\u{feff}"), "ab[2Jcde");
        assert_eq!(one_line("\u{200b}\n"), "");
    }

    #[test]
    fn a_plain_text_is_one_already() {
        assert!(is_plain("pdf-forms") && is_plain("déjà vu"));
        assert!(!is_plain("a\nb") && !is_plain("a\u{202e}b") && !is_plain(" a") && !is_plain("a  b"));
    }
}
