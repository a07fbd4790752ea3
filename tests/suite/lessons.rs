//! The lessons of the systems before this one that concern what is served so
//! far; each test bears its row's name.
//!
//! | rows | where |
//! |---|---|
//! | promises: token, rotation, no shared state path, quotas at the boundary, audit log, delete | `promises.rs` |
//! | promises: bwrap, egress, Docker | `sandbox.rs`, `methods/sandbox.run.rs` |
//! | defects 1 (its `/rpc`), 4, 8, 11 to 13, 16 to 21 | `defects.rs` |
//! | defects 1 (billing), 2, 3, 5, 6, 7, 9, 10, 14, 15 | with billing, nodes, backup, terminal, `/v1`, channels, cron |
//! | users 1, 3, 4, 8 to 13, 19, 20 | `users.rs` |
//! | users 5, 6 | `components/outbound.rs`, `cli/exits.rs` |
//! | users 2, 7, 14 to 18, 21 to 24 | with the dashboard, skills, billing, cron, backup, devices, sandbox, models |

mod defects;
mod promises;
mod users;
