//! `pty`: terminals in which the test answers what is typed.

use super::calls::Call;
use super::types::Error;
use crate::testing::{call::Facts, clock, random};
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::pty::{Information, Size, SpawnOptions};

const SCROLLBACK_BYTES: usize = 256 << 10;

/// A terminal that runs.
pub(crate) struct Running {
    information: Information,
    scrollback: Vec<u8>,
}

pub struct Terminal {
    facts: Rc<Facts>,
    id: String,
}

pub struct Terminals(Rc<Facts>);

pub fn open(call: &Call) -> Result<Terminals, Error> {
    call.0.granted("pty")?;
    call.0.tenant()?;
    call.0.state.scripts.terminal.check(&call.0, "pty")?;
    Ok(Terminals(Rc::clone(&call.0)))
}

impl Terminals {
    pub fn spawn(&self, options: &SpawnOptions) -> Result<Terminal, Error> {
        let mut terminals = self.0.state.terminals.borrow_mut();
        let id = format!("pty-{}", u64::from_le_bytes(random::array()));
        let now = clock::unix_ms();
        let pid = u32::try_from(terminals.len()).unwrap_or_default() + 2;
        let information =
            Information { id: id.clone(), pid, size: options.size, created_ms: now, last_activity_ms: now };
        terminals.insert(id.clone(), Running { information, scrollback: Vec::new() });
        Ok(Terminal { facts: Rc::clone(&self.0), id })
    }

    pub fn attach(&self, id: &str) -> Result<Terminal, Error> {
        let terminal = Terminal { facts: Rc::clone(&self.0), id: id.to_owned() };
        terminal.information().map(|_| terminal)
    }

    pub fn list(&self) -> Result<Vec<Information>, Error> {
        let terminals = self.0.state.terminals.borrow();
        Ok(terminals.values().map(|running| running.information.clone()).collect())
    }
}

impl Terminal {
    fn with<T>(&self, act: impl FnOnce(&mut Running) -> T) -> Result<T, Error> {
        let mut terminals = self.facts.state.terminals.borrow_mut();
        let running = terminals.get_mut(&self.id);
        running.map(act).ok_or_else(|| Error::not_found(format!("there is no terminal {}", self.id)))
    }

    pub fn information(&self) -> Result<Information, Error> {
        self.with(|running| running.information.clone())
    }

    pub fn write(&self, data: &[u8]) -> Result<(), Error> {
        self.information()?;
        let output = self.facts.state.scripts.terminal.play(data)?;
        self.with(|running| {
            running.scrollback.extend(output);
            let excess = running.scrollback.len().saturating_sub(SCROLLBACK_BYTES);
            running.scrollback.drain(..excess);
            running.information.last_activity_ms = clock::unix_ms();
        })
    }

    pub fn resize(&self, size: Size) -> Result<(), Error> {
        self.with(|running| running.information.size = size)
    }

    pub fn scrollback(&self) -> Result<Vec<u8>, Error> {
        self.with(|running| running.scrollback.clone())
    }

    pub fn close(&self) -> Result<(), Error> {
        self.information()?;
        self.facts.state.terminals.borrow_mut().remove(&self.id);
        Ok(())
    }
}
