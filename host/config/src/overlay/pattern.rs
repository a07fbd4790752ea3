//! Patterns of keys, as a tree: a walk over a value knows at every step which of them still fit,
//! and compares no path with each.
//!
//! `*` stands for any key or index. Where several patterns fit, a name goes before a `*`.

use std::collections::BTreeMap;

use crate::path::{KeyPath, Segment};

const ANYTHING: &str = "*";

/// Patterns, and what each stands for.
pub(super) struct Patterns<T> {
    here: Option<T>,
    named: BTreeMap<String, Patterns<T>>,
    any: Option<Box<Patterns<T>>>,
}

impl<T> Patterns<T> {
    /// Of two equal patterns the first counts.
    pub(super) fn of<S: AsRef<str>>(patterns: impl IntoIterator<Item = (S, T)>) -> Self {
        let mut root = Self::empty();
        for (pattern, meaning) in patterns {
            let names = pattern.as_ref().split('.').filter(|name| !name.is_empty());
            let end = names.fold(&mut root, |at, name| match name {
                ANYTHING => at.any.get_or_insert_with(|| Box::new(Self::empty())),
                name => at.named.entry(name.to_owned()).or_insert_with(Self::empty),
            });
            end.here.get_or_insert(meaning);
        }
        root
    }

    fn empty() -> Self {
        Self { here: None, named: BTreeMap::new(), any: None }
    }

    /// Where a walk begins.
    pub(super) fn root(&self) -> Matching<'_, T> {
        Matching(vec![self])
    }

    pub(super) fn at(&self, path: &KeyPath) -> Matching<'_, T> {
        path.segments().iter().fold(self.root(), |at, segment| at.step(segment))
    }
}

/// What of the patterns fits the path that was walked.
pub(super) struct Matching<'p, T>(Vec<&'p Patterns<T>>);

impl<'p, T> Matching<'p, T> {
    pub(super) fn step(&self, segment: &Segment) -> Self {
        let mut next = Vec::new();
        for patterns in &self.0 {
            if let Segment::Key(key) = segment {
                next.extend(patterns.named.get(key));
            }
            next.extend(patterns.any.as_deref());
        }
        Self(next)
    }

    /// What the pattern of this very path stands for.
    pub(super) fn here(&self) -> Option<&'p T> {
        self.0.iter().find_map(|patterns| patterns.here.as_ref())
    }

    /// True where no pattern goes on.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The names that patterns have right below.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'p str, Option<&'p T>)> {
        let named = self.0.iter().flat_map(|patterns| patterns.named.iter());
        named.map(|(name, below)| (name.as_str(), below.here.as_ref()))
    }
}
