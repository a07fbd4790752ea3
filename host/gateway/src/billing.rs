//! `billing.*`: the operator's questions to the ledger, of one tenant or of all.

use std::{str::FromStr, sync::LazyLock};

use jiff::Timestamp;
use openclaw_billing::{CallId, Query, ReportSpan, RollupUnit, Table};
use openclaw_tenancy::TenantId;
use serde_json::{Value, json};

use crate::{Gateway, discover::closed_object, reply::Problem, schemas::Schemas};

/// A question to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BillingMethod {
    Report,
    Summary,
    Rollup,
    Explain,
    Rerate,
}

impl BillingMethod {
    pub(crate) const ALL: [Self; 5] = [Self::Report, Self::Summary, Self::Rollup, Self::Explain, Self::Rerate];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Report => "billing.report",
            Self::Summary => "billing.summary",
            Self::Rollup => "billing.rollup",
            Self::Explain => "billing.explain",
            Self::Rerate => "billing.rerate",
        }
    }

    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::Report => "What models cost in a period: a line each tenant, provider, model and card, or each call.",
            Self::Summary => "What each tenant used in a period: models, sandboxes, tools and storage.",
            Self::Rollup => "What models cost by hour, day or month, tenant and agent.",
            Self::Explain => "Which prices make up the cost of one call.",
            Self::Rerate => "What the calls of a period would cost by the rate card in force; changes nothing.",
        }
    }

    pub(crate) fn params(self) -> Value {
        let text = json!({ "type": "string" });
        let format = json!({ "enum": ["json", "csv", "table"] });
        let mut properties = json!({ "tenantId": text, "period": text, "format": format });
        let required = match self {
            Self::Report => {
                properties["calls"] = json!({ "type": "boolean" });
                json!([])
            }
            Self::Rollup => {
                properties["unit"] = json!({ "enum": ["hour", "day", "month"] });
                json!([])
            }
            Self::Explain => {
                properties = json!({ "id": text, "format": format });
                json!(["id"])
            }
            Self::Summary | Self::Rerate => json!([]),
        };
        closed_object(&properties, &required)
    }

    /// The rows, or a text of them in the format that was asked for.
    pub(crate) fn result() -> Value {
        let row = json!({ "type": "object" });
        let properties = json!({
            "columns": { "type": "array", "items": { "type": "string" } },
            "rows": { "type": "array", "items": row },
            "content": { "type": "string" },
        });
        closed_object(&properties, &json!(["columns", "rows"]))
    }

    fn check(self, params: &Value) -> Result<(), Problem> {
        static SCHEMAS: LazyLock<Schemas<BillingMethod>> =
            LazyLock::new(|| Schemas::compile(BillingMethod::ALL.map(|method| (method, method.params()))));
        SCHEMAS.check(&self, params)
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Json,
    Csv,
    Text,
}

impl Format {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "table" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Answers one for the operator, as the result's JSON.
pub(crate) async fn call(gateway: &Gateway, method: BillingMethod, params: &Value) -> Result<String, Problem> {
    method.check(params)?;
    let ledger = &gateway.services().usage;
    let asked = query(gateway, params)?;
    let table = match method {
        BillingMethod::Report if params["calls"] == true => ledger.calls(&asked).await,
        BillingMethod::Report => ledger.report(&asked).await,
        BillingMethod::Summary => ledger.summary(&asked).await,
        BillingMethod::Rollup => ledger.rollup(&asked, unit(&params["unit"])).await,
        BillingMethod::Explain => return explain(gateway, params).await,
        BillingMethod::Rerate => ledger.rerate(&asked, &ledger.rate_card()).await,
    };
    Ok(written(&table.map_err(Problem::internal)?, params))
}

/// What is asked about: `tenantId` and `period`.
pub(crate) fn query(gateway: &Gateway, params: &Value) -> Result<Query, Problem> {
    let tenant = match params["tenantId"].as_str() {
        // A tenant that is not there has no usage: a mistyped name must not look like one.
        Some(id) => Some(gateway.tenant(id)?.id.clone()),
        None => None,
    };
    query_of(gateway, tenant, params["period"].as_str())
}

pub(crate) fn query_of(gateway: &Gateway, tenant: Option<TenantId>, period: Option<&str>) -> Result<Query, Problem> {
    let span = period.map_or(Ok(ReportSpan::CurrentMonth), ReportSpan::from_str);
    Ok(Query {
        tenant,
        span: span.map_err(|error| Problem::params(format!("period: {error}")))?,
        now: Timestamp::now(),
        currency: gateway.config().billing.currency.clone(),
        most_lines: None,
    })
}

fn unit(name: &Value) -> RollupUnit {
    match name.as_str() {
        Some("hour") => RollupUnit::Hour,
        Some("month") => RollupUnit::Month,
        _ => RollupUnit::Day,
    }
}

const NO_CALL_ID: &str = "id is not the id of a call, a ULID of 26 letters and digits: \
                          `openclaw billing report --calls` has it as request_id, a model's reply in the header \
                          x-openclaw-call-id";

async fn explain(gateway: &Gateway, params: &Value) -> Result<String, Problem> {
    let id: CallId = params["id"].as_str().unwrap_or_default().parse().map_err(|_| Problem::params(NO_CALL_ID))?;
    let found = gateway.services().usage.explain(id).await.map_err(Problem::internal)?;
    let explained = found.ok_or_else(|| Problem::not_found(format!("there is no call {id}")))?;
    Ok(written(&explained.to_table(), params))
}

fn written(table: &Table, params: &Value) -> String {
    let format = params["format"].as_str().and_then(Format::named).unwrap_or_default();
    let content = match format {
        Format::Json => return json!({ "columns": table.columns(), "rows": table.to_json() }).to_string(),
        Format::Csv => String::from_utf8_lossy(&table.to_csv()).into_owned(),
        Format::Text => table.to_text(),
    };
    json!({ "columns": table.columns(), "rows": [], "content": content }).to_string()
}
