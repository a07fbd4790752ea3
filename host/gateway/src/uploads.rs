//! `POST /v1/uploads` and `PUT /v1/tenants/{id}/components/{family}`: files
//! that are too large for a JSON body, written to disk as they come.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{post, put},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use openclaw_runtime::{Based, BindingScope, ChangeError, Digest, Install, Scope, Upload, UploadError};
use openclaw_tenancy::TenantRecord;
use serde_json::{Value, json};

use crate::{
    Gateway,
    auth::Identity,
    components,
    http::{Peer, RequestId, announced, refuse},
    reply::Problem,
};

/// What is gathered of a body before it is written.
const CHUNK_BYTES: usize = 1 << 20;

/// The longest that an upload may take, however steadily it comes.
const UPLOAD_TIME: Duration = Duration::from_secs(600);

/// What a component is granted: texts of grants, separated by commas.
const GRANTS: &str = "x-openclaw-grants";

/// The text of its `.minisig` file, in base64.
const SIGNATURE: &str = "x-openclaw-signature";

/// The percentage of the calls that it takes.
const CANARY: &str = "x-openclaw-canary-percent";

pub(crate) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/v1/uploads", post(upload))
        .route("/v1/tenants/{tenant}/components/{family}", put(put_component))
}

/// A request's head, with who makes it.
struct Asked {
    identity: Identity,
    headers: HeaderMap,
    id: Arc<str>,
}

impl Gateway {
    fn asked(&self, parts: &Parts) -> Result<Asked, Problem> {
        let id = parts.extensions.get::<RequestId>().map_or_else(|| "".into(), |id| id.0.clone());
        // The listeners put it there; without one nobody is known.
        let peer = parts.extensions.get::<Peer>().copied().ok_or_else(|| Problem::unauthorized("nobody is known"))?;
        let identity = self.identify(peer, &parts.headers)?;
        if identity.caller.may(Scope::Write) {
            return Ok(Asked { identity, headers: parts.headers.clone(), id });
        }
        Err(Problem::forbidden("an upload needs the scope write, which this request does not carry"))
    }

    /// Writes a body where it can be installed from; answers its digest and bytes.
    async fn stage(
        &self,
        asked: &Asked,
        tenant: Option<Arc<TenantRecord>>,
        body: &mut Body,
    ) -> Result<(Digest, u64), Problem> {
        let _share = self.bodies.take(&asked.identity, CHUNK_BYTES as u64)?;
        let failed = |error| problem(error, &asked.id);
        if announced(&asked.headers).is_some_and(|bytes| bytes as u64 > openclaw_runtime::UPLOAD_BYTES) {
            return Err(failed(UploadError::TooLarge));
        }
        let patience = Duration::from_secs(self.config().gateway.limits.request_seconds);
        let mut upload = Upload::begin(&self.services, tenant).await.map_err(failed)?;
        let mut stream = std::mem::take(body).into_data_stream();
        let taken = tokio::time::timeout(UPLOAD_TIME, take_in(&mut upload, &mut stream, patience, &asked.id)).await;
        // What is left of it is for the refusal to take in.
        *body = Body::from_stream(stream);
        let digest = upload.digest();
        let sound = taken.map_err(|_| late()).flatten().and_then(|()| expect(&asked.headers, digest));
        if let Err(problem) = sound {
            upload.discard().await;
            return Err(problem);
        }
        Ok((digest, upload.finish().await.map_err(failed)?))
    }

    /// Stages bytes that are in memory: for a command that has the gateway to itself.
    pub async fn stage_bytes(&self, acting_for: Option<&str>, bytes: Vec<u8>) -> Result<(), String> {
        let tenant = acting_for.map(|id| self.tenant(id)).transpose().map_err(|problem| problem.message)?;
        let mut upload = Upload::begin(&self.services, tenant).await.map_err(|error| error.to_string())?;
        upload.write(bytes).await.map_err(|error| error.to_string())?;
        upload.finish().await.map(drop).map_err(|error| error.to_string())
    }
}

