//! Becomes bubblewrap as the tenant's user: outside, where the gateway is root.
//!
//! bubblewrap resolves what it binds to a path, what it is given by descriptor too, and the tenant's user cannot walk
//! through the gateway's home. So each descriptor is mounted, in a mount namespace of this process's own, where
//! everyone can go, and is opened there anew under its number. Nobody else sees these mounts, and they end with the
//! last process that does.

use std::convert::Infallible;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::{mount, system};

/// Covered in our namespace; bubblewrap itself has its place there, and needs nothing that was there before.
const PLACE: &str = "/tmp";

/// `UID GID DESCRIPTORS PROGRAM ARGUMENTS…`, the descriptors with commas between them.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let Err(error) = enter(arguments);
    // The workload's own stderr: whoever started it reads there what became of it.
    eprintln!("openclaw-shim: {error}");
    ExitCode::from(126)
}

fn enter(mut arguments: impl Iterator<Item = String>) -> io::Result<Infallible> {
    let mut next = || arguments.next().ok_or(io::ErrorKind::UnexpectedEof);
    let number = |text: &str| text.parse::<u32>().map_err(|_| io::ErrorKind::InvalidInput);
    let (uid, gid, descriptors, program) = (number(&next()?)?, number(&next()?)?, next()?, next()?);
    let parent = system::parent_process();
    // A mount is copied where it is known: in the namespace that we came from.
    let mut mounts = Vec::new();
    for descriptor in descriptors.split(',').filter(|text| !text.is_empty()) {
        let descriptor = number(descriptor)? as i32;
        mounts.push((descriptor, mount::copy_mount(descriptor)?));
    }
    mount::own_mounts()?;
    mount::mount_memory(PLACE)?;
    for (descriptor, mount) in mounts {
        let path = format!("{PLACE}/{descriptor}");
        place(&mount, Path::new(&path))?;
        let placed = OpenOptions::new().read(true).custom_flags(system::O_PATH).open(&path)?;
        system::take_number(&placed, descriptor)?;
    }
    system::become_user(uid, gid)?;
    // A change of user has undone it.
    system::die_with_parent()?;
    if system::parent_process() != parent {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Err(Command::new(program).args(arguments).env_clear().exec())
}

fn place(mount: &OwnedFd, path: &Path) -> io::Result<()> {
    let is_directory = std::fs::metadata(format!("/proc/self/fd/{}", mount.as_raw_fd()))?.is_dir();
    if is_directory {
        DirBuilder::new().mode(0o755).create(path)?;
    } else {
        File::create_new(path)?;
    }
    mount::move_mount(mount, path)
}
