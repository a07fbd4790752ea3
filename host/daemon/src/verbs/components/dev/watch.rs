//! Waiting for the source to change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher, recommended_watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::error::CliError;

/// An editor writes a file in several steps, and several files at once.
const QUIET: Duration = Duration::from_millis(50);

/// Some paths of a project, watched.
pub(super) struct Watch {
    changes: UnboundedReceiver<()>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    #[allow(clippy::disallowed_methods, reason = "the author's own files")]
    pub(super) fn of(directory: &Path, paths: &[PathBuf]) -> Result<Self, CliError> {
        let directory = std::path::absolute(directory)?;
        let paths: Vec<PathBuf> = paths.iter().map(|path| directory.join(path)).collect();
        let (changed, changes) = unbounded_channel();
        let counted = paths.clone();
        let counts = move |event: &Event| {
            let ours = |path: &PathBuf| counted.iter().any(|counted| path.starts_with(counted));
            event.need_rescan() || (!event.kind.is_access() && event.paths.iter().any(ours))
        };
        let mut watcher = recommended_watcher(move |event: notify::Result<Event>| {
            // After an error something may have been missed.
            if event.map_or(true, |event| counts(&event)) {
                // It fails when the verb has ended.
                let _ = changed.send(());
            }
        })
        .map_err(|error| CliError::failed(format!("files cannot be watched: {error}")))?;
        for path in &paths {
            // A file that an editor replaces is lost to a watch of its own.
            let (watched, mode) = if path.is_dir() {
                (path.as_path(), RecursiveMode::Recursive)
            } else {
                (path.parent().unwrap_or(&directory), RecursiveMode::NonRecursive)
            };
            watcher
                .watch(watched, mode)
                .map_err(|error| CliError::failed(format!("{} cannot be watched: {error}", path.display())))?;
        }
        Ok(Self { changes, _watcher: watcher })
    }

    /// Resolves when something has changed since, and no more is changing.
    pub(super) async fn changed(&mut self) -> Result<(), CliError> {
        let ended = || CliError::failed("files are not watched any more");
        self.changes.recv().await.ok_or_else(ended)?;
        while let Ok(change) = timeout(QUIET, self.changes.recv()).await {
            change.ok_or_else(ended)?;
        }
        Ok(())
    }
}
