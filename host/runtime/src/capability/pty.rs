//! `pty`: the calling tenant's terminals; for the operator's call that is for no tenant, a list of everyone's.

use openclaw_sandbox::Size;
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::pty,
    call::CallState,
    capability::calls::Call,
    sandboxes::{AskedTerminal, OnBehalfOf, OutputEvent, Terminal as Running},
};

/// Typed at once: some of that waits for a program that does not read.
const TYPED_BYTES: usize = 64 << 10;

/// The calling tenant's terminals.
#[derive(Debug)]
pub struct Terminals;

/// One of them, by its id: whether it is there is asked anew each time.
#[derive(Debug)]
pub struct Terminal(String);

impl pty::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Terminals>, CapabilityError> {
        self.granted("pty")?;
        // The operator's, where it is for no tenant: it can list, and no more.
        if self.call()?.subject.tenant().is_some() {
            self.tenant()?;
        }
        Ok(self.table.push(Terminals)?)
    }
}

impl CallState {
    fn terminal(&self, handle: &Resource<Terminal>) -> Result<std::sync::Arc<Running>, CapabilityError> {
        let row = self.tenant()?.row;
        self.services.sandboxes.terminals.find(row, &self.table.get(handle)?.0)
    }

    async fn begin_terminal(&mut self, asked: AskedTerminal) -> Result<Resource<Terminal>, CapabilityError> {
        let terminal = self.spawn_terminal(asked).await?;
        Ok(self.table.push(Terminal(terminal.id.clone()))?)
    }
}

impl pty::HostTerminals for CallState {
    async fn spawn(
        &mut self,
        _terminals: Resource<Terminals>,
        options: pty::SpawnOptions,
    ) -> Result<Resource<Terminal>, CapabilityError> {
        self.begin_terminal(asked(options, OutputEvent::Output, String::new(), OnBehalfOf::default())).await
    }

    async fn begin(
        &mut self,
        _terminals: Resource<Terminals>,
        options: pty::SpawnOptions,
        event: String,
        note: String,
    ) -> Result<Resource<Terminal>, CapabilityError> {
        let event = OutputEvent::parse(&event)?;
        self.begin_terminal(asked(options, event, note, OnBehalfOf::default())).await
    }

    async fn begin_for(
        &mut self,
        _terminals: Resource<Terminals>,
        options: pty::SpawnOptions,
        agent: String,
        event: String,
        note: String,
    ) -> Result<Resource<Terminal>, CapabilityError> {
        let event = OutputEvent::parse(&event)?;
        let on_behalf_of = OnBehalfOf { agent, ..OnBehalfOf::default() };
        self.begin_terminal(asked(options, event, note, on_behalf_of)).await
    }

    async fn survey(&mut self, _terminals: Resource<Terminals>) -> Result<Vec<pty::Surveyed>, CapabilityError> {
        let row = match self.call()?.subject.tenant() {
            Some(_) => Some(self.tenant()?.row),
            None => None,
        };
        let found = self.services.sandboxes.terminals.of(row);
        Ok(found.iter().map(|terminal| (&**terminal).into()).collect())
    }

    async fn attach(
        &mut self,
        _terminals: Resource<Terminals>,
        id: String,
    ) -> Result<Resource<Terminal>, CapabilityError> {
        self.services.sandboxes.terminals.find(self.tenant()?.row, &id)?;
        Ok(self.table.push(Terminal(id))?)
    }

    async fn list(&mut self, _terminals: Resource<Terminals>) -> Result<Vec<pty::Information>, CapabilityError> {
        let own = self.services.sandboxes.terminals.of(Some(self.tenant()?.row));
        Ok(own.iter().map(|terminal| (&**terminal).into()).collect())
    }

    async fn drop(&mut self, terminals: Resource<Terminals>) -> wasmtime::Result<()> {
        self.table.delete(terminals)?;
        Ok(())
    }
}

impl pty::HostTerminal for CallState {
    async fn information(&mut self, handle: Resource<Terminal>) -> Result<pty::Information, CapabilityError> {
        Ok((&*self.terminal(&handle)?).into())
    }

    async fn write(&mut self, handle: Resource<Terminal>, data: Vec<u8>) -> Result<(), CapabilityError> {
        let terminal = self.terminal(&handle)?;
        check_typed(&data)?;
        terminal.write(data).await
    }

    async fn resize(&mut self, handle: Resource<Terminal>, size: pty::Size) -> Result<(), CapabilityError> {
        self.terminal(&handle)?.resize(size.into())
    }

    async fn scrollback(&mut self, handle: Resource<Terminal>) -> Result<Vec<u8>, CapabilityError> {
        Ok(self.terminal(&handle)?.scrollback())
    }

    async fn close(&mut self, handle: Resource<Terminal>) -> Result<(), CapabilityError> {
        self.terminal(&handle)?.end("closed");
        Ok(())
    }

    async fn details(&mut self, handle: Resource<Terminal>) -> Result<pty::Details, CapabilityError> {
        Ok((&*self.terminal(&handle)?).into())
    }

    async fn replay(&mut self, handle: Resource<Terminal>) -> Result<(u64, Vec<u8>), CapabilityError> {
        Ok(self.terminal(&handle)?.replay())
    }

    async fn tell_also(&mut self, handle: Resource<Terminal>, event: String) -> Result<(), CapabilityError> {
        let event = OutputEvent::parse(&event)?;
        self.terminal(&handle)?.tell_also(event);
        Ok(())
    }

    async fn drop(&mut self, handle: Resource<Terminal>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn check_typed(data: &[u8]) -> Result<(), CapabilityError> {
    if data.len() <= TYPED_BYTES {
        return Ok(());
    }
    Err(CapabilityError::invalid(format!("at most {TYPED_BYTES} bytes are typed at once")))
}

impl From<pty::Size> for Size {
    fn from(pty::Size { columns, rows }: pty::Size) -> Self {
        Self { columns, rows }
    }
}

fn asked(options: pty::SpawnOptions, event: OutputEvent, note: String, on_behalf_of: OnBehalfOf) -> AskedTerminal {
    AskedTerminal {
        command: options.command,
        environment: options.environment,
        working_directory: options.working_directory,
        mode: options.mode,
        size: options.size.into(),
        event,
        note,
        on_behalf_of,
    }
}

impl From<&Running> for pty::Information {
    fn from(terminal: &Running) -> Self {
        let Size { columns, rows } = terminal.size();
        Self {
            id: terminal.id.clone(),
            pid: terminal.process,
            size: pty::Size { columns, rows },
            created_ms: terminal.created_ms,
            last_activity_ms: terminal.active_ms(),
        }
    }
}

impl From<&Running> for pty::Details {
    fn from(terminal: &Running) -> Self {
        Self {
            command: terminal.spec.command.clone(),
            working_directory: terminal.spec.working_directory.clone(),
            watchers: terminal.watchers(),
            note: terminal.spec.note.clone(),
        }
    }
}

impl From<&Running> for pty::Surveyed {
    fn from(terminal: &Running) -> Self {
        Self { tenant: terminal.tenant.to_string(), information: terminal.into(), details: terminal.into() }
    }
}

#[cfg(test)]
mod tests;
