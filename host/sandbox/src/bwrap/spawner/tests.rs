#![allow(clippy::disallowed_methods, reason = "a test's own files")]

use std::ffi::OsStr;
use std::fs;
use std::future::Future;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use rustix::io::Errno;
use tokio::net::unix::pipe;

use super::super::child::{Child, Status};
use super::*;
use crate::processes;

/// Where sandboxes are started from, with cgroups where this user has some.
fn origin() -> (Origin, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let shim = Shim::install(home.path()).unwrap();
    let reaper = Reaper::start(home.path()).unwrap();
    (Origin { shim, program: "/usr/bin/bwrap".into(), hierarchy: Hierarchy::find(), reaper }, home)
}

/// Says what is not tested, where nobody can miss it.
#[allow(clippy::print_stderr, reason = "for whoever reads the tests' output")]
fn skip(what: &str) {
    eprintln!("\n==== SKIPPED: {what} ====\n");
}

fn groups(starter: &Starter) -> Vec<PathBuf> {
    starter.process.group.iter().flat_map(Group::paths).collect()
}

/// Somebody has waited for it, and its group is removed or will be in a moment.
fn assert_nothing_is_left(pid: Pid, groups: &[PathBuf]) {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    assert_eq!(waitid(WaitId::Pid(pid), look).err(), Some(Errno::CHILD), "it is still a child of ours");
    assert_gone(groups);
}

fn assert_gone(groups: &[PathBuf]) {
    once_it_is_there(|| (!groups.iter().any(|group| group.exists())).then_some(()));
}

/// Looks for what comes in a moment.
fn once_it_is_there<T>(look: impl Fn() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "it did not come");
        thread::yield_now();
    }
}

/// What was asked of the thread before is done then.
async fn all_is_done(spawner: &Spawner) {
    spawner.close().await;
}

#[tokio::test]
async fn one_that_was_taken_and_is_not_needed_leaves_nothing() {
    let (origin, _home) = origin();
    let spawner = Spawner::start(origin).unwrap();
    let starter = spawner.take().await.unwrap();
    let (pid, groups) = (starter.process.pid, groups(&starter));
    drop(starter);
    all_is_done(&spawner).await;
    assert_nothing_is_left(pid, &groups);
}

#[tokio::test]
async fn one_that_nobody_comes_for_any_more_leaves_nothing() {
    let (origin, home) = origin();
    let spawner = Spawner::start(origin).unwrap();
    let mut taking = Box::pin(spawner.take());
    assert!(taking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    // The answer is there then, and those that were kept are not.
    all_is_done(&spawner).await;
    let path = home.path().to_str().unwrap();
    let started = |pid: &u32| {
        let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.starts_with(path) && arguments.contains("\0start\0")
    };
    // The kernel lets go of who made it a moment before it has its arguments.
    let pid = once_it_is_there(|| {
        let waiting: Vec<u32> = processes::tree(std::process::id()).into_iter().filter(started).collect();
        assert!(waiting.len() < 2, "one waits: {waiting:?}");
        waiting.first().copied()
    });
    drop(taking);
    all_is_done(&spawner).await;
    assert_nothing_is_left(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), &[]);
}

#[tokio::test]
async fn one_that_could_not_be_adopted_leaves_nothing() {
    let (origin, _home) = origin();
    let spawner = Spawner::start(origin).unwrap();
    let mut starter = spawner.take().await.unwrap();
    let (pid, groups) = (starter.process.pid, groups(&starter));
    // The runtime cannot wait for a file.
    starter.control = OwnedFd::from(tempfile::tempfile().unwrap()).into();
    let (_, status) = pipe::pipe().unwrap();
    assert!(Child::adopt(starter, Status::new(status), None).is_err());
    all_is_done(&spawner).await;
    assert_nothing_is_left(pid, &groups);
}

#[test]
fn one_that_was_never_given_out_leaves_nothing() {
    let (origin, _home) = origin();
    let starter = origin.start().unwrap();
    let (pid, groups) = (starter.process.pid, groups(&starter));
    drop(starter);
    assert_nothing_is_left(pid, &groups);
}

