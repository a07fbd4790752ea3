//! What an instance takes of the engine's pool.

use wasmparser::{BinaryReaderError, Instance, Payload};

use crate::{
    Limits,
    engine::{KEEP_RESIDENT, MEMORIES},
    limits::Pool,
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
    /// Elements that the largest table starts with.
    pub table_elements: u64,
    /// Core instances.
    pub core_instances: u32,
}

impl Shape {
    /// Memory up to this is reset for the next call without a system call.
    pub const RESIDENT_BYTES: u64 = KEEP_RESIDENT as u64;
    /// The most linear memories.
    pub const MEMORIES_MAX: u32 = MEMORIES;

    pub(super) fn count(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memories += 1;
                    self.initial_memory_bytes += memory?.initial.saturating_mul(PAGE_BYTES);
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    self.tables += 1;
                    self.table_elements = self.table_elements.max(table?.ty.initial);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.core_instances += u32::from(matches!(instance?, Instance::Instantiate { .. }));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The smallest pool that has room for an instance of it. `limits` are those of the configuration.
    ///
    /// The error says why none has, each reason a sentence.
    pub fn pool(&self, limits: &Limits) -> Result<Pool, Vec<String>> {
        if self.excess(limits).is_empty() {
            return Ok(Pool::Small);
        }
        let excess = self.excess(&limits.in_pool(Pool::Large));
        if excess.is_empty() { Ok(Pool::Large) } else { Err(excess) }
    }

    fn excess(&self, limits: &Limits) -> Vec<String> {
        let counted: [(&str, u64, u64); 5] = [
            ("core instances", self.core_instances.into(), limits.core_instances.into()),
            ("linear memories", self.memories.into(), Self::MEMORIES_MAX.into()),
            ("tables", self.tables.into(), limits.tables.into()),
            ("elements of a table", self.table_elements, limits.table_elements as u64),
            ("bytes of memory at the start", self.initial_memory_bytes, limits.memory_bytes as u64),
        ];
        let over = counted.iter().filter(|(_, has, most)| has > most);
        over.map(|(what, has, most)| format!("{has} {what}, at most {most}")).collect()
    }
}
