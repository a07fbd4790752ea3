//! The measured methods in native Rust, over the same stores.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use openclaw_config::store::{FILE, Place, Snapshot, Subject};
use openclaw_documents::{Database, DatabaseId, Document, Order, Range};
use openclaw_runtime::{Schema, ServicesParts};
use openclaw_tenancy::{Family, TenantDir, TenantId, TenantKey, TenantRecord};
use serde::Serialize;
use serde_json::{Value, json};

use super::bare_sqlite::BareSqlite;

const SESSIONS: &str = "sessions";
const RECENT: u32 = 5;

pub(crate) struct Handlers {
    parts: Arc<ServicesParts>,
    family: Family,
    schemas: HashMap<&'static str, Schema>,
    tenants: Mutex<HashMap<TenantId, Arc<Opened>>>,
    bare: Option<BareSqlite>,
    admin_only_keys: Value,
}

/// What a native server would keep of a tenant between calls.
struct Opened {
    subject: Subject,
    directory: TenantDir,
    key: TenantKey,
    sessions: Database,
}

impl Handlers {
    pub(crate) fn new(parts: Arc<ServicesParts>, bare: bool) -> Result<Self> {
        let closed =
            |properties: Value| json!({ "type": "object", "properties": properties, "additionalProperties": false });
        let text = json!({ "type": "string" });
        let schemas = [
            ("health", closed(json!({ "probe": { "type": "boolean" } }))),
            (
                "sessions.list",
                closed(json!({ "limit": { "type": "integer", "minimum": 1, "maximum": 1000 }, "search": text })),
            ),
            ("config.get", closed(json!({}))),
            ("sessions.create", closed(json!({ "key": text, "label": text, "model": text }))),
        ];
        let compile = |(name, schema)| Ok((name, Schema::compile(schema).map_err(anyhow::Error::msg)?));
        Ok(Self {
            family: SESSIONS.parse()?,
            schemas: schemas.into_iter().map(compile).collect::<Result<_>>()?,
            tenants: Mutex::default(),
            bare: bare.then(|| BareSqlite::new(parts.home.clone())),
            admin_only_keys: json!(openclaw_config::overlay::admin_only_keys()),
            parts,
        })
    }

    pub(crate) async fn call(&self, tenant: &Arc<TenantRecord>, method: &str, params: &str) -> Result<String> {
        let schema = self.schemas.get(method).context("no such method")?;
        let params: Value = serde_json::from_str(params)?;
        schema.check(&params).map_err(anyhow::Error::msg)?;
        if let (Some(bare), "sessions.create") = (&self.bare, method) {
            return bare.create(&tenant.id);
        }
        let opened = self.opened(tenant)?;
        match method {
            "health" => self.health(&opened).await,
            "sessions.list" => self.list(&opened, params["limit"].as_u64().unwrap_or(100)).await,
            "config.get" => self.config(&opened),
            _ => bail!("{method} has no native handler"),
        }
    }

