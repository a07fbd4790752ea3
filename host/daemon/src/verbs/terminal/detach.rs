//! The key that leaves a terminal running.

use std::str::FromStr;

use super::own::Typed;

/// The byte that a key sends; none where no key detaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DetachKey(Option<u8>);

impl FromStr for DetachKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let key = text.strip_prefix("ctrl-").map(str::as_bytes);
        match key {
            Some([key @ (b'a'..=b'z' | b'A'..=b'Z' | b'@' | b'['..=b'_')]) => Ok(Self(Some(key & 0x1f))),
            _ => Err("it reads ctrl-] or none, for instance"),
        }
    }
}

impl DetachKey {
    /// What is typed of these bytes. What comes with the key is nobody's.
    pub(super) fn cut(self, typed: Vec<u8>) -> Typed {
        match self.0 {
            Some(key) if typed.contains(&key) => Typed::Detach,
            _ => Typed::Bytes(typed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_byte_that_it_sends() {
        for (text, byte) in [("ctrl-]", 0x1d), ("ctrl-a", 1), ("ctrl-A", 1), ("ctrl-\\", 0x1c), ("ctrl-@", 0)] {
            assert_eq!(text.parse(), Ok(DetachKey(Some(byte))), "{text}");
        }
        assert_eq!("none".parse(), Ok(DetachKey(None)));
        for text in ["", "ctrl-", "ctrl-1", "ctrl-ab", "]", "alt-x"] {
            assert!(text.parse::<DetachKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_not_typed() {
        let key = DetachKey(Some(0x1d));
        assert_eq!(key.cut(b"ls\r".to_vec()), Typed::Bytes(b"ls\r".to_vec()));
        assert_eq!(key.cut(b"\x1d".to_vec()), Typed::Detach);
        assert_eq!(DetachKey(None).cut(b"\x1d".to_vec()), Typed::Bytes(b"\x1d".to_vec()));
    }
}
