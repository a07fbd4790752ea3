//! bubblewrap's arguments. They go to it by descriptor, so that neither a user of the machine nor the workload reads
//! them, and name everything that is bound by descriptor, so that nothing is looked up by path again.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::MemfdFlags;
use rustix::mount::{OpenTreeFlags, open_tree};

use super::order::FIRST;
use super::root::{HOST_ETC, RootFiles};
use crate::limits::SHM_BYTES;
use crate::{Error, Mount, Tenant, WORK, Workload, paths, seccomp, shim};

/// The arguments, NUL-separated, and the descriptors that they name.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    /// The numbers of those that are bound.
    bound: Vec<usize>,
}

/// What bubblewrap is started with.
pub(super) struct Given {
    /// The list of arguments, for `--args`, and after it what it names.
    pub(super) descriptors: Vec<OwnedFd>,
    /// Numbers of those that bubblewrap binds, which its user must be able to reach.
    pub(super) bound: Vec<usize>,
}

/// The list's own number; what it names follows.
pub(super) const LIST: usize = FIRST;

/// What is bound besides the root and the workspace.
pub(super) struct Extras {
    pub(super) shim: OwnedFd,
    /// The proxy's socket.
    pub(super) egress: Option<OwnedFd>,
    /// bubblewrap writes there what it does.
    pub(super) status: OwnedFd,
}

impl Arguments {
    /// In the order in which bubblewrap acts on them. What the tenant can write comes last, and nothing below it.
    pub(super) fn new(root: &RootFiles, tenant: &Tenant, workload: &Workload, extras: Extras) -> Result<Self, Error> {
        let mut arguments = Self::default();
        arguments.namespaces();
        arguments.root(root, tenant)?;
        arguments.processes()?;
        arguments.memory(workload.limits.tmp_bytes);
        arguments.run(extras.shim, extras.egress);
        arguments.mounts(&workload.mounts)?;
        let how = if tenant.read_only { "--ro-bind-fd" } else { "--bind-fd" };
        arguments.bind(how, copy(&*tenant.workspace)?, WORK);
        arguments.add(&["--remount-ro", "/", "--chdir", "/"]);
        arguments.descriptor("--seccomp", data(&seccomp::program())?);
        arguments.descriptor("--json-status-fd", extras.status);
        Ok(arguments)
    }

    /// What is bound as mounts of their own that are nowhere yet, for whoever cannot walk to where it is. Takes root.
    pub(super) fn give_mounts(self) -> Result<Given, Error> {
        let mut given = self.give()?;
        for number in &given.bound {
            let Some(descriptor) = given.descriptors.get_mut(number - LIST) else { continue };
            let flags =
                OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
            let mount = open_tree(&*descriptor, "", flags);
            *descriptor = mount.map_err(Error::io("a mount for the sandbox"))?;
        }
        Ok(given)
    }

    pub(super) fn give(self) -> Result<Given, Error> {
        let mut descriptors = vec![data(&self.bytes)?];
        descriptors.extend(self.descriptors);
        Ok(Given { descriptors, bound: self.bound })
    }

