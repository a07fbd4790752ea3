//! A workload that does nothing in the mode of Docker, from spawn to exit: its container made for it, and taken ready
//! from the pool. Of the engine that listens where the gateway looks for one; without it there is nothing to measure.

use std::path::Path;

use anyhow::Result;
use openclaw_sandbox::{Backend, Docker, DockerImage, DockerOptions, Reaper, image};
use serde_json::json;

use crate::{
    Setting,
    report::{Report, Row, Verdict, micros},
    workloads::{middle, run, tenant},
};

const SOCKET: &str = "/var/run/docker.sock";

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let row = |measured: String, cold: Option<(f64, f64)>, reached| Row {
        id: "C5",
        what: "workload `true` by Docker from the pool, p50".to_owned(),
        measured,
        baseline: cold.map_or_else(String::new, |(cold, _)| format!("cold {}", micros(cold))),
        ratio: cold.map(|(cold, warm)| warm / cold),
        target: "≤ 0.5 × cold".to_owned(),
        verdict: reached,
    };
    let Ok(version) = runtime.block_on(Docker::version(Path::new(SOCKET))) else {
        report.row(row(format!("no engine at {SOCKET}"), None, Verdict::Info));
        return Ok(());
    };
    let [mut cold, mut warm] = runtime.block_on(starts(setting.starts))?;
    let middles = (middle(&mut cold), middle(&mut warm));
    report.row(row(micros(middles.1), Some(middles), Verdict::of(middles.1 <= 0.5 * middles.0)));
    report.details("C5", json!({ "engine": version, "coldUs": cold, "warmUs": warm }));
    Ok(())
}

/// Microseconds of each start, cold and warm, one after the other.
async fn starts(count: usize) -> Result<[Vec<f64>; 2]> {
    let home = tempfile::tempdir()?;
    let tree = image::build(&home.path().join("image"), &[])?;
    let open = async |name: &str, pool| {
        let directory = home.path().join(name);
        let (socket, image) = (SOCKET.into(), DockerImage::Tree(tree.clone()));
        let (strict, tidy, reaper) = (false, false, Reaper::start(&directory)?);
        let options = DockerOptions { socket, directory, image, runtime: None, strict, pool, tidy, reaper };
        Docker::open(options).await
    };
    let (cold, pooled) = (open("cold", 0).await?, open("pooled", 1).await?);
    let tenant = tenant(&home.path().join("work"))?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..count {
        times[0].push(run(&cold, &tenant).await?);
        pooled.warm(&tenant).await;
        times[1].push(run(&pooled, &tenant).await?);
    }
    pooled.close().await;
    Ok(times)
}
