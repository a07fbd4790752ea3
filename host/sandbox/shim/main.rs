//! The static helper that the sandbox crate carries along.
//!
//! * `shim start PARENT PROGRAM FILES…`: outside. Enters the cgroups that the files are of and waits for an order; as
//!   root puts what is to be bound within the user's reach and becomes the user; then becomes bubblewrap, which is
//!   PROGRAM.
//! * `shim exec FD`: inside bubblewrap. Reads a job from the descriptor, sets limits and terminal up, and becomes the
//!   command. What prevents it goes back through the descriptor.
//! * `shim init file|stdin`: inside a container, as its first process. Its job is a file, or what it reads first.
//! * `shim forward`: inside, with an allow list. Passes connections to 127.0.0.1:3128 on to the proxy's socket.
//! * `shim reap`: outside. Reads what is to be cleaned up, and does so when its input closes: when we are dead.

#[path = "exec.rs"]
mod exec;
#[path = "forward.rs"]
mod forward;
#[path = "init.rs"]
mod init;
#[path = "job.rs"]
mod job;
#[path = "mount.rs"]
mod mount;
#[path = "reap.rs"]
mod reap;
#[path = "receive.rs"]
mod receive;
#[path = "start.rs"]
mod start;
#[path = "system.rs"]
mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments) {
        (Some("start"), mut arguments) => {
            let parent = arguments.next().and_then(|number| number.parse().ok());
            match parent.zip(arguments.next()) {
                Some((parent, program)) => start::run(parent, &program, arguments),
                None => ExitCode::from(2),
            }
        }
        (Some("exec"), mut arguments) => match arguments.next().and_then(|descriptor| descriptor.parse().ok()) {
            Some(descriptor) => exec::run(descriptor),
            None => ExitCode::from(2),
        },
        (Some("init"), mut arguments) => init::run(arguments.next().as_deref() == Some("stdin")),
        (Some("forward"), _) => forward::run(),
        (Some("reap"), _) => reap::run(),
        _ => ExitCode::from(2),
    }
}
