//! The gateway's log: JSON lines appended to `gateway.log`, and the same for
//! people on standard error where a daemon runs.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_config::gateway::{Log, LogFormat, LogLevel};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// The log of this process.
#[derive(Clone)]
pub(crate) struct Logging {
    file: LogFile,
    filter: reload::Handle<Targets, Registry>,
}

impl Logging {
    /// Sends everything from now on to `path`, and to standard error if asked.
    pub(crate) fn start(path: &Path, log: &Log, on_stderr: bool) -> io::Result<Self> {
        let file = LogFile::open(path)?;
        let (filter, handle) = reload::Layer::new(targets(log.level));
        let json = || fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
        let mut outputs = vec![json().with_writer(file.clone()).boxed()];
        if on_stderr {
            outputs.push(match log.format {
                LogFormat::Json => json().with_writer(io::stderr).boxed(),
                LogFormat::Text => {
                    let colour = io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none();
                    fmt::layer().with_target(false).with_ansi(colour).with_writer(io::stderr).boxed()
                }
            });
        }
        // A second start in one process (there is none) would keep the first.
        let _ = tracing_subscriber::registry().with(outputs.with_filter(filter)).try_init();
        Ok(Self { file, filter: handle })
    }

    /// Opens the file anew, for one who moves it away, and takes over the level.
    pub(crate) fn reload(&self, log: &Log) {
        if let Err(error) = self.file.reopen() {
            tracing::warn!(%error, "gateway.log could not be opened anew: the old file is written on");
        }
        if let Err(error) = self.filter.reload(targets(log.level)) {
            tracing::warn!(%error, "the level of the log stays as it was");
        }
    }
}

/// The target of what components write.
const COMPONENTS: &str = "component";

/// Ours and the components' at the level that was asked for; libraries have little to say to an operator.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_target("openclaw", level)
        .with_target(COMPONENTS, level)
        .with_default(level.min(LevelFilter::WARN))
}

/// An appended file that can be opened anew.
#[derive(Clone)]
struct LogFile {
    path: Arc<PathBuf>,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = append(path)?;
        Ok(Self { path: Arc::new(path.to_owned()), file: Arc::new(Mutex::new(file)) })
    }

    fn reopen(&self) -> io::Result<()> {
        let file = append(&self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own log")]
fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // One event is one buffer: whole lines, even where two processes append.
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogFile {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
