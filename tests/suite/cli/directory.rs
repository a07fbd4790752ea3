//! Whose turn it is on a state directory, where a daemon and commands come to it at the same moment.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixListener,
};

use openclaw_tenancy::{HolderKind, HomeLock};
use openclaw_tests::{Home, cli::Cli, wait_until};

/// Takes the directory as a process of this kind does.
fn hold(home: &Home, kind: HolderKind) -> HomeLock {
    let directory = openclaw_tenancy::Home::existing(home.path()).expect("a directory").expect("it is there");
    directory.lock(kind).expect("nobody has it")
}

/// Pasted from the README, `openclaw serve &` and then `openclaw tenants create`: the command took the directory first,
/// compiled the components, and the daemon gave up on "another daemon".
#[test]
fn serve_waits_for_a_command_that_has_the_directory() {
    let home = Home::warm();
    let lock = hold(&home, HolderKind::Command);
    let (told, notes) = std::io::pipe().expect("a pipe");
    let mut daemon = Cli::on(home.path(), &["serve", "--listen", "127.0.0.1:0"]).notes(notes).start();
    let mut line = String::new();
    BufReader::new(told).read_line(&mut line).expect("what it waits for");
    assert!(line.starts_with("Note: waiting for the command that uses "), "{line}");
    assert!(line.trim_end().ends_with(&format!("(pid {})", std::process::id())), "{line}");
    drop(lock);
    assert!(daemon.line().starts_with("listening on "));
    let _ = home.cli(&["tenants", "list"]).succeeded();
}

#[test]
fn a_command_waits_for_a_daemon_that_has_just_begun() {
    let home = Home::warm();
    let _lock = hold(&home, HolderKind::Daemon);
    let mut command = Cli::on(home.path(), &["tenants", "list", "--json"]).start();
    let folder = format!("/proc/{}/fd", command.pid());
    let looks = |name: &str| {
        let open = fs::read_dir(&folder).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|link| link.ends_with(name))
    };
    wait_until("a look at the lock", || looks("daemon.lock"));
    let listener = UnixListener::bind(home.path().join("control.sock")).expect("the control socket");
    let (mut client, _) = listener.accept().expect("the command");
    let mut asked = Vec::new();
    while !String::from_utf8_lossy(&asked).contains("tenants.list") {
        let mut piece = [0; 4096];
        let length = client.read(&mut piece).expect("its request");
        assert_ne!(length, 0, "it asked for something else");
        asked.extend(&piece[..length]);
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tenants":[]}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    write!(client, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("it reads");
    assert!(command.line().starts_with('{'));
}
