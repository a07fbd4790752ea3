//! The components that are part of this binary.

/// Family and bytes of each, in the order of their names.
pub(crate) const COMPONENTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/components.rs"));
