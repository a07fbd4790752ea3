//! `pty`: terminals in which the test answers what is typed.

use super::calls::Call;
use super::types::Error;
use crate::testing::{call::Facts, clock, random};
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::pty::{Details, Information, Size, SpawnOptions, Surveyed};

const SCROLLBACK_BYTES: usize = 256 << 10;

/// A terminal that runs.
pub(crate) struct Running {
    information: Information,
    details: Details,
    scrollback: Vec<u8>,
    /// How often it was typed into: each time an event tells of the answer.
    typed: u64,
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
        self.begin(options, "terminal.output", "")
    }

    pub fn begin(&self, options: &SpawnOptions, event: &str, note: &str) -> Result<Terminal, Error> {
        check_event(event)?;
        let mut terminals = self.0.state.terminals.borrow_mut();
        let id = format!("pty-{}", u64::from_le_bytes(random::array()));
        let now = clock::unix_ms();
        let pid = u32::try_from(terminals.len()).unwrap_or_default() + 2;
        let information =
            Information { id: id.clone(), pid, size: options.size, created_ms: now, last_activity_ms: now };
        let working_directory = match options.working_directory.trim_start_matches("/work").trim_matches('/') {
            "" => "/work".to_owned(),
            below => format!("/work/{below}"),
        };
        let command = if options.command.is_empty() { vec!["/bin/bash".to_owned()] } else { options.command.clone() };
        let details = Details { command, working_directory, watchers: 0, note: note.to_owned() };
        terminals.insert(id.clone(), Running { information, details, scrollback: Vec::new(), typed: 0 });
        Ok(Terminal { facts: Rc::clone(&self.0), id })
    }

    pub fn begin_for(&self, options: &SpawnOptions, agent: &str, event: &str, note: &str) -> Result<Terminal, Error> {
        super::sandbox::check_origin(&[agent])?;
        self.begin(options, event, note)
    }

    pub fn attach(&self, id: &str) -> Result<Terminal, Error> {
        let terminal = Terminal { facts: Rc::clone(&self.0), id: id.to_owned() };
        terminal.information().map(|_| terminal)
    }

    pub fn list(&self) -> Result<Vec<Information>, Error> {
        let terminals = self.0.state.terminals.borrow();
        Ok(terminals.values().map(|running| running.information.clone()).collect())
    }

    pub fn survey(&self) -> Result<Vec<Surveyed>, Error> {
        let tenant = self.0.tenant()?;
        let terminals = self.0.state.terminals.borrow();
        let surveyed = |Running { information, details, .. }: &Running| Surveyed {
            tenant: tenant.clone(),
            information: information.clone(),
            details: details.clone(),
        };
        Ok(terminals.values().map(surveyed).collect())
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
            running.typed += 1;
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

    pub fn details(&self) -> Result<Details, Error> {
        self.with(|running| running.details.clone())
    }

    pub fn replay(&self) -> Result<(u64, Vec<u8>), Error> {
        self.with(|running| (running.typed, running.scrollback.clone()))
    }

    pub fn tell_also(&self, event: &str) -> Result<(), Error> {
        check_event(event)?;
        self.information().map(drop)
    }

    pub fn close(&self) -> Result<(), Error> {
        self.information()?;
        self.facts.state.terminals.borrow_mut().remove(&self.id);
        Ok(())
    }
}

fn check_event(event: &str) -> Result<(), Error> {
    match event {
        "terminal.output" | "terminal.data" => Ok(()),
        _ => Err(Error::invalid("a terminal's output goes out as terminal.output or terminal.data")),
    }
}
