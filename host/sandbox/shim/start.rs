//! Outside: is in its cgroup, and becomes bubblewrap, as the tenant's user where we are root.
//!
//! It is started before anybody needs it, since to enter a cgroup takes longer than all that follows. As root it has
//! mounts of its own by then, and none but those that bubblewrap needs: that copies all there are, reads the list of
//! them for each that it adds, and takes all of them down again. The order comes by its standard input: the length of
//! its fields in bytes (little endian, 4 bytes), then the fields, each ended by NUL: `user=UID:GID` or `our-user`, the
//! numbers of what is to be bound with commas between them, bubblewrap's arguments. With it come descriptors, which are
//! numbered from `FIRST` on; the last three are bubblewrap's standard streams. The way that the order came by stays
//! open as `CONTROL`.
//!
//! bubblewrap resolves what it binds to a path, what it is given by descriptor too, and the tenant's user cannot walk
//! through the gateway's home. So for a user each descriptor is a mount that is nowhere yet: it is put where everyone
//! can go, and is opened there anew under its number. Nobody else sees these mounts, and they end with the last process
//! that does.

use std::convert::Infallible;
use std::ffi::{c_int, c_uint};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::str::FromStr;

use crate::{mount, receive, system};

/// Covered in our namespace; bubblewrap itself has its place there, and needs nothing that was there before.
const PLACE: &str = "/tmp";

/// What is mounted there stays, whatever it is: bubblewrap's own libraries.
const NEEDED: [&str; 7] = ["/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/etc"];

/// There and below: what bubblewrap makes `/proc` and `/dev` of. A container's own devices are mounts, and so is what it
/// hides of `/proc`.
const WHOLE: [&str; 2] = ["/proc", "/dev"];

const CONTROL: c_int = 3;
const FIRST: c_int = CONTROL + 1;

/// What it becomes.
struct Order {
    user: Option<(c_uint, c_uint)>,
    bound: Vec<c_int>,
    arguments: Vec<String>,
}

/// `entrances` are files: a process that writes `0` to one is in the cgroup.
pub fn run(parent: c_int, program: &str, entrances: impl Iterator<Item = String>) -> ExitCode {
    let prepared = stand_alone(parent)
        .and_then(|()| enter(entrances))
        .and_then(|()| if system::is_root() { make_room(program) } else { Ok(()) });
    let Ok(control) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::from(126) };
    let mut control = File::from(control);
    // That we are there; or for whoever would have sent an order, why not.
    let said = prepared.as_ref().map_or_else(ToString::to_string, |()| "+".to_owned());
    if control.write_all(said.as_bytes()).is_err() || prepared.is_err() {
        return ExitCode::from(126);
    }
    let Err(error) = obey(program, control);
    // The workload's own stderr: whoever started it reads there what became of it.
    eprintln!("openclaw-shim: {error}");
    ExitCode::from(126)
}

/// Ends with whoever made us, has nothing open but the standard streams, and goes first when memory is short, with all
/// that it starts: what root takes on there, nobody else gives back.
fn stand_alone(parent: c_int) -> io::Result<()> {
    end_with(parent)?;
    system::close_from(CONTROL)?;
    // Where there is no /proc, the kernel has its own opinion.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Also where it has ended already.
fn end_with(parent: c_int) -> io::Result<()> {
    system::die_with_parent()?;
    if system::parent_process() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}

fn enter(entrances: impl Iterator<Item = String>) -> io::Result<()> {
    for entrance in entrances {
        OpenOptions::new().write(true).open(entrance)?.write_all(b"0")?;
    }
    Ok(())
}

fn obey(program: &str, control: File) -> io::Result<Infallible> {
    let order = receive_order(&control)?;
    // The command's shim speaks there, in the sandbox.
    system::keep_over_exec(control)?;
    if let Some((uid, gid)) = order.user {
        let parent = system::parent_process();
        bring_within_reach(&order.bound)?;
        system::become_user(uid, gid)?;
        // A change of user has undone it.
        end_with(parent)?;
    }
    Err(Command::new(program).args(order.arguments).env_clear().exec())
}

/// The descriptors that come with it are where the order says that they are.
fn receive_order(mut control: &File) -> io::Result<Order> {
    let mut length = [0; 4];
    let mut descriptors = receive::with_descriptors(control, &mut length)?;
    let in_place = |(descriptor, number): (&OwnedFd, c_int)| descriptor.as_raw_fd() == number;
    if control.as_raw_fd() != CONTROL || !descriptors.iter().zip(FIRST..).all(in_place) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let streams = descriptors.len().checked_sub(3).ok_or(io::ErrorKind::UnexpectedEof)?;
    for (stream, number) in descriptors.split_off(streams).iter().zip(0..) {
        system::take_number(stream, number)?;
    }
    descriptors.into_iter().for_each(|descriptor| drop(descriptor.into_raw_fd()));
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    control.read_exact(&mut bytes)?;
    Order::read(&bytes)
}

impl Order {
    fn read(bytes: &[u8]) -> io::Result<Self> {
        let text = str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut fields = text.split_terminator('\0').map(str::to_owned);
        let mut next = || fields.next().ok_or(io::ErrorKind::UnexpectedEof);
        let user = match next()?.strip_prefix("user=") {
            Some(ids) => {
                let (uid, gid) = ids.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
                Some((number(uid)?, number(gid)?))
            }
            None => None,
        };
        let bound = next()?.split(',').filter(|text| !text.is_empty()).map(number).collect::<io::Result<_>>()?;
        Ok(Self { user, bound, arguments: fields.collect() })
    }
}

fn number<T: FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Mounts of our own: what `program` needs, and the place for what will be bound.
fn make_room(program: &str) -> io::Result<()> {
    mount::own_mounts()?;
    let program = [PathBuf::from(program), std::fs::canonicalize(program)?];
    let needed = |mount: &Path| {
        NEEDED.iter().any(|path| mount == Path::new(path)) || WHOLE.iter().any(|path| mount.starts_with(path))
    };
    for mount in mount::all()? {
        if !needed(&mount) && !program.iter().any(|program| program.starts_with(&mount)) {
            // Gone with one that was above it, or held by whoever may: it is there for nobody then, or in vain.
            let _ = mount::unmount(&mount);
        }
    }
    mount::mount_memory(PLACE)
}

fn bring_within_reach(mounts: &[c_int]) -> io::Result<()> {
    for mount in mounts {
        let path = PathBuf::from(format!("{PLACE}/{mount}"));
        let is_directory = std::fs::metadata(format!("/proc/self/fd/{mount}"))?.is_dir();
        if is_directory {
            DirBuilder::new().mode(0o755).create(&path)?;
        } else {
            File::create_new(&path)?;
        }
        mount::move_mount(*mount, &path)?;
        let placed = OpenOptions::new().read(true).custom_flags(system::O_PATH).open(&path)?;
        system::take_number(&placed, *mount)?;
    }
    Ok(())
}
