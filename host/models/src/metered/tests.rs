//! Calls against local servers that behave as the public interfaces document, and as they do not.

mod anthropic;
mod money;
mod openai;
mod server;

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use openclaw_billing::{CallId, CallRow, Caller, Limits, Outcome, RateCard, TokenCounts, UsageLedger};
use openclaw_config::File;
use openclaw_control::{ControlDb, Durability};
use openclaw_tenancy::Quotas;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Answer, Ask, Models, Piece};
use crate::error::{ModelError, ProviderError};
use crate::request::Endpoint;
use server::{Server, Step};

const CARD: &str = "small: {input: 1, output: 2}\nlarge: {input: 10, output: 20}\n";

/// Models, and the ledger behind them.
struct World {
    models: Arc<Models>,
    ledger: Arc<UsageLedger>,
    _directory: TempDir,
}

impl World {
    async fn of(providers: &Value) -> Self {
        Self::draining(providers, super::DRAIN).await
    }

    async fn draining(providers: &Value, drain: Duration) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let control = ControlDb::open(&directory.path().join("control.db"), Durability::Process).expect("a database");
        let ledger = Arc::new(UsageLedger::open(control, TimeZone::UTC).expect("a ledger"));
        let card = RateCard::parse(File { name: "card", text: CARD }).expect("a card");
        ledger.set_rate_card(card).await.expect("the card is kept");
        let configured = serde_json::from_value(json!({ "providers": providers })).expect("a configuration");
        let models = Models::new(ledger.clone(), &configured).expect("models");
        Self { models: Arc::new(Models { drain, ..models }), ledger, _directory: directory }
    }

    /// One provider of OpenAI's kind.
    async fn openai(server: &Server) -> Self {
        Self::of(&json!([openai(server)])).await
    }

    async fn ask(&self, body: Value) -> Result<Answer, ModelError> {
        self.ask_at(Endpoint::Chat, body, Quotas::default()).await
    }

    async fn ask_at(&self, endpoint: Endpoint, body: Value, tenant: Quotas) -> Result<Answer, ModelError> {
        let entered = self.models.enter(Self::request(endpoint, body, tenant))?;
        self.models.call(entered.count()?).await
    }

    fn request(endpoint: Endpoint, body: Value, tenant: Quotas) -> Ask {
        let Value::Object(body) = body else { panic!("an object") };
        let caller = Caller {
            tenant: "acme".parse().expect("an id"),
            agent: String::new(),
            session: None,
            run: None,
            component: String::new(),
        };
        let limits = Limits { tenant, ..Limits::default() };
        Ask { caller, limits, method: "test".into(), endpoint, body }
    }

    /// The row of a call, once it is written.
    async fn row(&self, id: CallId) -> CallRow {
        loop {
            if let Some(row) = self.ledger.call(id).await.expect("the ledger is read") {
                return row;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Asks for a whole answer and goes away once the provider has the request.
    async fn ask_and_go(&self, server: &Server) {
        let before = server.received().len();
        let mut asking = std::pin::pin!(self.ask(hi(json!({}))));
        while server.received().len() == before {
            assert!(money::futures_once(asking.as_mut()).await.is_none(), "the provider has not answered");
            tokio::task::yield_now().await;
        }
    }

    /// The rows of all calls, as a report has them.
    async fn calls(&self) -> Value {
        let query = openclaw_billing::Query {
            tenant: None,
            span: "current-month".parse().expect("a span"),
            now: jiff::Timestamp::now(),
            currency: "USD".into(),
            most_lines: None,
        };
        self.ledger.calls(&query).await.expect("the ledger is read").to_json()
    }

    async fn is_sound(&self) {
        assert_eq!(self.ledger.check(None).await.expect("the ledger is read"), []);
    }
}

/// A provider of two models, which is asked with the key `sk-canary`.
fn openai(server: &Server) -> Value {
    json!({ "id": "up", "kind": "openai", "base_url": server.url("/v1"), "api_key": "sk-canary",
        "models": [{"id": "small", "max_output_tokens": 100}, "large"] })
}

fn hi(more: Value) -> Value {
    let mut body = json!({ "model": "small", "messages": [{ "role": "user", "content": "hello world" }] });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

fn tokens(input: u64, output: u64) -> TokenCounts {
    TokenCounts { input_uncached: input, output_text: output, ..TokenCounts::default() }
}

/// What was told: the data of each event or body, and the row or the error at the end.
async fn told(mut answer: Answer) -> (Vec<String>, Result<CallRow, ModelError>) {
    let mut told = Vec::new();
    while let Some(piece) = answer.next().await {
        match piece {
            Ok(Piece::Chunk { data, .. }) => told.extend(data),
            Ok(Piece::Body(body)) => told.push(String::from_utf8_lossy(&body).into_owned()),
            Ok(Piece::End(row)) => return (told, Ok(*row)),
            Err(error) => return (told, Err(error)),
        }
    }
    panic!("the answer has no end: {told:?}");
}
