//! Which skills an agent is told of.

/// What the configuration says of skills.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Those of these names alone, where some are given.
    names: Option<Vec<String>>,
    /// Keys that are switched off.
    off: Vec<String>,
}

impl Choice {
    /// `names` as in an agent's `skills`, `off` as in `skills.entries`.
    pub(crate) fn of(names: Option<Vec<String>>, off: Vec<String>) -> Self {
        Self { names, off }
    }

    /// Whether it leaves no skill, whatever there is.
    pub(super) fn is_none(&self) -> bool {
        self.names.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether an agent is told of a skill. The file says its key itself: one that is switched off by its name cannot
    /// come back by another key.
    pub(super) fn has(&self, name: &str, key: Option<&str>) -> bool {
        let is_off = self.off.iter().any(|off| off == name || Some(off.as_str()) == key);
        !is_off && self.names.as_ref().is_none_or(|names| names.iter().any(|listed| listed == name))
    }
}
