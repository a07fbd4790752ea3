//! A text of a file as part of one line, in which everything can be seen.

/// The text with each run of white space as one space, and without what cannot be seen.
pub(super) fn one_line(text: &str) -> String {
    let shown: String = text.chars().filter(|&character| character.is_whitespace() || !is_hidden(character)).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text is such a line already.
pub(super) fn is_plain(text: &str) -> bool {
    one_line(text) == text
}

/// Control and format characters (Unicode's Cc and Cf), and letters without a shape: by these a text would say
/// something to a model that nobody sees who looks at it.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x115f..=0x1160
            | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
            | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
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
