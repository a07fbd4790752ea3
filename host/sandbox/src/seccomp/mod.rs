//! Which system calls a workload may make: one table ([`table`]), compiled to BPF for bubblewrap ([`program`]) and to the
//! Docker Engine's JSON ([`profile`]). The tests run both against each other.

mod bpf;
mod oci;
mod rule;
mod table;

pub(crate) use bpf::bytes as program;
pub use oci::profile;

#[cfg(test)]
mod tests;
