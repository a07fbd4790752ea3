//! The command line as a person or a script runs it.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::{Daemon, Home, program};

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command that is put together.
#[derive(Debug)]
pub struct Cli {
    command: Command,
    input: Vec<u8>,
}

impl Home {
    /// `openclaw` on this home.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> Output {
        Cli::on(self.path(), arguments).run()
    }
}

impl Daemon {
    /// `openclaw` beside this daemon, on its home.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.home().cli(arguments)
    }
}

impl Cli {
    /// `openclaw` with `OPENCLAW_HOME` set.
    #[must_use]
    pub fn on(home: &Path, arguments: &[&str]) -> Self {
        let mut cli = Self::bare(arguments);
        cli.command.env("OPENCLAW_HOME", home);
        cli
    }

    /// `openclaw` without a home.
    #[must_use]
    pub fn bare(arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        clean(&mut command);
        command.args(arguments).env("NO_COLOR", "1").env("COLUMNS", "100");
        Self { command, input: Vec::new() }
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// In this folder.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With this standard input.
    #[must_use]
    pub fn input(mut self, input: &str) -> Self {
        self.input = input.into();
        self
    }

    /// With its notes going here, once it is started, and not to the tester.
    #[must_use]
    pub fn notes(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stderr(to);
        self
    }

    /// Starts it, for one that goes on until it is told to end. Its notes go to the tester.
    #[must_use]
    pub fn start(mut self) -> Running {
        let child = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Running { child, lines }
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(mut self) -> Output {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.command));
        // A command that does not read its input may close it first.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(&self.input));
        let output = child.wait_with_output().expect("the command ends");
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command that runs; it is ended when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line of its output.
    #[track_caller]
    #[must_use]
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("its output");
        assert_ne!(read, 0, "it ended: {:?}", self.child.wait());
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    /// The output of a command that must have succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The output of a command that must have ended with this code.
    #[track_caller]
    pub fn exited(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Standard output as the one JSON document it is with `--json`.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Nothing of the tester's own set-up reaches the program.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OPENCLAW_") {
            command.env_remove(name);
        }
    }
}
