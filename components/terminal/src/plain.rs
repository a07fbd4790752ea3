//! Plain text of what a terminal has shown.

/// Where the reading is: what steers a terminal begins with an escape.
#[derive(Clone, Copy)]
enum State {
    Text,
    Escape,
    /// Until a letter: colours, the cursor.
    Sequence,
    /// Until a bell, or an escape and what follows it: titles, links.
    Message,
    MessageEscape,
}

/// The lines without what steers a terminal. A backspace takes a character back, a lone carriage return the line.
pub(crate) fn plain(shown: &str) -> String {
    let (mut text, mut line, mut state) = (String::new(), String::new(), State::Text);
    let mut characters = shown.chars().peekable();
    while let Some(character) = characters.next() {
        state = match (state, character) {
            (State::Text, '\u{1b}') => State::Escape,
            (State::Text, '\n') => {
                text.push_str(&line);
                text.push('\n');
                line.clear();
                State::Text
            }
            (State::Text, '\r') => {
                if characters.peek().is_some_and(|next| *next != '\n' && *next != '\r') {
                    line.clear();
                }
                State::Text
            }
            (State::Text, '\u{8}') => {
                line.pop();
                State::Text
            }
            (State::Text, other) => {
                if other == '\t' || !other.is_control() {
                    line.push(other);
                }
                State::Text
            }
            (State::Escape, '[') => State::Sequence,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::Message,
            // Of an escape with parameters, such as a choice of characters.
            (State::Escape, ' '..='/') => State::Escape,
            (State::Escape, _) => State::Text,
            (State::Sequence, '@'..='~') => State::Text,
            (State::Sequence, _) => State::Sequence,
            (State::Message, '\u{7}') => State::Text,
            (State::Message, '\u{1b}') => State::MessageEscape,
            (State::Message, _) => State::Message,
            (State::MessageEscape, _) => State::Text,
        };
    }
    text + &line
}
