//! How a verb ends badly: what is said, what helps, and the exit code.

use std::process::ExitCode;

use openclaw_config::{ConfigErrors, Source};
use openclaw_gateway::{ANOTHER_TENANT, CatalogError, OPERATOR_ONLY, OpenError, RateCardError, ServeError, TlsError};
use openclaw_tenancy::{Holder, HolderKind, HomeError};
use serde_json::{Value, json};

/// What kind of failure; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed,
    Usage,
    NotFound,
    Authentication,
    Conflict,
    Quota,
    Unreachable,
    Configuration,
    Internal,
    Interrupted,
    /// A program that was run for us ended so: its exit code is ours.
    Program(u8),
    /// Whoever read our output went away, having seen enough: no failure.
    ReaderGone,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Authentication => 4,
            Self::Conflict => 5,
            Self::Quota => 6,
            Self::Unreachable => 7,
            Self::Configuration => 8,
            Self::Internal => 70,
            Self::Interrupted => 130,
            Self::Program(code) => code,
        }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        self.number().into()
    }

    /// The word for programs, where the gateway gave none.
    fn code(self) -> &'static str {
        match self {
            Self::Failed | Self::Program(_) | Self::ReaderGone => "FAILED",
            Self::Usage => "USAGE",
            Self::NotFound => "NOT_FOUND",
            Self::Authentication => "UNAUTHORIZED",
            Self::Conflict => "CONFLICT",
            Self::Quota => "QUOTA_EXCEEDED",
            Self::Unreachable => "UNREACHABLE",
            Self::Configuration => "CONFIG_INVALID",
            Self::Internal => "INTERNAL",
            Self::Interrupted => "INTERRUPTED",
        }
    }

    /// For the number of a JSON-RPC error, and its reason where it names one.
    fn of_rpc(number: i64, reason: Option<&str>) -> Self {
        match number {
            // It is there, for somebody else.
            -32601 if reason == Some(OPERATOR_ONLY) => Self::Authentication,
            -32602 => Self::Usage,
            -32601 | -32004 => Self::NotFound,
            -32001 | -32003 => Self::Authentication,
            -32009 => Self::Conflict,
            -32029 => Self::Quota,
            -32603 => Self::Internal,
            _ => Self::Failed,
        }
    }

    /// For the status of an HTTP answer that is no JSON-RPC.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Authentication,
            404 => Self::NotFound,
            409 | 412 => Self::Conflict,
            422 => Self::Usage,
            429 => Self::Quota,
            500 => Self::Internal,
            502..=504 => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

/// Why a verb failed.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    /// What happened, for people.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// The gateway's own word for it.
    code: Option<String>,
    /// More for programs.
    details: Option<Value>,
}

impl CliError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, code: None, details: None }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// The exit code alone: everything was said on standard output.
    pub(crate) fn silent(kind: Kind) -> Self {
        Self::new(kind, "")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// From the `error` of a JSON-RPC reply.
    pub(crate) fn of_rpc(error: &Value) -> Self {
        let data = &error["data"];
        let message = error["message"].as_str().unwrap_or("the gateway refused without a reason");
        let kind = Kind::of_rpc(error["code"].as_i64().unwrap_or_default(), data["reason"].as_str());
        let mut failure = Self::new(kind, message);
        failure.code = data["code"].as_str().map(str::to_owned);
        failure.hint = hint_for(failure.kind, data);
        failure.details = data.is_object().then(|| data.clone());
        failure
    }

    /// From a problem of RFC 9457, by which the gateway refuses an upload.
    pub(crate) fn of_problem(status: u16, problem: &Value) -> Self {
        // A gateway that has no room for a call has been reached.
        let kind = if problem["code"] == "UNAVAILABLE" { Kind::Failed } else { Kind::of_status(status) };
        let mut failure = Self::new(kind, problem["detail"].as_str().unwrap_or("the gateway refused without a reason"));
        failure.code = problem["code"].as_str().map(str::to_owned);
        failure.hint = hint_for(kind, problem);
        failure.details = Some(problem.clone());
        failure
    }

    /// Whether a tenant's token wanted what only the operator may.
    pub(crate) fn is_operators_alone(&self) -> bool {
        let reason = self.details.as_ref().and_then(|details| details["reason"].as_str());
        self.kind == Kind::Authentication && matches!(reason, Some(OPERATOR_ONLY | ANOTHER_TENANT))
    }

    /// From what clap says, in our words: `Error:` and `Hint:`.
    pub(crate) fn usage_of(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let said = text.split("\n\n").next().unwrap_or(text).trim();
        let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
        let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
        let failure = Self::usage(said);
        match (tip, usage) {
            (Some(tip), _) => failure.hint(tip),
            (None, Some(usage)) => failure.hint(format!("usage: {usage}")),
            (None, None) => failure.hint("see --help"),
        }
    }

    /// The object that `--json` prints on standard error.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({
            "code": self.code.as_deref().unwrap_or(self.kind.code()),
            "message": self.message,
            "exitCode": self.kind.number(),
        });
        if let Some(hint) = &self.hint {
            error["hint"] = hint.as_str().into();
        }
        if let Some(details) = &self.details {
            error["details"] = details.clone();
        }
        json!({ "error": error })
    }
}

