//! The parser against the standard's own examples, cut anywhere.

use proptest::prelude::*;

use super::*;

fn parse(pieces: &[&[u8]]) -> Result<Vec<ServerEvent>, SseError> {
    let (mut parser, mut events) = (Parser::default(), Vec::new());
    for piece in pieces {
        parser.push(piece, &mut events)?;
    }
    Ok(events)
}

fn event(name: &str, data: &str) -> ServerEvent {
    ServerEvent { name: name.into(), data: data.into() }
}

#[test]
fn the_standards_examples() {
    let stream = b": comment\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    assert_eq!(
        parse(&[stream]),
        Ok(vec![event("", "first event"), event("", "second event"), event("", " third event")])
    );
    assert_eq!(parse(&[b"data\n\ndata\ndata\n\ndata:"]), Ok(vec![event("", ""), event("", "\n")]));
    assert_eq!(parse(&[b"\xef\xbb\xbfevent: add\r\ndata: 1\r\n\r\n"]), Ok(vec![event("add", "1")]));
}

#[test]
fn an_event_that_the_stream_breaks_off_is_not_given() {
    assert_eq!(parse(&[b"data: whole\n\ndata: half\n"]), Ok(vec![event("", "whole")]));
}

#[test]
fn a_giant_event_ends_the_stream_and_not_the_memory() {
    let piece = vec![b'x'; MAX_EVENT / 2 + 1];
    assert_eq!(parse(&[b"data: ", &piece, &piece]), Err(SseError::TooLarge));
    assert_eq!(parse(&[b"data: ", &piece, b"\ndata: ", &piece]), Err(SseError::TooLarge));
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    assert_eq!(parse(&[b"data: \xff\n\n"]), Err(SseError::NotUtf8));
}

proptest! {
    /// How the network cuts the stream, and which line end it has, changes nothing.
    #[test]
    fn pieces_do_not_matter(
        datas in prop::collection::vec("[^\r\n]{0,12}", 1..6),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream: String = datas.iter().map(|data| format!("event: e{end}data: {data}{end}{end}")).collect();
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let expected = datas.iter().map(|data| event("e", data)).collect::<Vec<_>>();
        prop_assert_eq!(parse(&pieces), Ok(expected));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _whole_or_error = parse(&[&bytes]);
    }
}
