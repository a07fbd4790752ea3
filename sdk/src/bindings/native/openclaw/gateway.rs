//! `openclaw:gateway`, in memory.

pub mod calls;
pub mod channels;
pub mod config;
pub mod config_write;
pub mod documents;
pub mod embeddings;
pub mod events;
pub mod files;
pub mod log;
pub mod methods;
pub mod model;
pub mod nodes;
pub mod pty;
pub mod sandbox;
pub mod secrets;
pub mod secrets_reveal;
pub mod shared_documents;
pub mod shared_documents_write;
pub mod tasks;
pub mod tenancy;
pub mod tenancy_control;
pub mod timers;
pub mod usage;
pub mod vectors;
pub mod workspace;

pub use crate::bindings::generated::openclaw::gateway::types;
