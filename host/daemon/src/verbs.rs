//! The verbs, one file each.

pub(crate) mod billing;
pub(crate) mod call;
pub(crate) mod completions;
pub(crate) mod components;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod logs;
mod program_exit;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod tenants;
pub(crate) mod terminal;
pub(crate) mod version;