#[test]
fn who_waits_comes_before_those_that_have_ended() {
    let (origin, _home) = origin();
    // The test is the thread.
    let (wishes, asked) = mpsc::channel();
    let spawner = Spawner { wishes, kept: Arc::default() };
    for _ in 0..2 {
        let starter = origin.start().unwrap();
        kill_process(starter.process.pid, Signal::KILL).unwrap();
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(starter.process.pid), ended).unwrap();
        spawner.kept.lock().unwrap().push(starter);
    }
    let mut taking = pin!(spawner.take());
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(taking.as_mut().poll(&mut context), Poll::Pending));
    let asked: Vec<Wish> = asked.try_iter().collect();
    assert!(matches!(asked[..], [Wish::One(..), Wish::Refill, Wish::Collect(_), Wish::Collect(_)]), "{asked:?}");
}

#[test]
fn who_removes_a_group_in_use_is_not_kept_waiting() {
    let (origin, _home) = origin();
    let Some(hierarchy) = &origin.hierarchy else {
        return skip("that cgroups are removed elsewhere, since there is none to make them in");
    };
    let group = Group::create(hierarchy, &Limits::default(), 0, &origin.reaper).unwrap();
    let paths = group.paths();
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    for path in &paths {
        fs::write(path.join("cgroup.procs"), child.id().to_string()).unwrap();
    }
    group.remove_elsewhere();
    assert!(paths.iter().any(|path| path.exists()), "it is in use");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_gone(&paths);
}

#[tokio::test]
async fn one_that_waits_has_nothing_of_what_somebody_left_open() {
    let (origin, _home) = origin();
    let left = rustix::fs::memfd_create("left-open", rustix::fs::MemfdFlags::empty()).unwrap();
    let spawner = Spawner::start(origin).unwrap();
    let mut starter = spawner.take().await.unwrap();
    assert_ready(&mut starter);
    let open = fs::read_dir(format!("/proc/{}/fd", starter.process.pid)).unwrap().flatten();
    let open: Vec<PathBuf> = open.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    assert!(!open.is_empty() && !open.iter().any(|target| target.to_string_lossy().contains("left-open")), "{open:?}");
    drop(left);
}

#[test]
fn one_whose_maker_has_ended_before_it_began_ends_too() {
    let (origin, _home) = origin();
    let (mut control, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(origin.shim.path());
    command.args(["start", "1", "/usr/bin/bwrap"]).stdin(OwnedFd::from(theirs));
    assert_eq!(command.status().unwrap().code(), Some(126));
    drop(command);
    let mut said = String::new();
    control.read_to_string(&mut said).unwrap();
    assert!(!said.starts_with('+'), "{said}");
}

fn assert_ready(starter: &mut Starter) {
    let mut said = [0];
    starter.control.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"+");
}

/// A mount of the test's own, at a name that has to be escaped in lists and is no UTF-8.
struct Mounted(PathBuf);

impl Mounted {
    fn below(directory: &Path) -> Self {
        let place = directory.join(OsStr::from_bytes(b"a b\\\xff"));
        fs::create_dir(&place).unwrap();
        rustix::mount::mount("none", &place, "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
        Self(place)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

/// bubblewrap would copy each, look at it again for each that it adds, and keep what is mounted there busy.
#[tokio::test]
async fn one_that_waits_has_of_the_machines_mounts_what_bubblewrap_needs() {
    let (origin, home) = origin();
    if !rustix::process::geteuid().is_root() {
        return skip("mounts of its own, which take root");
    }
    let mounted = Mounted::below(home.path());
    let spawner = Spawner::start(origin).unwrap();
    let mut starter = spawner.take().await.unwrap();
    assert_ready(&mut starter);
    let list = fs::read(format!("/proc/{}/mountinfo", starter.process.pid)).unwrap();
    let places = list.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let places: Vec<String> = places.map(|place| String::from_utf8_lossy(place).into_owned()).collect();
    let is_needed = |place: &str| {
        let whole = ["/proc", "/dev", "/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/tmp"];
        place == "/" || whole.iter().any(|kept| Path::new(place).starts_with(kept))
    };
    assert!(places.iter().all(|place| is_needed(place)), "{places:?}");
    assert!(places.iter().any(|place| place == "/proc"), "{places:?}");
    let of_test = home.path().to_string_lossy().into_owned();
    assert!(!places.iter().any(|place| place.starts_with(&of_test)), "{places:?}");
    assert!(fs::read_dir(&mounted.0).is_ok(), "nothing is taken from the machine itself");
}
