//! The one place where failures become replies.
//!
//! What the client reads and what the log gets are different things: a
//! [`Problem`] holds the client's half, and its `log` the other.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use openclaw_billing::{Refusal as QuotaRefusal, ReserveError};
use openclaw_fetch::FetchError;
use openclaw_models::{ModelError, ProviderError};
use openclaw_runtime::{CallError, ChangeError, Failure, LoadError, Refusal, Scope, UploadError};
use openclaw_tenancy::{QuotaError, RegistryError};
use serde_json::{Map, Value, value::RawValue};

/// When it is worth trying again to install, where another component of the tenant is being compiled.
const COMPILING_MS: u32 = 2000;

/// When it is worth asking again who did not answer with a component.
const FETCH_MS: u32 = 5000;

/// When it is worth trying again where the gateway closes: whoever starts it takes that long.
const CLOSING_MS: u32 = 1000;

/// Seconds that it is worth to wait for within one request.
const RETRIES_WITHIN: u64 = 60;

/// `error.data.reason` of a method that is there, but for the operator only.
pub const OPERATOR_ONLY: &str = "operator_only";

/// `error.data.reason` of a request by which a tenant named another one.
pub const ANOTHER_TENANT: &str = "another_tenant";

/// A failure in the words of the contract.
#[derive(Debug)]
pub(crate) struct Problem {
    /// JSON-RPC's number.
    pub(crate) number: i32,
    /// `error.data.code`.
    pub(crate) code: &'static str,
    /// One sentence for the client.
    pub(crate) message: String,
    /// More members of `error.data`.
    pub(crate) data: Map<String, Value>,
    /// Of the HTTP response, where this is the whole of it.
    pub(crate) status: StatusCode,
    /// Response headers, likewise.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// For the log alone.
    pub(crate) log: Option<String>,
}

