//! The static helper that the sandbox crate carries along.
//!
//! * `shim exec FD`: inside. Reads a job from the descriptor, sets limits and terminal up, and becomes the command. What
//!   prevents it goes back through the descriptor.
//! * `shim forward`: inside, with an allow list. Passes connections to 127.0.0.1:3128 on to the proxy's socket.
//! * `shim reap`: outside. Reads what is to be cleaned up, and does so when its input closes: when we are dead.

#[path = "exec.rs"]
mod exec;
#[path = "forward.rs"]
mod forward;
#[path = "reap.rs"]
mod reap;
#[path = "system.rs"]
mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["exec", descriptor] => match descriptor.parse() {
            Ok(descriptor) => exec::run(descriptor),
            Err(_) => ExitCode::from(2),
        },
        ["forward"] => forward::run(),
        ["reap"] => reap::run(),
        _ => ExitCode::from(2),
    }
}
