//! What an instance takes of the engine's pool.

use wasmparser::{BinaryReaderError, Instance, Payload};

use crate::{
    Limits,
    engine::{KEEP_RESIDENT, MEMORIES, TABLES},
};

const PAGE_BYTES: u64 = 64 << 10;

/// The resources of one instance, as the file declares them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Linear memory at the start, in bytes.
    pub initial_memory_bytes: u64,
    /// Linear memories.
    pub memories: u32,
    /// Tables.
    pub tables: u32,
    /// Core instances.
    pub core_instances: u32,
}

impl Shape {
    /// Memory up to this is reset for the next call without a system call.
    pub const RESIDENT_BYTES: u64 = KEEP_RESIDENT as u64;
    /// The most linear memories.
    pub const MEMORIES_MAX: u32 = MEMORIES;
    /// The most tables.
    pub const TABLES_MAX: u32 = TABLES;

    pub(super) fn count(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memories += 1;
                    self.initial_memory_bytes += memory?.initial.saturating_mul(PAGE_BYTES);
                }
            }
            Payload::TableSection(section) => self.tables += section.count(),
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.core_instances += u32::from(matches!(instance?, Instance::Instantiate { .. }));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Why no instance of it fits the pool, each reason a sentence.
    #[must_use]
    pub fn excess(&self, limits: &Limits) -> Vec<String> {
        let most = limits.memory_bytes as u64;
        let counted = [
            ("core instances", self.core_instances, limits.core_instances),
            ("linear memories", self.memories, Self::MEMORIES_MAX),
            ("tables", self.tables, Self::TABLES_MAX),
        ];
        let over = counted.iter().filter(|(_, has, most)| has > most);
        let mut reasons: Vec<String> = over.map(|(what, has, most)| format!("{has} {what}, at most {most}")).collect();
        if self.initial_memory_bytes > most {
            reasons.push(format!("{} bytes of memory at the start, at most {most}", self.initial_memory_bytes));
        }
        reasons
    }
}
