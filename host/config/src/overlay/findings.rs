//! What is wrong with an overlay, told up to a bound: whoever writes a hundred thousand wrong keys
//! reads of the first few, and how many more there are.

use super::{Offence, OffenceKind};
use crate::path::KeyPath;

/// The most offences that are told one by one.
pub const TOLD_OFFENCES: usize = 32;
/// And the most keys on the ways to them together: names can be long, and ways deep.
const TOLD_KEY_BYTES: usize = 4096;

#[derive(Default)]
pub(super) struct Findings {
    told: Vec<Offence>,
    told_key_bytes: usize,
    untold: usize,
    /// The gravest of the untold.
    untold_kind: Option<OffenceKind>,
}

impl Findings {
    pub(super) fn add(&mut self, path: &KeyPath, kind: OffenceKind, reason: impl Into<String>) {
        self.add_with(path, kind, || reason.into());
    }

    /// The reason is made for what is told alone.
    pub(super) fn add_with(&mut self, path: &KeyPath, kind: OffenceKind, reason: impl FnOnce() -> String) {
        if self.told.len() < TOLD_OFFENCES && self.told_key_bytes < TOLD_KEY_BYTES {
            self.told_key_bytes += path.key_bytes();
            self.told.push(Offence { path: path.clone(), kind, reason: reason() });
            return;
        }
        self.untold += 1;
        // What widens is forgiven in a stored overlay, as merging narrows it; nothing else is.
        if self.untold_kind.is_none_or(|gravest| gravest == OffenceKind::Widens) {
            self.untold_kind = Some(kind);
        }
    }

    /// The offences, the last of them standing for those that are not told.
    pub(super) fn into_offences(self) -> Vec<Offence> {
        let Self { mut told, untold, untold_kind, .. } = self;
        if let Some(kind) = untold_kind {
            told.push(Offence { path: KeyPath::root(), kind, reason: format!("and {untold} more") });
        }
        told
    }
}
