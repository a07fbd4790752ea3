//! Interactive terminals in the tenant's sandbox.
//!
//! A terminal outlives the call that made it: a later one attaches to it by its
//! id. Its output goes to the tenant's connections as events.

use crate::bindings::openclaw::gateway::pty as raw;
use crate::{Call, Result};

pub use raw::{Details, Information, Size, SpawnOptions, Surveyed};

/// The tenant's terminals.
pub struct Terminals(raw::Terminals);

/// One terminal.
pub struct Terminal(raw::Terminal);

impl Call {
    /// Opens the tenant's terminals.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn terminals(&self) -> Result<Terminals> {
        raw::open(self).map(Terminals)
    }
}

impl SpawnOptions {
    /// The configured shell in `/work`; what is to be different is a field.
    #[must_use]
    pub fn shell(size: Size) -> Self {
        Self {
            command: Vec::new(),
            environment: Vec::new(),
            working_directory: String::new(),
            size,
            mode: String::new(),
        }
    }
}

impl Terminals {
    /// Starts a terminal.
    ///
    /// # Errors
    /// FORBIDDEN, UNAVAILABLE (too many terminals, no sandbox).
    pub fn spawn(&self, options: &SpawnOptions) -> Result<Terminal> {
        self.0.spawn(options).map(Terminal)
    }

    /// Starts a terminal whose output goes out as `event`, `terminal.output` or `terminal.data`, and with which a
    /// note stays, of at most 4 KiB.
    ///
    /// # Errors
    /// As [`Terminals::spawn`]; INVALID_REQUEST for another event or a longer note.
    pub fn begin(&self, options: &SpawnOptions, event: &str, note: &str) -> Result<Terminal> {
        self.0.begin(options, event, note).map(Terminal)
    }

    /// As [`Terminals::begin`], for an agent of the tenant: the mode that the configuration has for it counts too.
    ///
    /// # Errors
    /// As [`Terminals::begin`]; INVALID_REQUEST for a name of more than 512 bytes.
    pub fn begin_for(&self, options: &SpawnOptions, agent: &str, event: &str, note: &str) -> Result<Terminal> {
        self.0.begin_for(options, agent, event, note).map(Terminal)
    }

    /// The terminal of an id, made by an earlier call.
    ///
    /// # Errors
    /// NOT_FOUND, FORBIDDEN.
    pub fn attach(&self, id: &str) -> Result<Terminal> {
        self.0.attach(id).map(Terminal)
    }

    /// The terminals there are.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn list(&self) -> Result<Vec<Information>> {
        self.0.list()
    }

    /// The same with all that is known of them; those of every tenant, where the operator calls for none.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub fn survey(&self) -> Result<Vec<Surveyed>> {
        self.0.survey()
    }
}

impl Terminal {
    /// Its id, size and times.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended.
    pub fn information(&self) -> Result<Information> {
        self.0.information()
    }

    /// Types into it.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended, UNAVAILABLE.
    pub fn write(&self, input: &[u8]) -> Result<()> {
        self.0.write(input)
    }

    /// Changes its size.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended.
    pub fn resize(&self, size: Size) -> Result<()> {
        self.0.resize(size)
    }

    /// What it has shown: at most the newest 256 KiB.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended.
    pub fn scrollback(&self) -> Result<Vec<u8>> {
        self.0.scrollback()
    }

    /// Ends it.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended.
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }

    /// What runs in it, where, who watches, and its note.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended.
    pub fn details(&self) -> Result<Details> {
        self.0.details()
    }

    /// The newest of what its events have told, at most 256 KiB, and the number of the last of them.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended.
    pub fn replay(&self) -> Result<(u64, Vec<u8>)> {
        self.0.replay()
    }

    /// Has its output go out as this event too: `terminal.output` or `terminal.data`.
    ///
    /// # Errors
    /// NOT_FOUND when it has ended, INVALID_REQUEST for another event.
    pub fn tell_also(&self, event: &str) -> Result<()> {
        self.0.tell_also(event)
    }
}
