//! A state directory for one test, with the compiled components already in it.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

use tempfile::TempDir;

use crate::{Daemon, program, workspace};

/// A temporary state directory, removed when dropped.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
}

impl Home {
    /// An empty one, as on a new machine: the first start compiles the components.
    #[must_use]
    pub fn empty() -> Self {
        Self { directory: tempfile::Builder::new().prefix("openclaw-home-").tempdir().expect("a temporary directory") }
    }

    /// One that has been started before: compiled components, and the key they are sealed with.
    #[must_use]
    pub fn warm() -> Self {
        let home = Self::empty();
        let template = template();
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .args([template.join("secret.key"), template.join("cache"), home.path().to_owned()])
            .status()
            .expect("cp runs");
        assert!(copied.success(), "the warm home could not be copied from {}", template.display());
        // Too large to copy, and read only.
        let sandbox = home.path().join("sandbox");
        DirBuilder::new().mode(0o700).create(&sandbox).expect("a folder");
        symlink(template.join("sandbox/image"), sandbox.join("image")).expect("a link to the sandbox's image");
        home
    }

    /// A warm one with this `config.yaml`.
    #[must_use]
    pub fn with_config(config: &str) -> Self {
        let home = Self::warm();
        home.configure(config);
        home
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A tenant's own directory.
    #[must_use]
    pub fn tenant(&self, id: &str) -> PathBuf {
        self.path().join("tenants").join(id)
    }

    /// Writes `config.yaml`.
    pub fn configure(&self, config: &str) {
        fs::write(self.path().join("config.yaml"), config).expect("config.yaml is written");
    }

    /// The lines of `audit.jsonl`.
    #[must_use]
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("an audit line is JSON")).collect()
    }

    /// Every regular file below it, relative.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        files_below(self.path())
    }

    /// The files whose bytes hold `needle`.
    #[must_use]
    pub fn files_with(&self, needle: &str) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            let content = fs::read(self.path().join(path)).unwrap_or_default();
            content.windows(needle.len()).any(|window| window == needle.as_bytes())
        };
        self.files().into_iter().filter(holds).collect()
    }
}

/// Every regular file below a folder, relative to it; links are not followed.
#[must_use]
pub fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    found.extend(entry.path().strip_prefix(root).map(Path::to_owned));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// A home that this very program was started on once. Made by whichever test comes first.
fn template() -> PathBuf {
    let program = fs::metadata(program()).expect("the program is there");
    let modified = program.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let stamp = modified.unwrap_or_default().as_nanos();
    let folder = workspace().join("target/tmp");
    fs::create_dir_all(&folder).expect("target/tmp");
    let template = folder.join(format!("warm-home-{}-{stamp}", program.len()));
    let lock = File::create(folder.join("warm-home.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if !template.is_dir() {
        forget_older(&folder);
        let home = Home::empty();
        let mut daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("the first start failed: {failed}"));
        let _ = daemon.cli(&["sandbox", "image", "build"]).succeeded();
        assert!(daemon.terminate().success(), "the first run ended badly:\n{}", daemon.log());
        fs::create_dir(&template).expect("the template's folder");
        for name in ["secret.key", "cache", "sandbox"] {
            let moved = Command::new("cp").arg("-a").args([daemon.home().path().join(name), template.clone()]).status();
            assert!(moved.is_ok_and(|status| status.success()), "{name} could not be kept");
        }
    }
    template
}

fn forget_older(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_template = entry.file_name().to_string_lossy().starts_with("warm-home-");
        if is_template && entry.path().is_dir() {
            // Another program's: of no use to this one.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