    fn opened(&self, tenant: &Arc<TenantRecord>) -> Result<Arc<Opened>> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = tenants.get(&tenant.id) {
            return Ok(opened.clone());
        }
        let id = DatabaseId { tenant: tenant.id.clone(), family: self.family.clone() };
        let (home, tenant_id, family) = (self.parts.home.clone(), tenant.id.clone(), self.family.clone());
        let place = move || -> Result<_> { Ok(home.tenant_dir(&tenant_id)?.family(&family)?.database) };
        let opened = Arc::new(Opened {
            subject: Subject::Tenant(tenant.id.clone()),
            directory: self.parts.home.tenant_dir(&tenant.id)?,
            key: self.parts.secret_key.tenant_key(&tenant.id, tenant.row),
            sessions: self.parts.documents.database(id, place),
        });
        tenants.insert(tenant.id.clone(), opened.clone());
        Ok(opened)
    }

    fn snapshot(&self, opened: &Opened) -> Arc<Snapshot> {
        let directory = opened.directory.root();
        self.parts.config.snapshot(Place { subject: &opened.subject, directory, key: Some(&opened.key) })
    }

    fn config(&self, opened: &Opened) -> Result<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown<'a> {
            #[serde(flatten)]
            snapshot: &'a Snapshot,
            path: &'a str,
            admin_only_keys: &'a Value,
            is_tenant_overlay: bool,
        }
        let snapshot = self.snapshot(opened);
        Ok(serde_json::to_string(&Shown {
            snapshot: &snapshot,
            path: FILE,
            admin_only_keys: &self.admin_only_keys,
            is_tenant_overlay: true,
        })?)
    }

    async fn list(&self, opened: &Opened, limit: u64) -> Result<String> {
        let limit = u32::try_from(limit)?;
        let page = opened.sessions.scan(SESSIONS, newest(limit + 2)).await?;
        let rows: Vec<&Document> = page
            .documents
            .iter()
            .filter(|row| row.key != "global" && row.key != "unknown")
            .take(limit as usize)
            .collect();
        let agents = self.agents(opened);
        let defaults = agents.get("defaults");
        let model = defaults.and_then(|defaults| defaults.get("model")).and_then(Value::as_str);
        let (provider, model) = match model.map(|model| model.split_once('/').ok_or(model)) {
            Some(Ok((provider, model))) => (Some(provider), Some(model)),
            Some(Err(model)) => (None, Some(model)),
            None => (None, None),
        };
        let context = defaults.and_then(|defaults| defaults.get("contextTokens"));
        let defaults = json!({ "modelProvider": provider, "model": model, "contextTokens": context });
        let mut answer = format!(
            r#"{{"ts":{},"path":"sessions","count":{},"defaults":{defaults},"sessions":["#,
            now_ms(),
            rows.len()
        );
        for (place, row) in rows.iter().enumerate() {
            if place > 0 {
                answer.push(',');
            }
            answer.push_str(std::str::from_utf8(&row.value)?);
        }
        answer.push_str("]}");
        Ok(answer)
    }

    fn agents(&self, opened: &Opened) -> Value {
        self.snapshot(opened).config.get("agents").cloned().unwrap_or_default()
    }

    async fn health(&self, opened: &Opened) -> Result<String> {
        let started = Instant::now();
        let now = now_ms();
        let agents = self.agents(opened);
        let configured = agents.get("list").and_then(Value::as_array).map_or(0, Vec::len);
        ensure!(configured == 0, "the bench's tenant has no agents of its own");
        let count = opened.sessions.count(SESSIONS, "").await?;
        let recent =
            if count == 0 { Vec::new() } else { opened.sessions.scan(SESSIONS, newest(RECENT)).await?.documents };
        // The default agent owns them all, which is known from this count alone.
        opened.sessions.count(SESSIONS, "agent:main:").await?;
        let recent: Vec<Recent> = recent.into_iter().map(|row| Recent::of(row, now)).collect();
        let sessions = Sessions { path: "sessions", count, recent: &recent };
        let health = Health {
            ok: true,
            ts: now,
            channels: Empty {},
            channel_order: [],
            channel_labels: Empty {},
            heartbeat_seconds: 0,
            default_agent_id: "main",
            agents: [Agent {
                agent_id: "main",
                name: "main",
                is_default: true,
                heartbeat: Heartbeat { enabled: false, every: "disabled", every_ms: None },
                sessions,
            }],
            sessions,
            duration_ms: started.elapsed().as_secs_f64() * 1000.0,
        };
        Ok(serde_json::to_string(&health)?)
    }
}

fn newest(limit: u32) -> Range {
    Range { prefix: String::new(), after: None, skip: 0, limit, order: Order::RankDescending }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health<'a> {
    ok: bool,
    ts: u64,
    duration_ms: f64,
    channels: Empty,
    channel_order: [&'a str; 0],
    channel_labels: Empty,
    heartbeat_seconds: u64,
    default_agent_id: &'a str,
    agents: [Agent<'a>; 1],
    sessions: Sessions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Agent<'a> {
    agent_id: &'a str,
    name: &'a str,
    is_default: bool,
    heartbeat: Heartbeat<'a>,
    sessions: Sessions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeat<'a> {
    enabled: bool,
    every: &'a str,
    every_ms: Option<u64>,
}

#[derive(Clone, Copy, Serialize)]
struct Sessions<'a> {
    path: &'a str,
    count: u64,
    recent: &'a [Recent],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recent {
    key: String,
    updated_at: i64,
    age: i64,
}

impl Recent {
    fn of(row: Document, now: u64) -> Self {
        Self { age: now.cast_signed().saturating_sub(row.rank), key: row.key, updated_at: row.rank }
    }
}
