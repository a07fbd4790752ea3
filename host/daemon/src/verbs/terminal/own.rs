//! The terminal that we are in: its size, what is typed in it, and how it was before.

use std::io::{self, IsTerminal, Read, Write};
use std::thread;
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What is read at once; the gateway takes no longer frames than 64 KiB.
const PIECE: usize = 16 << 10;

/// The end of what is typed, as a shell knows it.
const END_OF_INPUT: u8 = 4;

/// How often a program that had no use for it yet, since it had only begun, is told again.
const AGAIN: Duration = Duration::from_millis(250);

/// Back from what programs switch on: another screen, a hidden cursor, reports of the mouse, marked pastes, other keys,
/// colours.
const AS_BEFORE: &[u8] =
    b"\x1b[?1047l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[0m";

/// What is typed, and whether it is for the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Bytes(Vec<u8>),
    Detach,
}

/// Our terminal, whose every key is passed on. Dropped, it is as it was before: whichever way we end, but for SIGKILL.
pub(super) struct Own {
    keys: mpsc::Receiver<Vec<u8>>,
    has_ended: bool,
    /// None where we read no terminal.
    before: Option<Termios>,
}

impl Own {
    pub(super) fn take() -> io::Result<Self> {
        let before = io::stdin().is_terminal().then(|| tcgetattr(io::stdin())).transpose()?;
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        }
        let (sender, keys) = mpsc::channel(16);
        // Nothing else ends a read of a terminal; the process does not wait for this thread.
        thread::spawn(move || read_keys(&sender));
        Ok(Self { keys, has_ended: false, before })
    }

    /// What is typed next. After the end of a file or a pipe that is what ends a shell.
    pub(super) async fn typed(&mut self) -> Vec<u8> {
        if let Some(typed) = self.keys.recv().await {
            return typed;
        }
        if self.has_ended {
            sleep(AGAIN).await;
        }
        self.has_ended = true;
        vec![END_OF_INPUT]
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let Some(before) = &self.before else { return };
        if io::stdout().is_terminal() {
            let mut out = io::stdout().lock();
            let _ = out.write_all(AS_BEFORE).and_then(|()| out.flush());
        }
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
    }
}

fn read_keys(keys: &mpsc::Sender<Vec<u8>>) {
    let mut piece = vec![0; PIECE];
    let mut input = io::stdin().lock();
    loop {
        match input.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => {
                let typed = piece.get(..length).unwrap_or_default().to_vec();
                if keys.blocking_send(typed).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Columns and rows; the usual ones where we are in no terminal.
pub(super) fn size() -> (u16, u16) {
    let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin()));
    match size {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.min(2000), size.ws_row.min(2000)),
        _ => (80, 24),
    }
}
