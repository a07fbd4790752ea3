//! What a workload wrote, as a JSON string that an answer has room for.

/// Bytes of one stream in the answer's JSON, in which a control character takes six: an answer is at most 8 MiB, and
/// a flood of them is no reason to lose it.
const MOST: usize = 3 << 20;

/// The text, and whether it was cut.
pub(crate) fn fitting(bytes: &[u8]) -> (String, bool) {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    let mut taken = 0;
    let end = text.char_indices().find_map(|(at, character)| {
        taken += escaped(character);
        (taken > MOST).then_some(at)
    });
    if let Some(end) = end {
        text.truncate(end);
    }
    (text, end.is_some())
}

/// Bytes of a character in a JSON string.
fn escaped(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        character if character < ' ' => 6,
        character => character.len_utf8(),
    }
}
