//! C8: a line of a project's source is changed while `openclaw components dev` watches, until the new version answers,
//! and beside it what the build alone takes after such a change.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{
    Setting,
    daemon::Server,
    home::{self, BenchHome},
    report::{Report, Row, Verdict, micros},
    stats::{median, microseconds},
};

/// From the change to the answer.
const MICROSECONDS: f64 = 1_000_000.0;
/// The family of the project, and its method.
const FAMILY: &str = "lookup";
const METHOD: &str = "lookup.hello";
/// The line of a new project that is changed has this text.
const GREETING: &str = "\"Hello, {}!\"";
/// As the new project's component.yaml has it.
const BUILD: [&str; 2] = ["./build.sh", "quick"];
/// Longest time until `dev` tells of a swap; what it builds has been built before.
const SWAP_TIME: Duration = Duration::from_secs(120);

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, 0)?;
    let mut project = Project::new(setting, &home.path().with_extension("project"))?;
    // What other people's crates take belongs to no change.
    project.build()?;
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    daemon.connect()?;
    let (mut whole, mut built, mut ours, mut alone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        let dev = Dev::start(&project, &home.path())?;
        dev.swapped()?;
        let changed = Instant::now();
        let greeting = project.change()?;
        let build = dev.swapped()?;
        let answer = daemon.connect()?.call(&home.tokens[0], METHOD, r#"{"name":"Ada"}"#)?;
        let took = microseconds(changed.elapsed());
        ensure!(answer["text"] == greeting, "{greeting} was expected of the new version: {answer}");
        whole.push(took);
        built.push(build);
        ours.push(took - build);
        // Nobody else builds after the next change.
        drop(dev);
        project.change()?;
        let begun = Instant::now();
        project.build()?;
        alone.push(microseconds(begun.elapsed()));
    }
    let [total, build, rest, baseline] = [&whole, &built, &ours, &alone].map(|all| median(all.iter().copied()));
    let row = |what: &str, measured, compared: bool, target: &str, verdict| Row {
        id: "C8",
        what: what.to_owned(),
        measured: micros(measured),
        baseline: if compared { format!("{} built alone", micros(baseline)) } else { "–".to_owned() },
        ratio: compared.then(|| measured / baseline),
        target: target.to_owned(),
        verdict,
    };
    let reached = Verdict::of(total <= MICROSECONDS);
    report.row(row("`dev`: a changed line to its answer, p50", total, true, "≤ 1 s", reached));
    report.row(row("of it, the project's own build", build, true, "–", Verdict::Info));
    report.row(row("of it, noticing, compiling and swapping", rest, false, "–", Verdict::Info));
    let details = json!({ "wholeUs": whole, "buildUs": built, "oursUs": ours, "buildAloneUs": alone });
    report.details("C8", details);
    daemon.stop()
}

/// What `components new` made. It is built as the tests build theirs, beside what they have built of other people's
/// crates: it asks the network for nothing that is on this machine.
struct Project {
    directory: PathBuf,
    daemon: PathBuf,
    builds: PathBuf,
    /// The source as it was made.
    source: String,
    changes: usize,
}

impl Project {
    fn new(setting: &Setting, directory: &Path) -> Result<Self> {
        let daemon = setting.daemon.canonicalize()?;
        let made = Command::new(&daemon).args(["components", "new", FAMILY, "--directory"]).arg(directory).output()?;
        ensure!(made.status.success(), "components new: {}", String::from_utf8_lossy(&made.stderr));
        let source = fs::read_to_string(directory.join("src/lib.rs"))?;
        ensure!(source.contains(GREETING), "a new project does not greet with {GREETING} any more");
        let builds = std::path::absolute(setting.components.with_file_name("projects"))?;
        Ok(Self { directory: directory.to_owned(), daemon, builds, source, changes: 0 })
    }

    /// Writes another greeting into the source; answers what it makes of Ada.
    fn change(&mut self) -> Result<String> {
        self.changes += 1;
        let source = self.source.replace(GREETING, &format!("\"Hello {}, {{}}!\"", self.changes));
        fs::write(self.directory.join("src/lib.rs"), source)?;
        Ok(format!("Hello {}, Ada!", self.changes))
    }

    fn build(&self) -> Result<()> {
        let [program, profile] = BUILD;
        let built = self.command(&self.directory.join(program)).arg(profile).output()?;
        ensure!(built.status.success(), "{BUILD:?}: {}", String::from_utf8_lossy(&built.stderr));
        Ok(())
    }

    /// In the project, without what is set for this build of ours.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let ours = ["CARGO_PKG_", "OPENCLAW_"].iter().any(|prefix| text.starts_with(prefix))
                || ["RUSTFLAGS", "LD_LIBRARY_PATH"].contains(&&*text);
            if ours {
                command.env_remove(&name);
            }
        }
        command.env("CARGO_TARGET_DIR", &self.builds);
        command
    }
}

/// `openclaw components dev` for the one tenant; killed when dropped.
struct Dev {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Dev {
    fn start(project: &Project, home: &Path) -> Result<Self> {
        let log = home.with_extension("dev.log");
        let mut command = project.command(&project.daemon);
        command.args(["components", "dev", "--tenant", home::TENANT, "--yes", "--home"]).arg(home);
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log)?).spawn()?;
        let output = child.stdout.take().context("dev has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            // Nobody listens any more once it is dropped.
            while lines.next().is_some_and(|line| sender.send(line).is_ok()) {}
        });
        Ok(Self { child, lines, log })
    }

    /// Waits until it tells of a swap; answers how long the build took, in microseconds.
    fn swapped(&self) -> Result<f64> {
        let said = || fs::read_to_string(&self.log).unwrap_or_default();
        let line = self.lines.recv_timeout(SWAP_TIME).with_context(|| format!("dev swapped nothing in: {}", said()))?;
        built_in(&line).with_context(|| format!("dev does not say how long it built: {line}"))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The build's share of a line like `… takes the calls: sha256:…, built in 612 ms, swapped in 48 ms`.
fn built_in(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("built in ")?;
    let (milliseconds, _) = rest.split_once(" ms")?;
    milliseconds.parse::<f64>().ok().map(|milliseconds| milliseconds * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builds_share_is_read_from_what_dev_prints() {
        let line = "lookup 0.1.0 takes the calls: sha256:00, built in 612 ms, swapped in 48 ms";
        assert_eq!(built_in(line), Some(612_000.0));
        assert_eq!(built_in("lookup 0.1.0 takes the calls: sha256:00"), None);
    }
}
