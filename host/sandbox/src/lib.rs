//! Runs a tenant's workloads where they can do no harm.
//!
//! A [`Workload`] is a command with its exact environment, its network and its [`Limits`]. A [`Backend`] runs it for a
//! [`Tenant`] and answers an [`Outcome`]. There are two, with one surface, so that a workload moves between them by
//! one key of the configuration:
//!
//! * [`Bwrap`]: namespaces by bubblewrap and a seccomp filter; milliseconds, no daemon, no root.
//! * [`Docker`]: a container of the Docker Engine, for what is not trusted at all.
//!
//! # What a workload sees
//!
//! The tenant's workspace at `/work`, writable; a system of read-only files, the same tree in both modes ([`image`]);
//! sized memory file systems at `/tmp` and `/dev/shm`; nothing else to write to, no network but what its [`Network`]
//! says, no process, user, key or socket of the host. `tests/sandbox/probe.c` tries to break out of each by name and
//! holds the answers of both modes against one list.
//!
//! # How it is put together
//!
//! ```text
//!            Workload ──▶ Backend::start ──▶ Session ── output, input, resize, kill
//!                          │         │          │
//!                        bwrap     docker    supervise: wall time, output, counters ──▶ Outcome
//!                          │         │
//!      seccomp (BPF) ──────┤         ├────── seccomp (JSON)     one table: seccomp/table.rs
//!      paths ──────────────┤         ├────── paths              one table: paths.rs
//!      cgroup or rlimits ──┘         └────── the engine's limits, read back by cgroup
//! ```
//!
//! Two programs are not in this crate's code: `bwrap`, and the *shim* (`shim/`), a static helper that this crate
//! carries along. Inside, the shim starts the command; outside, it brings the tenant's user to what bubblewrap binds,
//! and it is the reaper that outlives us and cleans up.
//!
//! # What holds
//!
//! * The decisions are made on descriptors: the workspace, the root and every mount are opened before, and what they
//!   are is not asked again by path.
//! * bubblewrap never runs as root: the child takes the tenant's uid first. Its arguments go by descriptor, its
//!   environment is empty, and of our descriptors it gets only those that its arguments name.
//! * No destination of a mount lies below what a tenant can write.
//! * A limit that is not enforced is told of ([`Info`]), and with `strict` refused.
//! * When this process dies, however it dies, its workloads die with it.

mod backend;
mod bwrap;
mod cgroup;
mod descriptor;
mod docker;
pub mod egress;
mod error;
pub mod image;
mod job;
mod limits;
mod outcome;
mod paths;
mod pool;
mod processes;
mod reaper;
pub mod seccomp;
mod session;
mod shim;
mod slices;
mod staging;
mod supervise;
mod terminal;
mod unlinked;
mod workload;

pub use backend::{Backend, Info, Mode, Root, Tenant, TenantUser};
pub use bwrap::{Bwrap, BwrapOptions};
pub use docker::{Docker, DockerImage, DockerOptions};
pub use error::{Error, InvalidWorkload};
pub use limits::{Enforcement, Limit, Limits, Support};
pub use outcome::{Outcome, Reason, Usage};
pub use reaper::Reaper;
pub use session::{Input, Output, Remote, Session};
pub use slices::ask_for_short_slices;
pub use unlinked::{TooMany, unlinked_bytes};
pub use workload::{Mount, Network, Size, WorkPath, Workload};

/// What PATH is for every workload.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where the tenant's workspace is, inside.
pub const WORK: &str = "/work";
