//! `log`: a guest's lines in the gateway's log.

use std::time::Instant;

use crate::{bindings::openclaw::gateway::log, call::CallState};

const LINE_BYTES: usize = 4096;

impl log::Host for CallState {
    fn emit(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.log_lines += 1;
        if self.log_lines > self.limits.log_lines || self.services.is_trial {
            return Ok(());
        }
        let line = line(&message, &fields);
        let tenant = self.facts.as_ref().and_then(|facts| facts.subject.tenant()).map(|tenant| &tenant.id);
        let verdict = self.services.admission.log(tenant).take(line.len(), Instant::now());
        let tenant = tenant.map(openclaw_tenancy::TenantId::as_str);
        if let Some(dropped) = verdict.dropped {
            tracing::warn!(
                tenant,
                lines = dropped.lines,
                bytes = dropped.bytes,
                "the components of a tenant log too much: lines were dropped"
            );
        }
        if !verdict.is_written {
            return Ok(());
        }
        let family = self.family().map(openclaw_tenancy::Family::as_str);
        let request_id = self.facts.as_ref().map(|facts| &*facts.request_id);
        let version = self.component.as_ref().map(|component| component.manifest.version.as_str());
        let digest = self.component.as_ref().map(|component| component.digest.short());
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(target: "component", tenant, family, version, digest, request_id, "{line}")
            };
        }
        match level {
            log::Level::Debug => emit!(debug),
            log::Level::Info => emit!(info),
            log::Level::Warn => emit!(warn),
            log::Level::Error => emit!(error),
        }
        Ok(())
    }
}

/// One line, without control characters, which could forge lines or drive a terminal.
fn line(message: &str, fields: &[(String, String)]) -> String {
    let mut line = String::new();
    let fields = fields.iter().flat_map(|(key, value)| [" ", key.as_str(), "=", value.as_str()]);
    for c in std::iter::once(message).chain(fields).flat_map(str::chars) {
        if line.len() + c.len_utf8() > LINE_BYTES {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    line
}
