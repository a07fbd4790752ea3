//! Findings, each told as soon as it is there: some checks take long.

use serde_json::json;

use super::finding::{Finding, Status};
use crate::error::{CliError, Kind};
use crate::output::{Colour, Output, printable};

/// What was found so far.
pub(super) struct Report<'o> {
    output: &'o Output,
    findings: Vec<Finding>,
}

impl<'o> Report<'o> {
    pub(super) fn new(output: &'o Output) -> Self {
        Self { output, findings: Vec::new() }
    }

    /// Tells a finding; with `--json` it waits for the one document.
    pub(super) fn add(&mut self, finding: Finding) -> Result<(), CliError> {
        let shown = !self.output.quiet || finding.status == Status::Fail;
        if shown && !self.output.json {
            self.print(&finding)?;
        }
        self.findings.push(finding);
        Ok(())
    }

    pub(super) fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) -> Result<(), CliError> {
        findings.into_iter().try_for_each(|finding| self.add(finding))
    }

    /// What is to be said of all of them.
    pub(super) fn end(self) -> Result<(), CliError> {
        let failed = self.findings.iter().filter(|finding| finding.status == Status::Fail).count();
        if self.output.json {
            self.output.document(&json!({ "ok": failed == 0, "checks": self.findings }))?;
        }
        match failed {
            0 => Ok(()),
            _ if self.output.json => Err(CliError::silent(Kind::Failed)),
            1 => Err(CliError::failed("one check failed")),
            many => Err(CliError::failed(format!("{many} checks failed"))),
        }
    }

    fn print(&self, finding: &Finding) -> Result<(), CliError> {
        let colour = match finding.status {
            Status::Ok => Colour::Green,
            Status::Warn => Colour::Yellow,
            Status::Fail => Colour::Red,
        };
        let status = self.output.paint(colour, &format!("{:4}", finding.status.name()));
        self.output.painted_line(&format!("{status}  {:11}  {}", finding.check, printable(&finding.message)))?;
        match &finding.advice {
            Some(advice) => self.output.line(&format!("{:19}{advice}", "")),
            None => Ok(()),
        }
    }
}