    fn namespaces(&mut self) {
        self.add(&["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]);
        self.add(&["--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session"]);
        self.add(&["--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv"]);
    }

    fn root(&mut self, root: &RootFiles, tenant: &Tenant) -> Result<(), Error> {
        match root {
            RootFiles::Tree(tree) => self.bind("--ro-bind-fd", copy(tree)?, "/"),
            RootFiles::HostUsr { usr, etc } => {
                self.bind("--ro-bind-fd", copy(usr)?, "/usr");
                for name in ["bin", "sbin", "lib", "lib32", "lib64"] {
                    self.add(&["--symlink", &format!("usr/{name}"), &format!("/{name}")]);
                }
                for (name, descriptor) in HOST_ETC.iter().zip(etc) {
                    if let Some(descriptor) = descriptor {
                        self.bind("--ro-bind-fd", copy(descriptor)?, &format!("/etc/{name}"));
                    }
                }
                self.add(&["--dir", "/mnt", "--dir", "/opt", "--dir", "/sys"]);
            }
        }
        self.file("/etc/passwd", tenant.user.passwd()?.as_bytes())?;
        self.file("/etc/group", tenant.user.group()?.as_bytes())
    }

    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    fn processes(&mut self) -> Result<(), Error> {
        self.add(&["--proc", "/proc"]);
        let here = |path: &&&str| rustix::fs::access(Path::new(**path), rustix::fs::Access::EXISTS).is_ok();
        for path in paths::READ_ONLY.iter().filter(here) {
            self.add(&["--ro-bind", path, path]);
        }
        for path in paths::MASKED_DIRECTORIES.iter().filter(here) {
            self.add(&["--size", "4096", "--tmpfs", path, "--remount-ro", path]);
        }
        for path in paths::MASKED_FILES.iter().filter(here) {
            self.file(path, b"")?;
        }
        Ok(())
    }

    fn memory(&mut self, tmp: u64) {
        self.add(&["--dev", "/dev", "--perms", "1777", "--size", &SHM_BYTES.to_string(), "--tmpfs", "/dev/shm"]);
        self.add(&["--remount-ro", "/dev", "--perms", "1777", "--size", &tmp.to_string(), "--tmpfs", "/tmp"]);
    }

    fn run(&mut self, shim: OwnedFd, egress: Option<OwnedFd>) {
        self.add(&["--size", "65536", "--tmpfs", "/run"]);
        self.bind("--ro-bind-fd", shim, shim::INSIDE);
        if let Some(socket) = egress {
            self.bind("--bind-fd", socket, crate::egress::SOCKET_INSIDE);
        }
        self.add(&["--remount-ro", "/run"]);
    }

    fn mounts(&mut self, mounts: &[Mount]) -> Result<(), Error> {
        if mounts.is_empty() {
            return Ok(());
        }
        self.add(&["--size", "65536", "--tmpfs", "/mnt"]);
        for mount in mounts {
            self.bind("--ro-bind-fd", copy(&*mount.source)?, &mount.target);
        }
        self.add(&["--remount-ro", "/mnt"]);
        Ok(())
    }

    fn add(&mut self, words: &[&str]) {
        for word in words {
            self.bytes.extend(word.as_bytes());
            self.bytes.push(0);
        }
    }

    /// Its number is the one that it has in bubblewrap.
    fn descriptor(&mut self, option: &str, descriptor: OwnedFd) -> usize {
        let number = LIST + 1 + self.descriptors.len();
        self.add(&[option, &number.to_string()]);
        self.descriptors.push(descriptor);
        number
    }

    fn bind(&mut self, option: &str, descriptor: OwnedFd, target: &str) {
        let number = self.descriptor(option, descriptor);
        self.bound.push(number);
        self.add(&[target]);
    }

    /// A read-only file of this content.
    fn file(&mut self, target: &str, content: &[u8]) -> Result<(), Error> {
        self.descriptor("--ro-bind-data", data(content)?);
        self.add(&[target]);
        Ok(())
    }
}

fn copy(descriptor: impl AsFd) -> Result<OwnedFd, Error> {
    descriptor.as_fd().try_clone_to_owned().map_err(Error::io("a descriptor for the sandbox"))
}

/// A descriptor that reads `content`.
fn data(content: &[u8]) -> Result<OwnedFd, Error> {
    let write = || -> std::io::Result<OwnedFd> {
        let mut file = File::from(rustix::fs::memfd_create("openclaw", MemfdFlags::CLOEXEC)?);
        file.write_all(content)?;
        file.rewind()?;
        Ok(file.into())
    };
    write().map_err(Error::io("a descriptor for the sandbox"))
}

#[cfg(test)]
mod tests;