impl Problem {
    pub(crate) fn new(number: i32, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            number,
            code,
            message: message.into(),
            data: Map::new(),
            status: StatusCode::OK,
            headers: Vec::new(),
            log: None,
        }
    }

    pub(crate) fn parse(message: impl Into<String>) -> Self {
        Self::new(-32700, "INVALID_REQUEST", message)
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(-32600, "INVALID_REQUEST", message)
    }

    pub(crate) fn method(message: impl Into<String>) -> Self {
        Self::new(-32601, "INVALID_REQUEST", message)
    }

    /// A body that was not sent whole in time.
    pub(crate) fn late_body() -> Self {
        Self::request("the body did not come in time").status(StatusCode::REQUEST_TIMEOUT)
    }

    /// A body whose end was not to be read.
    pub(crate) fn broken_body() -> Self {
        Self::request("the body could not be read to its end").status(StatusCode::BAD_REQUEST)
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self::new(-32602, "INVALID_REQUEST", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(-32003, "FORBIDDEN", message)
    }

    /// A tenant named another one, whether or not that one exists.
    pub(crate) fn another_tenants() -> Self {
        Self::forbidden("a tenant's token reaches its own tenant alone").with("reason", ANOTHER_TENANT.into())
    }

    /// The caller is a tenant, and the method is there, but for the operator only.
    pub(crate) fn operators_alone(method: &str) -> Self {
        Self::method(format!("method not available for tenant token: {method}")).with("reason", OPERATOR_ONLY.into())
    }

    /// The request carries less than the method, or what else is asked for, needs.
    pub(crate) fn missing_scope(wanted: &str, scope: Scope) -> Self {
        let message = format!("{wanted} needs the scope {}, which this request does not carry", scope.name());
        Self::forbidden(message).with("scope", scope.name().into())
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(-32004, "NOT_FOUND", message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(-32009, "CONFLICT", message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(-32001, "UNAUTHORIZED", message)
            .status(StatusCode::UNAUTHORIZED)
            .header("www-authenticate", "Bearer realm=\"openclaw\"".into())
    }

    /// The token was good, and is so no more.
    pub(crate) fn ended_token() -> Self {
        Self::unauthorized("the token was rotated, or its tenant disabled or deleted, meanwhile")
    }

    pub(crate) fn internal(log: impl ToString) -> Self {
        let problem =
            Self::new(-32603, "INTERNAL", "the gateway could not do this: its log has more under this request id");
        Self { log: Some(log.to_string()), ..problem }
    }

    /// What is damaged is not mended by trying again: then nobody is told to.
    pub(crate) fn unavailable(message: impl Into<String>, retry_after_ms: Option<u32>) -> Self {
        let problem = Self::new(-32010, "UNAVAILABLE", message).with("retryable", retry_after_ms.is_some().into());
        match retry_after_ms {
            Some(wait) => {
                problem.with("retryAfterMs", wait.into()).header("retry-after", wait.div_ceil(1000).max(1).to_string())
            }
            None => problem,
        }
    }

    pub(crate) fn rate_limited(message: &str, seconds: u64) -> Self {
        Self::new(-32029, "RATE_LIMITED", message)
            .status(StatusCode::TOO_MANY_REQUESTS)
            .with("retryAfterMs", (seconds * 1000).into())
            .header("retry-after", seconds.to_string())
    }

    pub(crate) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn with(mut self, member: &str, value: Value) -> Self {
        self.data.insert(member.into(), value);
        self
    }

    /// A JSON-RPC reply with this as its error.
    pub(crate) fn reply(&self, id: Option<&RawValue>, request_id: &str) -> String {
        let mut data = self.data.clone();
        data.insert("code".into(), self.code.into());
        data.insert("requestId".into(), request_id.into());
        let error = serde_json::json!({ "code": self.number, "message": self.message, "data": data });
        format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.map_or("null", RawValue::get))
    }

    /// The status of a response that holds no JSON-RPC, which has errors under the status 200.
    pub(crate) fn http_status(&self) -> StatusCode {
        match (self.status, self.number) {
            (StatusCode::OK, -32003) => StatusCode::FORBIDDEN,
            (StatusCode::OK, -32004) => StatusCode::NOT_FOUND,
            (StatusCode::OK, -32009) => StatusCode::CONFLICT,
            (StatusCode::OK, -32602) => StatusCode::UNPROCESSABLE_ENTITY,
            (StatusCode::OK, -32010) => StatusCode::SERVICE_UNAVAILABLE,
            (StatusCode::OK, -32603 | -32020) => StatusCode::INTERNAL_SERVER_ERROR,
            (StatusCode::OK, _) => StatusCode::BAD_REQUEST,
            (status, _) => status,
        }
    }

    /// A response of RFC 9457, with the contract's word for it as `code`.
    pub(crate) fn response(&self, request_id: &str) -> Response {
        let status = self.http_status();
        let mut members = self.data.clone();
        members.insert("type".into(), "about:blank".into());
        members.insert("title".into(), status.canonical_reason().unwrap_or("Refused").into());
        members.insert("status".into(), status.as_u16().into());
        members.insert("detail".into(), self.message.as_str().into());
        members.insert("code".into(), self.code.into());
        members.insert("request_id".into(), request_id.into());
        let kind = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
        let mut response = (status, kind, Value::Object(members).to_string()).into_response();
        add_headers(&mut response, &self.headers);
        response
    }

    /// The same as OpenAI's clients read it.
    pub(crate) fn openai_body(&self, request_id: &str) -> Value {
        let mut error = self.data.clone();
        let code = match (error.remove("openai"), self.code, self.http_status().as_u16()) {
            (Some(code), ..) => code,
            (None, "QUOTA_EXCEEDED", _) => "quota_exceeded".into(),
            (None, "RATE_LIMITED", _) => "rate_limit_exceeded".into(),
            (None, "UNAUTHORIZED", _) => "invalid_api_key".into(),
            (None, code, _) => code.to_lowercase().into(),
        };
        let kind = match (self.code, self.http_status().as_u16()) {
            ("QUOTA_EXCEEDED", _) => "insufficient_quota",
            ("RATE_LIMITED", _) => "requests",
            (_, 500..) => "server_error",
            _ => "invalid_request_error",
        };
        error.insert("message".into(), self.message.as_str().into());
        error.insert("type".into(), kind.into());
        error.insert("code".into(), code);
        error.insert("param".into(), Value::Null);
        error.insert("request_id".into(), request_id.into());
        serde_json::json!({ "error": error })
    }

    /// A response in that form.
    pub(crate) fn as_openai(&self, request_id: &str) -> Response {
        let kind = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        let mut response = (self.http_status(), kind, self.openai_body(request_id).to_string()).into_response();
        add_headers(&mut response, &self.headers);
        // Their clients try again at once, which is of no use where it takes a day.
        let waits = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        if waits.and_then(|(_, seconds)| seconds.parse::<u64>().ok()).is_some_and(|seconds| seconds > RETRIES_WITHIN) {
            response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }

    /// The reply to a request that was over a quota or a rate.
    pub(crate) fn quota(refusal: &QuotaRefusal, request_id: &str) -> Self {
        let code = if refusal.quota.starts_with("requests_per_") { "RATE_LIMITED" } else { "QUOTA_EXCEEDED" };
        let room = match refusal.resets_at {
            Some(at) => format!("there is room again at {at}"),
            // Workloads begin though the disk is full.
            None if refusal.quota == "disk_bytes" => "there is room again when something is removed: a command in the \
                 sandbox removes files of the workspace"
                .into(),
            None => "there is room again when something is removed".into(),
        };
        let message = format!("{}: {room}", refusal.said());
        let mut problem = Self::new(-32029, code, message).status(StatusCode::TOO_MANY_REQUESTS);
        if let Value::Object(data) = refusal.to_json(request_id) {
            problem.data = data;
        }
        problem.headers = refusal.headers();
        problem
    }
}

impl Problem {
    /// A model that is not there, or not for this caller: the same words for both.
    pub(crate) fn no_model(name: &str) -> Self {
        let name: String = name.chars().take(128).collect();
        Self::not_found(format!("there is no model {name:?}")).with("openai", "model_not_found".into())
    }

    /// What the client is told of a model that did not answer.
    pub(crate) fn of_model(error: ModelError, request_id: &str) -> Self {
        let message = error.to_string();
        match error {
            ModelError::Unknown(name) => Self::no_model(&name),
            ModelError::Invalid(_) => Self::params(message).status(StatusCode::BAD_REQUEST),
            ModelError::Reserve(ReserveError::Refused(refusal)) => Self::quota(&refusal, request_id),
            ModelError::Reserve(ReserveError::Unpriced(_) | ReserveError::TooLarge(_)) => {
                Self::params(message).status(StatusCode::BAD_REQUEST)
            }
            ModelError::Reserve(ReserveError::Ledger(_)) | ModelError::Settle(_) => Self::internal(message),
            ModelError::Busy => Self::unavailable(message, Some(1000)).status(StatusCode::SERVICE_UNAVAILABLE),
            ModelError::Provider(error) if error.is_of_the_request() => {
                Self::params(message).status(StatusCode::BAD_REQUEST)
            }
            ModelError::Provider(error) => {
                let wait = error.retry_after().map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
                let status = match error {
                    ProviderError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
                    ProviderError::Refused { .. } | ProviderError::Broken { .. } | ProviderError::TooLarge { .. } => {
                        StatusCode::BAD_GATEWAY
                    }
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                Self::unavailable(message, wait).status(status)
            }
        }
    }

    /// The reply to a call that did not end in a result.
    pub(crate) fn of_call(error: CallError, request_id: &str) -> Self {
        match error {
            CallError::Quota(refusal) => Self::quota(&refusal, request_id),
            CallError::InvalidParams(message) => Self::params(message),
            CallError::Refused(refusal) => Self::from(refusal),
            CallError::Failed(failure) | CallError::InnerFailed(failure) => Self::from(failure),
            CallError::Unavailable { message, retry_after_ms } => {
                Self::unavailable(message, retry_after_ms).status(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }

    /// What the client is told of a component that was not changed.
    pub(crate) fn of_change(error: ChangeError, request_id: &str) -> Self {
        let message = error.to_string();
        match error {
            ChangeError::Load(LoadError::NotGranted { missing, .. }) => {
                Self::forbidden(message).with("missing", missing.into())
            }
            ChangeError::Load(
                error @ (LoadError::Engine(_)
                | LoadError::Compiler(_)
                | LoadError::Internal(_)
                | LoadError::Unreadable(_)),
            ) => Self::internal(error),
            ChangeError::Load(LoadError::Busy) => Self::unavailable(message, Some(COMPILING_MS)),
            ChangeError::Load(LoadError::Closing) => Self::unavailable(message, Some(CLOSING_MS)),
            ChangeError::Load(error @ (LoadError::Invalid(_) | LoadError::Damaged(_))) => {
                Self { log: Some(message), ..Self::params(error.for_client()) }
            }
            ChangeError::Signature(_) => Self::forbidden(message),
            ChangeError::Incompatible(differences) => Self::conflict(message).with("differences", differences.into()),
            ChangeError::NotFound(_) => Self::not_found(message),
            ChangeError::TooMany { .. }
            | ChangeError::CanaryAlone
            | ChangeError::CanaryOfActive
            | ChangeError::CanaryMigrates
            | ChangeError::Migration(_)
            | ChangeError::NothingBefore
            | ChangeError::Stale { .. } => Self::conflict(message),
            ChangeError::Digest { .. } | ChangeError::Load(_) | ChangeError::Grant(_) | ChangeError::Family { .. } => {
                Self::params(message)
            }
            ChangeError::Fixture { ref name, .. } => Self::params(message).with("fixture", name.as_str().into()),
            ChangeError::Quota(refusal) => Self::quota(&refusal, request_id),
            ChangeError::Refused(refusal) => Self::from(refusal),
            error @ ChangeError::NotLoaded(_) => Self::internal(error),
            ChangeError::Internal(error) => Self::internal(error),
        }
    }

    /// What the client is told of a component that could not be fetched.
    pub(crate) fn of_fetch(error: FetchError) -> Self {
        let message = error.to_string();
        match error {
            FetchError::Address { .. } => Self::params(message),
            FetchError::Refused { .. } | FetchError::Login(_) => Self::forbidden(message),
            FetchError::NotFound { .. } => Self::not_found(message),
            FetchError::Answered { .. } | FetchError::Unreachable { .. } => Self::unavailable(message, Some(FETCH_MS)),
            FetchError::Here(error) => Self::internal(error),
        }
    }

    /// What the client is told of an upload that was not taken or is not there.
    pub(crate) fn of_upload(error: UploadError, request_id: &str) -> Self {
        let message = error.to_string();
        match error {
            UploadError::TooLarge => Self::request(message).status(StatusCode::PAYLOAD_TOO_LARGE),
            UploadError::TooMany => Self::conflict(message),
            UploadError::NotFound(_) => Self::not_found(message),
            UploadError::Quota(refusal) => Self::quota(&refusal, request_id),
            UploadError::Refused(refusal) => Self::from(refusal),
            UploadError::Internal(error) => Self::internal(error),
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Exists(_) | RegistryError::DirectoryInUse(_) => Self::conflict(error.to_string()),
            RegistryError::NotFound(_) => Self::not_found(error.to_string()),
            RegistryError::DisplayName | RegistryError::Quotas(_) => Self::params(error.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<QuotaError> for Problem {
    fn from(error: QuotaError) -> Self {
        Self::params(error.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let mut problem = match refusal.code.as_str() {
            "INVALID_REQUEST" => Self::params(refusal.message),
            "FORBIDDEN" => Self::forbidden(refusal.message),
            "NOT_FOUND" => Self::not_found(refusal.message),
            "CONFLICT" => Self::conflict(refusal.message),
            "UNAVAILABLE" => Self::unavailable(refusal.message, refusal.retry_after_ms),
            _ => Self::internal(format_args!("a handler answered {}: {}", refusal.code, refusal.message)),
        };
        if problem.code != "INTERNAL" {
            // The handler's members never replace the gateway's own.
            let mut data = refusal.data.unwrap_or_default();
            data.extend(std::mem::take(&mut problem.data));
            problem.data = data;
        }
        problem
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let message = match (failure.limit, failure.reason) {
            (Some(limit), _) => format!("the component broke its limit of {limit}"),
            (None, "invalid-result") => "the component answered something that its own schema forbids".into(),
            (None, _) => "the component failed".into(),
        };
        let mut problem = Self::new(-32020, "COMPONENT_FAILED", message).with("reason", failure.reason.into());
        if let Some(limit) = failure.limit {
            problem = problem.with("limit", limit.name().into());
        }
        Self { log: Some(failure.detail), ..problem }
    }
}

/// Adds a reply's own headers to its response.
pub(crate) fn add_headers(response: &mut Response, headers: &[(&'static str, String)]) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
