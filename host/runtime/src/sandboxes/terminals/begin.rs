//! How a terminal begins.

use std::{sync::Arc, time::Duration};

use super::{STEP, Terminal, TerminalSpec, attend::Attended};
use crate::{
    call::CallState,
    error::CapabilityError,
    grants::Grants,
    sandboxes::{
        Asked, AskedLimits, AskedTerminal,
        run::explained,
        seconds::LEAST_TIME,
        survey::{Facts, Kind},
    },
};

/// What runs in a terminal of which nobody says what.
const SHELL: &str = "/bin/bash";

/// Who uses a terminal for longer opens another.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl CallState {
    /// Begins a terminal of this call's tenant, which outlives the call.
    pub(crate) async fn spawn_terminal(&mut self, asked: AskedTerminal) -> Result<Arc<Terminal>, CapabilityError> {
        let record = self.current_tenant()?.clone();
        let config = self.services.sandboxes.config();
        // The grant of `pty` is of terminals, however they are confined.
        let mode = self.floor(&config, &asked.on_behalf_of)?.mode(&asked.mode, &Grants::Builtin(Vec::new()))?;
        let AskedTerminal { mut command, environment, working_directory, size, event, note, on_behalf_of, .. } = asked;
        if command.is_empty() {
            command.push(SHELL.to_owned());
        }
        let mut spec = TerminalSpec { command: command.clone(), working_directory: String::new(), event, note };
        spec.check()?;
        let asked = Asked {
            command,
            environment,
            working_directory,
            stdin: Vec::new(),
            mode: String::new(),
            limits: AskedLimits::default(),
            on_behalf_of: on_behalf_of.clone(),
        };
        let attempts = self.attempts(&record)?;
        let mut workload = self.workload(asked, &config, &record, &attempts)?;
        (workload.pty, workload.limits.wall) = (Some(size), LONGEST);
        spec.working_directory = workload.cwd.inside();
        let place = self.services.sandboxes.terminal_places.enter(record.row, config.terminals_per_tenant)?;
        let allowance = self.services.allowance(&record, &mut workload.limits).await?;
        let backend = self.services.backend(mode, &config).await?;
        let tenant = self.services.sandbox_tenant(&record, &config).await?;
        let reservation = self.reserve_seconds(&record, LEAST_TIME..=STEP).await?;
        let limits = workload.limits.clone();
        let session = backend.start(&tenant, workload).await.map_err(|error| explained(error, mode))?;
        let services = self.services.clone();
        let (terminal, session) = services.sandboxes.terminals.begin(session, &record, size, spec)?;
        let id = terminal.id.clone();
        let facts = Facts { id, kind: Kind::Terminal, tenant: record.id.clone(), on_behalf_of, limits };
        let ended = terminal.clone();
        let listed = services.sandboxes.survey.list(facts, &session, move || ended.end("closed"));
        let attended = Attended {
            services,
            record: record.clone(),
            session,
            reservation,
            idle: Duration::from_secs(config.terminal_idle_seconds),
            place,
            listed,
            attempts,
            allowance,
        };
        tokio::spawn(terminal.clone().attend(attended));
        // Whoever ended its tenant, or its token, ended the terminals that there were: this one may have come after.
        self.services.check_current(&record).inspect_err(|_| terminal.end("closed"))?;
        Ok(terminal)
    }
}
