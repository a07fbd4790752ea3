//! Text out of bytes that come in pieces.

/// The text so far, of so many bytes at most, and how many it was; the beginning of a character stays until the rest of it
/// has come.
pub(super) fn take(pending: &mut Vec<u8>, most: usize) -> (String, usize) {
    let first = pending.get(..most).unwrap_or(pending);
    let rest = pending.split_off(first.len() - unfinished(first));
    let text = String::from_utf8_lossy(pending).into_owned();
    let taken = std::mem::replace(pending, rest).len();
    (text, taken)
}

/// Whether there is more than the beginning of a character.
pub(super) fn is_in(pending: &[u8]) -> bool {
    pending.len() > unfinished(pending)
}

/// How many bytes at the end begin a character that is longer.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(3);
    let leads = |byte: u8| match byte {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    };
    let found = last.enumerate().find(|(_, byte)| **byte & 0xc0 != 0x80);
    found.map_or(0, |(behind, byte)| if leads(*byte) > behind + 1 { behind + 1 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut_in_two() {
        let text = "aé€𝄞".as_bytes();
        for cut in 0..=text.len() {
            let mut pending = text[..cut].to_vec();
            let (mut whole, bytes) = take(&mut pending, 100);
            assert!(!is_in(&pending) && bytes + pending.len() == cut);
            pending.extend_from_slice(&text[cut..]);
            whole += &take(&mut pending, 100).0;
            assert_eq!(whole, "aé€𝄞", "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_text_is_not_waited_for() {
        let mut pending = vec![b'a', 0xff, 0x80, 0x80, 0x80, 0x80];
        assert!(take(&mut pending, 100).0.starts_with("a\u{fffd}") && pending.is_empty());
        let mut pending = vec![0xe2, 0x82, b'x'];
        assert_eq!(take(&mut pending, 100).0, "\u{fffd}x");
    }

    #[test]
    fn much_text_comes_in_pieces_of_whole_characters() {
        let text = "a€".repeat(10);
        for most in 4..text.len() {
            let (mut pending, mut whole) = (text.clone().into_bytes(), String::new());
            while !pending.is_empty() {
                let (piece, bytes) = take(&mut pending, most);
                assert!((1..=most).contains(&bytes), "{bytes}");
                whole += &piece;
            }
            assert_eq!(whole, text, "{most} at once");
        }
    }
}
