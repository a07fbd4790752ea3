//! The stored versions of one family in one scope, and what may become of them.
//!
//! At most one is active and at most one a canary; of the others the newest two
//! are kept. Nothing here touches a disk or a component.

use crate::digest::Digest;

use super::{ChangeError, Entry, Row, State};

/// How many versions that take no calls are kept.
const KEPT: usize = 2;

/// Newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions {
    pub(super) entries: Vec<Entry>,
}

impl Versions {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let mut versions = Self { entries: entries.to_vec() };
        versions.sort();
        versions
    }

    pub(super) fn active(&self) -> Option<&Row> {
        self.in_state(State::Active)
    }

    pub(super) fn canary(&self) -> Option<&Row> {
        self.in_state(State::Canary)
    }

    fn in_state(&self, state: State) -> Option<&Row> {
        self.entries.iter().map(|entry| &entry.row).find(|row| row.state == state)
    }

    /// Takes in a version, the newest by its sequence: as a canary where its row says so, else in place of the
    /// active one.
    pub(super) fn add(&mut self, row: Row) {
        let known = self.entries.iter().position(|entry| entry.row.digest == row.digest);
        let stats = known.map(|at| self.entries.remove(at).stats).unwrap_or_default();
        stats.forgive();
        self.retire(State::Canary, State::Previous);
        if row.state == State::Active {
            self.retire(State::Active, State::Previous);
        }
        self.entries.push(Entry { row, stats });
        self.trim();
    }

    /// Makes a version active: the one of this digest, or the canary.
    pub(super) fn activate(
        &mut self,
        digest: Option<Digest>,
        grants: Option<Vec<String>>,
        sequence: u64,
    ) -> Result<(), ChangeError> {
        let wanted = match (digest, self.canary()) {
            (Some(digest), _) => digest,
            (None, Some(canary)) => canary.digest,
            (None, None) => return Err(ChangeError::NotFound("there is no canary: name a digest".into())),
        };
        let mut row = self.row(wanted)?.clone();
        row.state = State::Active;
        row.sequence = sequence;
        row.canary_percent = None;
        row.grants = grants.or(row.grants);
        self.add(row);
        Ok(())
    }

    /// Ends the canary, or goes back from the active version to the one before it, and where there
    /// is none to what is bound below. `failed`: the version that is to blame, if it still takes calls.
    pub(super) fn roll_back(&mut self, failed: Option<Digest>, has_below: bool) -> Result<(), ChangeError> {
        let left = if failed.is_some() { State::Failed } else { State::Previous };
        let canary = self.canary().map(|canary| canary.digest);
        let active = self.active().map(|active| (active.digest, active.sequence));
        if canary.is_some() && failed.is_none_or(|failed| Some(failed) == canary) {
            self.retire(State::Canary, left);
            return Ok(());
        }
        let Some((digest, sequence)) = active.filter(|(active, _)| failed.is_none_or(|failed| failed == *active))
        else {
            return Err(ChangeError::NothingBefore);
        };
        let before = self.entries.iter().map(|entry| &entry.row);
        let before = before.filter(|row| row.state == State::Previous && row.sequence < sequence);
        let before = before.map(|row| row.digest).next();
        if before.is_none() && !has_below {
            return Err(ChangeError::NothingBefore);
        }
        for entry in &mut self.entries {
            if entry.row.digest == digest {
                entry.row.state = left;
            } else if Some(entry.row.digest) == before {
                entry.row.state = State::Active;
                entry.stats.forgive();
            }
        }
        Ok(())
    }

    /// Takes away one version, or all.
    pub(super) fn remove(&mut self, digest: Option<Digest>) -> Result<Vec<Digest>, ChangeError> {
        if let Some(digest) = digest {
            self.row(digest)?;
        }
        let goes = |row: &Row| digest.is_none_or(|digest| digest == row.digest);
        let removed =
            self.entries.iter().map(|entry| &entry.row).filter(|row| goes(row)).map(|row| row.digest).collect();
        self.entries.retain(|entry| !goes(&entry.row));
        Ok(removed)
    }

    pub(super) fn row(&self, digest: Digest) -> Result<&Row, ChangeError> {
        let row = self.entries.iter().map(|entry| &entry.row).find(|row| row.digest == digest);
        row.ok_or_else(|| ChangeError::NotFound(format!("there is no version {digest} of this family here")))
    }

    fn retire(&mut self, from: State, to: State) {
        for row in self.entries.iter_mut().map(|entry| &mut entry.row).filter(|row| row.state == from) {
            row.state = to;
            row.canary_percent = None;
        }
    }

    fn trim(&mut self) {
        self.sort();
        let mut kept = 0;
        self.entries.retain(|entry| {
            let idle = matches!(entry.row.state, State::Previous | State::Failed);
            kept += usize::from(idle);
            !idle || kept <= KEPT
        });
    }

    fn sort(&mut self) {
        self.entries.sort_by_key(|entry| std::cmp::Reverse(entry.row.sequence));
    }
}

#[cfg(test)]
mod tests;
