//! Texts that somebody else wrote, before people or models read them.

/// Whether a character says something that nobody sees: control and format characters (Unicode's Cc, Cf, Zl and Zp),
/// selectors of a variant, and letters and marks without a shape. By these a text says to a machine what a reader does
/// not see, or shows itself in another order.
///
/// Spaces are none of them, but the ends of lines and tabs are, which are control characters.
///
/// ```
/// use openclaw_sdk::text::is_unseen;
///
/// let seen: String = "rm\u{200b} -r\u{202e} x".chars().filter(|&character| !is_unseen(character)).collect();
/// assert_eq!(seen, "rm -r x");
/// ```
#[must_use]
pub fn is_unseen(character: char) -> bool {
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
    fn what_acts_upon_a_text_or_has_no_shape_is_unseen() {
        let unseen = ['\0', '\n', '\t', '\u{1b}', '\u{9b}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{202e}', '\u{2066}'];
        assert!(unseen.into_iter().all(is_unseen));
        assert!(['\u{2800}', '\u{3164}', '\u{fe0f}', '\u{feff}', '\u{e0041}'].into_iter().all(is_unseen));
    }

    #[test]
    fn letters_signs_and_spaces_are_seen() {
        assert!(!"aß é漢🦀\u{a0}\u{3000}\\".chars().any(is_unseen));
    }
}
