//! `POST /v1/uploads` and `PUT /v1/tenants/{id}/components/{family}`: files
//! that are too large for a JSON body, written to disk as they come.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, BodyDataStream},
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
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
    auth::{Identity, single, take_control_plane_token},
    components,
    http::{Peer, RequestId, announced, discard, refuse_as_problem},
    in_flight::Share,
    reply::Problem,
};

/// What is gathered of a body before it is written.
const CHUNK_BYTES: usize = 1 << 20;

/// The longest that an upload may take, however steadily it comes.
const UPLOAD_TIME: Duration = Duration::from_secs(600);

/// Under which name the log and the counters have the operator's installing by HTTP.
const PUT_COMPONENT: &str = "PUT /v1/tenants/{id}/components/{family}";

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

/// A request that may send its body.
struct Asked {
    identity: Identity,
    id: Arc<str>,
    /// What its bytes are said to be.
    expected: Option<Digest>,
    _share: Share,
}

/// What the head of a PUT says of the component that follows.
struct Wanted {
    tenant: Arc<TenantRecord>,
    family: String,
    grants: Option<Vec<String>>,
    signature: Option<String>,
    canary_percent: Option<u8>,
    based_on: Based,
}

impl Gateway {
    fn asked(&self, peer: Peer, headers: &HeaderMap, id: &Arc<str>) -> Result<Asked, Problem> {
        let identity = self.identify(peer, headers)?;
        if !identity.caller.may(Scope::Write) {
            return Err(Problem::missing_scope("an upload", Scope::Write));
        }
        if announced(headers).is_some_and(|bytes| bytes as u64 > openclaw_runtime::UPLOAD_BYTES) {
            return Err(Problem::of_upload(UploadError::TooLarge, id));
        }
        let share = self.bodies.take(&identity, CHUNK_BYTES as u64)?;
        Ok(Asked { identity, id: id.clone(), expected: content_digest(headers)?, _share: share })
    }

    /// Writes a body where it can be installed from; answers its digest and bytes.
    async fn stage(
        &self,
        asked: &Asked,
        tenant: Option<Arc<TenantRecord>>,
        body: &mut Body,
    ) -> Result<(Digest, u64), Problem> {
        let failed = |error| Problem::of_upload(error, &asked.id);
        let patience = Duration::from_secs(self.config().gateway.limits.request_seconds);
        let mut upload = Upload::begin(&self.services, tenant).await.map_err(failed)?;
        let mut stream = std::mem::take(body).into_data_stream();
        let taken = tokio::time::timeout(UPLOAD_TIME, take_in(&mut upload, &mut stream, patience, &asked.id)).await;
        // What is left of it is for the refusal to take in.
        *body = Body::from_stream(stream);
        let digest = upload.digest();
        let sound = taken.map_err(|_| Problem::late_body()).flatten().and_then(|()| expect(asked.expected, digest));
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
    while let Some(chunk) = tokio::time::timeout(patience, stream.next()).await.map_err(|_| Problem::late_body())? {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(request_id, %error, "a file could not be read to its end");
            Problem::broken_body()
        })?;
        gathered.extend_from_slice(&chunk);
        if gathered.len() >= CHUNK_BYTES {
            upload.write(std::mem::take(&mut gathered)).await.map_err(|error| Problem::of_upload(error, request_id))?;
        }
    }
    upload.write(gathered).await.map_err(|error| Problem::of_upload(error, request_id))
}

/// `POST /v1/uploads`
async fn upload(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let (parts, mut body) = request.into_parts();
    let place = async {
        let asked = gateway.asked(peer, &parts.headers, &id)?;
        let own = gateway.admit(&asked.identity, &id).await?;
        let named = asked.identity.acting_for.as_deref().map(|id| gateway.tenant(id)).transpose()?;
        Ok((asked, own.or(named)))
    };
    let (asked, tenant) = match place.await {
        Ok(place) => place,
        Err(problem) => return refuse_as_problem(&gateway, &problem, &id, body).await,
    };
    let staged = gateway.stage(&asked, tenant.clone(), &mut body);
    match gateway.answered(&asked.identity, tenant.as_deref(), "POST /v1/uploads", &id, staged).await {
        Ok((digest, bytes)) => {
            let digest = digest.to_string();
            let answer = json!({ "uploadId": digest, "sha256": digest, "sizeBytes": bytes });
            (StatusCode::CREATED, axum::Json(answer)).into_response()
        }
        Err(problem) => failed(&problem, &id, body).await,
    }
}

