//! Which system calls a workload may make: one table (`table.rs`), compiled to BPF for bubblewrap (`bpf.rs`) and to the
//! Docker Engine's JSON (`oci.rs`). The tests run both against each other.

mod bpf;
mod oci;
mod rule;
mod table;

pub(crate) use bpf::bytes as program;
pub use oci::profile;

#[cfg(test)]
mod tests;