fn hint_for(kind: Kind, data: &Value) -> Option<String> {
    if let Some(wait) = data["retryAfterMs"].as_u64() {
        return Some(format!("try again in {} s", wait.div_ceil(1000)));
    }
    match kind {
        Kind::Authentication if data["code"] == "UNAUTHORIZED" => {
            Some("`openclaw tenants token rotate ID` makes a new token, once OPENCLAW_TOKEN is unset".into())
        }
        Kind::Quota => {
            let resets = data["resets_at"].as_str();
            Some(resets.map_or_else(
                || "`openclaw tenants quota show ID` shows the limits".into(),
                |at| format!("the window begins anew at {at}"),
            ))
        }
        Kind::Internal => {
            let id = data["requestId"].as_str().or_else(|| data["request_id"].as_str());
            id.map(|id| format!("`openclaw logs` has more under the request id {id}"))
        }
        _ => None,
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        let kind = if error.kind() == std::io::ErrorKind::BrokenPipe { Kind::ReaderGone } else { Kind::Failed };
        Self::new(kind, error.to_string())
    }
}

impl From<HomeError> for CliError {
    fn from(error: HomeError) -> Self {
        let message = error.to_string();
        match error {
            HomeError::Held { holder, .. } => Self::new(Kind::Conflict, message).hint(match holder {
                Some(Holder { kind: Some(HolderKind::Command), .. }) => {
                    "try again when it is done, or choose another directory with --home".into()
                }
                Some(Holder { pid, .. }) => {
                    format!("stop it with `kill {pid}`, or choose another directory with --home")
                }
                None => "stop it, or choose another directory with --home".into(),
            }),
            HomeError::EmptyToken => Self::new(Kind::Configuration, message),
            HomeError::UnusableToken(path) => Self::failed(message)
                .hint(format!("put the token back, or `rm {}`: the next start makes a new one", path.display())),
            HomeError::KeyMissing(path) | HomeError::UnusableKey(path) => Self::failed(message).hint(format!(
                "put it back from a backup, or name it in secrets.key_file; where it is lost, so are the secrets: \
                 `(umask 077; head -c 32 /dev/urandom > {})` begins anew without them",
                path.display()
            )),
            HomeError::RegistryMissing { .. } => Self::failed(message).hint(
                "put control.db back from a backup; where there is none, move the directory `tenants` away, make the \
                 tenants anew and copy their files back",
            ),
            HomeError::Shared(path) => Self::failed(message).hint(format!("chmod 700 {}", path.display())),
            _ => Self::failed(message).hint("`openclaw doctor` looks at the state directory"),
        }
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Home(error) => error.into(),
            OpenError::RateCard(error) => error.into(),
            OpenError::Models(error) => error.into(),
            OpenError::TimeZone(_) => Self::new(Kind::Configuration, error.to_string()),
            OpenError::Component(_) => Self::failed(error.to_string())
                .hint("nothing is served without it: mend it, or take it out of components.load"),
            _ => Self::failed(error.to_string()).hint("`openclaw doctor` says more"),
        }
    }
}

impl From<RateCardError> for CliError {
    fn from(error: RateCardError) -> Self {
        match error {
            RateCardError::Wrong(errors) => errors.into(),
            RateCardError::Unreadable { .. } => Self::new(Kind::Configuration, error.to_string()),
        }
    }
}

impl From<CatalogError> for CliError {
    fn from(error: CatalogError) -> Self {
        Self::new(Kind::Configuration, error.to_string())
    }
}

impl From<TlsError> for CliError {
    fn from(error: TlsError) -> Self {
        Self::new(Kind::Configuration, error.to_string())
            .hint("cert_file holds the chain, the gateway's own certificate first, and key_file its key")
    }
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<ConfigErrors> for CliError {
    fn from(ConfigErrors(errors): ConfigErrors) -> Self {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let message = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("the configuration has {} errors:\n  {}", many.len(), many.join("\n  ")),
        };
        let details: Vec<Value> = errors
            .iter()
            .map(|error| {
                let file = match &error.source_of {
                    Source::File { name, .. } => Some(name),
                    _ => None,
                };
                json!({
                    "source": error.source_of.to_string(),
                    "file": file,
                    "line": error.position().map(|at| at.line),
                    "column": error.position().map(|at| at.column),
                    "key": error.key.to_string(),
                    "message": error.message,
                    "suggestion": error.suggestion,
                })
            })
            .collect();
        let mut failure = Self::new(Kind::Configuration, message);
        failure.details = Some(details.into());
        failure.hint("`openclaw config schema` lists every key, `openclaw config explain KEY` one of them")
    }
}

#[cfg(test)]
mod tests;