async fn take_in(
    upload: &mut Upload,
    stream: &mut BodyDataStream,
    patience: Duration,
    request_id: &str,
) -> Result<(), Problem> {
    let mut gathered = Vec::new();
    while let Some(chunk) = tokio::time::timeout(patience, stream.next()).await.map_err(|_| late())? {
        let chunk = chunk.map_err(|error| broken(&error.to_string()))?;
        gathered.extend_from_slice(&chunk);
        if gathered.len() >= CHUNK_BYTES {
            upload.write(std::mem::take(&mut gathered)).await.map_err(|error| problem(error, request_id))?;
        }
    }
    upload.write(gathered).await.map_err(|error| problem(error, request_id))
}

/// `POST /v1/uploads`
async fn upload(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let staged = async {
        let asked = gateway.asked(&parts)?;
        let own = gateway.admit(&asked.identity, &asked.id).await?;
        let named = asked.identity.acting_for.as_deref().map(|id| gateway.tenant(id)).transpose()?;
        gateway.stage(&asked, own.or(named), &mut body).await
    };
    match staged.await {
        Ok((digest, bytes)) => {
            let digest = digest.to_string();
            let answer = json!({ "uploadId": digest, "sha256": digest, "sizeBytes": bytes });
            (StatusCode::CREATED, axum::Json(answer)).into_response()
        }
        Err(problem) => refused(&gateway, problem, &parts.extensions, body).await,
    }
}

/// `PUT /v1/tenants/{id}/components/{family}`
async fn put_component(
    State(gateway): State<Arc<Gateway>>,
    Path((tenant, family)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, mut body) = request.into_parts();
    match install(&gateway, &parts, (&tenant, family), &mut body).await {
        Ok((status, row)) => {
            let tag = format!("\"{}\"", row["digest"].as_str().unwrap_or_default());
            (status, [(header::ETAG, tag)], axum::Json(row)).into_response()
        }
        Err(problem) => refused(&gateway, problem, &parts.extensions, body).await,
    }
}

async fn install(
    gateway: &Gateway,
    parts: &Parts,
    (tenant, family): (&str, String),
    body: &mut Body,
) -> Result<(StatusCode, Value), Problem> {
    let asked = gateway.asked(parts)?;
    if !asked.identity.caller.is_operator() {
        return Err(Problem::forbidden("this is the operator's: a tenant calls components.install"));
    }
    let based_on = based_on(&asked.headers)?;
    let tenant = gateway.tenant(tenant)?;
    let texts = text(&asked.headers, GRANTS)?;
    let grants = texts.map(|texts| texts.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned));
    let canary = text(&asked.headers, CANARY)?.map(str::parse::<u8>).transpose();
    let canary = canary.ok().filter(|percent| percent.is_none_or(|percent| (1..=99).contains(&percent)));
    let canary_percent = canary.ok_or_else(|| Problem::params(format!("{CANARY} is 1 to 99")))?;
    let signature = signature(&asked.headers)?;
    let (digest, bytes) = gateway.stage(&asked, Some(tenant.clone()), body).await?;
    let _share = gateway.bodies.take(&asked.identity, bytes)?;
    let wasm = gateway.services.upload(Some(tenant.clone()), digest).await;
    let installed = match wasm {
        Ok(wasm) => {
            let install = Install {
                scope: BindingScope::Tenant(tenant.id.clone()),
                tenant: Some(tenant.clone()),
                actor: asked.identity.caller.actor.clone(),
                wasm: wasm.into(),
                family: Some(family),
                grants: grants.map(Iterator::collect),
                expect_digest: Some(digest),
                signature,
                canary_percent,
                based_on: Some(based_on),
            };
            gateway.runtime().plugins().install(install).await.map_err(|error| changed(error, &asked.id))
        }
        Err(error) => Err(problem(error, &asked.id)),
    };
    gateway.services.forget_upload(Some(tenant), digest).await;
    let installed = installed?;
    let status = if installed.previous.is_none() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, components::answer::installed(&installed)))
}

/// What the client believes to be active: `If-Match: "sha256:…"` or `*`, or `If-None-Match: *` for nothing.
fn based_on(headers: &HeaderMap) -> Result<Based, Problem> {
    let tag = |name: &str| Ok::<_, Problem>(text(headers, name)?.map(|tag| tag.trim_matches('"')));
    match (tag("if-match")?, tag("if-none-match")?) {
        (Some("*"), None) => Ok(Based::Anything),
        (Some(digest), None) => digest
            .parse()
            .map(Based::On)
            .map_err(|_| Problem::conflict("If-Match names no version").status(StatusCode::PRECONDITION_FAILED)),
        (None, Some("*")) => Ok(Based::Nothing),
        _ => {
            let message = "say what this is based on: If-Match with the active digest or *, or If-None-Match: *";
            Err(Problem::request(message).status(StatusCode::PRECONDITION_REQUIRED))
        }
    }
}

