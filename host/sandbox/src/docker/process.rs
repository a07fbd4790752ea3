//! A container that runs: its end and its counters.

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as EngineError;
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptionsBuilder, ResizeContainerTTYOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Refused;
use crate::cgroup::{Counters, Directories, Group, Hierarchy, of_process};
use crate::supervise::{Exit, Process};
use crate::{Error, Size};

/// The engine's answer.
struct Ended {
    exit: Exit,
    out_of_memory: bool,
}

/// Removed when dropped.
pub(super) struct Container {
    engine: Docker,
    id: String,
    process: Option<u32>,
    refused: Refused,
    /// Where the kernel counts for it, when we can read that: the container's own group, gone with it, and ours around
    /// it.
    inner: Option<Directories>,
    outer: Option<Group>,
    /// The engine's answer to how it ended.
    end: Option<JoinHandle<Ended>>,
    exit: Option<Exit>,
    seen: Counters,
}

impl Container {
    pub(super) fn new(engine: Docker, id: String) -> Self {
        let (refused, seen) = (Refused::default(), Counters::default());
        Self { engine, id, process: None, refused, inner: None, outer: None, end: None, exit: None, seen }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn process(&self) -> Option<u32> {
        self.process
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.as_ref().is_none_or(JoinHandle::is_finished)
    }

    pub(super) fn refused(&self) -> Refused {
        self.refused.clone()
    }

    /// After its start.
    pub(super) async fn started(mut self, mounted: Option<&Hierarchy>, group: Option<Group>) -> Result<Self, Error> {
        self.outer = group;
        let state = self.engine.inspect_container(&self.id, None::<InspectContainerOptions>).await?.state;
        let pid = state.and_then(|state| state.pid).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0);
        self.process = pid;
        self.inner = mounted.zip(pid).and_then(|(mounted, pid)| of_process(mounted, pid));
        let (engine, id) = (self.engine.clone(), self.id.clone());
        self.end = Some(tokio::spawn(async move { wait(&engine, &id).await }));
        Ok(self)
    }
}

impl Container {
    /// After its end.
    pub(super) async fn clean_up(mut self) {
        super::remove(&self.engine, &std::mem::take(&mut self.id)).await;
        if let Some(group) = self.outer.take() {
            group.remove().await;
        }
    }
}

/// The engine calls a status other than 0 an error.
async fn wait(engine: &Docker, id: &str) -> Ended {
    let exit = match engine.wait_container(id, None::<WaitContainerOptions>).next().await {
        Some(Ok(response)) => status(response.status_code),
        Some(Err(EngineError::DockerContainerWaitError { code, .. })) => status(code),
        Some(Err(error)) => Exit::NotStarted(error.to_string()),
        None => Exit::NotStarted("the engine does not say how the container ended".to_owned()),
    };
    let state = engine.inspect_container(id, None::<InspectContainerOptions>).await.ok().and_then(|found| found.state);
    Ended { exit, out_of_memory: state.and_then(|state| state.oom_killed) == Some(true) }
}

fn status(code: i64) -> Exit {
    Exit::Status(i32::try_from(code).unwrap_or(i32::MAX))
}

impl Process for Container {
    async fn ended(&mut self) -> Exit {
        if let Some(exit) = &self.exit {
            return exit.clone();
        }
        let ended = match &mut self.end {
            Some(end) => end.await.map_err(|error| error.to_string()),
            None => Err("it was not started".to_owned()),
        };
        let exit = match ended {
            Ok(Ended { exit, out_of_memory }) => {
                self.seen.oom_kills = self.seen.oom_kills.max(out_of_memory.into());
                exit
            }
            Err(error) => Exit::NotStarted(error),
        };
        self.exit = Some(exit.clone());
        exit
    }

    /// The shim says on stderr what kept it from starting the command.
    fn judge(&mut self, exit: Exit) -> Exit {
        match (exit, self.refused.get()) {
            (Exit::Status(127), Some(failure)) => Exit::NotStarted(failure.clone()),
            (exit, _) => exit,
        }
    }

    async fn kill(&mut self) {
        let options = KillContainerOptionsBuilder::default().signal("KILL").build();
        if let Err(error) = self.engine.kill_container(&self.id, Some(options)).await {
            // It has ended by itself, or will be removed by force.
            tracing::debug!(%error, "a container is not killed");
        }
    }

    async fn resize(&mut self, size: Size) {
        let options = ResizeContainerTTYOptionsBuilder::default().w(size.columns.into()).h(size.rows.into()).build();
        if let Err(error) = self.engine.resize_container_tty(&self.id, options).await {
            tracing::debug!(%error, "a terminal keeps its size");
        }
    }

    fn counters(&mut self) -> Counters {
        let inner = self.inner.iter().map(Directories::counters);
        let outer = self.outer.iter().map(Group::counters);
        self.seen = inner.chain(outer).fold(self.seen, Counters::max);
        self.seen
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(30);
        let (engine, id) = (self.engine.clone(), std::mem::take(&mut self.id));
        if id.is_empty() {
            return;
        }
        // Without a runtime the next start removes it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if tokio::time::timeout(PATIENCE, super::remove(&engine, &id)).await.is_err() {
                    tracing::warn!(container = id, "a container is left");
                }
            });
        }
    }
}
