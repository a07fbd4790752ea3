//! Passes connections on to the proxy's socket, which is all that leads out.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;

const LISTEN: &str = "127.0.0.1:3128";
const PROXY: &str = "/run/egress.sock";

pub fn run() -> ExitCode {
    let Ok(listener) = TcpListener::bind(LISTEN) else { return ExitCode::FAILURE };
    if io::stdout().write_all(b"+").and_then(|()| io::stdout().flush()).is_err() {
        return ExitCode::FAILURE;
    }
    for connection in listener.incoming().flatten() {
        thread::spawn(move || pass_on(&connection));
    }
    ExitCode::SUCCESS
}

fn pass_on(client: &TcpStream) {
    let Ok(proxy) = UnixStream::connect(PROXY) else { return };
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut { client }, &mut { &proxy });
            let _ = proxy.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut { &proxy }, &mut { client });
        let _ = client.shutdown(Shutdown::Both);
        let _ = proxy.shutdown(Shutdown::Both);
    });
}
