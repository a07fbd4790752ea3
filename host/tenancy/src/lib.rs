//! Who the tenants are and where each one's state is.
//!
//! This crate alone opens files of a tenant, and it does so through directory
//! handles: a path is resolved by the kernel beneath a handle, never joined to
//! a string. Everything that must not cross from one tenant to another starts
//! here: ids, tokens, the registry, directories, keys, the audit log.

#![forbid(unsafe_code)]

mod audit;
mod components;
mod directory;
mod home;
mod ids;
mod quotas;
mod registry;
mod secrets;
mod tenant_dir;
mod token;

pub use audit::{Actor, Audit, AuditError, AuditEvent, AuditFault, AuditSummary, LostEntries};
pub use components::ComponentFiles;
pub use directory::{
    Directory, DirectoryError, Entry, FileIdentity, FileKind, Metadata, NAME_BYTES, PathError, TenantPath,
};
pub use home::{Holder, HolderKind, Home, HomeError, HomeLock, Scratch};
pub use ids::{Family, FamilyError, IndexName, IndexNameError, TenantId, TenantIdError};
pub use quotas::{CpuMillis, DecimalError, PicoUsd, QuotaError, Quotas, SandboxQuotas};
pub use registry::{
    AuthError, Authenticated, Registry, RegistryError, TenantChange, TenantData, TenantRecord, WhatChanged,
};
pub use secrets::{SealError, SecretKey, TenantKey};
pub use tenant_dir::{DatabasePlace, FamilyPlace, TenantDir, TenantUsage};
pub use token::{OperatorToken, PresentedToken, Token, TokenHash, TokenId, TokenKind};
