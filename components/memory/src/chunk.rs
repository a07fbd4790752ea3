//! A text in pieces of about 400 tokens, of which each repeats the last 80 or so of the one before. Lines stay whole,
//! but for those that are longer than a piece.

/// A token is about four bytes, in English; in other languages a piece has fewer characters.
const CHUNK: usize = 400 * 4;
const OVERLAP: usize = 80 * 4;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    /// Lines count from 1.
    pub(crate) start_line: u32,
    pub(crate) end_line: u32,
    pub(crate) text: String,
}

pub(crate) fn chunks(text: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut held = Held::default();
    for (number, line) in (1..).zip(text.lines()) {
        for piece in pieces(line) {
            if !held.takes(piece) {
                chunks.extend(held.chunk());
                held.keep_the_end(piece);
            }
            held.add(number, piece);
        }
    }
    chunks.extend(held.chunk());
    chunks
}

/// A line in parts of at most a chunk.
fn pieces(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while rest.len() >= CHUNK {
        let (piece, others) = rest.split_at(rest.floor_char_boundary(CHUNK - 1));
        pieces.push(piece);
        rest = others;
    }
    pieces.push(rest);
    pieces
}

/// The lines of the chunk that grows.
#[derive(Default)]
struct Held<'t> {
    lines: Vec<(u32, &'t str)>,
    bytes: usize,
    /// Something is there besides what the last chunk had.
    is_new: bool,
}

impl<'t> Held<'t> {
    fn takes(&self, piece: &str) -> bool {
        self.bytes + piece.len() < CHUNK
    }

    fn add(&mut self, number: u32, piece: &'t str) {
        self.lines.push((number, piece));
        self.bytes += piece.len() + 1;
        self.is_new = true;
    }

    /// None where nothing is new, or nothing is to be read.
    fn chunk(&self) -> Option<Chunk> {
        let text = self.lines.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n");
        let (first, last) = (self.lines.first()?, self.lines.last()?);
        let is_worth_it = self.is_new && !text.trim().is_empty();
        is_worth_it.then_some(Chunk { start_line: first.0, end_line: last.0, text })
    }

    /// Leaves the last lines, as far as they and the next fit.
    fn keep_the_end(&mut self, next: &str) {
        let most = OVERLAP.min(CHUNK.saturating_sub(next.len() + 1));
        let mut bytes = 0;
        let kept = self.lines.iter().rev().take_while(|(_, line)| {
            bytes += line.len() + 1;
            bytes <= most
        });
        let kept = kept.count();
        self.lines.drain(..self.lines.len() - kept);
        self.bytes = self.lines.iter().map(|(_, line)| line.len() + 1).sum();
        self.is_new = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_one_piece() {
        assert_eq!(chunks("# Title\n\nOne.\n"), [Chunk { start_line: 1, end_line: 3, text: "# Title\n\nOne.".into() }]);
        assert_eq!(chunks(" \n\n"), []);
    }

    #[test]
    fn each_piece_repeats_the_end_of_the_one_before_and_no_line_is_lost() {
        let lines: Vec<String> = (1..=200).map(|number| format!("line {number} {}", "x".repeat(40))).collect();
        let chunks = chunks(&lines.join("\n"));
        assert!(chunks.len() > 4, "{}", chunks.len());
        for pair in chunks.windows(2) {
            let repeated = pair[0].end_line + 1 - pair[1].start_line;
            assert!((4..=7).contains(&repeated), "{repeated}");
        }
        for chunk in &chunks {
            assert!(chunk.text.len() <= CHUNK);
            let expected = lines[chunk.start_line as usize - 1..chunk.end_line as usize].join("\n");
            assert_eq!(chunk.text, expected);
        }
        assert_eq!((chunks[0].start_line, chunks.last().unwrap().end_line), (1, 200));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = "é".repeat(5000);
        let chunks = chunks(&line);
        assert!(chunks.iter().all(|chunk| chunk.text.len() <= CHUNK && chunk.end_line == 1));
        assert_eq!(chunks.iter().map(|chunk| chunk.text.as_str()).collect::<String>(), line);
    }
}
