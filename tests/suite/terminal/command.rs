//! `openclaw terminal`, in a terminal of the test's own; and what other commands say in one.

use std::{
    fs::{self, File},
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use openclaw_tests::{cli::Cli, wait_for, wait_until};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::contract::*;

/// A terminal as a person sits at one, and the command in it.
struct Seat {
    keyboard: File,
    screen: Option<JoinHandle<()>>,
    shown: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

/// Runs the command, and says where the terminal is not as it was before.
const SHELL: &str =
    r#"before=$(stty -g); "$@"; code=$?; [ "$(stty -g)" = "$before" ] || echo NOT-AS-IT-WAS; exit $code"#;

impl Seat {
    fn take(home: &Home, arguments: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("its other side");
        let theirs = ioctl_tiocgptpeer(&ours, flags).expect("its other side");
        tcsetwinsize(&ours, size(90, 30)).expect("its size");
        let side = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        // With it as its controlling terminal, it hears of new sizes.
        let child = Command::new("setsid")
            .args(["--ctty", "sh", "-c", SHELL, "sh"])
            .arg(openclaw_tests::program())
            .args(arguments)
            .env_clear()
            .envs([("OPENCLAW_HOME", &*home.path().to_string_lossy()), ("PATH", "/usr/bin:/bin"), ("NO_COLOR", "1")])
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("setsid runs");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut screen) = (shown.clone(), File::from(ours.try_clone().expect("a descriptor")));
        // Until nobody has the other side any more.
        let screen = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                seen.lock().expect("the screen").extend_from_slice(&piece[..length]);
            }
        });
        Self { keyboard: ours.into(), screen: Some(screen), shown, child }
    }

    fn write(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the keys");
    }

    fn shows(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("the screen")).into_owned()
    }

    #[track_caller]
    fn until(&self, text: &str) {
        wait_until(text, || self.shows().contains(text));
    }

    /// The command's process, which a shell waits for.
    fn command(&self) -> Pid {
        let shell = self.child.id();
        let child = wait_for("the command", || {
            let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap_or_default();
            children.split_whitespace().next().and_then(|pid| pid.parse().ok())
        });
        Pid::from_raw(child).expect("a process")
    }

    /// Waits for the command's end: its exit code. The terminal is as it was before.
    #[track_caller]
    fn code(&mut self) -> Option<i32> {
        let status = self.child.wait().expect("its end");
        self.screen.take().map(JoinHandle::join).expect("once").expect("the screen is read");
        assert!(!self.shows().contains("NOT-AS-IT-WAS"), "{}", self.shows());
        status.code()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if thread::panicking() {
            let shown = format!("--- the terminal showed:\n{:?}\n", self.shows());
            let _ = std::io::stderr().write_all(shown.as_bytes());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

#[test]
fn it_is_typed_into_resized_and_left_as_it_was() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    let mut seat = Seat::take(daemon.home(), &["terminal", "--tenant", "acme"]);
    seat.write("stty size; pwd; echo re$((1+1))dy\r");
    seat.until("re2dy");
    let shows = seat.shows();
    assert!(shows.contains("30 90") && shows.contains("/work"), "{shows}");
    tcsetwinsize(&seat.keyboard, size(120, 40)).expect("a new size");
    seat.write("until [ \"$(stty size)\" = '40 120' ]; do :; done; echo seen-$((1+1))\r");
    seat.until("seen-2");
    seat.write("exit\r");
    assert_eq!(seat.code(), Some(0), "{}", seat.shows());
}

#[test]
fn it_is_left_by_a_key_and_come_back_to() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let mut seat = Seat::take(daemon.home(), &["terminal", "--tenant", "acme"]);
    seat.write("echo be$((1+1))ore\r");
    seat.until("be2ore");
    seat.write("\u{1d}");
    assert_eq!(seat.code(), Some(0), "{}", seat.shows());
    let id = tenant.ok("terminal.list", json!({}))["sessions"][0]["terminalId"].as_str().expect("it runs").to_owned();
    assert!(seat.shows().contains(&id), "{}", seat.shows());
    let mut seat =
        Seat::take(daemon.home(), &["terminal", "--tenant", "acme", "--attach", &id, "--detach-key", "ctrl-o"]);
    seat.until("be2ore");
    // Another key than its own is typed: to the shell it is the beginning of a search.
    seat.write("\u{1d}x\u{15}echo af$((1+1))er\r");
    seat.until("af2er");
    seat.write("\u{f}");
    assert_eq!(seat.code(), Some(0), "{}", seat.shows());
}

