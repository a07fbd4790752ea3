//! `pty`: the calling tenant's terminals.

use openclaw_sandbox::Size;
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::pty,
    call::CallState,
    capability::calls::Call,
    sandboxes::{AskedTerminal, Terminal as Running},
};

/// The calling tenant's terminals.
#[derive(Debug)]
pub struct Terminals;

/// One of them, by its id: whether it is there is asked anew each time.
#[derive(Debug)]
pub struct Terminal(String);

impl pty::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Terminals>, CapabilityError> {
        self.granted("pty")?;
        self.tenant()?;
        Ok(self.table.push(Terminals)?)
    }
}

impl CallState {
    fn terminal(&self, handle: &Resource<Terminal>) -> Result<std::sync::Arc<Running>, CapabilityError> {
        let row = self.tenant()?.row;
        self.services.sandboxes.terminals.find(row, &self.table.get(handle)?.0)
    }
}

impl pty::HostTerminals for CallState {
    async fn spawn(
        &mut self,
        _terminals: Resource<Terminals>,
        options: pty::SpawnOptions,
    ) -> Result<Resource<Terminal>, CapabilityError> {
        let terminal = self.spawn_terminal(options.into()).await?;
        Ok(self.table.push(Terminal(terminal.id.clone()))?)
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
        let own = self.services.sandboxes.terminals.of(self.tenant()?.row);
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
        self.terminal(&handle)?.write(data).await
    }

    async fn resize(&mut self, handle: Resource<Terminal>, size: pty::Size) -> Result<(), CapabilityError> {
        self.terminal(&handle)?.resize(size.into()).await
    }

    async fn scrollback(&mut self, handle: Resource<Terminal>) -> Result<Vec<u8>, CapabilityError> {
        Ok(self.terminal(&handle)?.scrollback())
    }

    async fn close(&mut self, handle: Resource<Terminal>) -> Result<(), CapabilityError> {
        self.terminal(&handle)?.end("closed");
        Ok(())
    }

    async fn drop(&mut self, handle: Resource<Terminal>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl From<pty::Size> for Size {
    fn from(pty::Size { columns, rows }: pty::Size) -> Self {
        Self { columns, rows }
    }
}

impl From<pty::SpawnOptions> for AskedTerminal {
    fn from(options: pty::SpawnOptions) -> Self {
        Self {
            command: options.command,
            environment: options.environment,
            working_directory: options.working_directory,
            mode: options.mode,
            size: options.size.into(),
        }
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
