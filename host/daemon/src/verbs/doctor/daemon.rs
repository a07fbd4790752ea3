//! Whether a daemon runs here, and whether one could.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use openclaw_tenancy::Home;

use super::finding::Finding;
use crate::port;

/// The daemon of a state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It answers; with its pid, where that can be told.
    Running(Option<u32>),
    Stopped,
}

/// Asks the socket; takes no lock and leaves no trace.
pub(super) fn find(home: &Path) -> State {
    if UnixStream::connect(home.join("control.sock")).is_err() {
        return State::Stopped;
    }
    let holder = Home::existing(home).ok().flatten().and_then(|home| home.last_holder());
    State::Running(holder.map(|holder| holder.pid))
}

/// `listen` is none where the configuration cannot be read.
pub(super) fn check(state: &State, listen: Option<SocketAddr>) -> Vec<Finding> {
    match state {
        State::Running(pid) => {
            let pid_text = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
            vec![Finding::ok("daemon", format!("running, pid {pid_text}")), own_port(*pid)]
        }
        State::Stopped => {
            let port =
                listen.map_or_else(|| Finding::warn("port", "not looked at", "mend config.yaml first"), free_port);
            vec![Finding::ok("daemon", "stopped: verbs work on the state directory themselves"), port]
        }
    }
}

fn own_port(pid: Option<u32>) -> Finding {
    let addresses = pid.map(port::addresses_of).unwrap_or_default();
    if addresses.is_empty() {
        return Finding::warn(
            "port",
            "the daemon's port cannot be seen from here",
            "run doctor as the user of the daemon",
        );
    }
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Finding::ok("port", format!("the daemon listens on {}", addresses.join(", ")))
}

fn free_port(listen: SocketAddr) -> Finding {
    let Err(error) = TcpListener::bind(listen) else {
        return Finding::ok("port", format!("{listen} is free"));
    };
    match port::holder(listen) {
        Some(process) => Finding::fail(
            "port",
            format!("{listen} is in use by {} (pid {})", process.name, process.pid),
            "stop it, or set gateway.listen to another address",
        ),
        None => {
            Finding::fail("port", format!("{listen}: {error}"), "set gateway.listen to an address that can be bound")
        }
    }
}
