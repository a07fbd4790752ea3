//! What people read of a text that somebody else wrote: all that it has, and nothing that a terminal or a page would
//! act upon, leave out or turn around.

use openclaw_sdk::text::is_unseen;
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

/// What cannot be seen, and spaces that look like ours.
fn is_hidden(character: char) -> bool {
    is_unseen(character) || (character.is_whitespace() && character != ' ')
}

#[cfg(test)]
mod tests;
