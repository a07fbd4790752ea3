//! Reading a log while it is written, and while it is moved away.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(200);

/// A log file, read from its beginning to wherever its writer is.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: BufReader<File>,
    /// How far it was read, in bytes.
    read: u64,
    /// The beginning of a line that is still being written.
    partial: Vec<u8>,
}

impl Tail {
    #[allow(clippy::disallowed_methods, reason = "the gateway's own log")]
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = BufReader::new(File::open(path)?);
        Ok(Self { path: path.to_owned(), file, read: 0, partial: Vec::new() })
    }

    /// The next whole line, without its end; `None` where there is none yet.
    pub(super) fn read_line(&mut self) -> io::Result<Option<String>> {
        self.read += self.file.read_until(b'\n', &mut self.partial)? as u64;
        if self.partial.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.partial.pop();
        Ok(Some(String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned()))
    }

    /// Waits for the next line.
    pub(super) async fn next_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(line) = self.read_line()? {
                return Ok(line);
            }
            tokio::time::sleep(POLL).await;
            if self.is_replaced() && self.read_to_end()? {
                *self = Self::open(&self.path)?;
            }
        }
    }

    /// True once another file has the name, or this one was cut.
    #[allow(clippy::disallowed_methods, reason = "the gateway's own log")]
    fn is_replaced(&self) -> bool {
        let (Ok(ours), Ok(named)) = (self.file.get_ref().metadata(), fs::metadata(&self.path)) else { return false };
        ours.ino() != named.ino() || named.len() < self.read
    }

    /// True when nothing was written since the last look.
    fn read_to_end(&mut self) -> io::Result<bool> {
        Ok(self.file.fill_buf()?.is_empty())
    }
}

#[cfg(test)]
mod tests;
