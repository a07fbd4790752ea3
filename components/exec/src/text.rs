//! What people read of a text that somebody else wrote: all that it has, and nothing that a terminal or a page would
//! act upon, leave out or turn around.

use openclaw_sdk::{Error, Result};

/// The text with what cannot be seen written as `\u{…}`. No two texts become the same one.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let is_like_ours = character == '\\' && text[at..].starts_with("\\u{");
        if is_hidden(character) || is_like_ours {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The same of a text of at most so many bytes, as it is shown; the error names the parameter.
pub(crate) fn shown(name: &str, text: &str, most: usize) -> Result<String> {
    // What is shown is no shorter.
    let shown = (text.len() <= most).then(|| visible(text)).filter(|shown| shown.len() <= most);
    shown.ok_or_else(|| Error::invalid(format!("{name} has more than the {most} bytes that somebody is asked about")))
}

/// Refuses what people would not see; the error names the place.
pub(crate) fn check(name: &str, text: &str) -> Result<()> {
    match text.chars().find(|&character| is_hidden(character)) {
        None => Ok(()),
        Some(hidden) => {
            let hidden = hidden.escape_unicode();
            Err(Error::invalid(format!("{name} has a character that cannot be seen: write it as {hidden}")))
        }
    }
}

/// Control and format characters (Unicode's Cc, Cf, Zl and Zp), spaces that look like ours, and letters without a shape.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(u32::from(character),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x115f..=0x1160
            | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164
            | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

#[cfg(test)]
mod tests;
