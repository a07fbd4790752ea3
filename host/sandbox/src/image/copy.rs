//! Writes a tree, and its digest along the way.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, FileTimes, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ImageError;

/// What nobody runs or links to.
const LEFT_OUT: &[&str] = &[
    "usr/share/bug",
    "usr/share/doc",
    "usr/share/doc-base",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/menu",
];

/// Where Debian keeps what is now below `/usr`.
const MERGED: &[&str] = &["bin", "sbin", "lib", "lib32", "lib64"];

/// Directories that something is mounted on, or that programs look for.
const EMPTY: &[(&str, u32)] = &[
    ("dev", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("run", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("work", 0o755),
];

const ETC: &[(&str, &str)] = &[
    ("etc/group", ""),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("etc/hostname", "sandbox\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ("etc/passwd", ""),
    ("etc/resolv.conf", ""),
];

pub(super) struct TreeWriter {
    host: PathBuf,
    root: PathBuf,
    /// What has been written, each as the digest takes it.
    entries: BTreeMap<PathBuf, String>,
    bytes: u64,
    skipped: Vec<String>,
}

pub(super) struct Written {
    pub(super) digest: String,
    pub(super) bytes: u64,
    pub(super) skipped: Vec<String>,
}

impl TreeWriter {
    /// `root` is made anew.
    pub(super) fn create(host: &Path, root: &Path) -> io::Result<Self> {
        match fs::remove_dir_all(root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => DirBuilder::new().mode(0o755).create(root)?,
        }
        let (host, root) = (host.to_owned(), root.to_owned());
        Ok(Self { host, root, entries: BTreeMap::new(), bytes: 0, skipped: Vec::new() })
    }

    /// Copies what a package has at this path, where it belongs into a tree.
    pub(super) fn copy(&mut self, path: &Path) -> Result<(), ImageError> {
        let path = merged(path);
        let wanted =
            path.starts_with("usr") || path.starts_with("etc/alternatives") || path.starts_with("etc/ssl/certs");
        if !wanted || LEFT_OUT.iter().any(|left_out| path.starts_with(left_out)) || self.entries.contains_key(&path) {
            return Ok(());
        }
        let source = self.host.join(&path);
        match fs::symlink_metadata(&source) {
            // The operator has removed it from the machine.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(metadata) => self.copy_entry(&source, &path, &metadata),
        }
        .map_err(|error| ImageError::Io { path: source, source: error })
    }

    fn copy_entry(&mut self, source: &Path, path: &Path, metadata: &Metadata) -> io::Result<()> {
        if metadata.is_dir() {
            self.directory(path, 0o755)
        } else if metadata.is_symlink() {
            self.link(path, &fs::read_link(source)?)
        } else if metadata.is_file() {
            match File::open(source) {
                Ok(file) => self.file(path, file, metadata),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.skipped.push(path.display().to_string());
                    Ok(())
                }
                Err(error) => Err(error),
            }
        } else {
            Ok(())
        }
    }

    /// The links of update-alternatives that lead to something in the tree.
    pub(super) fn alternatives(&mut self) -> Result<(), ImageError> {
        let directory = self.host.join("etc/alternatives");
        let failed = |source| ImageError::Io { path: directory.clone(), source };
        let Ok(links) = fs::read_dir(&directory) else { return Ok(()) };
        let mut names = links.map(|link| Ok(link?.file_name())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        names.sort();
        for name in names {
            let Ok(target) = fs::read_link(directory.join(&name)) else { continue };
            let program = Path::new("usr/bin").join(&name);
            let leads_here = fs::read_link(self.host.join(&program))
                .is_ok_and(|link| link == Path::new("/etc/alternatives").join(&name));
            if leads_here && self.entries.contains_key(&merged(target.strip_prefix("/").unwrap_or(&target))) {
                self.copy(&program)?;
                self.copy(&Path::new("etc/alternatives").join(&name))?;
            }
        }
        Ok(())
    }

    /// What a system has besides its packages' files.
    pub(super) fn skeleton(&mut self) -> Result<(), ImageError> {
        let write = |writer: &mut Self| -> io::Result<()> {
            for (path, mode) in EMPTY {
                writer.directory(Path::new(path), *mode)?;
            }
            for name in MERGED.iter().filter(|name| writer.root.join("usr").join(name).is_dir()).collect::<Vec<_>>() {
                writer.link(Path::new(name), &Path::new("usr").join(name))?;
            }
            for (path, content) in ETC {
                writer.content(Path::new(path), content.as_bytes(), 0o644, None)?;
            }
            if !writer.root.join("usr/bin/sh").is_symlink() {
                writer.link(Path::new("usr/bin/sh"), Path::new("dash"))?;
            }
            Ok(())
        };
        write(self).map_err(|source| ImageError::Io { path: self.root.clone(), source })
    }

    pub(super) fn finish(self) -> Written {
        let mut digest = Sha256::new();
        for (path, entry) in &self.entries {
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update([0]);
            digest.update(entry);
            digest.update([0]);
        }
        Written { digest: hex::encode(digest.finalize()), bytes: self.bytes, skipped: self.skipped }
    }

    fn directory(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        if self.entries.contains_key(path) {
            return Ok(());
        }
        self.parents(path)?;
        DirBuilder::new().create(self.root.join(path))?;
        fs::set_permissions(self.root.join(path), std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        self.entries.insert(path.to_owned(), format!("directory {mode:o}"));
        Ok(())
    }

    fn parents(&mut self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.directory(parent, 0o755),
            _ => Ok(()),
        }
    }

    fn link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        self.parents(path)?;
        symlink(target, self.root.join(path))?;
        self.entries.insert(path.to_owned(), format!("link {}", target.display()));
        Ok(())
    }

    fn file(&mut self, path: &Path, mut source: File, metadata: &Metadata) -> io::Result<()> {
        let mut content = Vec::with_capacity(metadata.len() as usize);
        source.read_to_end(&mut content)?;
        // No setuid bit, nothing that another than the owner could write.
        self.content(path, &content, metadata.mode() & 0o755, Some(metadata))
    }

    fn content(&mut self, path: &Path, content: &[u8], mode: u32, times: Option<&Metadata>) -> io::Result<()> {
        self.parents(path)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.root.join(path))?;
        file.write_all(content)?;
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        if let Some(metadata) = times {
            file.set_times(FileTimes::new().set_modified(metadata.modified()?))?;
        }
        self.bytes += content.len() as u64;
        self.entries.insert(path.to_owned(), format!("file {mode:o} {}", hex::encode(Sha256::digest(content))));
        Ok(())
    }
}

/// A package's `bin/x` is `usr/bin/x`.
fn merged(path: &Path) -> PathBuf {
    match path.components().next() {
        Some(Component::Normal(first)) if MERGED.iter().any(|name| first == *name) => Path::new("usr").join(path),
        _ => path.to_owned(),
    }
}
