//! What a spawned session has at the most: what the run had that spawned it. A model that was talked into something gets
//! no more by handing it on, whatever the configuration says of the agent that it hands it to.
//!
//! Tools, rules for commands and the sandbox's mode stay with the session; what is left of the run's limits is for the
//! task alone.

use super::Toolbox;
use crate::session::Session;
use crate::settings::Limits;
use openclaw_sdk::{Error, Result};
use serde::{Deserialize, Serialize};
use std::cell::Cell;

/// Among the details of a session.
const DETAIL: &str = "spawnBounds";

/// The stricter of the two modes of a sandbox.
const STRICT: &str = "docker";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bounds {
    pub(super) tools: Vec<String>,
    pub(super) exec_security: String,
    pub(super) exec_ask: String,
    /// Commands run in the stricter mode alone.
    pub(crate) strict_sandbox: bool,
}

impl Bounds {
    /// Those of a session; none where no agent spawned it. What cannot be read is an error, and no freedom.
    pub(crate) fn of(session: &Session<'_>) -> Result<Option<Self>> {
        let kept = session.details.get(DETAIL).cloned();
        let read = |kept| serde_json::from_value(kept).map_err(|error| Error::internal(format!("{DETAIL}: {error}")));
        kept.map(read).transpose()
    }

    /// What this toolbox allows.
    pub(super) fn of_toolbox(toolbox: &Toolbox<'_>) -> Result<Self> {
        let rules = toolbox.exec_rules()?;
        let (security, ask) = rules.words();
        Ok(Self {
            tools: toolbox.names().into_iter().map(str::to_owned).collect(),
            exec_security: security.to_owned(),
            exec_ask: ask.to_owned(),
            strict_sandbox: toolbox.strict_sandbox,
        })
    }

    pub(super) fn write(&self, session: &Session<'_>) -> Result<()> {
        session.set_detail(DETAIL, self)
    }
}

/// Whether the sandbox of this configured mode is the stricter one. A word that nobody knows was meant to confine.
pub(crate) fn is_strict(mode: Option<&str>) -> bool {
    mode.is_some_and(|mode| mode != "bwrap")
}

/// The mode that a command asks for, within the bounds.
pub(super) fn mode(toolbox: &Toolbox<'_>, asked: Option<String>) -> Result<String> {
    match asked {
        Some(mode) if toolbox.strict_sandbox && mode != STRICT => Err(Error::forbidden(format!(
            "the mode {mode} is less strict than {STRICT}, which this session is held to"
        ))),
        None if toolbox.strict_sandbox => Ok(STRICT.to_owned()),
        asked => Ok(asked.unwrap_or_default()),
    }
}

/// What is left of a run's limits, and what of it was handed on.
#[derive(Debug)]
pub(crate) struct Spare {
    left: Cell<Limits>,
    handed_on: Cell<Option<Limits>>,
}

impl Spare {
    pub(super) fn new(left: Limits) -> Self {
        Self { left: Cell::new(left), handed_on: Cell::default() }
    }

    pub(crate) fn set(&self, left: Limits) {
        self.left.set(left);
    }

    /// Half of it, which is left to the run no more. Time passes for both.
    pub(super) fn hand_on(&self) -> Result<Limits> {
        let half = self.left.get().half();
        if half.model_calls == 0 || half.tokens == Some(0) || half.cost == Some(0) {
            return Err(Error::forbidden("too little of this run's limits is left to be handed on"));
        }
        self.handed_on.set(Some(half));
        Ok(half)
    }

    /// What a tool has handed on, told once.
    pub(crate) fn take_handed_on(&self) -> Option<Limits> {
        self.handed_on.take()
    }
}