fn expect(headers: &HeaderMap, found: Digest) -> Result<(), Problem> {
    match content_digest(headers)? {
        Some(expected) if expected != found => Err(Problem::params(format!("the bytes are {found}, not {expected}"))),
        _ => Ok(()),
    }
}

/// RFC 9530: `Content-Digest: sha-256=:…:`.
fn content_digest(headers: &HeaderMap) -> Result<Option<Digest>, Problem> {
    let Some(listed) = text(headers, "content-digest")? else { return Ok(None) };
    let sha256 = listed.split(',').find_map(|item| item.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    let Some(sha256) = sha256 else { return Ok(None) };
    let bytes = STANDARD.decode(sha256).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes
        .map(|bytes| Some(bytes.into()))
        .ok_or_else(|| Problem::params("Content-Digest: sha-256 is :32 bytes in base64:"))
}

fn signature(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(encoded) = text(headers, SIGNATURE)? else { return Ok(None) };
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map(Some).ok_or_else(|| Problem::params(format!("{SIGNATURE} is the text of a .minisig file in base64")))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let text = headers.get(name).map(|value| value.to_str());
    text.transpose().map_err(|_| Problem::params(format!("the header {name} is not plain text")))
}

/// What the client is told of an upload that was not taken or is not there.
pub(crate) fn problem(error: UploadError, request_id: &str) -> Problem {
    let message = error.to_string();
    match error {
        UploadError::TooLarge => Problem::request(message).status(StatusCode::PAYLOAD_TOO_LARGE),
        UploadError::TooMany => Problem::conflict(message),
        UploadError::NotFound(_) => Problem::not_found(message),
        UploadError::Quota(refusal) => Problem::quota(&refusal, request_id),
        UploadError::Internal(error) => Problem::internal(error),
    }
}

fn changed(error: ChangeError, request_id: &str) -> Problem {
    let stale = matches!(error, ChangeError::Stale { .. });
    let problem = components::problem(error, request_id);
    if stale { problem.status(StatusCode::PRECONDITION_FAILED) } else { problem }
}

fn late() -> Problem {
    Problem::request("the body did not come in time").status(StatusCode::REQUEST_TIMEOUT)
}

fn broken(reason: &str) -> Problem {
    Problem::request(format!("the body could not be read: {reason}")).status(StatusCode::BAD_REQUEST)
}

/// Takes in what is left of the body and answers with a problem of RFC 9457.
async fn refused(gateway: &Gateway, problem: Problem, extensions: &Extensions, rest: Body) -> Response {
    let id = extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_else(|| "".into());
    let status = match (problem.status, problem.number) {
        (StatusCode::OK, -32003) => StatusCode::FORBIDDEN,
        (StatusCode::OK, -32004) => StatusCode::NOT_FOUND,
        (StatusCode::OK, -32009) => StatusCode::CONFLICT,
        (StatusCode::OK, -32602) => StatusCode::UNPROCESSABLE_ENTITY,
        (StatusCode::OK, -32010) => StatusCode::SERVICE_UNAVAILABLE,
        (StatusCode::OK, -32603) => StatusCode::INTERNAL_SERVER_ERROR,
        (StatusCode::OK, _) => StatusCode::BAD_REQUEST,
        (status, _) => status,
    };
    if let Some(detail) = &problem.log {
        tracing::warn!(request_id = &*id, code = problem.code, detail, "failed");
    }
    let mut members = problem.data.clone();
    members.insert("type".into(), "about:blank".into());
    members.insert("title".into(), status.canonical_reason().unwrap_or_default().into());
    members.insert("status".into(), status.as_u16().into());
    members.insert("detail".into(), problem.message.as_str().into());
    members.insert("request_id".into(), Value::from(&*id));
    let (mut head, _) = refuse(gateway, &problem, &id, rest).await.into_parts();
    head.status = status;
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(Value::Object(members).to_string()))
}
