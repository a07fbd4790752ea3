//! Paths that are looked for in a text, as a tree that is walked along with it.

use std::collections::HashMap;

use crate::path::{KeyPath, Segment};

/// Which keys of a document are asked for.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'p> {
    All,
    /// Those of a tree; `None` where it has no branch.
    Some(Option<&'p Paths<'p>>),
}

#[derive(Default)]
pub(super) struct Paths<'p> {
    is_wanted: bool,
    below: HashMap<&'p Segment, Paths<'p>>,
}

impl<'p> Paths<'p> {
    pub(super) fn of(paths: impl IntoIterator<Item = &'p KeyPath>) -> Self {
        let mut root = Self::default();
        for path in paths {
            let end = path.segments().iter().fold(&mut root, |at, segment| at.below.entry(segment).or_default());
            end.is_wanted = true;
        }
        root
    }
}

impl Wanted<'_> {
    pub(super) fn step(self, segment: &Segment) -> Self {
        match self {
            Self::All => Self::All,
            Self::Some(paths) => Self::Some(paths.and_then(|paths| paths.below.get(segment))),
        }
    }

    pub(super) fn is_here(self) -> bool {
        match self {
            Self::All => true,
            Self::Some(paths) => paths.is_some_and(|paths| paths.is_wanted),
        }
    }
}