#[test]
fn whatever_ends_it_the_terminal_is_as_it_was() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let begin = |command: &str| {
        let seat = Seat::take(daemon.home(), &["terminal", "--tenant", "acme", "--", "sh", "-c", command]);
        seat.until("ready");
        seat
    };
    let mut failed = begin("echo ready; exit 7");
    assert_eq!(failed.code(), Some(7));
    assert!(failed.shows().contains("exit code 7"), "{}", failed.shows());

    let mut told_to_end = begin("echo ready; sleep 1000");
    kill_process(told_to_end.command(), Signal::TERM).expect("a signal");
    assert_eq!(told_to_end.code(), Some(130), "{}", told_to_end.shows());

    let mut closed = begin("echo ready; sleep 1000");
    let newest = pluck(&tenant.ok("terminal.list", json!({}))["sessions"], "terminalId").pop().expect("it runs");
    tenant.done("terminal.close", json!({ "terminalId": newest }));
    assert_eq!(closed.code(), Some(125), "{}", closed.shows());

    let mut rotated = begin("echo ready; sleep 1000");
    tenant.done("tenants.rotate", json!({}));
    assert_eq!(rotated.code(), Some(125), "{}", rotated.shows());
}

#[test]
fn it_works_without_a_daemon_and_without_a_terminal() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    let run = |arguments: &[&str], input: &str| {
        let all = [&["terminal", "--tenant", "acme"], arguments].concat();
        Cli::on(home.path(), &all).input(input).run()
    };
    let output = run(&[], "echo $((6*7)) > kept\n").exited(0);
    assert!(output.stdout.contains("echo $((6*7))"), "{output:?}");
    let output = run(&["--", "cat", "kept"], "").exited(0);
    assert!(output.stdout.contains("42"), "{output:?}");
}

/// Seconds without a word look like a command that hangs. A script is told nothing.
#[test]
fn the_first_command_in_a_new_home_says_what_takes_so_long() {
    let said = "compiling the built-in components";
    let home = Home::empty();
    for is_first in [true, false] {
        let mut seat = Seat::take(&home, &["tenants", "list"]);
        assert_eq!(seat.code(), Some(0), "{}", seat.shows());
        assert_eq!(seat.shows().contains(said), is_first, "{}", seat.shows());
    }
    let output = Home::empty().cli(&["tenants", "list"]).exited(0);
    assert!(!output.stderr.contains(said), "{output:?}");
}

#[test]
fn what_is_refused_has_the_exit_code_of_its_kind() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    daemon.cli(&["terminal"]).exited(2);
    daemon.cli(&["terminal", "--tenant", "nobody"]).exited(3);
    daemon.cli(&["terminal", "--tenant", "acme", "--json"]).exited(2);
    daemon.cli(&["terminal", "--tenant", "acme", "--attach", "pty-none"]).exited(3);
    daemon.cli(&["terminal", "--tenant", "acme", "--attach", "x", "--", "ls"]).exited(2);
    daemon.cli(&["terminal", "--tenant", "acme", "--detach-key", "1"]).exited(2);
    daemon.cli(&["terminal", "--tenant", "acme", "--cwd", "../x"]).exited(2);
    let by_url =
        |token: &str| Cli::bare(&["terminal", "--url", &daemon.url(), "--", "true"]).env("OPENCLAW_TOKEN", token).run();
    by_url("tk_acme_00000000000000000000000000000000").exited(4);
    by_url(daemon.tenant("other").token()).exited(0);
}
