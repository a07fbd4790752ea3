//! Where the keys of a JSON or JSON5 text stand: a scanner over a text that a real parser has
//! accepted already, so that it needs no errors of its own. On anything else it just stops early.

use super::wanted::Wanted;
use super::{Place, Places, Position};
use crate::path::{KeyPath, Segment};

/// The places of keys.
pub(super) fn places(text: &str, wanted: Wanted<'_>) -> Places {
    let mut scan = Scan { text, at: 0, line: 1, column: 1, path: KeyPath::root(), places: Places::new() };
    let _ = scan.value(wanted);
    scan.places
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
    path: KeyPath,
    places: Places,
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves on by `bytes`, counting lines and columns.
    fn advance(&mut self, bytes: usize) {
        let passed = &self.text[self.at..self.at + bytes];
        if let Some((_, last_line)) = passed.rsplit_once('\n') {
            self.line += passed.matches('\n').count();
            self.column = 1 + last_line.chars().count();
        } else {
            self.column += passed.chars().count();
        }
        self.at += bytes;
    }

    fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn skip_blank(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            let comment = match &rest[blank..] {
                comment if comment.starts_with("//") => comment.find('\n').unwrap_or(comment.len()),
                comment if comment.starts_with("/*") => comment.find("*/")? + 2,
                _ => 0,
            };
            self.advance(blank + comment);
            if comment == 0 {
                return Some(());
            }
        }
    }

    /// Reads one value; gives its bytes when it is a scalar. `None` ends the scan.
    fn value(&mut self, wanted: Wanted<'_>) -> Option<Option<std::ops::Range<usize>>> {
        self.skip_blank()?;
        match self.peek()? {
            '{' => self.members(wanted, '}').map(|()| None),
            '[' => self.members(wanted, ']').map(|()| None),
            _ => {
                let start = self.at;
                self.token()?;
                Some(Some(start..self.at))
            }
        }
    }

    fn members(&mut self, wanted: Wanted<'_>, close: char) -> Option<()> {
        self.advance(1);
        for index in 0.. {
            self.skip_blank()?;
            if self.peek()? == close {
                self.advance(1);
                break;
            }
            let position = self.position();
            let segment = if close == '}' { Segment::Key(self.key()?) } else { Segment::Index(index) };
            let wanted = wanted.step(&segment);
            self.path.push(segment);
            let scalar = self.value(wanted)?;
            if wanted.is_here() {
                self.places.insert(self.path.clone(), Place { position, scalar });
            }
            self.path.pop();
            self.skip_blank()?;
            if self.peek()? == ',' {
                self.advance(1);
            }
        }
        Some(())
    }

    /// A member's key, its colon included.
    fn key(&mut self) -> Option<String> {
        let start = self.at;
        self.token()?;
        // A one-member object lets the real parser undo quotes and escapes.
        let member = format!("{{{}:0}}", &self.text[start..self.at]);
        let object: serde_json::Map<String, serde_json::Value> = json5::from_str(&member).ok()?;
        self.skip_blank()?;
        if self.peek()? == ':' {
            self.advance(1);
        }
        object.into_iter().next().map(|(key, _)| key)
    }

    /// One string, number, literal or bare key.
    fn token(&mut self) -> Option<()> {
        let rest = self.rest();
        let quote = self.peek()?;
        let length = if quote == '"' || quote == '\'' {
            let mut escaped = false;
            let close = rest.char_indices().skip(1).find(|&(_, c)| {
                let ends = c == quote && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            close.0 + 1
        } else {
            rest.find(|c: char| c.is_whitespace() || ",:]}/".contains(c)).unwrap_or(rest.len())
        };
        self.advance(length);
        (length > 0).then_some(())
    }
}
