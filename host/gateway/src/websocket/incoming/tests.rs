//! Any frames, cut up in any way.

use proptest::prelude::*;

use super::Frames;

const TEXT: u8 = 1;
const CONTINUATION: u8 = 0;
const PONG: u8 = 10;

/// A masked frame, as clients send them.
fn frame(last: bool, opcode: u8, payload: usize) -> Vec<u8> {
    let mut frame = vec![u8::from(last) << 7 | opcode];
    match payload {
        0..126 => frame.push(0x80 | u8::try_from(payload).unwrap()),
        126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(payload).unwrap().to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload as u64).to_be_bytes());
        }
    }
    frame.extend([7, 7, 7, 7]);
    frame.resize(frame.len() + payload, b'x');
    frame
}

fn fed(bytes: &[u8]) -> Frames {
    let mut frames = Frames::default();
    frames.feed(bytes);
    frames
}

#[test]
fn a_message_weighs_until_it_is_whole() {
    let whole = frame(true, TEXT, 300);
    for end in 1..whole.len() {
        let frames = fed(&whole[..end]);
        assert!(frames.within());
        // The head counts once its length is read.
        assert_eq!(frames.unfinished, if end < 8 { 0 } else { end as u64 }, "{end}");
    }
    let frames = fed(&whole);
    assert_eq!((frames.within(), frames.unfinished, frames.messages), (false, 0, 1));
}

#[test]
fn fragments_add_up_and_what_comes_between_them_weighs_nothing() {
    let mut frames = fed(&frame(false, TEXT, 10));
    frames.feed(&frame(true, PONG, 5));
    frames.feed(&frame(false, CONTINUATION, 0));
    assert_eq!((frames.unfinished, frames.messages), (16 + 6, 0));
    frames.feed(&frame(true, CONTINUATION, 70_000));
    assert_eq!((frames.within(), frames.messages), (false, 1));
}

proptest! {
    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut(
        frames in prop::collection::vec((any::<bool>(), prop_oneof![Just(TEXT), Just(CONTINUATION), Just(PONG)], 0_usize..400), 1..8),
        cut in 1_usize..50,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(last, opcode, payload)| frame(*last, *opcode, *payload)).collect();
        let whole = fed(&bytes);
        let mut cut_up = Frames::default();
        bytes.chunks(cut).for_each(|chunk| cut_up.feed(chunk));
        prop_assert_eq!((whole.unfinished, whole.messages), (cut_up.unfinished, cut_up.messages));
        let messages = frames.iter().filter(|(last, opcode, _)| *last && *opcode != PONG).count() as u64;
        prop_assert_eq!(whole.messages, messages);
    }

    #[test]
    fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        fed(&bytes);
    }
}