/// `PUT /v1/tenants/{id}/components/{family}`
async fn put_component(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(RequestId(id)): Extension<RequestId>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (mut parts, mut body) = request.into_parts();
    let taken = take_control_plane_token(&mut parts.headers);
    let allowed = taken.and_then(|()| gateway.asked(peer, &parts.headers, &id)).and_then(|asked| {
        let wanted = wanted(&gateway, &asked, path, &parts.headers)?;
        Ok((asked, wanted))
    });
    let (asked, wanted) = match allowed {
        Ok(allowed) => allowed,
        Err(problem) => return refuse_as_problem(&gateway, &problem, &id, body).await,
    };
    let tenant = wanted.tenant.clone();
    let installed = install(&gateway, &asked, wanted, &mut body);
    match gateway.answered(&asked.identity, Some(&tenant), PUT_COMPONENT, &id, installed).await {
        Ok((status, row)) => {
            let tag = format!("\"{}\"", row["digest"].as_str().unwrap_or_default());
            (status, [(header::ETAG, tag)], axum::Json(row)).into_response()
        }
        Err(problem) => failed(&problem, &id, body).await,
    }
}

/// Answers once what is left of the body is in, so that whoever sends it reads why.
async fn failed(problem: &Problem, request_id: &str, rest: Body) -> Response {
    discard(rest).await;
    problem.response(request_id)
}

fn wanted(
    gateway: &Gateway,
    asked: &Asked,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: &HeaderMap,
) -> Result<Wanted, Problem> {
    let Path((tenant, family)) = path.map_err(|_| Problem::request("the path is not UTF-8"))?;
    if !asked.identity.caller.is_operator() {
        return Err(Problem::forbidden("this is the operator's: a tenant calls components.install"));
    }
    let based_on = based_on(headers)?;
    let tenant = gateway.tenant(&tenant)?;
    let texts = single(headers, GRANTS)?;
    let grants = texts.map(|texts| texts.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned));
    let canary = single(headers, CANARY)?.map(str::parse::<u8>).transpose();
    let canary = canary.ok().filter(|percent| percent.is_none_or(|percent| (1..=99).contains(&percent)));
    Ok(Wanted {
        tenant,
        family,
        grants: grants.map(Iterator::collect),
        signature: signature(headers)?,
        canary_percent: canary.ok_or_else(|| Problem::params(format!("{CANARY} is 1 to 99")))?,
        based_on,
    })
}

async fn install(
    gateway: &Gateway,
    asked: &Asked,
    wanted: Wanted,
    body: &mut Body,
) -> Result<(StatusCode, Value), Problem> {
    let Wanted { tenant, family, grants, signature, canary_percent, based_on } = wanted;
    let (digest, bytes) = gateway.stage(asked, Some(tenant.clone()), body).await?;
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
                grants,
                expect_digest: Some(digest),
                signature,
                canary_percent,
                based_on: Some(based_on),
            };
            gateway.runtime().plugins().install(install).await.map_err(|error| changed(error, &asked.id))
        }
        Err(error) => Err(Problem::of_upload(error, &asked.id)),
    };
    gateway.services.forget_upload(Some(tenant), digest).await;
    let installed = installed?;
    let status = if installed.previous.is_none() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, components::answer::installed(&installed)))
}

/// What the client believes to be active: `If-Match: "sha256:…"` or `*`, or `If-None-Match: *` for nothing.
fn based_on(headers: &HeaderMap) -> Result<Based, Problem> {
    let tag = |name: &str| Ok::<_, Problem>(single(headers, name)?.map(|tag| tag.trim_matches('"')));
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

fn expect(expected: Option<Digest>, found: Digest) -> Result<(), Problem> {
    match expected {
        Some(expected) if expected != found => Err(Problem::params(format!("the bytes are {found}, not {expected}"))),
        _ => Ok(()),
    }
}

/// RFC 9530: `Content-Digest: sha-256=:…:`.
fn content_digest(headers: &HeaderMap) -> Result<Option<Digest>, Problem> {
    let Some(listed) = single(headers, "content-digest")? else { return Ok(None) };
    let sha256 = listed.split(',').find_map(|item| item.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    let Some(sha256) = sha256 else { return Ok(None) };
    let bytes = STANDARD.decode(sha256).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes
        .map(|bytes| Some(bytes.into()))
        .ok_or_else(|| Problem::params("Content-Digest: sha-256 is :32 bytes in base64:"))
}

fn signature(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(encoded) = single(headers, SIGNATURE)? else { return Ok(None) };
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map(Some).ok_or_else(|| Problem::params(format!("{SIGNATURE} is the text of a .minisig file in base64")))
}

fn changed(error: ChangeError, request_id: &str) -> Problem {
    let stale = matches!(error, ChangeError::Stale { .. });
    let problem = Problem::of_change(error, request_id);
    if stale { problem.status(StatusCode::PRECONDITION_FAILED) } else { problem }
}
