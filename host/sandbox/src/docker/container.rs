//! A container's configuration: everything that is said to the engine of a workload.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType,
    ResourcesUlimits,
};
use rustix::fs::{Gid, Uid};

use super::LABEL;
use crate::cgroup::Group;
use crate::egress::Passage;
use crate::limits::SHM_BYTES;
use crate::reaper::{Kind, Owed};
use crate::shim::{self, Shim};
use crate::staging::{Staged, Staging};
use crate::{Error, Reaper, Tenant, WORK, Workload, egress, job, paths, seccomp};

/// What all containers of this gateway are made of.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) image: String,
    pub(super) runtime: Option<String>,
    /// Our own; its path is the label by which we know our containers again.
    pub(super) directory: PathBuf,
    pub(super) shim: Shim,
    pub(super) staging: Staging,
    pub(super) reaper: Reaper,
}

impl Template {
    pub(super) fn label(&self) -> String {
        self.directory.to_string_lossy().into_owned()
    }
}

/// What is bound. What the tenant can move is staged first.
pub(super) struct Files {
    mounts: Vec<Mount>,
    _staged: Vec<Staged>,
    _job: Option<JobFile>,
}

impl Files {
    pub(super) fn new(
        template: &Template,
        tenant: &Tenant,
        workload: &Workload,
        egress: Option<&Passage>,
    ) -> Result<Self, Error> {
        let (uid, gid) = tenant.user.ids()?;
        // What a terminal reads is for its program from the start; all others are told by their standard input.
        let job = workload.pty.is_some().then(|| JobFile::write(template, workload, (uid, gid))).transpose();
        let job = job.map_err(Error::io("the container's job"))?;
        let own = |name: &str, content: String| {
            own_file(&template.directory, &format!("{name}-{uid}"), &content)
                .map_err(Error::io("a file for the container"))
        };
        let mut mounts = vec![
            bind(template.shim.path(), shim::INSIDE, true),
            bind(&own("passwd", tenant.user.passwd()?)?, "/etc/passwd", true),
            bind(&own("group", tenant.user.group()?)?, "/etc/group", true),
        ];
        mounts.extend(job.as_ref().map(|job| bind(&job.path, shim::JOB_INSIDE, true)));
        mounts.extend(egress.map(|passage| bind(passage.path(), egress::SOCKET_INSIDE, false)));
        let mut staged = Vec::new();
        for mount in &workload.mounts {
            staged.push(template.staging.stage(&mount.source)?);
            mounts.extend(staged.last().map(|place| bind(place.path(), &mount.target, true)));
        }
        staged.push(template.staging.stage(&tenant.workspace)?);
        mounts.extend(staged.last().map(|place| bind(place.path(), WORK, tenant.read_only)));
        Ok(Self { mounts, _staged: staged, _job: job })
    }
}

/// What is run in a terminal and in which environment, for the container's user alone: the engine shows a container's
/// arguments to whoever asks it, and the machine those of a process to all its users. Gone when dropped.
struct JobFile {
    path: PathBuf,
    _owed: Owed,
}

impl JobFile {
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    fn write(template: &Template, workload: &Workload, (uid, gid): (u32, u32)) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("job-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = template.directory.join(name);
        let owed = template.reaper.owe(Kind::Directory, path.clone());
        // Of an earlier process of this number.
        let _ = fs::remove_file(&path);
        let file = Self { path, _owed: owed };
        let mut open = fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&file.path)?;
        open.write_all(&job::encode(workload, false))?;
        rustix::fs::fchown(&open, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        Ok(file)
    }
}

/// Removes what earlier gateways left there, and their reapers too.
#[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
pub(super) fn remove_old_jobs(directory: &Path) -> io::Result<()> {
    let own = std::process::id().to_string();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let process =
            name.to_str().and_then(|name| name.strip_prefix("job-")?.split_once('-')).map(|(process, _)| process);
        if process.is_some_and(|process| process != own) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Drop for JobFile {
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn bind(source: &Path, target: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

/// A file of ours with this content. Another of the name may be bound in a container: it is not changed, but replaced.
#[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
fn own_file(directory: &Path, name: &str, content: &str) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let path = directory.join(name);
    if !fs::read(&path).is_ok_and(|present| present == content.as_bytes()) {
        let new = directory.join(format!(".{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::write(&new, content)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644))?;
        fs::rename(&new, &path)?;
    }
    Ok(path)
}

pub(super) fn config(
    template: &Template,
    tenant: &Tenant,
    workload: &Workload,
    files: &Files,
    group: Option<&Group>,
) -> Result<ContainerCreateBody, Error> {
    let (uid, gid) = tenant.user.ids()?;
    let terminal = workload.pty.is_some();
    let entrypoint = [shim::INSIDE, "init", if terminal { "file" } else { "stdin" }].map(str::to_owned);
    Ok(ContainerCreateBody {
        hostname: Some("sandbox".to_owned()),
        user: Some(format!("{uid}:{gid}")),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        tty: Some(terminal),
        image: Some(template.image.clone()),
        working_dir: Some("/".to_owned()),
        entrypoint: Some(entrypoint.into()),
        labels: Some(HashMap::from([
            (LABEL.to_owned(), template.label()),
            ("openclaw.tenant".to_owned(), tenant.id.clone()),
        ])),
        host_config: Some(host_config(template, workload, files, group)),
        ..ContainerCreateBody::default()
    })
}

fn host_config(template: &Template, workload: &Workload, files: &Files, group: Option<&Group>) -> HostConfig {
    let limits = &workload.limits;
    let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let ulimit = |name: &str, value: u64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(integer(value)),
        hard: Some(integer(value)),
    };
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let masked = [paths::MASKED_FILES, paths::MASKED_DIRECTORIES, &[paths::HIDDEN]].concat();
    let tmp = format!("rw,exec,nosuid,nodev,mode=1777,size={}", limits.tmp_bytes);
    HostConfig {
        memory: Some(integer(limits.memory_bytes)),
        memory_swap: Some(integer(limits.memory_bytes)),
        nano_cpus: Some(integer(u64::from(limits.cpu_millis) * 1_000_000)),
        // The shim is one of them.
        pids_limit: Some(i64::from(limits.pids) + 1),
        cgroup_parent: group.map(|group| group.path().to_string_lossy().into_owned()),
        // It goes first when memory is short.
        oom_score_adj: Some(1000),
        ulimits: Some(vec![
            ulimit("core", 0),
            ulimit("nofile", limits.files.into()),
            ulimit("fsize", limits.file_bytes),
        ]),
        mounts: Some(files.mounts.clone()),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        network_mode: Some("none".to_owned()),
        cap_drop: Some(strings(&["ALL"])),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        ipc_mode: Some("private".to_owned()),
        privileged: Some(false),
        readonly_rootfs: Some(true),
        security_opt: Some(vec!["no-new-privileges:true".to_owned(), format!("seccomp={}", seccomp::profile())]),
        shm_size: Some(integer(SHM_BYTES)),
        tmpfs: Some(HashMap::from([("/tmp".to_owned(), tmp)])),
        runtime: template.runtime.clone(),
        masked_paths: Some(strings(&masked)),
        readonly_paths: Some(strings(paths::READ_ONLY)),
        ..HostConfig::default()
    }
}
