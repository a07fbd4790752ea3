//! The commands of the README, of docs/handlers.md, docs/terminals.md and docs/agents.md, pasted in order by
//! somebody with an empty home.
//!
//! A ```console block has `$ ` lines, which are run by bash, and their output,
//! which is for the reader. A command that ends in `&` goes on in the
//! background until the end of the test. What `curl` is answered must be no
//! error, JSON-RPC's among them, whose status may be 200. `./bootstrap …` is what
//! the reader did to get the binary: it is left out. The default port may be
//! somebody's: a free one stands in for it.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Command,
    thread,
};

use openclaw_tests::{Home, program, workspace};

/// The commands of all blocks, each with the lines in which it goes on.
fn commands(readme: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let (mut inside, mut goes_on) = (false, false);
    for line in readme.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside && line.trim() == "```console";
            goes_on = false;
        } else if inside && goes_on {
            let last = commands.last_mut().expect("it goes on from one");
            *last = format!("{last}\n{line}");
            goes_on = is_open(last);
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            commands.push(command.to_owned());
            goes_on = is_open(command);
        }
    }
    commands.retain(|command| !command.starts_with("./bootstrap") && !command.starts_with("git clone"));
    commands
}

/// Whether a command goes on in the next line: after a `\`, and to the end of the text that it is given.
fn is_open(command: &str) -> bool {
    let mark = command.split_once("<<'").and_then(|(_, rest)| Some(rest.split_once('\'')?.0));
    let is_given = |mark: &str| command.lines().skip(1).any(|line| line == mark);
    command.ends_with('\\') || mark.is_some_and(|mark| !is_given(mark))
}

/// What stands before the commands.
const HEAD: &str = r#"set -euo pipefail
daemons=()
trap 'kill "${daemons[@]}" 2>/dev/null || true' EXIT
curl() { command curl "$@" | tee /dev/stderr | { ! grep '"error"' >/dev/null; }; }
"#;

/// One script of all commands: a later one may use a variable of an earlier one.
fn script(commands: &[String]) -> String {
    let mut script = HEAD.to_owned();
    for command in commands {
        script += &format!("echo \"\\$ \"{} >&2\n", quoted(command));
        match command.strip_suffix('&') {
            Some(daemon) => script += &background(daemon.trim()),
            None => script += &format!("{command}\n"),
        }
    }
    script
}

/// A daemon that goes on; until it listens, the next command would be too early.
fn background(daemon: &str) -> String {
    format!(
        "exec 9< <(exec env {daemon} 2>&1)\ndaemons+=($!)\n\
         while read -r line <&9; do echo \"$line\" >&2; [[ $line == *\"listening on\"* ]] && break; done\n"
    )
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port().to_string()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn every_command_of_the_readme_works_in_an_empty_home() {
    paste("README.md");
}

#[test]
fn every_command_for_authors_of_handlers_works_in_an_empty_home() {
    paste("docs/handlers.md");
}

#[test]
fn every_command_about_terminals_works_in_an_empty_home() {
    paste("docs/terminals.md");
}

#[test]
fn every_command_about_agents_works_in_an_empty_home() {
    paste("docs/agents.md");
}

/// Where a reader's Rust is, who has a home.
fn rust() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]
        .into_iter()
        .map(move |(name, below)| (name, std::env::var_os(name).map_or_else(|| home.join(below), PathBuf::from)))
}

fn paste(page: &str) {
    let readme = fs::read_to_string(workspace().join(page)).expect("the page");
    let port = free_port();
    let commands = commands(&readme.replace("18789", &port));
    assert!(!commands.is_empty(), "{page} shows no command");
    let home = Home::empty();
    let bin = home.path().join("bin");
    fs::create_dir(&bin).expect("a folder");
    std::os::unix::fs::symlink(program(), bin.join("openclaw")).expect("openclaw on the PATH");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-c", &script(&commands)])
        .current_dir(workspace())
        .env_clear()
        .envs([
            ("PATH", path.as_str()),
            ("HOME", &home.path().to_string_lossy()),
            ("LANG", "C.UTF-8"),
            ("OPENCLAW_GATEWAY_LISTEN", &format!("127.0.0.1:{port}")),
            // What is compiled of other people's crates is kept from run to run.
            ("CARGO_BUILD_BUILD_DIR", &workspace().join("target/projects").to_string_lossy()),
        ])
        .envs(rust())
        .output()
        .expect("bash runs");
    let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}", output.status);
}

#[test]
fn commands_are_found_as_a_reader_finds_them() {
    let readme = "text\n```console\n$ ./bootstrap run\n$ openclaw version\nopenclaw 0.1.0\n$ curl -s \\\n    http://x\n```\n```sh\n$ no\n```\n$ no\n";
    assert_eq!(commands(readme), ["openclaw version", "curl -s \\\n    http://x"]);
    let pasted = "```console\n$ cat > file <<'END'\n$ is no prompt here\nEND\n$ cat file\n```\n";
    assert_eq!(commands(pasted), ["cat > file <<'END'\n$ is no prompt here\nEND", "cat file"]);
}

#[test]
fn an_error_that_is_answered_with_status_200_is_noticed() {
    let answered = |body: &str| {
        let address = answer_once(body);
        let commands = [format!("curl -sS http://{address}/rpc")];
        let output = Command::new("bash").args(["-c", &script(&commands)]).output().expect("bash runs");
        output.status.success()
    };
    assert!(answered(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
    assert!(!answered(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found"}}"#));
}

/// Serves one request on a port of its own.
fn answer_once(body: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut head = [0; 1024];
        let _ = client.read(&mut head);
        client.write_all(response.as_bytes())
    });
    address
}
