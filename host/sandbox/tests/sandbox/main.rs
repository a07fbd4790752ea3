//! The sandbox as the gateway uses it: workloads that run, and workloads that try to get out.
//!
//! `bwrap` runs as whoever runs it, and `as_an_ordinary_user` runs all of it again as a user without rights; `docker`
//! needs root, to start an engine of its own. What is skipped says so, loudly.

#![allow(clippy::disallowed_methods, reason = "a test's own files")]

mod as_an_ordinary_user;
mod bwrap;
mod docker;
mod egress;
mod engine;
mod escapes;
mod given_up;
mod orphans;
mod pool;
mod probe;
mod terminal;
mod world;
