//! A Docker Engine of the tests' own: nothing of it touches one that the machine runs, and it ends with the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::{World, is_root, skip};

pub(crate) struct Engine {
    /// None where another process has started it.
    dockerd: Option<Child>,
    home: PathBuf,
    _directory: Option<tempfile::TempDir>,
}

/// Where a test that runs again without root finds the engine.
pub(crate) const HOME: &str = "OPENCLAW_TEST_ENGINE";

impl Engine {
    /// None, loudly, where there is no root or no dockerd.
    pub(crate) fn start() -> Option<Self> {
        if let Some(home) = std::env::var_os(HOME) {
            return Some(Self { dockerd: None, home: home.into(), _directory: None });
        }
        if !is_root() {
            skip("Docker: starting an engine needs root");
            return None;
        }
        let home = tempfile::Builder::new().prefix("openclaw-dockerd-").tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("none.json"), "{}").unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let spawned = Command::new("dockerd")
            .arg("--host")
            .arg(format!("unix://{}", at("docker.sock").display()))
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .args(["--bridge=none", "--group=nogroup", "--iptables=false", "--ip6tables=false", "--config-file"])
            .arg(at("none.json"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut dockerd = match spawned {
            Ok(dockerd) => dockerd,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "CI installs Docker, and dockerd does not start: {error}");
                skip(&format!("Docker: dockerd does not start ({error}): install docker.io"));
                return None;
            }
        };
        let give_up = Instant::now() + Duration::from_secs(60);
        while UnixStream::connect(at("docker.sock")).is_err() {
            let log = || fs::read_to_string(at("log")).unwrap_or_default();
            assert!(dockerd.try_wait().unwrap().is_none() && Instant::now() < give_up, "dockerd ended: {}", log());
            // Nothing announces it: this only paces the questions.
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { dockerd: Some(dockerd), home: home.path().to_owned(), _directory: Some(home) })
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home.join("docker.sock")
    }

    pub(crate) async fn backend(&self, world: &World) -> openclaw_sandbox::Docker {
        self.pooled(world, 0).await
    }

    /// A back end that keeps so many containers ready.
    pub(crate) async fn pooled(&self, world: &World, pool: usize) -> openclaw_sandbox::Docker {
        let image = openclaw_sandbox::DockerImage::Tree(world.tree());
        let (socket, directory, reaper) = (self.socket(), world.path("sandbox"), world.reaper());
        let (runtime, strict, tidy) = (None, is_root(), true);
        let options = openclaw_sandbox::DockerOptions { socket, directory, image, runtime, strict, pool, tidy, reaper };
        openclaw_sandbox::Docker::open(options).await.unwrap()
    }
}

impl Drop for Engine {
    /// Politely: so it ends its containerd and unmounts what it has mounted.
    fn drop(&mut self) {
        let Some(dockerd) = &mut self.dockerd else { return };
        let pid = rustix::process::Pid::from_child(dockerd);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = dockerd.wait();
    }
}
