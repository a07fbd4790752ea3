//! What a process writes, as it writes it.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use crate::PATIENCE;

/// What a process has written so far, for waiting on.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<(Mutex<Written>, Condvar)>);

#[derive(Debug, Default)]
struct Written {
    text: String,
    open: usize,
}

impl Log {
    pub(super) fn read(&self, from: Option<impl Read + Send + 'static>) {
        let Some(from) = from else { return };
        self.lock().open += 1;
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                let mut written = log.lock();
                written.text.push_str(&String::from_utf8_lossy(&line));
                written.text.push('\n');
                log.0.1.notify_all();
            }
            log.lock().open -= 1;
            log.0.1.notify_all();
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// Waits until the text is as wanted; false when it ends before that.
    pub(super) fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let going_on = |written: &mut Written| written.open > 0 && !wanted(&written.text);
        let waited =
            self.0.1.wait_timeout_while(self.lock(), PATIENCE, going_on).unwrap_or_else(PoisonError::into_inner);
        wanted(&waited.0.text)
    }

    pub(super) fn to_end(&self) {
        self.wait_for(|_| false);
    }

    /// The address of the line that says so.
    pub(super) fn listening(&self) -> Option<SocketAddr> {
        let address = |text: &str| {
            let (_, rest) = text.split_once("listening on ")?;
            let (_, rest) = rest.split_once("://")?;
            rest.split_once('\n')?.0.split_whitespace().next()?.trim_end_matches('/').parse().ok()
        };
        self.wait_for(|text| address(text).is_some());
        address(&self.lock().text)
    }
}
